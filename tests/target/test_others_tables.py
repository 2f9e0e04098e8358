"""Tables that other loaders made: they are loaded as they are, with their views, until a value does not fit."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors as pg

from tests.fix_warehouse import STAMPS, plain_url
from tests.target.support import (
    BOOLEAN,
    INTEGER,
    STRING,
    as_lines,
    load,
    loaded,
    record,
    schema_message,
    state,
)

if TYPE_CHECKING:
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

MOMENT = {"type": ["null", "string"], "format": "date-time"}
DAY = {"type": ["null", "string"], "format": "date"}
DECIMAL = {"type": ["null", "number"], "multipleOf": 0.0001}
ARRAY = {"type": ["null", "array"], "items": {"type": ["null", "string"]}}
SCHEMA = schema_message(
    "accounts",
    {
        "id": {"type": "string"},
        "name": STRING,
        "created_date": MOMENT,
        "close_date": DAY,
        "amount": DECIMAL,
        "size": INTEGER,
        "tags": ARRAY,
        "is_deleted": BOOLEAN,
    },
)
ACME = {
    "id": "001A",
    "name": "Acme",
    "created_date": "2026-03-04T10:00:00.123000+02:00",
    "close_date": "2026-03-05",
    "amount": 12.5,
    "size": 7,
    "tags": ["a", "b"],
    "is_deleted": False,
}
LOADED = {
    "id": "001A",
    "name": "Acme",
    "created_date": "2026-03-04 08:00:00.123",
    "close_date": "2026-03-05",
    "amount": 12.5,
    "size": 7,
    "is_deleted": False,
}

PIPELINEWISE = """
CREATE TABLE {schema}.accounts (id character varying, name character varying, created_date timestamp without time zone,
    close_date character varying, amount double precision, size numeric, tags jsonb, is_deleted boolean,
    _sdc_extracted_at timestamp without time zone, _sdc_batched_at timestamp without time zone,
    _sdc_deleted_at character varying, PRIMARY KEY (id))
"""
"""What its db_sync.py makes of the schema: column_type, create_table_query."""

SEGMENT = """
CREATE TABLE {schema}.accounts (id varchar(512) NOT NULL PRIMARY KEY, received_at timestamp with time zone,
    name varchar(512), created_date timestamp with time zone, close_date varchar(512), amount numeric, size bigint,
    tags varchar(512), is_deleted boolean, uuid_ts timestamp with time zone);
CREATE INDEX ON {schema}.accounts (received_at)
"""

DLT = """
CREATE TABLE {schema}.accounts (id varchar NOT NULL, name varchar, created_date timestamp with time zone, close_date date,
    amount double precision, size bigint, is_deleted boolean, _dlt_load_id varchar NOT NULL, _dlt_id varchar NOT NULL,
    UNIQUE (_dlt_id))
"""

BY_HAND = """
CREATE TYPE {schema}.grade AS ENUM ('gold', 'tin');
CREATE DOMAIN {schema}.email AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE {schema}.things (id uuid PRIMARY KEY, grade {schema}.grade, host inet, lasts interval,
    mail {schema}.email, money money, tags text[] NOT NULL DEFAULT '{}', counts integer[], small smallint DEFAULT 1
    CHECK (small > 0), code char(4), seen timestamp, day date, at time(0), flag boolean, ratio real, place point,
    span int4range, bits bit(3));
