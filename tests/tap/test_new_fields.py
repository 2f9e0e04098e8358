"""`new_fields`: a field that appears later is read, or left out until somebody selects it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from salesforce_simulator.users import Permissions
from tap_sfsource.tap import TapSFSource
from tests.masked import SALT
from tests.pair.both import run_tap
from tests.tap.reference import ReferenceTarget
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

EXCLUDE = {"new_fields": "exclude"}


def add(server: OrgServer, record_id: str, name: str, kind: str = "string", value: Any = "new") -> None:
    server.org.add_field("Account", custom_field(name, kind))
    server.org.update(record_id, {name: value})
    server.org.clock.advance(hours=3)


def test_a_field_that_comes_later_is_left_out_and_the_run_says_so(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = accounts(org_server, 2)
    add(org_server, first, "Early__c", value="early")
    syncs = Syncs(org_server, "Account", **EXCLUDE)
    syncs.sync()
    assert syncs.row("accounts", first)["early_c"] == "early"
    add(org_server, first, "Late__c")
    for _ in range(2):
        caplog.clear()
        syncs.sync()
        assert "late_c" not in syncs.target.properties("accounts")
        assert "accounts: left out as new (setting new_fields): Late__c." in caplog.text
    asked = [part.soql for entry in org_server.ledger.calls for part in entry.parts]
    assert not [soql for soql in asked if "Late__c" in soql]
    # Where it is selected, or the setting says so, it is read for every row, and known from then on.
    frozen.advance(hours=3)
    syncs.sync(new_fields="include")
    assert syncs.row("accounts", first)["late_c"] == "new"
    syncs.sync()
    assert "late_c" in syncs.target.properties("accounts")


def test_the_choice_may_be_one_by_object(org_server: OrgServer, frozen: Clock) -> None:
    (first,) = accounts(org_server, 1)
    org_server.org.create("Contact", {"LastName": "Lovelace"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", "Contact", new_fields={"acc*": "exclude"})
    syncs.sync()
    org_server.org.add_field("Contact", custom_field("Late__c", "string"))
    add(org_server, first, "Late__c")
    syncs.sync()
    assert "late_c" not in syncs.target.properties("accounts")
    assert "late_c" in syncs.target.properties("contacts")


@pytest.mark.parametrize("kind", ["selection", "full"])
def test_a_catalog_decides(org_server: OrgServer, frozen: Clock, kind: str) -> None:
    (first,) = accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    catalog: dict[str, Any] = {"streams": [{"tap_stream_id": "accounts", "metadata": []}]}
    if kind == "full":
        catalog = TapSFSource(config=syncs.config).catalog_dict
        catalog["streams"] = [entry for entry in catalog["streams"] if entry["stream"] == "accounts"]
    syncs.sync(catalog, **EXCLUDE)
    add(org_server, first, "Late__c")
    syncs.sync(catalog, **EXCLUDE)
    assert "late_c" not in syncs.target.properties("accounts")
    mark = {"breadcrumb": ["properties", "late_*"], "metadata": {"selected": True}}
    catalog["streams"][0]["metadata"].append(mark)
    syncs.sync(catalog, **EXCLUDE)
    assert syncs.row("accounts", first)["late_c"] == "new"


def test_a_field_that_was_there_is_not_new(org_server: OrgServer, frozen: Clock) -> None:
    """Neither where it takes another type, nor where it was hidden for a while, deselected, masked, or filtered anew."""
    (first,) = accounts(org_server, 1)
    for name in ("Size__c", "Hidden__c", "My_Size__c", "MySize__c"):
        add(org_server, first, name)
    org_server.org.set_permissions(org_server.user.username, Permissions().without_field("Account.Hidden__c"))
    syncs = Syncs(org_server, "Account", **EXCLUDE, mask_salt=SALT)
    # What the user may not see in the first run is new when it appears.
    syncs.sync(new_fields="include")
    names = syncs.target.names("accounts")
    org_server.org.set_permissions(org_server.user.username, Permissions())
    syncs.sync()
    assert "Hidden__c" not in syncs.target.names("accounts")
    syncs.sync(new_fields="include")
    org_server.org.set_permissions(org_server.user.username, Permissions().without_field("Account.Hidden__c"))
    syncs.sync(mask={"Account.My*": "hash"})
    org_server.org.set_permissions(org_server.user.username, Permissions())
    for field in ("Size__c", "My_Size__c"):
        org_server.org.remove_field("Account", field)
        add(org_server, first, field, "double", 12.5)
    deselected = {"breadcrumb": ["properties", "industry"], "metadata": {"selected": False}}
    syncs.sync({"streams": [{"tap_stream_id": "accounts", "metadata": [deselected]}]})
    for more in ({"mask": {"Account.My*": "null"}}, {"filters": {"Account": "Name != null"}}, {}):
        frozen.advance(hours=3)
        syncs.sync(**more)
        assert syncs.target.names("accounts") == {**names, "Hidden__c": "hidden_c"}
    assert syncs.row("accounts", first)["size_c"] == pytest.approx(12.5)


def test_a_first_run_that_is_killed_leaves_no_field_out_that_it_began_with(
    org_server: OrgServer, frozen: Clock
) -> None:
    found = accounts(org_server, 7)
    frozen.advance(hours=3)
    settings = org_server.config(
        objects=["Account"], reader="bulk", bulk_page_size=2, state_seconds=0, **EXCLUDE
    )
    lines = run_tap(settings).output.splitlines(keepends=True)
    add(org_server, found[0], "Late__c")
    for cut in range(1, len(lines)):
        target = ReferenceTarget()
        target.feed(b"".join(lines[:cut]))
        # A state without properties is of a run that has read nothing yet, so its successor is the first.
        began = "properties" in ((target.state or {}).get("bookmarks", {}).get("accounts") or {})
        for _ in range(2):
            target.feed(run_tap(settings, state=target.state).output)
        assert ("late_c" in target.properties("accounts")) is not began, cut
        assert {row["name"] for row in target.tables["accounts"].values()} == {
            f"Account {number}" for number in range(7)
        }
