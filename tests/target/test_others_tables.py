"""Tables that other loaders made: they are loaded as they are, with their views, until a value does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors as pg

from tests.fix_warehouse import plain_url
from tests.target.others_tables import (
    ACME,
    BY_HAND,
    DLT,
    LOADED,
    PIPELINEWISE,
    SCHEMA,
    SEGMENT,
    THING,
    THINGS,
    made,
    stored,
    types,
)
from tests.target.support import (
    INTEGER,
    STRING,
    as_lines,
    load,
    loaded,
    record,
    schema_message,
)

if TYPE_CHECKING:
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse


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
