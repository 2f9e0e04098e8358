"""Names that nobody has to quote, and schemas by the prefix of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_sfwarehouse.config import Settings
from target_sfwarehouse.errors import BadSchemaError, SettingsError
from target_sfwarehouse.postgres.schema import identifier
from tests.target.support import BOOLEAN, INTEGER, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

PROPERTIES = {
    "Id": STRING,
    "BillingCity": {**STRING, "title": "Billing City"},
    "Size": INTEGER,
    "IsDeleted": BOOLEAN,
}
SCHEMA = schema_message("Account", PROPERTIES, ["Id"])


@pytest.mark.parametrize(
    ("name", "lower", "snake"),
    [
        ("accounts", "accounts", "accounts"),
        ("BillingCity", "billingcity", "billing_city"),
        ("Product2Id", "product2id", "product2_id"),
        ("Renewal_Date__c", "renewal_date__c", "renewal_date__c"),
        ("HTTPServer", "httpserver", "http_server"),
        ("ID", "id", "id"),
        ("_sdc_batched_at", "_sdc_batched_at", "_sdc_batched_at"),
        ("Renewal Date", "renewal date", "renewal_date"),
        ("2nd.name", "2nd.name", "_2nd_name"),
        ("Größe", "größe", "größe"),
    ],
)
def test_a_name_by_each_setting(name: str, lower: str, snake: str) -> None:
    assert identifier(name) == name
    assert identifier(name, "lower") == lower
    assert identifier(name, "snake_case") == snake


@pytest.mark.parametrize("kind", ["records", "csv", "by the SDK"])
@pytest.mark.parametrize(("how", "city"), [("lower", "billingcity"), ("snake_case", "billing_city")])
def test_tables_and_columns_that_need_no_quotes(
    how: str, city: str, kind: str, warehouse: Warehouse, tmp_path: Path
) -> None:
    """Partial rows, versions, indexes, comments and files go by the names of the properties."""
    config = warehouse.config(conform_names=how, indexes=["BillingCity"], add_record_metadata=True)
    narrow = schema_message("Account", {name: PROPERTIES[name] for name in ("Id", "IsDeleted")}, ["Id"])
    first: list[Any] = [record("Account", {"Id": i, "BillingCity": "Bonn"}, version=1) for i in "ab"]
    if kind == "csv":
        (tmp_path / "a.csv").write_text("Id,BillingCity\na,Bonn\nb,Bonn\n")
        file = {"encoding": {"format": "csv"}, "manifest": [str(tmp_path / "a.csv")], "version": 1}
        first = [{"type": "BATCH", "stream": "Account", **file}]
    tombstone = [narrow, record("Account", {"Id": "a", "IsDeleted": True}), SCHEMA]
    version = {"type": "ACTIVATE_VERSION", "stream": "Account", "version": 1}

    for _ in range(2):
        assert load(config, [SCHEMA, *first, version, *tombstone], by_sdk=kind == "by the SDK").error is None

    gone = "is_deleted" if how == "snake_case" else "isdeleted"
    rows = warehouse.query(f"SELECT id, {city} AS city, {gone} AS gone FROM {{schema}}.account ORDER BY 1")
    assert [(row["id"], row["city"], bool(row["gone"])) for row in rows] == [
        ("a", "Bonn", True),
        ("b", "Bonn", False),
    ]
    (comment,) = warehouse.query(
        "SELECT col_description(attrelid, attnum) AS it FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s",
        f"{warehouse.schema}.account",
        city,
    )
    assert comment["it"] == "Billing City"
    indexes = warehouse.query("SELECT indexdef FROM pg_indexes WHERE schemaname = %s", warehouse.schema)
    assert any(f"({city})" in row["indexdef"] for row in indexes)


def test_names_that_meet_are_an_error_before_a_row_is_touched(warehouse: Warehouse) -> None:
    config = warehouse.config(conform_names="snake_case")
    columns = schema_message("things", {"id": STRING, "billingCity": STRING, "billing city": STRING})
    outcome = load(config, [columns, record("things", {"id": "a"})])
    assert str(outcome.error) == (
        "line 1, stream 'things': properties 'billingCity' and 'billing city' share the column name 'billing_city'"
    )
    outcome = load(config, [SCHEMA, state({"n": 1}), {**SCHEMA, "stream": "account"}])
    assert str(outcome.error).startswith(
        "line 3, stream 'account': streams 'Account' and 'account' both go to table 'account'"
    )
    assert outcome.states == [{"n": 1}]
    outcome = load(config, [{**SCHEMA, "stream": "_Sync Runs"}])
    assert "is where the target keeps its own records" in str(outcome.error)


@pytest.fixture
def other(warehouse: Warehouse) -> Iterator[str]:
    """A second schema."""
    name = f"{warehouse.schema}_b"
    yield name
    warehouse.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')


def test_the_prefix_of_a_stream_chooses_its_schema(warehouse: Warehouse, other: str) -> None:
    config = warehouse.config(schema_mapping={"crm": {"target_schema": other}})
    schema = {"id": STRING, "name": STRING}
    named: dict[str, Any] = {"x-source": "salesforce:00D1"}

    for source in ("salesforce:00D1", "salesforce:00D1"):
        messages = [
            message
            for stream in ("accounts", "crm-accounts", "db-crm-leads", "erp-leads")
            for message in (
                schema_message(stream, schema, **{**named, "x-source": source}),
                record(stream, {"id": "a", "name": stream}, version=1),
                {"type": "ACTIVATE_VERSION", "stream": stream, "version": 1},
            )
        ]
        loaded(config, [*messages, state({"n": 1})])

    def name(schema: str, table: str) -> str:
        (row,) = warehouse.query(f'SELECT name FROM "{schema}".{table}')
        return str(row["name"])

    assert name(warehouse.schema, "accounts") == "accounts"
    assert name(other, "accounts") == "crm-accounts"
    assert name(other, "leads") == "db-crm-leads"
    assert name(warehouse.schema, "leads") == "erp-leads"
    assert warehouse.table_names() == {"accounts", "leads", "_sources", "_sync_runs", "_received_at"}
    outcome = load(config, [schema_message("crm-accounts", schema, **{"x-source": "salesforce:00D2"})])
    assert f"table {other}.accounts holds rows of salesforce:00D1" in str(outcome.error)


@pytest.mark.parametrize("mapped", ["x", {}, {"target_schema": ""}, {"target_schema": 5}, None])
def test_a_mapping_without_a_schema_is_refused(mapped: Any) -> None:
    with pytest.raises(SettingsError, match='`schema_mapping` has no schema for "crm"'):
        Settings.from_config({"schema_mapping": {"crm": mapped}})


def test_a_mapping_to_what_is_no_name() -> None:
    for name in ("x" * 64, "a\0b", "pg_crm"):
        with pytest.raises(SettingsError, match="must be a name that Postgres takes"):
            Settings.from_config({"schema_mapping": {"crm": {"target_schema": name}}})
    with pytest.raises(BadSchemaError, match="cannot be a name in Postgres"):
        identifier("", "lower")
