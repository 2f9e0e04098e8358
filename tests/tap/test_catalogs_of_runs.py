"""What a run reads by the catalog that it is given: of selection only, or a full one of discovery, new or old."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.schema import Field as OrgField
from tap_sfsource.api.client import Client
from tap_sfsource.catalog.discovery import discover
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.catalog.sync_reports import STREAM
from tap_sfsource.config import Settings
from tap_sfsource.errors import CatalogError
from tests.tap.planned import add_invoice, discovered, plans, properties, select

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

CATALOGS = Path(__file__).resolve().parent.parent.parent / "catalogs"


def test_a_selection_only_catalog_lets_new_fields_flow_in_unless_excluded(org_server: OrgServer) -> None:
    catalog = select("accounts", secret_c=False, Hidden__c=False)
    for name in ("Fresh__c", "Secret__c", "Hidden__c"):
        org_server.org.add_field("Account", OrgField(name, "string", length=10, custom=True))

    read = plans(org_server, catalog)

    assert set(read) == {"accounts"}
    assert "fresh_c" in properties(read["accounts"])
    assert not {"secret_c", "hidden_c"} & properties(read["accounts"])


def test_a_selection_only_catalog_can_name_the_few_properties_to_read(org_server: OrgServer) -> None:
    read = plans(org_server, select("accounts", _all=False, name=True, BillingCity=True))

    assert properties(read["accounts"]) == {"id", "is_deleted", "system_modstamp", "name", "billing_city"}


def test_a_stream_may_be_named_by_its_api_name(org_server: OrgServer) -> None:
    add_invoice(org_server)

    assert set(plans(org_server, select("Account"))) == {"accounts"}
    assert set(plans(org_server, select("Invoice__c"))) == {"invoice_c"}
    assert set(plans(org_server, select("invoice_c"))) == {"invoice_c"}


def test_a_misspelt_property_gets_a_hint(org_server: OrgServer, caplog: pytest.LogCaptureFixture) -> None:
    plans(org_server, select("accounts", industri=False))

    assert (
        "accounts: the catalog names industri, which Account does not have today. Is it industry?"
        in caplog.text
    )


def test_a_stream_that_the_org_does_not_have_is_skipped(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert plans(org_server, select("receipts_c")) == {}
    assert "Skipped, because the org has no object of that name: receipts_c" in caplog.text


def test_what_discovery_prints_goes_straight_back_in(org_server: OrgServer) -> None:
    client = Client(Settings.from_config(org_server.config()))
    catalog = json.loads(
        json.dumps({"streams": [plan.entry() for plan in discover(client, client.settings)]})
    )

    assert plans(org_server, catalog) == plans(org_server)


def full_catalog(org_server: OrgServer, stream: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(json.dumps(discovered(org_server)[stream].entry()))
    return {"streams": [entry]}


def mark(catalog: dict[str, Any], *breadcrumb: str, **told: Any) -> None:
    (entry,) = catalog["streams"]
    part = next(part for part in entry["metadata"] if part["breadcrumb"] == list(breadcrumb))
    part["metadata"].update({key.replace("_", "-"): value for key, value in told.items()})


def test_a_full_catalog_selects_by_its_marks(org_server: OrgServer) -> None:
    catalog = full_catalog(org_server, "accounts")
    mark(catalog, "properties", "industry", selected=False)
    mark(catalog, "properties", "id", selected=False)
    mark(catalog, "properties", "system_modstamp", selected=False)
    mark(catalog, "properties", "billing_address", selected=True)

    read = properties(plans(org_server, catalog)["accounts"])

    assert "industry" not in read
    assert {"id", "system_modstamp", "name"} <= read
    assert "billing_address" not in read


def test_a_deselected_stream_is_not_even_described(org_server: OrgServer) -> None:
    catalog = full_catalog(org_server, "accounts")
    mark(catalog, selected=False)
    org_server.ledger.clear()

    assert plans(org_server, catalog) == {}
    assert org_server.ledger.api_calls == 0


def test_a_new_field_flows_into_a_full_catalog_that_deselects_nothing(org_server: OrgServer) -> None:
    catalog = full_catalog(org_server, "accounts")
    org_server.org.add_field("Account", OrgField("Fresh__c", "string", length=10, custom=True))

    assert "fresh_c" in properties(plans(org_server, catalog)["accounts"])
    mark(catalog, "properties", "industry", selected=False)
    assert "fresh_c" not in properties(plans(org_server, catalog)["accounts"])


def test_a_stale_catalog_reads_todays_lengths_and_drops_fields_that_are_gone(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    org_server.org.add_field("Account", OrgField("Old__c", "string", length=10, custom=True))
    org_server.org.add_field("Account", OrgField("Grows__c", "string", length=10, custom=True))
    catalog = full_catalog(org_server, "accounts")
    org_server.org.remove_field("Account", "Old__c")
    org_server.org.change_field("Account", "Grows__c", length=200)

    schema = plans(org_server, catalog)["accounts"].schema()["properties"]

    assert "old_c" not in schema
    assert schema["grows_c"]["maxLength"] == 200
    assert "accounts: the catalog names old_c, which Account does not have today" in caplog.text


def test_a_type_that_the_user_wrote_into_the_catalog_stays(org_server: OrgServer) -> None:
    catalog = full_catalog(org_server, "accounts")
    catalog["streams"][0]["schema"]["properties"]["annual_revenue"] = {"type": ["string", "null"]}

    schema = plans(org_server, catalog)["accounts"].schema()["properties"]

    assert schema["annual_revenue"]["type"] == ["string", "null"]
    assert schema["name"]["maxLength"] == 255


def test_names_that_a_catalog_gave_stay_when_a_colliding_field_comes(org_server: OrgServer) -> None:
    org_server.org.add_field("Account", OrgField("My_Field__c", "string", length=10, custom=True))
    catalog = full_catalog(org_server, "accounts")
    org_server.org.add_field("Account", OrgField("MyField__c", "string", length=10, custom=True))

    columns = {column.api_name: column.property for column in plans(org_server, catalog)["accounts"].columns}

    assert columns["My_Field__c"] == "my_field_c"
    assert columns["MyField__c"] == "my_field_c_2"


def test_the_user_can_ask_for_a_full_table_or_another_key(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = full_catalog(org_server, "accounts")
    mark(catalog, replication_key="last_modified_date")
    keyed = plans(org_server, catalog)["accounts"]
    mark(catalog, forced_replication_method="FULL_TABLE")
    whole = plans(org_server, catalog)["accounts"]

    assert keyed.replication_key is not None
    assert keyed.replication_key.api_name == "LastModifiedDate"
    assert whole.replication_key is None

    mark(catalog, forced_replication_method="INCREMENTAL", replication_key="name")
    key = plans(org_server, catalog)["accounts"].replication_key
    assert key is not None
    assert key.property == "system_modstamp"
    assert "replication key name is no date and time of Account; using system_modstamp" in caplog.text


def test_selection_of_the_days_before_metadata_still_works(org_server: OrgServer) -> None:
    schema = {
        "selected": True,
        "properties": {"id": {}, "name": {"selected": True}, "industry": {"selected": False}},
    }

    read = plans(org_server, {"streams": [{"tap_stream_id": "accounts", "schema": schema}]})

    assert "name" in properties(read["accounts"])
    assert "industry" not in properties(read["accounts"])


@pytest.mark.parametrize(
    ("catalog", "message"),
    [
        ({}, 'no list "streams"'),
        ({"streams": {}}, 'no list "streams"'),
        ({"streams": [{}]}, 'Entry 1 of the catalog has no "tap_stream_id"'),
        ({"streams": ["accounts"]}, "Entry 1 of the catalog cannot be read: Expected `object`, got `str`"),
        ({"streams": [{"tap_stream_id": "a"}, {"tap_stream_id": "a"}]}, "names the stream a twice"),
        (
            {"streams": [{"tap_stream_id": "a", "metadata": [{"selected": True}]}]},
            r"Entry 1 .* missing required field `breadcrumb` - at `\$\.metadata\[0\]`",
        ),
        (
            {"streams": [{"tap_stream_id": "a", "schema": {"properties": ["name"]}}]},
            r"Entry 1 .* Expected `object`, got `array` - at `\$\.schema\.properties`",
        ),
    ],
)
def test_what_is_no_catalog_is_refused_with_the_place(
    org_server: OrgServer, catalog: dict[str, Any], message: str
) -> None:
    with pytest.raises(CatalogError, match=message):
        plans(org_server, catalog)


@pytest.mark.parametrize(
    ("file", "streams"),
    [("all.json", 34), ("sales.json", 18), ("support.json", 11), ("accounts_contacts.json", 2)],
)
def test_the_ready_made_catalogs_select_what_their_names_say(
    org_server: OrgServer, file: str, streams: int
) -> None:
    catalog = json.loads((CATALOGS / file).read_text())
    read = plans(org_server, catalog)

    assert len(read) == streams
    if file == "all.json":
        assert [entry["tap_stream_id"] for entry in catalog["streams"]] == [*COLLECTIONS.values(), STREAM]
        assert read == plans(org_server)
    if file == "accounts_contacts.json":
        assert properties(read["accounts"]) >= {"id", "is_deleted", "system_modstamp", "name", "industry"}
        assert "billing_city" not in properties(read["accounts"])
