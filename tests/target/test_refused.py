"""Rows that only their table refuses: found by themselves, as other bad records are."""

from __future__ import annotations

import json
import random
import string
from typing import TYPE_CHECKING, Any

import pytest

from target_sfwarehouse.errors import shown
from target_sfwarehouse.postgres.capabilities import Capabilities
from tests.target.support import INTEGER, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

NUMBER = {"type": ["null", "number"]}
PROPERTIES: dict[str, Any] = {"id": STRING, "name": STRING, "amount": NUMBER, "details": {"type": ["object"]}}
SCHEMA = schema_message("accounts", PROPERTIES)
KEYLESS = schema_message("accounts", PROPERTIES, [])
NAMED = "ALTER TABLE {schema}.accounts ADD CONSTRAINT named CHECK (name <> 'X')"
NO_X = 'new row for relation "accounts" violates check constraint "named"'
RAISING = (
    "CREATE FUNCTION {schema}.judge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF NEW.name = 'X' THEN RAISE EXCEPTION 'X is not wanted here' USING DETAIL = 'a secret'; END IF; "
    "RETURN NEW; END $$"
)
JUDGING = "FOR EACH ROW EXECUTE FUNCTION {schema}.judge()"
LONG = "".join(random.Random(1).choices(string.printable, k=6000)).replace("\0", "")

RULES: dict[str, tuple[list[str], dict[str, Any], str]] = {
    "check": ([NAMED], {"id": "b", "name": "X"}, f"key 'b': {NO_X}"),
    "unique index": (
        ["CREATE UNIQUE INDEX one_name ON {schema}.accounts (name)"],
        {"id": "b", "name": "A"},
        "key 'b': duplicate key value violates unique constraint \"one_name\"",
    ),
    "foreign key": (
        [
            "CREATE TABLE {schema}.names (name text PRIMARY KEY)",
            "INSERT INTO {schema}.names VALUES ('A'), ('C')",
            "ALTER TABLE {schema}.accounts ADD CONSTRAINT known FOREIGN KEY (name) REFERENCES {schema}.names",
        ],
        {"id": "b", "name": "B"},
        'key \'b\': insert or update on table "accounts" violates foreign key constraint "known"',
    ),
    "exclusion": (
        ["ALTER TABLE {schema}.accounts ADD CONSTRAINT apart EXCLUDE (lower(name) WITH =)"],
        {"id": "b", "name": "a"},
        "key 'b': conflicting key value violates exclusion constraint \"apart\"",
    ),
    "trigger": (
        [
            RAISING,
            "CREATE TRIGGER judged BEFORE INSERT OR UPDATE ON {schema}.accounts " + JUDGING,
        ],
        {"id": "b", "name": "X"},
        "key 'b': X is not wanted here",
    ),
    "trigger after the statement": (
        [
            RAISING,
            "CREATE CONSTRAINT TRIGGER judged AFTER INSERT OR UPDATE ON {schema}.accounts " + JUDGING,
        ],
        {"id": "b", "name": "X"},
        "key 'b': X is not wanted here",
    ),
    "not null": (
        ["ALTER TABLE {schema}.accounts ALTER name SET NOT NULL"],
        {"id": "b"},
        "key 'b', property 'name': null value in column \"name\" of relation \"accounts\" violates not-null constraint",
    ),
    "index": (
        ["CREATE INDEX by_name ON {schema}.accounts (name)"],
        {"id": "b", "name": LONG},
        "key 'b': index row size",
    ),
    "expression": (
        ["CREATE INDEX inverse ON {schema}.accounts ((1 / amount))"],
        {"id": "b", "name": "B", "amount": 0},
        "key 'b': division by zero",
    ),
}
RULED = pytest.mark.parametrize(("rules", "values", "reason"), list(RULES.values()), ids=list(RULES))


def ruled(warehouse: Warehouse, *rules: str, schema: Any = SCHEMA) -> None:
    """The table, with rules that somebody gave it."""
    loaded(warehouse.config(), [schema, schema_message("leads", {"id": INTEGER})])
    for rule in rules:
        warehouse.execute(rule)


def names(warehouse: Warehouse) -> dict[str, Any]:
    return {row["id"]: row["name"] for row in warehouse.query("SELECT id, name FROM {schema}.accounts")}


def rejected(warehouse: Warehouse, columns: str = "line") -> list[Any]:
    found = warehouse.query(f"SELECT {columns} FROM {{schema}}._rejected ORDER BY line")
    return [next(iter(row.values())) if len(row) == 1 else row for row in found]


