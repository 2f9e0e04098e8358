"""An example company: every collection has rows, custom fields and objects, deletes, and values that hurt.

`populate` fills an org; `next_day` makes a day's changes, as somebody who looks at the warehouse wants to see them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from salesforce_simulator import company_records
from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.texts import long_text

if TYPE_CHECKING:
    from salesforce_simulator.org import Org

FEATURES = ("tags", "schedules")
TICKET_SUBJECT = "Checkout page times out"
LEAD_NAME = "Ada Lindqvist"
UNDELETED_ACCOUNT = "Kestrel Archive Ltd"
NEW_FIELD = "Loyalty_Tier__c"


def populate(org: Org, scale: float = 1.0) -> None:
    """Fill a fresh org, best with `FEATURES` on, with the example company.

    `scale` 1 makes some 250 accounts and 5,000 rows in all; users, profiles and set-up data do not grow.
    """
    _customise(org)
    random = Random(org.seed)
    now = org.clock.now()
    records = company_records.Records(org, random, scale, now)
    records.everything()
    _named(org, now)
    with org.backdated(now - timedelta(hours=12)):
        old = [row["Id"] for row in org.rows("Task")[:12]]
        org.archive(old)
        org.archive([row["Id"] for row in org.rows("Event")[:6]])
    with org.backdated(now - timedelta(hours=6)):
        _delete_some(org, random)


def _customise(org: Org) -> None:
    """Custom fields of every kind, two of which collide in a warehouse, and two custom objects."""
    _customise_accounts(org)
    _customise_opportunities(org)
    _add_invoices(org)


def _customise_accounts(org: Org) -> None:
    for f in (
        custom_field("Customer_Since__c", "date"),
        custom_field("Annual_Contract_Value__c", "currency"),
        custom_field("Precise_Ratio__c", "double", scale=17),
        custom_field("Regions__c", "multipicklist", picklist=("AMER", "APAC", "EMEA", "LATAM")),
        custom_field("Notes__c", "textarea", length=131_072, extra_type_info="plaintextarea"),
        custom_field(
            "Briefing__c", "textarea", length=32_768, html_formatted=True, extra_type_info="richtextarea"
        ),
        custom_field("MyField__c", "string", length=80),
        custom_field("My_Field__c", "string", length=80),
        custom_field("Is_Reference__c", "boolean"),
        custom_field("Opens_At__c", "time"),
        custom_field("Headquarters__c", "location"),
        custom_field("Headquarters__Latitude__s", "double", scale=15, compound_field_name="Headquarters__c"),
        custom_field("Headquarters__Longitude__s", "double", scale=15, compound_field_name="Headquarters__c"),
        custom_field("Customer_Code__c", "string", length=20, external_id=True, unique=True, id_lookup=True),
        custom_field(
            "Parent_Industry__c",
            "string",
            length=1300,
            formula="{Parent.Industry}",
            formula_text="TEXT(Parent.Industry)",
        ),
    ):
        org.add_field("Account", f)
    org.change_field("Account", "NumberOfEmployees", decimal_text=True)


def _customise_opportunities(org: Org) -> None:
    for f in (
        custom_field("X1st_Won_Deal_Date__c", "date"),
        custom_field("Discount__c", "percent", precision=5),
        custom_field("Region__c", "picklist", picklist=("North", "South", "East", "West")),
        custom_field(
            "Account_Rating__c",
            "string",
            length=1300,
            formula="coalesce({Account.Rating}, '-') || ' / ' || coalesce({Account.Industry}, '-')",
            formula_text='TEXT(Account.Rating) & " / " & TEXT(Account.Industry)',
        ),
        custom_field(
            "Net_Amount__c",
            "currency",
            formula="{Amount} - {Amount} * coalesce({Discount__c}, 0) / 10000",
            formula_text="Amount * (1 - Discount__c)",
        ),
    ):
        org.add_field("Opportunity", f)


def _add_invoices(org: Org) -> None:
    org.add_object(
        custom_object(
            "Invoice__c",
            (
                custom_field("Account__c", "reference", reference_to=("Account",)),
                custom_field("Opportunity__c", "reference", reference_to=("Opportunity",)),
                custom_field("Status__c", "picklist", picklist=("Open", "Paid", "Overdue", "Written off")),
                custom_field("Due_Date__c", "date"),
                custom_field("Total__c", "currency"),
                custom_field("Tax_Rate__c", "percent", precision=5),
                custom_field("Remarks__c", "textarea", length=4000),
            ),
            auto_number=True,
        )
    )
    org.add_object(
        custom_object(
            "Invoice_Line__c",
            (
                custom_field(
                    "Invoice__c",
                    "reference",
                    reference_to=("Invoice__c",),
                    nillable=False,
                    cascade_delete=True,
                ),
                custom_field("Product__c", "reference", reference_to=("Product2",)),
                custom_field("Quantity__c", "double", precision=12, scale=2),
                custom_field("Unit_Price__c", "currency"),
                custom_field(
                    "Line_Total__c",
                    "currency",
                    formula="{Quantity__c} * {Unit_Price__c} / 100",
                    formula_text="Quantity__c * Unit_Price__c",
                ),
            ),
        )
    )


def _named(org: Org, now: datetime) -> None:
    """The records that a person looks for, and the ones with the most painful values."""
    accounts = [row["Id"] for row in org.rows("Account")]
    with org.backdated(now - timedelta(hours=20)):
        contact = next(row for row in org.rows("Contact") if row["AccountId"])
        org.create(
            "Case",
            {
                "Subject": TICKET_SUBJECT,
                "Status": "New",
                "Priority": "High",
                "Origin": "Web",
                "AccountId": contact["AccountId"],
                "ContactId": contact["Id"],
                "Description": 'Since Monday,\r\n"Pay now" spins for ever \u2014 see log',
            },
        )
        first, last = LEAD_NAME.split(" ")
        org.create(
            "Lead", {"FirstName": first, "LastName": last, "Company": "Summit Paper AB", "Rating": "Hot"}
        )
        archive = org.create("Account", {"Name": UNDELETED_ACCOUNT, "Industry": "Consulting"})
        org.create("Contact", {"LastName": "Horváth", "FirstName": "Imre", "AccountId": archive})
        org.update(accounts[-1], {"Notes__c": long_text(131_072), "Briefing__c": long_text(32_768)})
        org.update(accounts[-2], {"Description": long_text(32_000)})
        org.update(
            accounts[-3],
            {
                "Annual_Contract_Value__c": "9999999999999999.99",
                "Precise_Ratio__c": "1.23456789012345678",
                "Customer_Since__c": "1700-01-01",
                "MyField__c": "without underscore",
                "My_Field__c": "with underscore",
            },
        )
        org.update(
            accounts[-4],
            {
                "Annual_Contract_Value__c": "-9999999999999999.99",
                "Precise_Ratio__c": "-0.00000000000000001",
                "Customer_Since__c": "4000-12-31",
            },
        )
        deals = [row["Id"] for row in org.rows("Opportunity")[:2]]
        org.update(deals[0], {"X1st_Won_Deal_Date__c": "1700-01-01"})
        org.update(deals[1], {"X1st_Won_Deal_Date__c": "4000-12-31", "CloseDate": "4000-12-31"})


def _delete_some(org: Org, random: Random) -> None:
    """Soft deletes of several kinds, one of them of an account with all that hangs on it."""
    _clear_away(org, _find(org, "Account", "Name", UNDELETED_ACCOUNT)["Id"])
    for sobject, count in (
        ("Account", 1),
        ("Contact", 4),
        ("Lead", 4),
        ("Task", 6),
        ("Note", 2),
        ("Invoice__c", 2),
    ):
        living = [r["Id"] for r in org.rows(sobject)[5:] if not r["IsDeleted"] and r.get("Name") != LEAD_NAME]
        for record_id in random.sample(living, min(count, len(living))):
            if not org.is_deleted(record_id):
                _clear_away(org, record_id)


def _clear_away(org: Org, record_id: str) -> None:
    """Delete a record, and before it those that forbid it."""
    for other in org.restricting(record_id):
        org.delete(other)
    org.delete(record_id)


@dataclass(slots=True)
class Day:
    """What a day changed: numbers of rows by object, and the records to look at."""

    created: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)
    undeleted: Counter[str] = field(default_factory=Counter)
    ticket_id: str = ""
    lead_id: str = ""
    new_field: str = NEW_FIELD


def next_day(org: Org) -> Day:
    """A day's changes: a ticket closed, a lead deleted, an account undeleted, updates, new rows, a new custom field.

    Rows that hang on the deleted or undeleted ones follow them and are counted too.
    """
    day = Day()
    before = {
        sobject.name: org.deleted_ids(sobject.name) for sobject in org.schema if "IsDeleted" in sobject.fields
    }
    ticket = _find(org, "Case", "Subject", TICKET_SUBJECT)
    lead = _find(org, "Lead", "Name", LEAD_NAME)
    account = _find(org, "Account", "Name", UNDELETED_ACCOUNT)
    day.ticket_id, day.lead_id = ticket["Id"], lead["Id"]
    org.update(ticket["Id"], {"Status": "Closed"})
    day.updated["Case"] += 1
    org.delete(lead["Id"])
    org.undelete(account["Id"])
    for name in ("Case", "Contract"):
        for row in org.rows(name):
            if row["AccountId"] == account["Id"] and row["IsDeleted"]:
                org.undelete(row["Id"])
    _new_rows(org, day)
    _updates(org, day)
    for name, old in before.items():
        new = org.deleted_ids(name)
        day.deleted[name] += len(new - old)
        day.undeleted[name] += len(old - new)
    for counts in (day.deleted, day.undeleted):
        for name in [name for name, number in counts.items() if not number]:
            del counts[name]
    return day


def _new_rows(org: Org, day: Day) -> None:
    today = org.clock.now().astimezone(UTC).date()
    account = org.create("Account", {"Name": "Fjord Optics Oy", "Industry": "Electronics", "Rating": "Hot"})
    contact = org.create("Contact", {"FirstName": "Rūta", "LastName": "Žukauskas", "AccountId": account})
    opportunity = org.create(
        "Opportunity",
        {
            "Name": "Fjord Optics \u2013 first order",
            "AccountId": account,
            "StageName": "Prospecting",
            "CloseDate": (today + timedelta(days=30)).isoformat(),
            "Amount": "12345.67",
        },
    )
    created: list[tuple[str, dict[str, Any]]] = [
        (
            "OpportunityContactRole",
            {"OpportunityId": opportunity, "ContactId": contact, "Role": "Decision Maker"},
        ),
        ("Task", {"Subject": "Call", "WhoId": contact, "WhatId": opportunity}),
        ("Lead", {"FirstName": "Kofi", "LastName": "Mensah", "Company": "Granite Mining Ltd"}),
        ("CaseComment", {"ParentId": day.ticket_id, "CommentBody": "Fixed by the new release.\nThank you!"}),
        ("Invoice__c", {"Account__c": account, "Status__c": "Open", "Total__c": "99.90"}),
    ]
    for sobject, values in created:
        org.create(sobject, values)
        day.created[sobject] += 1
    day.created.update(("Account", "Contact", "Opportunity"))


def _updates(org: Org, day: Day) -> None:
    org.add_field("Account", custom_field(NEW_FIELD, "picklist", picklist=("Bronze", "Silver", "Gold")))
    living = [row["Id"] for row in org.rows("Account") if not row["IsDeleted"]]
    for number, record_id in enumerate(living[:9]):
        org.update(record_id, {NEW_FIELD: ("Bronze", "Silver", "Gold")[number % 3]})
        day.updated["Account"] += 1
    deals = [row["Id"] for row in org.rows("Opportunity") if not row["IsDeleted"] and not row["IsClosed"]]
    history = org.count("OpportunityFieldHistory")
    for record_id in deals[:5]:
        org.update(record_id, {"StageName": "Closed Won"})
        day.updated["Opportunity"] += 1
    day.created["OpportunityFieldHistory"] += org.count("OpportunityFieldHistory") - history
    products = [row["Id"] for row in org.rows("Product2")]
    org.update(products[0], {"Description": "now with 20 % more"})
    day.updated["Product2"] += 1


def _find(org: Org, sobject: str, name: str, value: str) -> dict[str, Any]:
    return next(row for row in org.rows(sobject) if row[name] == value)
