"""The shell pipe of the README, as a person runs it, against the org's own store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator import company
from tests.fix_process import PROJECT
from tests.pair.store import column_of, differences, selected_objects

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_process import Finished, Processes
    from tests.fix_warehouse import Warehouse

CATALOGS = PROJECT / "catalogs"
PIPE = (
    "tap-sfsource --config tap.json --catalog {catalog} {state} |"
    " target-sfwarehouse --config target.json > new-state.json"
)


def sync(processes: Processes, catalog: str, *, state: bool = False) -> Finished:
    """Run the pipe, and keep the last state as the README says."""
    line = PIPE.format(catalog=CATALOGS / catalog, state="--state state.json" if state else "")
    return processes.shell(f"{line} && tail -n 1 new-state.json > state.json").expect()


@pytest.fixture
def configured(company_server: OrgServer, warehouse: Warehouse, processes: Processes) -> Processes:
    """A folder with both configurations, for the example company and a fresh schema."""
    processes.write("tap.json", company_server.config())
    processes.write("target.json", warehouse.config())
    return processes


def test_again_and_again_only_what_changed(
    configured: Processes, company_server: OrgServer, warehouse: Warehouse
) -> None:
    org, ledger = company_server.org, company_server.ledger
    sync(configured, "all.json")
    assert differences(warehouse, org) == []
    assert all(org.rows(name) for name in selected_objects(org)), "every collection has rows to compare"
    first, sent = ledger.api_calls, bytes_of_rows(company_server)

    ledger.clear()
    sync(configured, "all.json", state=True)
    assert ledger.api_calls <= first
    assert bytes_of_rows(company_server) < sent, "only the lookback is read again"

    company.next_day(org)
    org.clock.advance(hours=3)
    sync(configured, "all.json", state=True)
    assert differences(warehouse, org) == []
    runs = warehouse.query("SELECT * FROM {schema}._sync_runs")
    written = sum(row["rows_inserted"] + row["rows_updated"] for row in runs)
    assert written < 1.5 * sum(len(org.rows(name)) for name in selected_objects(org))


def bytes_of_rows(served: OrgServer) -> int:
    """Bytes that the org sent, descriptions left out."""
    return sum(call.sent for call in served.ledger.calls if "/describe" not in call.path)


def test_a_state_that_is_handed_on_is_valid_json_at_every_line(configured: Processes) -> None:
    sync(configured, "support.json")
    lines = (configured.directory / "new-state.json").read_text().splitlines()
    states = [json.loads(line) for line in lines]
    assert states
    assert "cases" in json.dumps(states[-1])


@pytest.mark.parametrize("name", ["sales.json", "support.json"])
def test_a_ready_catalog_loads_what_it_names_and_nothing_else(
    name: str, configured: Processes, company_server: OrgServer, warehouse: Warehouse
) -> None:
    org = company_server.org
    wanted = selected_streams(name)
    sync(configured, name)
    tables = {table for table in warehouse.table_names() if not table.startswith("_")}
    assert tables <= wanted
    objects = [api for api in selected_objects(org) if org.object(api).collection in wanted]
    assert objects
    assert differences(warehouse, org, objects) == []


def test_a_catalog_of_a_few_properties_loads_no_other_columns(
    configured: Processes, company_server: OrgServer, warehouse: Warehouse
) -> None:
    sync(configured, "accounts_contacts.json")
    columns: dict[str, set[str]] = {}
    for row in warehouse.query(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s",
        warehouse.schema,
    ):
        columns.setdefault(row["table_name"], set()).add(row["column_name"])
    assert {"accounts", "contacts"} <= columns.keys()
    assert {"id", "name", "is_deleted"} <= columns["accounts"]
    org = company_server.org
    for table, api in (("accounts", "Account"), ("contacts", "Contact")):
        assert len(columns[table]) < len(org.object(api).fields) / 2
        assert len(warehouse.query(f"SELECT id FROM {{schema}}.{table}")) == len(org.rows(api))
    names = {row["Id"]: row["Name"] for row in org.rows("Account")}
    loaded = warehouse.query("SELECT id, name FROM {schema}.accounts")
    assert {row["id"]: row["name"] for row in loaded} == names


def test_custom_objects_and_fields_are_loaded_when_named(
    configured: Processes, company_server: OrgServer, warehouse: Warehouse
) -> None:
    org = company_server.org
    custom = [name for name in org.schema.objects if name.endswith("__c")]
    assert custom, "the example company has a custom object"
    configured.write("tap.json", company_server.config(objects=custom))
    configured.shell("tap-sfsource --config tap.json | target-sfwarehouse --config target.json").expect()
    assert {column_of(name) for name in custom} <= warehouse.table_names()
    assert differences(warehouse, org, custom) == []


def test_rows_that_did_not_change_are_not_written(configured: Processes, warehouse: Warehouse) -> None:
    places = "SELECT id, ctid::text AS place FROM {schema}.accounts"
    sync(configured, "sales.json")
    before = {row["id"]: row["place"] for row in warehouse.query(places)}
    sync(configured, "sales.json")  # without the state: everything is read again
    assert {row["id"]: row["place"] for row in warehouse.query(places)} == before


def selected_streams(name: str) -> set[str]:
    """Streams that a catalog file selects, by its root metadata or the older `selected` mark."""
    catalog: dict[str, Any] = json.loads((CATALOGS / name).read_text())
    found = set()
    for stream in catalog["streams"]:
        root: dict[str, Any] = next(
            (entry["metadata"] for entry in stream.get("metadata", []) if not entry["breadcrumb"]), {}
        )
        if root.get("selected", stream.get("selected")):
            found.add(stream["tap_stream_id"])
    return found


def test_comments_tell_labels_and_api_names(
    company_server: OrgServer, warehouse: Warehouse, processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "tap.json").write_text(json.dumps(company_server.config(objects=["OpportunityLineItem"])))
    (tmp_path / "target.json").write_text(json.dumps(warehouse.config()))
    messages = tmp_path / "messages"
    messages.write_text(processes.tap("--config", tmp_path / "tap.json").expect().stdout)
    processes.target("--config", tmp_path / "target.json", stdin=messages).expect()
    (told,) = warehouse.query(
        "SELECT obj_description(%s::regclass) AS on_table, col_description(%s::regclass, attnum) AS on_column "
        "FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'unit_price'",
        *3 * [f'"{warehouse.schema}".opportunity_product'],
    )
    assert "(OpportunityLineItem)" in told["on_table"]
    assert told["on_column"].endswith("(UnitPrice)")
    (reference,) = warehouse.query(
        "SELECT col_description(attrelid, attnum) AS it FROM pg_attribute WHERE attrelid = %s::regclass "
        "AND attname = 'opportunity_id'",
        f'"{warehouse.schema}".opportunity_product',
    )
    assert reference["it"].endswith(f"(OpportunityId); references {warehouse.schema}.opportunities")