def among_good(values: Any, schema: Any = SCHEMA) -> list[Any]:
    """Line 6 is the bad one."""
    return [
        schema,
        schema_message("leads", {"id": INTEGER}),
        record("accounts", {"id": "a", "name": "A"}),
        record("leads", {"id": 1}),
        state({"n": 1}),
        record("accounts", values),
        state({"n": 2}),
        record("leads", {"id": 2}),
        record("accounts", {"id": "c", "name": "C"}),
        state({"n": 3}),
    ]


@RULED
@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_the_run_ends_after_what_came_before(
    rules: list[str], values: Any, reason: str, by_sdk: bool, warehouse: Warehouse
) -> None:
    ruled(warehouse, *rules)
    outcome = load(warehouse.config(), among_good(values), by_sdk=by_sdk)
    assert str(outcome.error).startswith(f"line 6, stream 'accounts', {reason}")
    assert "secret" not in str(outcome.error)
    assert outcome.states == [{"n": 1}]
    assert names(warehouse) == {"a": "A"}
    assert len(warehouse.query("SELECT id FROM {schema}.leads")) == 2


@RULED
@pytest.mark.parametrize("schema", [SCHEMA, KEYLESS], ids=["key", "no key"])
def test_quarantine(rules: list[str], values: Any, reason: str, schema: Any, warehouse: Warehouse) -> None:
    ruled(warehouse, *rules, schema=schema)
    outcome = loaded(warehouse.config(on_bad_record="quarantine"), among_good(values, schema))
    assert outcome.states == [{"n": 3}]
    assert names(warehouse) == {"a": "A", "c": "C"}
    (row,) = rejected(warehouse, "line, collection, reason, message")
    assert (row["line"], row["collection"]) == (6, "accounts")
    assert row["reason"].startswith(reason.partition(": ")[2])
    assert json.loads(row["message"]) == record("accounts", dict.fromkeys(PROPERTIES) | values)
    counted = warehouse.query(
        "SELECT rows_inserted AS i, rows_rejected AS r FROM {schema}._sync_runs "
        "WHERE collection = 'accounts' ORDER BY started_at DESC LIMIT 1"
    )
    assert counted == [{"i": 2, "r": 1}]


