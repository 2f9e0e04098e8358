"""Roll-up summary fields."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.describe import describe_field
from salesforce_simulator.errors import ApiError
from salesforce_simulator.schema import Summary

if TYPE_CHECKING:
    from salesforce_simulator.org import Org

SUMMARIES = {
    "Lines__c": ("double", Summary("count", "Line__c", "Invoice__c")),
    "Total__c": ("currency", Summary("sum", "Line__c", "Invoice__c", "Price__c")),
    "Dearest__c": ("currency", Summary("max", "Line__c", "Invoice__c", "Price__c")),
    "First_Day__c": ("date", Summary("min", "Line__c", "Invoice__c", "Day__c")),
}


@pytest.fixture
def org(frozen_org: Org) -> Org:
    frozen_org.add_object(custom_object("Invoice__c", []))
    master = custom_field(
        "Invoice__c", "reference", reference_to=("Invoice__c",), nillable=False, cascade_delete=True
    )
    price, day = custom_field("Price__c", "currency"), custom_field("Day__c", "date")
    frozen_org.add_object(custom_object("Line__c", [master, price, day]))
    return frozen_org


def summarize(org: Org) -> None:
    for name, (kind, summary) in SUMMARIES.items():
        org.add_field("Invoice__c", custom_field(name, kind, summary=summary))


def shown(org: Org, invoice: str) -> tuple[Any, ...]:
    row = org.get(invoice)
    assert row is not None
    return tuple(row[name] for name in SUMMARIES)


def test_it_follows_every_change_of_the_details_without_a_stamp(org: Org) -> None:
    summarize(org)
    invoice, other = (org.create("Invoice__c", {"Name": name}) for name in ("one", "other"))
    before = org.get(invoice)
    assert before is not None
    assert shown(org, invoice) == (0, 0, None, None)
    org.clock.advance(minutes=5)
    lines = [
        org.create("Line__c", {"Invoice__c": invoice, "Price__c": price, "Day__c": day})
        for price, day in (("1.50", "2026-01-02"), ("0.25", "2026-01-01"), (None, None))
    ]
    assert shown(org, invoice) == (3, Decimal("1.75"), Decimal("1.5"), "2026-01-01")
    org.update(lines[0], {"Price__c": "2"})
    org.delete(lines[1])
    assert shown(org, invoice) == (2, 2, 2, "2026-01-02")
    org.undelete(lines[1])
    org.hard_delete(lines[2])
    org.update(lines[0], {"Invoice__c": other})
    assert shown(org, invoice) == (1, Decimal("0.25"), Decimal("0.25"), "2026-01-01")
    assert shown(org, other) == (1, 2, 2, "2026-01-02")
    after = org.get(invoice)
    assert after is not None
    assert {before[name] for name in ("SystemModstamp", "LastModifiedDate")} == {
        after[name] for name in ("SystemModstamp", "LastModifiedDate")
    }


def test_a_new_one_is_worked_out_over_what_is_there(org: Org) -> None:
    invoice = org.create("Invoice__c", {"Name": "x"})
    org.create("Line__c", {"Invoice__c": invoice, "Price__c": "3", "Day__c": "2026-01-01"})
    summarize(org)
    assert shown(org, invoice) == (1, 3, 3, "2026-01-01")
    with pytest.raises(ValueError, match=r"Invoice__c\.Total__c"):
        org.remove_field("Line__c", "Price__c")
    with pytest.raises(ValueError, match=r"Invoice__c\.Lines__c"):
        org.remove_object("Line__c")
    for name in SUMMARIES:
        org.remove_field("Invoice__c", name)
    org.create("Line__c", {"Invoice__c": invoice})
    org.remove_field("Line__c", "Price__c")
    org.remove_object("Line__c")


def test_it_is_read_only_and_calculated(org: Org) -> None:
    summarize(org)
    described = describe_field(org.object("Invoice__c").fields["Total__c"])
    keys = ("calculated", "calculatedFormula", "createable", "updateable", "type")
    assert [described[key] for key in keys] == [True, None, False, False, "currency"]
    with pytest.raises(ApiError, match="INVALID_FIELD_FOR_INSERT_UPDATE"):
        org.create("Invoice__c", {"Name": "x", "Total__c": 1})


@pytest.mark.parametrize(
    "summary",
    [
        Summary("count", "Nope__c", "Invoice__c"),
        Summary("count", "Contact", "AccountId"),
        Summary("sum", "Line__c", "Invoice__c", "Nope__c"),
    ],
)
def test_one_that_makes_no_sense(org: Org, summary: Summary) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each says what is wrong in its own words
        org.add_field("Invoice__c", custom_field("Total__c", "currency", summary=summary))
    assert org.object("Invoice__c").field("Total__c") is None
    org.create("Invoice__c", {"Name": "still works"})
