"""How much discovery asks, what it makes of a partly visible org, and which streams a run reads."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_object
from salesforce_simulator.http.faults import Status, UseUp
from salesforce_simulator.schema import Field as OrgField
from salesforce_simulator.schema import SObject as OrgObject
from tap_sfsource.api.client import Client
from tap_sfsource.catalog.discovery import discover, plan_run
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.catalog.sync_reports import STREAM
from tap_sfsource.config import Settings
from tap_sfsource.errors import CatalogError, ConfigError, TapError
from tap_sfsource.tap import TapSFSource

if TYPE_CHECKING:
    from tap_sfsource.catalog.plan import SObjectPlan
    from tests.fix_org import OrgServer

CATALOGS = Path(__file__).resolve().parent.parent.parent / "catalogs"


def add_invoice(org_server: OrgServer, *fields: OrgField, name: str = "Invoice__c") -> None:
    standard = {
        field.name: field
        for field in org_server.org.schema.objects["Campaign"].fields.values()
        if field.name in {"Id", "IsDeleted", "Name", "CreatedDate", "SystemModstamp"}
    }
    added = {field.name: dataclasses.replace(field, custom=True) for field in fields}
    org_server.org.add_object(
        OrgObject(name=name, key_prefix=None, fields={**standard, **added}, custom=True)
    )


def plans(
    org_server: OrgServer, catalog: dict[str, Any] | None = None, **settings: Any
) -> dict[str, SObjectPlan]:
    """What a run reads, by stream name."""
    client = Client(Settings.from_config(org_server.config(**settings)))
    return {plan.stream_name: plan for plan in plan_run(client, client.settings, catalog).streams}


def discovered(org_server: OrgServer, **settings: Any) -> dict[str, SObjectPlan]:
    client = Client(Settings.from_config(org_server.config(**settings)))
    return {plan.stream_name: plan for plan in discover(client, client.settings)}


def properties(plan: SObjectPlan) -> set[str]:
    return {column.property for column in plan.columns}


def select(stream: str, **marks: bool) -> dict[str, Any]:
    """A selection-only catalog of one stream; `_all=False` is the pattern `*`."""
    metadata: list[dict[str, Any]] = [{"breadcrumb": [], "metadata": {"selected": True}}]
    metadata += [
        {"breadcrumb": ["properties", "*" if name == "_all" else name], "metadata": {"selected": value}}
        for name, value in marks.items()
    ]
    return {"streams": [{"tap_stream_id": stream, "metadata": metadata}]}


def test_first_discovery_of_the_48_takes_few_calls(org_server: OrgServer) -> None:
    assert len(discovered(org_server)) > 33
    assert org_server.ledger.api_calls <= 4


def test_discovery_costs_a_call_for_each_25_objects(org_server: OrgServer) -> None:
    for number in range(90):
        add_invoice(org_server, name=f"Invoice_{number}__c")
    readable = [sobject for sobject in org_server.org.schema if sobject.queryable]
    assert len(discovered(org_server)) == len(org_server.org.schema.objects)
    assert org_server.ledger.api_calls <= 1 + -(-(len(readable) + 1) // 25)


def test_a_run_without_a_catalog_reads_the_48_and_asks_nothing_else(org_server: OrgServer) -> None:
    add_invoice(org_server)

    read = plans(org_server)

    assert set(read) <= set(COLLECTIONS.values())
    assert {"accounts", "_group", "role", "opportunity_product"} <= set(read)
    assert org_server.ledger.api_calls == 2


def test_what_the_org_lacks_is_skipped_with_one_line(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    assert "account_tags" not in plans(org_server)
    (line,) = [record.message for record in caplog.records if "AccountTag" in record.message]
    assert line.startswith(
        "Skipped, because the org lacks them or the user may not see them: AccountTag, CampaignTag"
    )


def test_an_object_or_field_that_the_user_may_not_see_is_not_there(org_server: OrgServer) -> None:
    user = org_server.user
    permissions = user.permissions.without_object("Lead").without_field("Account.Industry")
    org_server.org.set_permissions(user.username, permissions)

    read = plans(org_server)

    assert "leads" not in read
    assert "industry" not in properties(read["accounts"])


def test_one_failing_describe_drops_that_stream_and_not_the_run(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    org_server.faults.add(Status(400, code="INSUFFICIENT_ACCESS", message="no"), path="*/Lead/describe")

    read = plans(org_server)

    assert "leads" not in read
    assert "accounts" in read
    assert "Lead is skipped, as Salesforce does not describe it" in caplog.text


def test_objects_are_chosen_by_patterns_on_either_name(org_server: OrgServer) -> None:
    add_invoice(org_server)
    add_invoice(org_server, name="Receipt__c")

    assert set(plans(org_server, objects=["Account", "case*", "*__c"], exclude_objects=["receipt_c"])) == {
        "accounts",
        "cases",
        "case_comments",
        "case_contact_role",
        "case_solution",
        "case_status",
        "invoice_c",
    }
    assert set(discovered(org_server, objects=["invoice_?"])) == {"invoice_c"}
    assert set(plans(org_server, exclude_objects=["*"])) == set()


def test_a_chosen_object_is_selected_by_default_and_only_chosen_ones_are_described(
    org_server: OrgServer,
) -> None:
    add_invoice(org_server)

    found = discovered(org_server, objects=["Invoice__c"])

    assert found["invoice_c"].selected_by_default
    assert [part.sobject for entry in org_server.ledger.calls for part in entry.parts] == ["Invoice__c"]


def test_a_name_that_means_nothing_is_said(org_server: OrgServer, caplog: pytest.LogCaptureFixture) -> None:
    assert set(plans(org_server, objects=["Acount", "oportunities", "Zzzz", "Acc?unts*s", "Lead"])) == {
        "leads"
    }
    assert (
        "Setting objects: Acount matches no object that the user may see and query. Is it Account?"
        in caplog.text
    )
    assert (
        "oportunities matches no object that the user may see and query. Is it opportunities?" in caplog.text
    )
    assert "Zzzz matches no object that the user may see and query.\n" in caplog.text


def test_a_cached_describe_is_asked_for_only_if_it_changed(org_server: OrgServer, tmp_path: Path) -> None:
    first = discovered(org_server, cache_dir=str(tmp_path))
    org_server.ledger.clear()

    assert discovered(org_server, cache_dir=str(tmp_path)) == first
    statuses = [part.status for entry in org_server.ledger.calls for part in entry.parts]
    assert set(statuses) == {304}

    org_server.org.clock.advance(minutes=5)
    org_server.org.add_field("Account", OrgField("Fresh__c", "string", length=10, custom=True))
    assert "fresh_c" in properties(discovered(org_server, cache_dir=str(tmp_path))["accounts"])


def test_a_spoilt_cache_is_made_anew(
    org_server: OrgServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = plans(org_server, cache_dir=str(tmp_path))
    (file,) = tmp_path.iterdir()
    file.write_text("{")

    assert plans(org_server, cache_dir=str(tmp_path)) == first
    assert "cannot be read" in caplog.text


def test_two_users_of_an_org_have_caches_of_their_own(org_server: OrgServer, tmp_path: Path) -> None:
    plans(org_server, cache_dir=str(tmp_path), username="a")
    plans(org_server, cache_dir=str(tmp_path), username="b")

    assert len(list(tmp_path.iterdir())) == 2


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


def test_an_exclusion_that_matches_nothing_ends_the_run(org_server: OrgServer) -> None:
    selection = select("accounts")

    for catalog, settings in [(None, {}), (None, {"objects": ["*"]}), (selection, {})]:
        with pytest.raises(ConfigError, match=r"exclude_objects: Leed matches no object.*Is it Lead\?"):
            plans(org_server, catalog, exclude_objects=["Leed"], **settings)
    with pytest.raises(ConfigError, match="exclude_objects: Leed"):
        discovered(org_server, exclude_objects=["Leed"])


def test_an_exclusion_with_a_wildcard_may_match_nothing(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert "leads" in plans(org_server, exclude_objects=["Leed*"])
    assert "Setting exclude_objects: Leed* matches no object" in caplog.text


def test_what_is_excluded_may_be_missing_among_the_48_or_be_unselected(org_server: OrgServer) -> None:
    add_invoice(org_server)

    assert plans(org_server, exclude_objects=["AccountTag", "Invoice__c"])
    assert plans(org_server, select("accounts"), exclude_objects=["lead", "invoice_c"])


def test_a_misspelt_field_to_refresh_is_told(org_server: OrgServer, caplog: pytest.LogCaptureFixture) -> None:
    plans(org_server, objects=["Account"], refresh_fields=["account.industry", "Account.Industri", "X.Y"])

    assert (
        "Account.Industri is no field of an object that the run reads. Is it Account.Industry?" in caplog.text
    )
    assert "X.Y is no field of an object" in caplog.text
    assert "account.industry" not in caplog.text


def test_discovery_that_fails_in_the_middle_prints_nothing(
    org_server: OrgServer, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    org_server.org.add_objects(custom_object(f"Thing_{number}__c", []) for number in range(120))
    config = org_server.config(max_workers=1, objects=["Thing_*"], sync_reports=False)
    tap = TapSFSource(config=config, setup_mapper=False)
    tap.print_catalog()
    assert len(json.loads(capfdbinary.readouterr().out)["streams"]) == 120
    used_up = org_server.faults.add(UseUp(), path="*/composite", nth=4)
    with pytest.raises(TapError, match="calls"):
        tap.print_catalog()
    assert used_up.fired
    assert capfdbinary.readouterr().out == b""