@pytest.mark.parametrize("bad", [{0}, {99}, {49}, {0, 1, 2, 50, 97, 98, 99}, set(range(100))])
@pytest.mark.parametrize("engine", ["as it is", "older", "other"])
def test_bad_rows_anywhere(
    bad: set[int], engine: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine != "as it is":
        less = engine == "other"
        able = Capabilities(merge=False, row_origin=not less)
        monkeypatch.setattr("target_sfwarehouse.postgres.capabilities.detect", lambda _: able)
    ruled(warehouse, NAMED)
    messages = [SCHEMA]
    messages += [record("accounts", {"id": str(n), "name": "X" if n in bad else "A"}) for n in range(100)]
    outcome = load(warehouse.config(), [*messages, state(1)])
    assert str(outcome.error) == f"line {min(bad) + 2}, stream 'accounts', key '{min(bad)}': {NO_X}"
    assert names(warehouse) == {str(n): "A" for n in range(min(bad))}
    outcome = loaded(warehouse.config(on_bad_record="quarantine"), [*messages, state(1)])
    assert outcome.states == [1]
    assert names(warehouse) == {str(n): "A" for n in range(100) if n not in bad}
    assert rejected(warehouse) == [n + 2 for n in sorted(bad)]
    counted = warehouse.query(
        "SELECT rows_inserted AS i, rows_unchanged AS same, rows_rejected AS r FROM {schema}._sync_runs "
        "WHERE collection = 'accounts' ORDER BY started_at DESC LIMIT 1"
    )
    assert counted == [{"i": 100 - len(bad) - min(bad), "same": min(bad), "r": len(bad)}]


def test_a_key_that_no_index_can_hold(warehouse: Warehouse) -> None:
    ruled(warehouse)
    messages = among_good({"id": LONG})
    outcome = load(warehouse.config(), messages)
    assert str(outcome.error).startswith(f"line 6, stream 'accounts', key {shown(LONG)}: index row ")
    assert outcome.states == [{"n": 1}]
    assert loaded(warehouse.config(on_bad_record="quarantine"), messages).states == [{"n": 3}]
    assert (set(names(warehouse)), rejected(warehouse)) == ({"a", "c"}, [6])


def test_the_only_row(warehouse: Warehouse) -> None:
    ruled(warehouse, NAMED)
    messages = [SCHEMA, record("accounts", {"id": "b", "name": "X"}), state(1)]
    assert str(load(warehouse.config(), messages).error).startswith("line 2, stream 'accounts', key 'b'")
    assert loaded(warehouse.config(on_bad_record="quarantine"), messages).states == [1]
    assert (names(warehouse), rejected(warehouse)) == ({}, [2])


def test_of_a_key_the_last_good_record_wins(warehouse: Warehouse) -> None:
    ruled(warehouse, NAMED)
    given = [("a", "1"), ("b", "1"), ("a", "2"), ("b", "X"), ("c", "X"), ("a", "X"), ("c", "3"), ("d", "4")]
    messages = [SCHEMA, *(record("accounts", {"id": key, "name": name}) for key, name in given)]
    loaded(warehouse.config(on_bad_record="quarantine"), messages)
    assert names(warehouse) == {"a": "2", "b": "1", "c": "3", "d": "4"}
    assert {5, 7} <= set(rejected(warehouse)) <= {5, 6, 7}


def test_a_new_table_whose_rows_refuse_each_other(warehouse: Warehouse) -> None:
    """Rows go into the table itself; with a repeated key they are staged, in the same transaction."""
    made = "CREATE TABLE {schema}.accounts (id text, name text UNIQUE, amount float, details jsonb)"
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(made)
    given = [("a", "1"), ("b", "2"), ("a", "3"), ("c", "2"), ("d", "4")]
    messages = [KEYLESS, *(record("accounts", {"id": key, "name": name}) for key, name in given), state(1)]
    outcome = load(warehouse.config(), messages)
    assert str(outcome.error).startswith("line 5, stream 'accounts': duplicate key value")
    found = warehouse.query("SELECT name FROM {schema}.accounts ORDER BY name")
    assert ([row["name"] for row in found], outcome.states) == (["1", "2", "3"], [])
    warehouse.execute("TRUNCATE {schema}.accounts")
    assert loaded(warehouse.config(on_bad_record="quarantine"), messages).states == [1]
    found = warehouse.query("SELECT name FROM {schema}.accounts ORDER BY name")
    assert ([row["name"] for row in found], rejected(warehouse)) == (["1", "2", "3", "4"], [5])


def test_interleaved_streams_of_many_chunks(warehouse: Warehouse) -> None:
    """Lines are told for rows of any chunk: together, apart, and beside rows that COPY refuses."""
    ruled(warehouse, NAMED)
    rng = random.Random(7)
    messages: list[Any] = [SCHEMA, schema_message("leads", {"id": INTEGER})]
    bad, kept = [], set()
    for n in range(9000):
        kind = rng.random()
        line = len(messages) + 1
        if kind < 0.3 and n > 3000:
            messages.append(record("leads", {"id": n}))
        elif kind > 0.998:
            bad.append(line)
            values = {"name": "X"} if kind > 0.999 else {"amount": "much"}
            messages.append(record("accounts", {"id": str(n)} | values))
        else:
            kept.add(str(n))
            # A nested value where text is due takes the slow path.
            messages.append(record("accounts", {"id": str(n), "name": ["a"] if kind > 0.99 else "A"}))
    loaded(warehouse.config(on_bad_record="quarantine"), messages)
    assert rejected(warehouse) == bad
    assert set(names(warehouse)) == kept


def test_narrow_schemas_and_versions(warehouse: Warehouse) -> None:
    """A batch is merged before rows with other columns come; a row that it refuses ends what comes behind."""
    ruled(warehouse, NAMED)
    narrow = schema_message("accounts", {"id": STRING, "name": STRING})
    messages = [
        SCHEMA,
        record("accounts", {"id": "a", "name": "A"}, version=7),
        record("accounts", {"id": "b", "name": "X", "amount": 1.50}, version=7),
        narrow,
        record("accounts", {"id": "c", "name": "C"}, version=7),
        state(1),
    ]
    outcome = load(warehouse.config(), messages)
    assert str(outcome.error).startswith("line 3, stream 'accounts', key 'b'")
    assert (names(warehouse), outcome.states) == ({"a": "A"}, [])
    loaded(warehouse.config(on_bad_record="quarantine"), messages)
    assert names(warehouse) == {"a": "A", "c": "C"}
    (message,) = rejected(warehouse, "message")
    assert json.loads(message) == record(
        "accounts", {"id": "b", "name": "X", "amount": 1.5, "details": None}, version=7
    )


@pytest.mark.parametrize("schema", [SCHEMA, KEYLESS], ids=["key", "no key"])
def test_a_csv_file(schema: Any, tmp_path: Path, warehouse: Warehouse) -> None:
    """All its rows came with one line; what is known of each is its key, if the stream has one."""
    ruled(warehouse, NAMED, schema=schema)
    path = tmp_path / "batch.csv"
    path.write_text("id,name\n" + "".join(f"{n},{'X' if n == 70 else 'A'}\n" for n in range(100)))
    batch = {
        "type": "BATCH",
        "stream": "accounts",
        "encoding": {"format": "csv"},
        "manifest": [path.as_uri()],
    }
    messages = [schema, record("accounts", {"id": "a", "name": "A"}), state(1), batch, state(2)]
    outcome = load(warehouse.config(), messages)
    key = ", key '70'" if schema is SCHEMA else ""
    assert str(outcome.error) == f"line 4, stream 'accounts'{key}: {NO_X}"
    assert outcome.states == [1]
    assert set(names(warehouse)) == {"a", *(str(n) for n in range(70))}
    assert loaded(warehouse.config(on_bad_record="quarantine"), messages).states == [1, 2]
    assert set(names(warehouse)) == {"a", *(str(n) for n in range(100) if n != 70)}
    assert rejected(warehouse) == [4]


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_a_file_that_is_taken_row_by_row(format_: str, tmp_path: Path, warehouse: Warehouse) -> None:
    ruled(warehouse, NAMED)
    path = tmp_path / "batch"
    rows = [("a", "A", "1"), ("b", "B", "much"), ("c", "X", "2"), ("d", "D", "3")]
    if format_ == "csv":
        path.write_text("id,name,amount\n" + "".join(",".join(row) + "\n" for row in rows))
    else:
        lines = (json.dumps(dict(zip(("id", "name", "amount"), row, strict=True))) for row in rows)
        path.write_text("".join(line + "\n" for line in lines))
    batch = {
        "type": "BATCH",
        "stream": "accounts",
        "encoding": {"format": format_},
        "manifest": [path.as_uri()],
    }
    loaded(warehouse.config(on_bad_record="quarantine"), [SCHEMA, batch])
    assert names(warehouse) == {"a": "A", "d": "D"}
    assert rejected(warehouse) == [2, 2]


def test_a_partitioned_table(warehouse: Warehouse) -> None:
    """A row that no partition takes."""
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE TABLE {schema}.accounts (id text PRIMARY KEY, name text, amount float, details jsonb) "
        "PARTITION BY LIST (id)"
    )
    warehouse.execute("CREATE TABLE {schema}.part PARTITION OF {schema}.accounts FOR VALUES IN ('a', 'c')")
    loaded(warehouse.config(on_bad_record="quarantine"), among_good({"id": "b"}))
    assert names(warehouse) == {"a": "A", "c": "C"}
    assert rejected(warehouse, "reason") == ['no partition of relation "accounts" found for row']


