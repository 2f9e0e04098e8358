"""How much discovery asks, what it makes of a partly visible org, and which streams a run reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.custom import custom_object
from salesforce_simulator.http.faults import Status, UseUp
from salesforce_simulator.schema import Field as OrgField
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.errors import ConfigError, TapError
from tap_sfsource.tap import TapSFSource
from tests.tap.planned import add_invoice, discovered, plans, properties, select

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_org import OrgServer


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
