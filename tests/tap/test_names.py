"""The collection of names: filled from lookups, without a call of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.tap.reference import ReferenceTarget
from tests.tap.running import run_tap

if TYPE_CHECKING:
    from tests.fix_org import OrgServer


@pytest.fixture
def busy_org(org_server: OrgServer) -> OrgServer:
    """Two tasks of a contact and a lead, about an account."""
    org = org_server.org
    account = org.create("Account", {"Name": "Acme"})
    contact = org.create("Contact", {"FirstName": "Ada", "LastName": 'Love "l" ace', "AccountId": account})
    lead = org.create("Lead", {"LastName": "Roe", "Company": "Roe & Co"})
    for who in (contact, lead, contact):
        org.create("Task", {"Subject": "Call", "Status": "Not Started", "Priority": "Normal", "WhoId": who})
    org.clock.freeze()
    org.clock.advance(hours=3)
    return org_server


def parts(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["type"], row["name"], row["first_name"], row["last_name"])


@pytest.mark.parametrize("reader", ["rest", "bulk"])
def test_names_come_with_the_rows_that_hold_the_lookups(busy_org: OrgServer, reader: str) -> None:
    target = ReferenceTarget()
    target.feed(run_tap(busy_org.config(objects=["Task", "Name"], reader=reader)).output)
    assert {parts(row) for row in target.tables["names"].values() if row["type"] != "User"} == {
        ("Contact", 'Ada Love "l" ace', "Ada", 'Love "l" ace'),
        ("Lead", "Roe", None, "Roe"),
    }
    assert {row["type"] for row in target.tables["names"].values()} == {"Contact", "Lead", "User"}
    assert len(target.tables["tasks"]) == 3
    assert target.counts["names"] == len(target.tables["names"])


def test_names_do_not_say_that_a_deleted_record_is_there(busy_org: OrgServer) -> None:
    """Salesforce does not tell it of a name; the record's own table does."""
    org = busy_org.org
    contact = next(row["Id"] for row in org.rows("Contact"))
    target = ReferenceTarget()
    org.delete(contact)
    target.feed(run_tap(busy_org.config(objects=["Task", "Contact", "Name"])).output)
    assert target.tables["contacts"][contact]["is_deleted"] is True
    assert all("is_deleted" not in row for row in target.tables["names"].values())
    assert "is_deleted" not in target.properties("names")


def test_names_cost_no_call(busy_org: OrgServer) -> None:
    costs = []
    for objects in (["Task"], ["Task", "Name"]):
        busy_org.ledger.clear()
        run_tap(busy_org.config(objects=objects))
        costs.append(busy_org.ledger.api_calls)
    assert costs[0] == costs[1]


def test_without_a_lookup_there_are_no_names(busy_org: OrgServer) -> None:
    target = ReferenceTarget()
    outcome = run_tap(busy_org.config(objects=["Account", "Name"]))
    target.feed(outcome.output)
    assert outcome.complete
    assert target.tables["names"] == {}


def test_names_that_are_selected_later_are_filled_for_old_rows(busy_org: OrgServer) -> None:
    target = ReferenceTarget()
    target.feed(run_tap(busy_org.config(objects=["Task"])).output)
    busy_org.org.clock.advance(hours=3)
    target.feed(run_tap(busy_org.config(objects=["Task", "Name"]), state=target.state).output)
    assert {row["type"] for row in target.tables["names"].values()} == {"Contact", "Lead", "User"}
    assert {row["subject"] for row in target.tables["tasks"].values()} == {"Call"}
    busy_org.org.clock.advance(hours=3)
    target.feed(run_tap(busy_org.config(objects=["Task", "Name"]), state=target.state).output)
    assert target.counts == {}


def test_a_stream_map_is_told_names_as_well(busy_org: OrgServer) -> None:
    config = busy_org.config(objects=["Task", "Name"], stream_maps={"names": {"__alias__": "people"}})
    target = ReferenceTarget()
    target.feed(run_tap(config).output)
    assert {row["type"] for row in target.tables["people"].values()} == {"Contact", "Lead", "User"}