@pytest.mark.parametrize("on_bad_record", ["fail", "quarantine"])
def test_overwriting_removes_older_rows_once(on_bad_record: str, warehouse: Warehouse) -> None:
    ruled(warehouse, NAMED)
    loaded(warehouse.config(), [SCHEMA, record("accounts", {"id": "old", "name": "O"})])
    config = warehouse.config(load_method="overwrite", on_bad_record=on_bad_record, batch_size_rows=2)
    outcome = load(config, among_good({"id": "b", "name": "X"}))
    assert (outcome.error is None) == (on_bad_record == "quarantine")
    assert names(warehouse) == {"a": "A"} | ({"c": "C"} if on_bad_record == "quarantine" else {})


def test_of_two_bad_rows_the_first_is_told(warehouse: Warehouse) -> None:
    """The second is known first: COPY refuses it."""
    ruled(warehouse, NAMED)
    messages = [
        SCHEMA,
        state(1),
        record("accounts", {"id": "b", "name": "X"}),
        record("accounts", {"id": "c", "amount": "much"}),
        state(2),
    ]
    outcome = load(warehouse.config(), messages)
    assert str(outcome.error).startswith("line 3, stream 'accounts', key 'b'")
    assert (names(warehouse), outcome.states) == ({}, [1])


def test_a_rule_that_is_deferred(warehouse: Warehouse) -> None:
    """It speaks when the batch is committed; what the first attempt removed has to be removed by the second."""
    ruled(
        warehouse,
        "CREATE TABLE {schema}.names (name text PRIMARY KEY)",
        "INSERT INTO {schema}.names VALUES ('A'), ('C')",
        "ALTER TABLE {schema}.accounts ADD CONSTRAINT known FOREIGN KEY (name) REFERENCES {schema}.names "
        "DEFERRABLE INITIALLY DEFERRED",
    )
    bad = {"id": "b", "name": "B"}
    outcome = load(warehouse.config(), among_good(bad))
    said = 'insert or update on table "accounts" violates foreign key constraint "known"'
    assert str(outcome.error) == f"line 6, stream 'accounts', key 'b': {said}"
    assert names(warehouse) == {"a": "A"}
    assert outcome.states == [{"n": 1}]
    loaded(warehouse.config(), [SCHEMA, record("accounts", {"id": "old", "name": "A"})])
    loaded(warehouse.config(load_method="overwrite", on_bad_record="quarantine"), among_good(bad))
    assert names(warehouse) == {"a": "A", "c": "C"}
    assert rejected(warehouse) == [6]


