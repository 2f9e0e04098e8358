"""The fast path is taken where it can be, and gives what the slow one gives."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_sfwarehouse.input.reader import FastReader
from target_sfwarehouse.postgres.types import SqlType
from target_sfwarehouse.rows.decode import EscapedTextError, NestedValueError, RowShape, encode_rows
from target_sfwarehouse.rows.layout import Property
from target_sfwarehouse.rows.values import load_json
from target_sfwarehouse.target import TargetSFWarehouse
from tests.target.support import INTEGER, STRING, as_lines, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

SCHEMA = schema_message("accounts", {"id": INTEGER, "name": STRING})


def slow_lines(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Lines that are decoded whole, as only the slow path does."""
    seen: list[bytes] = []
    decode = FastReader.deserialize_json

    def noted(self: FastReader, line: bytes) -> dict[str, Any]:
        seen.append(line)
        return decode(self, line)

    monkeypatch.setattr(FastReader, "deserialize_json", noted)
    return seen


def test_all_but_the_first_record_of_a_schema_are_fast(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = slow_lines(monkeypatch)
    other = schema_message("leads", {"id": INTEGER})
    records = [record(stream, {"id": n}) for n in range(500) for stream in ("accounts", "leads")]
    assert load(warehouse.config(), [SCHEMA, other, *records, state(1)]).error is None
    assert len(seen) == 4
    (found,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    assert found == {"n": 500}


def test_records_with_versions_and_metadata_are_fast(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = slow_lines(monkeypatch)
    for metadata in (False, True):
        records = [
            record("accounts", {"id": n}, version=1, time_extracted="2026-01-01T00:00:00Z")
            for n in range(500)
        ]
        assert load(warehouse.config(add_record_metadata=metadata), [SCHEMA, *records]).error is None
    assert len(seen) == 4


def test_a_record_that_the_decoder_refuses_does_not_make_the_next_slow(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = slow_lines(monkeypatch)
    records = [record("accounts", {"id": str(n) if n % 100 == 50 else n, "name": "x"}) for n in range(500)]
    assert load(warehouse.config(), [SCHEMA, *records]).error is None
    assert len(seen) == 2 + 5
    (found,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    assert found == {"n": 500}


NESTED = [{"a": [1, "b"]}, ["x", {"y": "z"}], [], {}, 5, 1.50, True, "[,{", "say,[when]", "a\nb,[c", "]\n["]


@pytest.mark.parametrize("value", NESTED, ids=json.dumps)
def test_a_value_that_is_no_string_becomes_text_in_its_own_column(warehouse: Warehouse, value: Any) -> None:
    """Quick rows move text as it stands; an array moved like that would spill into the next column."""
    schema = schema_message("accounts", {"id": INTEGER, "name": STRING, "next": STRING})
    values = [{"id": n, "name": value if n in {3, 40} else "x", "next": "y"} for n in range(60)]
    messages = [schema, *(record("accounts", each) for each in values)]
    assert load(warehouse.config(), messages).error is None
    fast = warehouse.query("SELECT id, name, next FROM {schema}.accounts ORDER BY id")
    expected = value if isinstance(value, str) else None
    assert [row["next"] for row in fast] == ["y"] * 60
    assert expected is None or fast[3]["name"] == fast[40]["name"] == expected
    slow = [message | {"stream": "slow"} for message in messages]
    assert load(warehouse.config(), slow, by_sdk=True).error is None
    assert warehouse.query("SELECT id, name, next FROM {schema}.slow ORDER BY id") == fast


@pytest.mark.parametrize("ascii_only", [True, False])
def test_escapes_of_every_kind_are_undone(warehouse: Warehouse, ascii_only: bool) -> None:
    texts = [
        "Straße",
        "東京 🎉",
        'say "when"',
        "back\\slash \\n \\u0041",
        "\t\r\n\b\f\x1f\x7f",
        "\u2028/",
        "",
    ]
    records = [record("accounts", {"id": n, "name": text}) for n, text in enumerate(texts * 20)]
    lines = [
        json.dumps(each, ensure_ascii=ascii_only).replace("/", "\\/").encode() + b"\n" for each in records
    ]
    assert load(warehouse.config(), [SCHEMA, *lines]).error is None
    found = warehouse.query("SELECT name FROM {schema}.accounts ORDER BY id")
    assert [row["name"] for row in found] == texts * 20


def test_text_that_is_no_utf8_is_a_bad_record(warehouse: Warehouse) -> None:
    lines = [json.dumps(record("accounts", {"id": n, "name": "x"})).encode() + b"\n" for n in range(50)]
    lines[30] = lines[30].replace(b'"x"', b'"\xff\xfe"')
    outcome = load(warehouse.config(), [SCHEMA, *lines, state(1)])
    assert str(outcome.error).startswith("line 32, stream 'accounts'")
    assert "this is no JSON" in str(outcome.error)
    (found,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    assert found == {"n": 30}


def test_line_numbers_count_empty_lines(warehouse: Warehouse) -> None:
    lines = [json.dumps(record("accounts", {"id": n, "name": "x"})).encode() + b"\n" for n in range(50)]
    lines[20] = b"\n" + lines[20]
    lines[40] = lines[40].replace(b'"id": 40', b'"id": "forty"')
    outcome = load(warehouse.config(), [SCHEMA, *lines])
    assert str(outcome.error).startswith("line 43, stream 'accounts'")


def test_what_stands_before_a_bad_record_of_another_stream_is_loaded(warehouse: Warehouse) -> None:
    """Lines that stand together are decoded stream by stream; a bad one puts them back in order."""
    other = schema_message("leads", {"id": INTEGER})
    records = [record(stream, {"id": n}) for n in range(100) for stream in ("accounts", "leads")]
    records[100]["record"]["id"] = "fifty"
    outcome = load(warehouse.config(), [SCHEMA, other, *records])
    assert str(outcome.error).startswith("line 103, stream 'accounts', key 'fifty', property 'id'")
    (accounts,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    (leads,) = warehouse.query("SELECT count(*) FILTER (WHERE id < 50) AS n FROM {schema}.leads")
    assert (accounts["n"], leads["n"]) == (50, 50)


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_lines_decoded_together_keep_to_the_batch_size(warehouse: Warehouse, rows: int) -> None:
    """A STATE that stands behind the first full batch comes out by itself."""
    records = [record("accounts", {"id": n, "name": "x"}) for n in range(30)]
    messages = [SCHEMA, *records[:7], state("seven"), *records[7:], state("all")]
    outcome = loaded(warehouse.config(batch_size_rows=rows), messages)
    assert outcome.states[-1] == "all"
    assert ("seven" in outcome.states) == (rows < 1000)


def test_the_key_may_be_the_last_property(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found with tap-github's schemas: a field that must be there followed ones that may be absent."""
    seen = slow_lines(monkeypatch)
    schema = schema_message("accounts", {"name": STRING, "size": INTEGER, "id": INTEGER})
    records = [record("accounts", {"id": n, "name": "x"}) for n in range(100)]
    assert load(warehouse.config(), [schema, *records]).error is None
    assert len(seen) == 2
    assert warehouse.query("SELECT * FROM {schema}.accounts WHERE id = 7") == [
        {"name": "x", "size": None, "id": 7}
    ]


def test_records_before_their_stream_name_are_loaded(warehouse: Warehouse) -> None:
    """Some taps sort the keys of a message: where it goes is told at its end."""
    lines = [json.dumps(record("accounts", {"id": n}), sort_keys=True).encode() + b"\n" for n in range(300)]
    assert lines[0].startswith(b'{"record"')
    assert load(warehouse.config(), [SCHEMA, *lines]).error is None
    (found,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    assert found == {"n": 300}


def test_lines_that_begin_differently_each_time_are_not_all_remembered(warehouse: Warehouse) -> None:
    """A tap that writes the time of extraction before the record."""
    lines = [
        b'{"type": "RECORD", "stream": "accounts", "time_extracted": "%d", "record": {"id": %d}}\n' % (n, n)
        for n in range(5000)
    ]
    target = TargetSFWarehouse(config=warehouse.config())
    target.listen(io.BytesIO(as_lines([SCHEMA, *lines])))  # type: ignore[arg-type]
    assert isinstance(target.message_reader, FastReader)
    assert len(target.message_reader._dispatcher) <= 4096
    (found,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    assert found == {"n": 5000}


COLUMNS = [
    Property("id", "id", SqlType("text"), declared=frozenset({"string"}), key=True),
    Property("any", "any", SqlType("text"), declared=frozenset({"string", "integer", "object"})),
    Property("flag", "flag", SqlType("boolean"), declared=frozenset({"boolean"})),
    Property("whole", "whole", SqlType("bigint"), declared=frozenset({"integer"})),
    Property("exact", "exact", SqlType("numeric", (18, 2)), declared=frozenset({"number"})),
    Property("tree", "tree", SqlType("jsonb"), declared=frozenset()),
    Property("bytes", "bytes", SqlType("bytea"), declared=frozenset({"string"}), encoding="base16"),
    Property(
        "is_deleted", "is_deleted", SqlType("boolean"), declared=frozenset({"boolean"}), default_false=True
    ),
]
SHAPE = RowShape("s", COLUMNS)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda t: st.lists(t) | st.dictionaries(texts, t)
)
records = st.fixed_dictionaries(
    {"id": texts},
    optional={
        "any": st.none() | texts | st.integers() | st.dictionaries(texts, st.integers(), max_size=2),
        "flag": st.none() | st.booleans(),
        "whole": st.none() | st.integers(),
        "exact": st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=2).map(float),
        "tree": trees,
        "bytes": st.none() | st.binary(max_size=8).map(bytes.hex),
        "is_deleted": st.booleans(),
        "unknown": trees,
    },
)


def meaning(row: tuple[Any, ...]) -> list[Any]:
    """What Postgres makes of a row: numbers are told as bytes or text, documents with any spaces."""
    values: list[Any] = []
    for column, value in zip(COLUMNS, row, strict=True):
        told = bytes(value).decode() if isinstance(value, msgspec.Raw) else value
        if column.type.family == "number":
            values.append(None if told in {None, "null"} else Decimal(told))
        else:
            values.append(json.loads(told) if column.type.family == "json" and told is not None else told)
    return values


@given(st.lists(records, min_size=1, max_size=5), st.booleans())
def test_both_paths_make_the_same_rows(values: list[dict[str, Any]], ascii_only: bool) -> None:
    lines = [json.dumps(record("s", v), ensure_ascii=ascii_only).encode() for v in values]
    assert SHAPE.message is not None
    assert SHAPE.moving is None  # some of its values have to be converted
    fast = SHAPE.rows([SHAPE.message.decode(line).record for line in lines])
    slow = [SHAPE.from_record(load_json(line)["record"]) for line in lines]
    assert [meaning(row) for row in fast] == [meaning(row) for row in slow]
    together = encode_rows(fast, replace_nul=True)
    assert together == b"".join(encode_rows([row], replace_nul=True) for row in fast)


PLAIN = RowShape("s", [column for column in COLUMNS if column.name not in {"any", "tree", "bytes"}])
hurtful = texts | st.text(st.sampled_from('",[]{}\\\n\r\t/\x00\x1féa\u2028'), max_size=12)
plain_records = st.fixed_dictionaries(
    {"id": hurtful, "exact": st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)},
    optional={"flag": st.none() | st.booleans(), "whole": st.none() | st.integers(), "unknown": trees},
)


@given(st.lists(plain_records, min_size=1, max_size=6), st.booleans())
def test_moved_text_is_the_text_that_was_decoded(values: list[dict[str, Any]], ascii_only: bool) -> None:
    lines = b"\n".join(json.dumps(record("s", v), ensure_ascii=ascii_only).encode() for v in values)
    assert PLAIN.moving is not None
    assert PLAIN.message is not None
    moved = PLAIN.rows([message.record for message in PLAIN.moving.decode_lines(lines)])
    typed = PLAIN.rows([message.record for message in PLAIN.message.decode_lines(lines)])
    try:
        data = encode_rows(moved, replace_nul=True, moved=True)
    except EscapedTextError:
        return  # the loader decodes value by value then
    assert data == encode_rows(typed, replace_nul=True)


TEXTS = RowShape(
    "s",
    [
        Property("id", "id", SqlType("text"), declared=frozenset({"string"}), key=True),
        Property("text", "text", SqlType("text"), declared=frozenset({"string"})),
        Property("exact", "exact", SqlType("numeric", (18, 2)), declared=frozenset({"number"})),
    ],
)
nested_records = st.fixed_dictionaries(
    {"id": hurtful},
    optional={"text": hurtful | st.none() | trees, "exact": st.none() | st.integers() | trees},
)


@given(st.lists(nested_records, min_size=1, max_size=6))
def test_an_array_or_an_object_is_told_from_text_that_looks_like_one(values: list[dict[str, Any]]) -> None:
    lines = b"\n".join(json.dumps(record("s", v), ensure_ascii=False).encode() for v in values)
    assert TEXTS.moving is not None
    moved = TEXTS.rows([message.record for message in TEXTS.moving.decode_lines(lines)])
    nested = any(isinstance(value, list | dict) for each in values for value in each.values())
    try:
        encode_rows(moved, replace_nul=True, moved=True)
    except NestedValueError:
        assert nested
    except EscapedTextError:
        assert not nested
    else:
        assert not nested
