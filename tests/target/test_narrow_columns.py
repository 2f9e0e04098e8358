"""Columns of others' tables widen for a value that does not fit, and for no other one; where they may not, it is told."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.others_tables import (
    ACME,
    BY_HAND,
    DECIMAL,
    MOMENT,
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
    load,
    loaded,
    record,
    schema_message,
    state,
)

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

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
