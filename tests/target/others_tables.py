"""Tables as other loaders, and people, make them, with rows for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fix_warehouse import STAMPS
from tests.target.support import (
    BOOLEAN,
    INTEGER,
    STRING,
    schema_message,
)

if TYPE_CHECKING:
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