CREATE VIEW {schema}.report AS SELECT * FROM {schema}.things
"""
THING = {
    "id": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
    "grade": "gold",
    "host": "10.0.0.1",
    "lasts": "P1DT2H",
    "mail": "a@b",
    "money": "1.25",
    "tags": ["x", "y, z"],
    "counts": [1, 2],
    "small": 3,
    "code": "ab",
    "seen": "2026-03-04T10:00:00+02:00",
    "day": "2026-03-04",
    "at": "10:11:12",
    "flag": "true",
    "ratio": 0.1,
    "place": "(1,2)",
    "span": "[1,3)",
    "bits": "101",
}
THINGS = schema_message(
    "things",
    {
        **dict.fromkeys(THING, STRING),
        "id": {"type": "string"},
        "tags": ARRAY,
        "counts": ARRAY,
        "small": INTEGER,
        "seen": MOMENT,
        "day": MOMENT,
        "at": {"type": ["null", "string"], "format": "time"},
        "ratio": {"type": ["null", "number"]},
    },
)


def types(warehouse: Warehouse, table: str = "accounts") -> dict[str, str]:
    found = warehouse.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS kind FROM pg_attribute "
        "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        f"{warehouse.schema}.{table}",
    )
    return {row["attname"]: row["kind"] for row in found if row["attname"] not in STAMPS}


def stored(warehouse: Warehouse, key: str = "001A") -> dict[str, Any]:
    warehouse.execute("SET timezone = 'UTC'")
    (row,) = warehouse.query("SELECT * FROM {schema}.accounts WHERE id = %s", key)
    return {
        name: float(row[name])
        if name in {"amount", "size"}
        else str(row[name]).removesuffix("000+00:00").removesuffix("000")
        if name.endswith("date")
        else row[name]
        for name in LOADED
    }


def made(warehouse: Warehouse, *statements: str) -> dict[str, str]:
    """Make a table, and a view of every one of its columns, as dbt would; give the types of its columns."""
    warehouse.execute("CREATE SCHEMA IF NOT EXISTS {schema}")
    for statement in statements:
        warehouse.execute(statement)
    if "CREATE VIEW" not in "".join(statements):
        warehouse.execute("CREATE VIEW {schema}.report AS SELECT * FROM {schema}.accounts")
    return types(warehouse, "things" if "things" in "".join(statements) else "accounts")


def test_a_table_of_target_postgres_with_a_view(warehouse: Warehouse, processes: Processes) -> None:
    """That target itself makes it and loads the first row; `timestamp` holds UTC in both."""
    first = [SCHEMA, record("accounts", {**ACME, "id": "001B"})]
    (processes.directory / "first.jsonl").write_bytes(as_lines(first))
    config = {"sqlalchemy_url": plain_url(warehouse.url), "default_target_schema": warehouse.schema}
    path = processes.write("config.json", config)
    processes.run("target-postgres", "--config", path, stdin=processes.directory / "first.jsonl").expect()
    before = made(warehouse)
    assert (before["created_date"], before["tags"]) == ("timestamp without time zone", "text[]")

    for metadata in (True, False):
        loaded(warehouse.config(add_record_metadata=metadata), [SCHEMA, record("accounts", ACME)])

    assert types(warehouse) == before
    assert stored(warehouse) == LOADED
    assert warehouse.query("SELECT tags FROM {schema}.accounts ORDER BY id") == [{"tags": ["a", "b"]}] * 2
    counted = warehouse.query("SELECT rows_unchanged FROM {schema}._sync_runs ORDER BY started_at")
    assert [row["rows_unchanged"] for row in counted] == [0, 1]


@pytest.mark.parametrize("ddl", [PIPELINEWISE, SEGMENT], ids=["pipelinewise", "Segment"])
def test_a_table_of_another_loader_with_a_view(ddl: str, warehouse: Warehouse) -> None:
    before = made(warehouse, ddl)

    loaded(warehouse.config(), [SCHEMA, record("accounts", ACME)])
    loaded(warehouse.config(), [SCHEMA, record("accounts", {**ACME, "size": 8})])

    assert types(warehouse) == before
    assert stored(warehouse) == {**LOADED, "size": 8}
    counted = warehouse.query(
        "SELECT rows_inserted, rows_updated FROM {schema}._sync_runs ORDER BY started_at"
    )
    assert [tuple(row.values()) for row in counted] == [(1, 0), (0, 1)]


def test_a_table_of_dlt_wants_what_only_dlt_knows(warehouse: Warehouse) -> None:
    made(warehouse, DLT)
    keyless = {**SCHEMA, "schema": {"properties": {**SCHEMA["schema"]["properties"]}}}
    del keyless["schema"]["properties"]["tags"]
    record_of = record("accounts", {name: value for name, value in ACME.items() if name != "tags"})
    refused = load(warehouse.config(), [keyless, record_of])
    assert f"the key is (id), but {warehouse.schema}.accounts is unique by (_dlt_id)" in str(refused.error)

    warehouse.execute(
        "ALTER TABLE {schema}.accounts DROP CONSTRAINT accounts__dlt_id_key, ADD PRIMARY KEY (id)"
    )
    refused = load(warehouse.config(), [keyless, record_of])
    assert 'null value in column "_dlt_load_id"' in str(refused.error)

    for column in ("_dlt_load_id", "_dlt_id"):
        warehouse.execute(f"ALTER TABLE {{schema}}.accounts ALTER {column} DROP NOT NULL")
    before = types(warehouse)
    loaded(warehouse.config(), [keyless, record_of])
    assert (types(warehouse), stored(warehouse)) == (before, LOADED)


def test_a_table_made_by_hand_keeps_every_type(warehouse: Warehouse) -> None:
    before = made(warehouse, BY_HAND)
    day = {**THING, "day": "2026-03-04T00:00:00Z"}

    for expected in ((1, 0, 0), (0, 0, 1)):
        loaded(warehouse.config(), [THINGS, record("things", day)])
        (counted,) = warehouse.query(
            "SELECT rows_inserted, rows_updated, rows_unchanged FROM {schema}._sync_runs ORDER BY started_at DESC LIMIT 1"
        )
        assert tuple(counted.values()) == expected

    assert types(warehouse, "things") == before
    columns = ", ".join(f"{name}::text" for name in THING if name not in {"tags", "counts"})
    (row,) = warehouse.query(f"SELECT {columns}, tags, counts FROM {{schema}}.things")
    assert row == {
        **THING,
        "id": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "lasts": "1 day 02:00:00",
        "money": "$1.25",
        "host": "10.0.0.1/32",
        "small": "3",
        "code": "ab",
        "seen": "2026-03-04 08:00:00",
        "at": "10:11:12",
        "ratio": "0.1",
    }


MISFITS: list[tuple[str, Any, str]] = [
    ("name", "x" * 513, "text"),
    ("name", "x" * 512 + " ", "text"),
    ("size", 2**40, "bigint"),
    ("amount", 12.345, "numeric"),
    ("created_date", "2026-03-04T10:00:00.123456Z", "timestamp with time zone"),
    ("close_date", "2026-03-04T10:00:00Z", "timestamp with time zone"),
    ("tags", [1, 2], "jsonb"),
    ("tags", {"a": 1}, "jsonb"),
    ("code", "007", "text"),
    ("uid", "not one", "text"),
]
NARROW = """
CREATE TABLE {schema}.accounts (id varchar(18) PRIMARY KEY, name varchar(512), created_date timestamptz(3), close_date date,
    amount numeric(10,2), size integer, tags text[], code bigint, uid uuid)
