"""Input that cannot be used: the message says where and why, what came before is committed and vouched for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.support import BOOLEAN, INTEGER, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

SCHEMA = schema_message(
    "accounts",
    {
        "id": STRING,
        "name": STRING,
        "employees": INTEGER,
        "revenue": {"type": ["null", "number"], "multipleOf": 0.01, "precision": 6, "scale": 2},
        "created": {"type": ["null", "string"], "format": "date-time"},
        "active": BOOLEAN,
        "details": {"type": ["null", "object"]},
    },
)
GOOD = [SCHEMA, record("accounts", {"id": "a", "name": "A"}), state({"n": 1})]

BAD_RECORDS: list[tuple[str, Any, str]] = [
    ("number", {"id": "b", "revenue": "much"}, "property 'revenue': invalid input syntax for type numeric"),
    (
        "too big for its precision",
        {"id": "b", "revenue": 12345.67},
        "property 'revenue': numeric field overflow",
    ),
    ("object for a number", {"id": "b", "revenue": {"x": 1, "y": 2}}, "property 'revenue'"),
    ("array for a number", {"id": "b", "revenue": [1, 2]}, "property 'revenue'"),
    ("true for a number", {"id": "b", "revenue": True}, "property 'revenue'"),
    (
        "date",
        {"id": "b", "created": "yesterday noon"},
        "property 'created': 'yesterday noon' is no date or time of ISO 8601",
    ),
    (
        "day that is none",
        {"id": "b", "created": "2026-02-30T00:00:00Z"},
        "property 'created': date/time field value out of",
    ),
    ("boolean", {"id": "b", "active": "perhaps"}, "property 'active': invalid input syntax for type boolean"),
    ("integer", {"id": "b", "employees": 1.5}, "property 'employees': invalid input syntax for type bigint"),
    (
        "beyond bigint",
        {"id": "b", "employees": 2**63},
        "property 'employees': value \"9223372036854775808\" is out of range",
    ),
    (
        "object for an integer",
        {"id": "b", "employees": {}},
        "property 'employees': {} does not fit a column of type bigint",
    ),
    ("missing key", {"name": "B"}, "property 'id': the record has no value for this key property"),
    ("null key", {"id": None}, "property 'id': the record has no value for this key property"),
    (
        "half a surrogate",
        {"id": "b", "name": "\ud800"},
        "property 'name': '\\ud800' has half of a surrogate pair",
    ),
    ("NaN in JSON", {"id": "b", "details": {"x": float("nan")}}, "property 'details': it holds a NaN"),
]


@pytest.mark.parametrize(
    ("values", "reason"), [case[1:] for case in BAD_RECORDS], ids=[case[0] for case in BAD_RECORDS]
)
@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_a_bad_record_ends_the_run_after_what_came_before(
    values: dict[str, Any], reason: str, by_sdk: bool, warehouse: Warehouse
) -> None:
    after = [record("accounts", {"id": "c"}), state({"n": 3})]
    messages = [*GOOD, record("accounts", {"id": "a2"}), record("accounts", values), state({"n": 2}), *after]
    outcome = load(warehouse.config(), messages, by_sdk=by_sdk)
    message = str(outcome.error)
    assert message.startswith("line 5, stream 'accounts'")
    assert reason in message
    if values.get("id"):
        assert "key 'b'" in message
    assert outcome.states == [{"n": 1}]
    ids = {row["id"] for row in warehouse.query("SELECT id FROM {schema}.accounts")}
    assert {"a", "a2"} <= ids
    assert not {"b"} & ids


@pytest.mark.parametrize("values", [case[1] for case in BAD_RECORDS], ids=[case[0] for case in BAD_RECORDS])
def test_a_bad_record_goes_to_quarantine_and_the_run_goes_on(
    values: dict[str, Any], warehouse: Warehouse
) -> None:
    bad = record("accounts", values)
    outcome = load(
        warehouse.config(on_bad_record="quarantine"),
        [*GOOD, record("accounts", {"id": "a2"}), bad, record("accounts", {"id": "c"}), state({"n": 3})],
    )
    assert outcome.error is None
    assert outcome.states == [{"n": 3}]
    assert [row["id"] for row in warehouse.query("SELECT id FROM {schema}.accounts ORDER BY id")] == [
        "a",
        "a2",
        "c",
    ]
    (rejected,) = warehouse.query("SELECT * FROM {schema}._rejected")
    assert (rejected["line"], rejected["collection"]) == (5, "accounts")
    assert json.dumps(json.loads(rejected["message"])) == json.dumps(bad)
    (run,) = warehouse.query("SELECT rows_inserted, rows_rejected FROM {schema}._sync_runs")
    assert run == {"rows_inserted": 3, "rows_rejected": 1}


def nested(depth: int) -> bytes:
    """A record as deep as asked; Python's own encoder could not write it."""
    tree = b'{"a":[' * (depth // 2) + b"1" + b"]}" * (depth // 2)
    return b'{"type": "RECORD", "stream": "accounts", "record": {"id": "deep", "details": ' + tree + b"}}\n"


@pytest.mark.parametrize("first", [False, True], ids=["among others", "first of its schema"])
@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_documents_are_deep_or_too_deep(by_sdk: bool, first: bool, warehouse: Warehouse) -> None:
    before = [SCHEMA, state({"n": 1})] if first else GOOD
    outcome = load(warehouse.config(), [*before, nested(400), state({"n": 2})], by_sdk=by_sdk)
    assert (outcome.error, outcome.states[-1]) == (None, {"n": 2})
    (found,) = warehouse.query("SELECT length(details::text) AS n FROM {schema}.accounts WHERE id = 'deep'")
    assert found["n"] > 400
    for depth in (20_000, 400_000):
        outcome = load(warehouse.config(), [*before, nested(depth), state({"n": 2})], by_sdk=by_sdk)
        line = len(before) + 1
        assert str(outcome.error).startswith(f"line {line}, stream 'accounts': it is nested too deeply")
        assert outcome.states == [{"n": 1}]
        config = warehouse.config(on_bad_record="quarantine")
        outcome = load(config, [*before, nested(depth), state({"n": 2})], by_sdk=by_sdk)
        assert (outcome.error, outcome.states) == (None, [{"n": 2}])
    (found,) = warehouse.query("SELECT count(*) AS n FROM {schema}._rejected")
    assert found == {"n": 2}


def test_a_last_line_that_is_too_deep(warehouse: Warehouse) -> None:
    outcome = load(warehouse.config(), [*GOOD, nested(20_000).rstrip()])
    assert str(outcome.error).startswith("line 4, stream 'accounts': it is nested too deeply")


def test_booleans_in_other_words(warehouse: Warehouse) -> None:
    """What Postgres reads as a boolean is one."""
    words = ["true", "false", 1, 0, "yes", "f", None, True]
    loaded(
        warehouse.config(),
        [SCHEMA, *(record("accounts", {"id": str(n), "active": w}) for n, w in enumerate(words))],
    )
    found = warehouse.query("SELECT active FROM {schema}.accounts ORDER BY id")
    assert [row["active"] for row in found] == [True, False, True, False, True, False, None, True]


def test_many_bad_records_among_many_good_ones(warehouse: Warehouse) -> None:
    records = [
        record("accounts", {"id": str(n), "name": "a\nb", "revenue": "x" if n % 7 == 0 else n % 1000})
        for n in range(5000)
    ]
    outcome = load(
        warehouse.config(on_bad_record="quarantine", batch_size_rows=3000), [SCHEMA, *records, state(1)]
    )
    assert (outcome.error, outcome.states) == (None, [1])
    (found,) = warehouse.query(
        "SELECT count(*) AS n, count(*) FILTER (WHERE id::int % 7 = 0) AS bad FROM {schema}.accounts"
    )
    assert found == {"n": 5000 - 715, "bad": 0}
    (found,) = warehouse.query("SELECT count(*) AS n, sum(line) AS lines FROM {schema}._rejected")
    assert found == {"n": 715, "lines": sum(n + 2 for n in range(0, 5000, 7))}


BAD_LINES: list[tuple[str, Any, str]] = [
    ("no JSON", b"{not json}\n", "line 4: this is no JSON: b'{not json}'"),
    ("no object", b"[1, 2]\n", "line 4: a message must be a JSON object"),
    ("no UTF-8", b'{"type": "RECORD", "stream": "accounts", "record": {"id": "\xff"}}\n', "line 4"),
    ("no type", {"stream": "accounts"}, "line 4: a message without a type"),
    ("unknown type", {"type": "EVENT"}, "line 4: unknown message type 'EVENT'"),
    (
        "RECORD before SCHEMA",
        record("leads", {"id": 1}),
        "line 4, stream 'leads': a RECORD before the SCHEMA",
    ),
    (
        "RECORD without record",
        {"type": "RECORD", "stream": "accounts"},
        "line 4, stream 'accounts': a RECORD needs",
    ),
    (
        "RECORD without stream",
        {"type": "RECORD", "record": {}},
        "line 4: a RECORD needs a stream and a record",
    ),
    ("STATE without value", {"type": "STATE"}, "line 4: a STATE without a value"),
    (
        "SCHEMA without properties",
        schema_message("leads", {}),
        "line 4, stream 'leads': the schema has no properties",
    ),
    (
        "SCHEMA without schema",
        {"type": "SCHEMA", "stream": "leads"},
        "line 4, stream 'leads': a SCHEMA that is incomplete",
    ),
    (
        "key that is no property",
        schema_message("leads", {"name": STRING}),
        "line 4, stream 'leads': key property 'id'",
    ),
    (
        "two streams, one table",
        schema_message("crm-accounts", {"id": STRING}),
        "line 4, stream 'crm-accounts': streams 'accounts' and 'crm-accounts' both go to table 'accounts'",
    ),
    (
        "another key",
        schema_message("accounts", {"id": STRING, "name": STRING}, ["name"]),
        "line 4, stream 'accounts': the key is (name), but",
    ),
    (
        "version of an unknown stream",
        {"type": "ACTIVATE_VERSION", "stream": "leads", "version": 1},
        "line 4, stream 'leads': an ACTIVATE_VERSION before the SCHEMA",
    ),
    ("cut off", b'{"type": "RECORD", "stream": "acc', "line 4: the input ends in the middle of a line"),
]


@pytest.mark.parametrize(
    ("line", "reason"), [case[1:] for case in BAD_LINES], ids=[case[0] for case in BAD_LINES]
)
def test_a_bad_line_ends_the_run_after_what_came_before(line: Any, reason: str, warehouse: Warehouse) -> None:
    outcome = load(warehouse.config(), [*GOOD, line])
    assert str(outcome.error).startswith(reason)
    assert outcome.states == [{"n": 1}]
    assert [row["id"] for row in warehouse.query("SELECT id FROM {schema}.accounts")] == ["a"]


CUT_OFF = b'{"type": "RECORD", "stream": "accounts", "record": {"id": "\n'
DEEP_SCHEMA = (
    b'{"type": "SCHEMA", "stream": "accounts", "key_properties": ["id"], "schema": '
    + b'{"properties":{"id":' * 20_000
    + b"{}"
    + b"}}" * 20_000
    + b"}\n"
)


@pytest.mark.parametrize(
    "line", [CUT_OFF, BAD_LINES[2][1], BAD_LINES[5][1], BAD_LINES[6][1], BAD_LINES[7][1]]
)
def test_a_record_that_cannot_be_read_goes_to_quarantine(line: Any, warehouse: Warehouse) -> None:
    outcome = load(
        warehouse.config(on_bad_record="quarantine"),
        [*GOOD, line, record("accounts", {"id": "b"}), state({"n": 2})],
    )
    assert (outcome.error, outcome.states) == (None, [{"n": 2}])
    (rejected,) = warehouse.query("SELECT line FROM {schema}._rejected")
    assert rejected["line"] == 4


@pytest.mark.parametrize(
    "line",
    [
        BAD_LINES[0][1],
        BAD_LINES[1][1],
        json.dumps(SCHEMA).encode()[:-3] + b"\n",
        CUT_OFF[:-1] + json.dumps(SCHEMA).encode() + b"\n",
        b'{"type": "STATE", "value": {"n"\n',
        b'"RECORD", "stream": "accounts", "record": {"id": "b"}}\n',
        DEEP_SCHEMA,
        {"type": "ACTIVATE_VERSION", "stream": "leads", "version": 1},
        {"type": "BATCH", "stream": "leads", "encoding": {"format": "jsonl"}, "manifest": []},
    ],
    ids=[
        "no JSON",
        "no object",
        "cut SCHEMA",
        "SCHEMA behind a cut RECORD",
        "cut STATE",
        "no beginning",
        "deep SCHEMA",
        "version of an unknown stream",
        "BATCH of an unknown stream",
    ],
)
def test_a_line_that_may_be_another_message_is_no_bad_record(line: Any, warehouse: Warehouse) -> None:
    """A SCHEMA that is lost lets later rows in without columns."""
    config = warehouse.config(on_bad_record="quarantine")
    outcome = load(config, [*GOOD, line, record("accounts", {"id": "b"}), state({"n": 2})])
    assert str(outcome.error).startswith("line 4")
    assert outcome.states == [{"n": 1}]
    assert "_rejected" not in warehouse.table_names()
    assert [row["id"] for row in warehouse.query("SELECT id FROM {schema}.accounts")] == ["a"]


@pytest.mark.parametrize("policy", ["fail", "quarantine"])
@pytest.mark.parametrize("cause", ["cut off", "the last line", "too deep", "no object"])
def test_a_record_that_cannot_be_read_shows_no_value_that_a_map_hides(
    cause: str, policy: str, warehouse: Warehouse
) -> None:
    head = b'{"type": "RECORD", "stream": "accounts", "record": '
    line = {
        "cut off": head + b'{"name": "secret"\n',
        "the last line": head + b'{"name": "secret"',
        "too deep": head + b'{"name": "secret", "details": ' + b"[" * 20_000 + b"]" * 20_000 + b"}}\n",
        "no object": head + b'["secret"]}\n',
    }[cause]
    config = warehouse.config(on_bad_record=policy, stream_maps={"accounts": {"name": "md5(name)"}})
    told = str(load(config, [SCHEMA, line]).error)
    if "_rejected" in warehouse.table_names():
        told += str(warehouse.query("SELECT reason, message FROM {schema}._rejected"))
    assert ("line 2" in told) == (policy == "fail" or cause == "the last line")
    assert "secret" not in told


def test_the_first_of_two_failures_decides_what_is_vouched_for(warehouse: Warehouse) -> None:
    """Leads fail at line 5, accounts at line 9; the STATE of line 7 knows of neither."""
    messages = [
        SCHEMA,
        schema_message("leads", {"id": INTEGER, "n": INTEGER}),
        record("accounts", {"id": "a"}),
        state({"n": 1}),
        record("leads", {"id": 1, "n": "x"}),
        record("accounts", {"id": "b"}),
        state({"n": 2}),
        record("leads", {"id": 2, "n": 2}),
        record("accounts", {"id": "c", "revenue": "x"}),
        state({"n": 3}),
    ]
    outcome = load(warehouse.config(), messages)
    assert str(outcome.error).startswith("line 5, stream 'leads', key 1, property 'n'")
    assert outcome.states == [{"n": 1}]
    assert {row["id"] for row in warehouse.query("SELECT id FROM {schema}.accounts")} >= {"a", "b"}


def test_a_nul_character_is_refused_when_the_setting_says_so(warehouse: Warehouse) -> None:
    outcome = load(
        warehouse.config(sanitize_null_text_characters=False),
        [*GOOD, record("accounts", {"id": "b", "name": "\0"})],
    )
    assert str(outcome.error).startswith("line 4, stream 'accounts', key 'b'")
    assert "NUL character" in str(outcome.error)


def test_records_are_validated_when_asked(warehouse: Warehouse) -> None:
    """12 fits a text column, but the schema says string."""
    bad = record("accounts", {"id": "b", "name": 12})
    assert load(warehouse.config(), [*GOOD, bad]).error is None
    outcome = load(warehouse.config(validate_records=True), [*GOOD, bad])
    said = str(outcome.error)  # the SDK's words, which differ from release to release
    assert said.startswith("line 4, stream 'accounts': Record Message Validation Error: ")
    assert said.endswith("12 is not of type 'null', 'string'")