def test_a_rule_that_is_deferred_where_there_is_no_key(warehouse: Warehouse) -> None:
    log = schema_message("log", {"name": STRING}, [])
    loaded(warehouse.config(), [log])
    warehouse.execute("CREATE TABLE {schema}.names (name text PRIMARY KEY)")
    warehouse.execute("INSERT INTO {schema}.names VALUES ('A'), ('C')")
    warehouse.execute(
        "ALTER TABLE {schema}.log ADD CONSTRAINT known FOREIGN KEY (name) REFERENCES {schema}.names "
        "DEFERRABLE INITIALLY DEFERRED"
    )
    messages = [log, *(record("log", {"name": name}) for name in "ABC"), state(1)]
    outcome = load(warehouse.config(), messages)
    said = 'insert or update on table "log" violates foreign key constraint "known"'
    assert str(outcome.error) == f"line 3, stream 'log': {said}"
    assert warehouse.query("SELECT name FROM {schema}.log") == [{"name": "A"}]
    assert outcome.states == []
    assert loaded(warehouse.config(on_bad_record="quarantine"), messages).states == [1]
    assert warehouse.query("SELECT name FROM {schema}.log") == [{"name": "A"}, {"name": "A"}, {"name": "C"}]
    assert rejected(warehouse) == [3]


@pytest.mark.parametrize("added", [{}, {"more": STRING}], ids=["narrower", "another column"])
def test_tables_fail_each_by_itself_also_within_a_batch(added: Any, warehouse: Warehouse) -> None:
    """Rows of `log` go into the table itself, as nothing tells that a rule of it will wait for the commit; before they are
    committed, another SCHEMA has `accounts` merged."""
    log = schema_message("log", {"name": STRING}, [])
    ruled(warehouse)
    loaded(warehouse.config(), [log])
    warehouse.execute("CREATE TABLE {schema}.names (name text PRIMARY KEY)")
    warehouse.execute(
        "ALTER TABLE {schema}.log ADD CONSTRAINT known FOREIGN KEY (name) REFERENCES {schema}.names DEFERRABLE"
    )
    warehouse.execute(
        "CREATE FUNCTION {schema}.later() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN SET CONSTRAINTS ALL DEFERRED; RETURN NEW; END'"
    )
    warehouse.execute(
        "CREATE TRIGGER later BEFORE INSERT ON {schema}.log FOR EACH ROW EXECUTE FUNCTION {schema}.later()"
    )
    messages = [
        SCHEMA,
        log,
        record("accounts", {"id": "a", "name": "A"}),
        state(1),
        record("log", {"name": "X"}),
        schema_message("accounts", {"id": STRING, "name": STRING} | added),
        record("accounts", {"id": "b", "name": "B"}),
        state(2),
    ]
    outcome = load(warehouse.config(), messages)
    assert str(outcome.error).startswith("line 5, stream 'log': the warehouse refuses the rows")
    assert outcome.states == [1]
    assert names(warehouse) == {"a": "A", "b": "B"}


def test_what_is_no_fault_of_a_row_stays_a_fault_of_the_batch(warehouse: Warehouse) -> None:
    ruled(
        warehouse,
        RAISING.replace("RAISE EXCEPTION", "RAISE insufficient_privilege; RAISE EXCEPTION"),
        "CREATE TRIGGER judged BEFORE INSERT ON {schema}.accounts " + JUDGING,
    )
    outcome = load(warehouse.config(on_bad_record="quarantine"), among_good({"id": "b", "name": "X"}))
    assert str(outcome.error).startswith("line 3, stream 'accounts': the warehouse refuses the rows")
    assert (names(warehouse), outcome.states) == ({}, [])