"""
NARROW_SCHEMA = schema_message(
    "accounts",
    {
        "id": {"type": "string"},
        "name": STRING,
        "created_date": MOMENT,
        "close_date": MOMENT,
        "amount": DECIMAL,
        "size": INTEGER,
        "tags": {"type": ["null", "array", "object"]},
        "code": STRING,
        "uid": STRING,
    },
)
FITTING = {
    "id": "a",
    "name": "x" * 512,
    "created_date": "2026-03-04T10:00:00.123Z",
    "close_date": "2026-03-04T00:00:00Z",
    "amount": 12.34,
    "size": 2**31 - 1,
    "tags": ["1"],
    "code": "7",
    "uid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
}


@pytest.mark.parametrize(("column", "value", "kind"), MISFITS)
def test_only_a_value_that_does_not_fit_widens_its_column(
    column: str, value: Any, kind: str, warehouse: Warehouse
) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(NARROW)
    before = types(warehouse)
    loaded(warehouse.config(), [NARROW_SCHEMA, record("accounts", FITTING)])
    assert types(warehouse) == before

    loaded(warehouse.config(), [NARROW_SCHEMA, record("accounts", {**FITTING, "id": "b", column: value})])

    assert types(warehouse) == {**before, column: kind}
    (row,) = warehouse.query(
        f"SELECT to_jsonb({column})::text AS it, {column} AS as_it_is FROM {{schema}}.accounts WHERE id = 'b'"
    )
    if kind.startswith("timestamp"):
        assert row["as_it_is"].isoformat().replace("+00:00", "Z") == value
    elif kind == "numeric":
        assert float(row["as_it_is"]) == value
    else:
        assert row["as_it_is"] == value
    (count,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    assert count["n"] == 2


@pytest.mark.parametrize(
    ("text", "kept", "kind"),
    [
        ("1.5", Decimal("1.50"), "numeric"),
        ("1.50", Decimal("1.50"), "numeric"),
        ("7", Decimal("7.00"), "numeric"),
    ]
    + [(text, text, "text") for text in ("007", "1.555", "1e1", "n/a")],
)
def test_numbers_as_text_go_into_a_column_of_numbers(
    warehouse: Warehouse, text: str, kept: Any, kind: str
) -> None:
    warehouse.execute(
        "CREATE SCHEMA {schema}; CREATE TABLE {schema}.t (id bigint PRIMARY KEY, amount numeric(10,2))"
    )
    schema = schema_message("t", {"id": INTEGER, "amount": STRING})
    loaded(
        warehouse.config(),
        [schema, record("t", {"id": 1, "amount": text}), record("t", {"id": 2, "amount": None})],
    )
    found = warehouse.query("SELECT amount, pg_typeof(amount)::text AS kind FROM {schema}.t ORDER BY id")
    assert found == [{"amount": kept, "kind": kind}, {"amount": None, "kind": kind}]


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
@pytest.mark.parametrize("text", ["n/a", "01/02/2024", "2024-02-31T00:00:00Z", "now", "", None])
def test_moments_as_text_go_into_a_column_of_moments_until_one_is_none(
    warehouse: Warehouse, kind: str, text: str | None
) -> None:
    warehouse.execute(
        f"CREATE SCHEMA {{schema}}; CREATE TABLE {{schema}}.t (id bigint PRIMARY KEY, at {kind});"
        "INSERT INTO {schema}.t VALUES (0, '2024-01-02 03:04:05.6')"
    )
    schema = schema_message("t", {"id": INTEGER, "at": STRING})
    loaded(warehouse.config(), [schema, record("t", {"id": 1, "at": "2024-06-01T12:00:00.000+02:00"})])
    query = "SELECT to_jsonb(at) #>> '{}' AS at FROM {schema}.t ORDER BY id"
    zone = "+00:00" if kind == "timestamptz" else ""
    earlier = [{"at": f"2024-01-02T03:04:05.6{zone}"}, {"at": f"2024-06-01T10:00:00{zone}"}]
    assert warehouse.query(query) == earlier

    loaded(warehouse.config(), [schema, record("t", {"id": 2, "at": text})])

    if text is not None:
        earlier = [{"at": "2024-01-02T03:04:05.6+00:00"}, {"at": "2024-06-01T10:00:00+00:00"}]
    assert warehouse.query(query) == [*earlier, {"at": text}]


def test_a_view_in_the_way_of_a_value_is_named_with_what_to_run(warehouse: Warehouse) -> None:
    made(warehouse, SEGMENT, "CREATE MATERIALIZED VIEW {schema}.cached AS SELECT name FROM {schema}.accounts")
    long = {**ACME, "name": "x" * 600}

    outcome = load(
        warehouse.config(),
        [
            SCHEMA,
            record("accounts", ACME),
            state({"n": 1}),
            SCHEMA,
            record("accounts", long),
            state({"n": 2}),
        ],
    )

    message = str(outcome.error)
    table = f'"{warehouse.schema}"."accounts"'
    assert (
        'a value does not fit column "name", which is character varying(512) and cannot become text'
        in message
    )
    statements = message.partition("Let the table's owner run: ")[2].removesuffix(
        "make what was dropped again, and run again"
    )
    assert f'ALTER TABLE {table} ALTER COLUMN "name" TYPE text;' in statements
    assert message.startswith("line 5, stream 'accounts', key ")
    assert outcome.states == [{"n": 1}]

    warehouse.execute(statements)
    loaded(warehouse.config(), [SCHEMA, record("accounts", long)])
    assert stored(warehouse)["name"] == "x" * 600


def test_a_column_that_only_its_owner_can_widen(warehouse: Warehouse, loader: tuple[str, str]) -> None:
    role, url = loader
    made(warehouse, SEGMENT.replace("name varchar(512)", "name varchar(3)"))
    warehouse.execute(f"GRANT SELECT, INSERT, UPDATE ON {{schema}}.accounts TO {role}")
    schema = {**SCHEMA, "schema": {"properties": SCHEMA["schema"]["properties"]}}

    outcome = load(
        warehouse.config(sqlalchemy_url=url, column_comments=False), [schema, record("accounts", ACME)]
    )

    assert 'column "name", which is character varying(3) and cannot become text' in str(outcome.error)


def test_values_of_a_type_that_only_the_server_knows_are_bad_records(warehouse: Warehouse) -> None:
    made(warehouse, BY_HAND)
    bad = [{"grade": "lead"}, {"host": "nowhere"}, {"mail": "none"}, {"span": "[3,1)"}]
    config = warehouse.config(on_bad_record="quarantine")
    day = {**THING, "day": "2026-03-04T00:00:00Z"}

    loaded(config, [THINGS, *(record("things", {**day, **values}) for values in bad), record("things", day)])

    found = warehouse.query("SELECT line, property FROM {schema}._rejected ORDER BY line")
    assert [row["line"] for row in found] == [2, 3, 4, 5]
    assert len(warehouse.query("SELECT * FROM {schema}.things")) == 1


def test_generated_and_identity_columns_are_left_to_the_server(warehouse: Warehouse) -> None:
    made(
        warehouse,
        "CREATE TABLE {schema}.accounts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, size bigint, "
        "twice bigint GENERATED ALWAYS AS (size * 2) STORED, number bigint GENERATED ALWAYS AS IDENTITY)".replace(
            "number bigint GENERATED ALWAYS AS IDENTITY", "number bigint DEFAULT 5"
        ),
        "CREATE TABLE {schema}.log (line bigint GENERATED ALWAYS AS IDENTITY, what text, shout text "
        "GENERATED ALWAYS AS (upper(what)) STORED)",
    )
    accounts = schema_message("accounts", {"id": INTEGER, "name": STRING, "size": INTEGER, "twice": INTEGER})
    log = schema_message("log", {"line": INTEGER, "what": STRING, "shout": STRING}, [])

    for size in (3, 4):
        values = {"id": 70, "name": "n", "size": size, "twice": 0}
        loaded(warehouse.config(), [accounts, record("accounts", values)])
    loaded(warehouse.config(), [log, record("log", {"line": 99, "what": "a", "shout": "-"})])

    assert warehouse.query("SELECT id, size, twice FROM {schema}.accounts") == [
        {"id": 70, "size": 4, "twice": 8}
    ]
    assert warehouse.query("SELECT * FROM {schema}.log") == [{"line": 1, "what": "a", "shout": "A"}]


def test_keys_that_a_collation_takes_for_the_same(warehouse: Warehouse) -> None:
    """A server that was built without ICU has no such collation, and is asked for another one than its own."""
    warehouse.execute("CREATE SCHEMA {schema}")
    try:
        warehouse.execute(
            "CREATE COLLATION {schema}.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
        keys = "aAA"
    except pg.FeatureNotSupported:
        warehouse.execute("CREATE COLLATION {schema}.ci (locale = 'C')")
        keys = "aaa"
    made(
        warehouse,
        "CREATE TABLE {schema}.accounts (id text COLLATE {schema}.ci PRIMARY KEY, name text COLLATE {schema}.ci)",
    )
    schema = schema_message("accounts", {"id": {"type": "string"}, "name": STRING})

    for names in (["x", "X", "y"], ["Y"]):
        loaded(
            warehouse.config(),
            [schema, *(record("accounts", {"id": i, "name": n}) for i, n in zip(keys, names, strict=False))],
        )

    assert [row["name"] for row in warehouse.query("SELECT name FROM {schema}.accounts")] == ["Y"]
    counted = warehouse.query(
        "SELECT rows_inserted, rows_updated FROM {schema}._sync_runs ORDER BY started_at"
    )
    assert [tuple(row.values()) for row in counted] == [(1, 0), (0, 1)]
