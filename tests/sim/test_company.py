"""The example company and its next day."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator import company
from salesforce_simulator.clock import Clock
from salesforce_simulator.org import Org
from salesforce_simulator.texts import HURTFUL

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def made(scale: float = 1.0) -> Org:
    org = Org(seed=7, features=company.FEATURES, clock=Clock(NOW, frozen=True))
    company.populate(org, scale)
    return org


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    org = made()
    yield org
    org.close()


@pytest.fixture
def small() -> Iterator[Org]:
    org = made(0.1)
    yield org
    org.close()


def everything(org: Org) -> dict[str, list[dict[str, Any]]]:
    return {sobject.name: org.rows(sobject.name) for sobject in org.schema if sobject.queryable}


def test_every_collection_has_rows(org: Org) -> None:
    collections = [sobject for sobject in org.schema if sobject.collection and sobject.queryable]
    assert len(collections) == 47
    assert [sobject.name for sobject in collections if not org.count(sobject.name)] == []
    assert org.count("Invoice_Line__c") > org.count("Invoice__c") > 0


def test_one_seed_makes_one_company(small: Org) -> None:
    again = made(0.1)
    assert everything(again) == everything(small)
    again.close()


def test_rows_keep_what_describe_promises(org: Org) -> None:
    known = {row["Id"] for rows in everything(org).values() for row in rows}
    for name, rows in everything(org).items():
        sobject = org.schema.objects[name]
        for row in rows:
            for f in sobject.columns:
                value = row[f.name]
                assert f.nillable or value is not None, (name, f.name)
                if f.type == "reference" and value is not None:
                    assert value in known, (name, f.name)
                    target = org.schema.of_id(value)
                    assert target is not None
                    assert target.name in f.reference_to, (name, f.name)
                if f.length and isinstance(value, str):
                    assert len(value) <= f.length, (name, f.name)


def test_stamps_are_in_order_and_past(org: Org) -> None:
    now = NOW.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    for rows in everything(org).values():
        for row in rows:
            stamps = [
                row[key] for key in ("CreatedDate", "LastModifiedDate", "SystemModstamp") if row.get(key)
            ]
            assert stamps == sorted(stamps)
            assert stamps[-1] <= now


def test_derived_fields_are_true(org: Org) -> None:
    for case in org.rows("Case"):
        assert case["IsClosed"] == (case["Status"] == "Closed") == (case["ClosedDate"] is not None)
    for deal in org.rows("Opportunity"):
        assert deal["IsWon"] == (deal["StageName"] == "Closed Won")
        if deal["Amount"] is not None:
            assert abs(deal["ExpectedRevenue"] - deal["Amount"] * deal["Probability"] / 100) <= Decimal(
                "0.005"
            )
    ratings = {row["Id"]: (row["Rating"] or "-", row["Industry"] or "-") for row in org.rows("Account")}
    for deal in org.rows("Opportunity"):
        expected = " / ".join(ratings[deal["AccountId"]]) if deal["AccountId"] else "- / -"
        assert deal["Account_Rating__c"] == expected
    industries = {row["Id"]: row["Industry"] for row in org.rows("Account")}
    below = [row for row in org.rows("Account") if row["ParentId"]]
    assert len(below) > 50
    for account in below:
        assert account["Parent_Industry__c"] == industries[account["ParentId"]]


def test_values_that_hurt_are_there(org: Org) -> None:
    accounts = org.rows("Account")
    notes = {row["Notes__c"] for row in accounts}
    assert set(HURTFUL) <= notes
    assert max(len(note) for note in notes if note) == 131_072
    assert {row["Customer_Since__c"] for row in accounts} >= {"1700-01-01", "4000-12-31"}
    assert {row["X1st_Won_Deal_Date__c"] for row in org.rows("Opportunity")} >= {"1700-01-01", "4000-12-31"}
    assert Decimal("9999999999999999.99") in [row["Annual_Contract_Value__c"] for row in accounts]
    assert any(row["MyField__c"] != row["My_Field__c"] for row in accounts if row["MyField__c"])
    assert any(row["IsArchived"] for row in org.rows("Task"))
    deleted = {name for name, rows in everything(org).items() if any(row.get("IsDeleted") for row in rows)}
    assert {"Account", "Contact", "Lead", "Task", "Note", "Invoice__c"} <= deleted


def test_the_next_day(small: Org) -> None:
    before = everything(small)
    small.clock.advance(days=1)
    day = company.next_day(small)
    after = everything(small)
    seen: dict[str, dict[str, int]] = {"created": {}, "updated": {}, "deleted": {}, "undeleted": {}}
    for name, rows in after.items():
        old = {row["Id"]: row for row in before[name]}
        for row in rows:
            was = old.get(row["Id"])
            if was is None:
                kind = "created"
            elif was.get("IsDeleted") != row.get("IsDeleted"):
                kind = "deleted" if row["IsDeleted"] else "undeleted"
            elif was.get("LastModifiedDate") != row.get("LastModifiedDate"):
                kind = "updated"
            else:
                continue
            seen[kind][name] = seen[kind].get(name, 0) + 1
    assert seen == {kind: dict(getattr(day, kind)) for kind in seen}
    ticket, lead = small.get(day.ticket_id), small.get(day.lead_id)
    assert ticket is not None
    assert lead is not None
    assert (ticket["Subject"], ticket["Status"], ticket["IsClosed"]) == (
        company.TICKET_SUBJECT,
        "Closed",
        True,
    )
    assert (lead["Name"], lead["IsDeleted"]) == (company.LEAD_NAME, True)
    assert {row[day.new_field] for row in small.rows("Account")} == {None, "Bronze", "Silver", "Gold"}
