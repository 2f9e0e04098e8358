"""Creating, changing and deleting records, as Salesforce does it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from salesforce_simulator.errors import ApiError
from salesforce_simulator.users import READ_ONLY, Permissions

if TYPE_CHECKING:
    from salesforce_simulator.org import Org

AUDIT = ("CreatedDate", "LastModifiedDate", "SystemModstamp")
START = "2026-03-02T09:00:30.000+0000"
LATER = "2026-03-02T09:01:30.000+0000"


def record(org: Org, record_id: str) -> dict[str, Any]:
    found = org.get(record_id)
    assert found is not None
    return found


def refused(error: pytest.ExceptionInfo[ApiError]) -> tuple[str, tuple[str, ...]]:
    return error.value.error_code, error.value.fields


# create


def test_a_new_record_has_its_audit_fields(frozen_org: Org) -> None:
    user = frozen_org.add_user("ada@acme.example")
    account = record(frozen_org, frozen_org.create("account", {"NAME": "Acme", "Phone": ""}, user=user))
    assert account["Name"] == "Acme"
    assert account["Phone"] is None
    assert account["IsDeleted"] is False
    assert {account[name] for name in AUDIT} == {START}
    assert {account[name] for name in ("CreatedById", "LastModifiedById", "OwnerId")} == {user.id}


def test_derived_fields(frozen_org: Org) -> None:
    org = frozen_org
    contact = record(org, org.create("Contact", {"FirstName": "Ada", "LastName": "Lovelace"}))
    assert contact["Name"] == "Ada Lovelace"
    case_id = org.create("Case", {"Subject": "Help"})
    assert (record(org, case_id)["CaseNumber"], record(org, case_id)["IsClosed"]) == ("00001000", False)
    org.clock.advance(minutes=1)
    org.update(case_id, {"Status": "Closed"})
    assert (record(org, case_id)["IsClosed"], record(org, case_id)["ClosedDate"]) == (True, LATER)
    org.update(case_id, {"Status": "New"})
    assert (record(org, case_id)["IsClosed"], record(org, case_id)["ClosedDate"]) == (False, None)
    deal = record(
        org,
        org.create(
            "Opportunity",
            {"Name": "D", "StageName": "Closed Won", "CloseDate": "2026-05-01", "Amount": 10.01},
        ),
    )
    assert [deal[name] for name in ("IsClosed", "IsWon", "ForecastCategory", "Fiscal")] == [
        True,
        True,
        "Closed",
        "2026 2",
    ]
    assert str(deal["ExpectedRevenue"]) == "10.01"


def test_an_event_ends_after_its_duration(frozen_org: Org) -> None:
    event = record(
        frozen_org,
        frozen_org.create("Event", {"StartDateTime": "2026-03-02T23:30:00Z", "DurationInMinutes": 60}),
    )
    assert event["ActivityDateTime"] == "2026-03-02T23:30:00.000+0000"
    assert (event["ActivityDate"], event["EndDateTime"]) == ("2026-03-02", "2026-03-03T00:30:00.000+0000")


def test_a_tag_finds_or_makes_its_definition(frozen_org: Org) -> None:
    user = frozen_org.add_user("ada@acme.example")
    account = frozen_org.create("Account", {"Name": "Acme"}, user=user)
    tags = [
        record(
            frozen_org,
            frozen_org.create("AccountTag", {"ItemId": account, "Name": name, "Type": "Public"}, user=user),
        )
        for name in ("vip", "VIP", "late")
    ]
    definitions = [row["Id"] for row in frozen_org.rows("TagDefinition")]
    assert [definitions.index(tag["TagDefinitionId"]) for tag in tags] == [0, 0, 1]


@pytest.mark.parametrize(
    ("sobject", "values", "code", "fields"),
    [
        ("Account", {}, "REQUIRED_FIELD_MISSING", ("Name",)),
        ("Account", {"Name": ""}, "REQUIRED_FIELD_MISSING", ("Name",)),
        ("Opportunity", {"Name": "x"}, "REQUIRED_FIELD_MISSING", ("StageName", "CloseDate")),
        ("Account", {"Name": "x", "Nope__c": 1}, "INVALID_FIELD", ("Nope__c",)),
        ("Account", {"Name": "x" * 256}, "STRING_TOO_LONG", ("Name",)),
        ("Account", {"Name": "x", "ParentId": "001"}, "MALFORMED_ID", ("ParentId",)),
        (
            "Account",
            {"Name": "x", "ParentId": "001Hs0000000009"},
            "INVALID_CROSS_REFERENCE_KEY",
            ("ParentId",),
        ),
        ("Account", {"Name": "x", "ParentId": "003Hs0000000001"}, "FIELD_INTEGRITY_EXCEPTION", ("ParentId",)),
        (
            "Account",
            {"Name": "x", "NumberOfEmployees": 2**40},
            "NUMBER_OUTSIDE_VALID_RANGE",
            ("NumberOfEmployees",),
        ),
        (
            "Account",
            {"Name": "x", "BillingAddress": "Berlin"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            ("BillingAddress",),
        ),
        ("Account", {"Name": "x", "CreatedDate": START}, "INVALID_FIELD_FOR_INSERT_UPDATE", ("CreatedDate",)),
        (
            "Account",
            {"Name": "x", "CurrencyIsoCode": "XXX"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            ("CurrencyIsoCode",),
        ),
        ("OpportunityStage", {"ApiName": "x"}, "INVALID_TYPE_FOR_OPERATION", ()),
        ("Nothing", {}, "INVALID_TYPE", ()),
    ],
)
def test_refused_creates(
    frozen_org: Org, sobject: str, values: dict[str, Any], code: str, fields: tuple[str, ...]
) -> None:
    user = frozen_org.add_user("ada@acme.example")
    with pytest.raises(ApiError) as error:
        frozen_org.create(sobject, values, user=user)
    assert refused(error) == (code, fields)
    assert frozen_org.rows("Account") == []


def test_unique_fields(frozen_org: Org) -> None:
    frozen_org.add_field("Account", custom_field("Code__c", "string", length=9, unique=True))
    first = frozen_org.create("Account", {"Name": "a", "Code__c": "k1"})
    with pytest.raises(ApiError) as error:
        frozen_org.create("Account", {"Name": "b", "Code__c": "K1"})
    assert refused(error) == ("DUPLICATE_VALUE", ("Code__c",))
    frozen_org.update(first, {"Code__c": "k1"})
    frozen_org.delete(first)
    frozen_org.create("Account", {"Name": "b", "Code__c": "K1"})


# permissions


def test_what_a_user_may_not_do(frozen_org: Org) -> None:
    org = frozen_org
    account = org.create("Account", {"Name": "Acme"})
    limited = org.add_user(
        "ben@acme.example",
        permissions=Permissions(
            objects={"Account": READ_ONLY, "Lead": replace(READ_ONLY, create=True, edit=True)},
            hidden_fields=frozenset({"Lead.Phone"}),
            read_only_fields=frozenset({"Lead.Title"}),
        ),
    )
    lead = org.create("Lead", {"LastName": "x", "Company": "y"}, user=limited)
    for attempt in (
        lambda: org.create("Account", {"Name": "x"}, user=limited),
        lambda: org.update(account, {"Name": "x"}, user=limited.id),
        lambda: org.delete(account, user="ben@acme.example"),
    ):
        with pytest.raises(ApiError) as error:
            attempt()
        assert refused(error)[0] == "INSUFFICIENT_ACCESS_OR_READONLY"
    with pytest.raises(ApiError) as error:
        org.update(lead, {"Phone": "1"}, user=limited)
    assert refused(error) == ("INVALID_FIELD", ("Phone",))
    with pytest.raises(ApiError) as error:
        org.update(lead, {"Title": "1"}, user=limited)
    assert refused(error) == ("INVALID_FIELD_FOR_INSERT_UPDATE", ("Title",))


# update


def test_an_update_stamps_the_record(frozen_org: Org) -> None:
    account = frozen_org.create("Account", {"Name": "Acme", "Phone": "1"})
    frozen_org.clock.advance(minutes=1, milliseconds=900)
    frozen_org.update(account, {"Phone": None})
    row = record(frozen_org, account)
    assert [row[name] for name in AUDIT] == [START, LATER, LATER]
    assert row["Phone"] is None


def test_updates_of_what_is_not_there(frozen_org: Org) -> None:
    account = frozen_org.create("Account", {"Name": "Acme"})
    frozen_org.delete(account)
    for record_id, code in (
        (account, "ENTITY_IS_DELETED"),
        ("001Hs0000000009", "NOT_FOUND"),
        ("zzzHs0000000009", "NOT_FOUND"),
        ("x", "MALFORMED_ID"),
    ):
        with pytest.raises(ApiError) as error:
            frozen_org.update(record_id, {"Name": "x"})
        assert refused(error)[0] == code


def test_a_required_field_cannot_be_emptied(frozen_org: Org) -> None:
    account = frozen_org.create("Account", {"Name": "Acme"})
    with pytest.raises(ApiError) as error:
        frozen_org.update(account, {"Name": ""})
    assert refused(error) == ("REQUIRED_FIELD_MISSING", ("Name",))


def test_field_history_of_an_opportunity(frozen_org: Org) -> None:
    deal = frozen_org.create(
        "Opportunity", {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-05-01", "Amount": 5}
    )
    frozen_org.update(deal, {"StageName": "Qualification", "Amount": "7.5", "CloseDate": "2026-05-01"})
    history = {
        row["Field"]: (row["OldValue"], row["NewValue"]) for row in frozen_org.rows("OpportunityFieldHistory")
    }
    assert history == {"StageName": ("Prospecting", "Qualification"), "Amount": ("5.0", "7.5")}


def test_quiet_changes_move_the_system_stamp_alone(frozen_org: Org) -> None:
    task = frozen_org.create("Task", {"Subject": "Call"})
    frozen_org.clock.advance(minutes=1)
    assert frozen_org.archive([task]) == 1
    row = record(frozen_org, task)
    assert (row["IsArchived"], row["LastModifiedDate"], row["SystemModstamp"]) == (True, START, LATER)
    frozen_org.clock.advance(minutes=1)
    assert frozen_org.touch([task[:15]]) == 1
    assert record(frozen_org, task)["SystemModstamp"] > LATER


# delete


def test_a_delete_takes_its_dependents_along_and_back(frozen_org: Org) -> None:
    org = frozen_org
    account = org.create("Account", {"Name": "Acme"})
    other = org.create("Account", {"Name": "Child", "ParentId": account})
    contact = org.create("Contact", {"LastName": "x", "AccountId": account})
    gone_before = org.create("Contact", {"LastName": "y", "AccountId": account})
    deal = org.create(
        "Opportunity",
        {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-05-01", "AccountId": account},
    )
    note = org.create("Note", {"ParentId": deal, "Title": "hm"})
    org.delete(gone_before)
    org.clock.advance(minutes=1)
    org.delete(account)
    assert [org.is_deleted(each) for each in (account, contact, deal, note, other)] == [True] * 4 + [False]
    assert record(org, note)["SystemModstamp"] == LATER
    org.clock.advance(minutes=1)
    org.undelete(account)
    assert [org.is_deleted(each) for each in (account, contact, deal, note)] == [False] * 4
    assert org.is_deleted(gone_before)
    assert record(org, contact)["SystemModstamp"] > LATER


def test_field_history_goes_and_comes_back_with_its_opportunity(frozen_org: Org) -> None:
    """No column of a history row tells that it came back: CreatedDate, its only stamp, stays."""
    org = frozen_org
    deal = org.create("Opportunity", {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-05-01"})
    org.update(deal, {"StageName": "Qualification", "Amount": 5})
    before = org.rows("OpportunityFieldHistory")
    assert [(row["Field"], row["CreatedDate"]) for row in before] == [("StageName", START), ("Amount", START)]
    org.clock.advance(minutes=1)
    org.delete(deal)
    assert org.rows("OpportunityFieldHistory") == [{**row, "IsDeleted": True} for row in before]
    start, end = org.clock.now() - timedelta(minutes=5), org.clock.now() + timedelta(minutes=5)
    assert len(org.deleted("OpportunityFieldHistory", start, end).records) == 2
    org.clock.advance(minutes=1)
    org.undelete(deal)
    assert org.rows("OpportunityFieldHistory") == before
    assert not org.deleted("OpportunityFieldHistory", start, end).records
    assert record(org, deal)["SystemModstamp"] > LATER


def test_a_child_does_not_come_back_alone(frozen_org: Org) -> None:
    account = frozen_org.create("Account", {"Name": "Acme"})
    contact = frozen_org.create("Contact", {"LastName": "x", "AccountId": account})
    frozen_org.delete(account)
    with pytest.raises(ApiError) as error:
        frozen_org.undelete(contact)
    assert refused(error)[0] == "UNDELETE_FAILED"


def test_what_comes_back_after_its_parent_went(frozen_org: Org) -> None:
    org = frozen_org
    account = org.create("Account", {"Name": "Acme"})
    contact = org.create("Contact", {"LastName": "x", "AccountId": account})
    case = org.create("Case", {"AccountId": account})
    comment = org.create("CaseComment", {"ParentId": case, "CommentBody": "hm"})
    org.delete(contact)
    org.delete(comment)
    org.delete(case)
    org.delete(account)
    with pytest.raises(ApiError) as error:
        org.undelete(comment)
    assert refused(error) == ("UNDELETE_FAILED", ("ParentId",))
    org.undelete(contact)
    assert record(org, contact)["AccountId"] is None


def test_lookups_at_a_vanished_record_are_emptied(frozen_org: Org) -> None:
    org = frozen_org
    parent = org.create("Account", {"Name": "parent"})
    child = org.create("Account", {"Name": "child", "ParentId": parent})
    org.delete(parent)
    assert record(org, child)["ParentId"] == parent
    org.clock.advance(days=15, minutes=1)
    row = record(org, child)
    assert (row["ParentId"], row["LastModifiedDate"]) == (None, START)
    assert row["SystemModstamp"] == "2026-03-17T09:01:30.000+0000"


def test_a_restricted_lookup_forbids_the_delete(frozen_org: Org) -> None:
    org = frozen_org
    org.add_field(
        "Lead", custom_field("Partner__c", "reference", reference_to=("Account",), restricted_delete=True)
    )
    account = org.create("Account", {"Name": "Acme"})
    lead = org.create("Lead", {"LastName": "x", "Company": "y", "Partner__c": account})
    with pytest.raises(ApiError) as error:
        org.delete(account)
    assert refused(error)[0] == "DELETE_FAILED"
    org.delete(lead)
    org.delete(account)


def test_a_hard_delete_leaves_nothing(frozen_org: Org) -> None:
    account = frozen_org.create("Account", {"Name": "Acme"})
    contact = frozen_org.create("Contact", {"LastName": "x", "AccountId": account})
    frozen_org.hard_delete(account)
    assert frozen_org.get(account) is None
    assert frozen_org.get(contact) is None


# merge


def test_a_merge_moves_the_children_to_the_master(frozen_org: Org) -> None:
    org = frozen_org
    master, loser = (org.create("Account", {"Name": name}) for name in ("master", "loser"))
    contact = org.create("Contact", {"LastName": "x", "AccountId": loser})
    task = org.create("Task", {"WhatId": loser})
    org.clock.advance(minutes=1)
    org.merge(master, [loser])
    assert (record(org, loser)["IsDeleted"], record(org, loser)["MasterRecordId"]) == (True, master)
    assert record(org, contact)["AccountId"] == record(org, task)["WhatId"] == master
    assert record(org, contact)["SystemModstamp"] == record(org, master)["SystemModstamp"] == LATER
    assert not org.is_deleted(contact)


@pytest.mark.parametrize("sobject", ["Task", "Account"])
def test_refused_merges(frozen_org: Org, sobject: str) -> None:
    one = frozen_org.create(sobject, {"Name": "x"} if sobject == "Account" else {})
    with pytest.raises(ApiError):
        frozen_org.merge(one, [one])


# loading


def test_load_gives_ids_defaults_and_stamps(frozen_org: Org) -> None:
    frozen_org.create("Account", {"Name": "first"})
    rows = ((f"n{number}", number) for number in range(5000))
    assert frozen_org.load("Account", rows, ("Name", "NumberOfEmployees")) == 5000
    frozen_org.create("Account", {"Name": "last"})
    found = frozen_org.rows("Account")
    ids = [row["Id"] for row in found]
    assert ids == sorted(set(ids))
    assert [row["Name"] for row in found[:2]] == ["first", "n0"]
    assert found[-1]["Name"] == "last"
    assert found[7]["NumberOfEmployees"] == 6
    assert found[7]["SystemModstamp"] == START
    assert found[7]["OwnerId"] == frozen_org.admin.id
    assert found[7]["IsDeleted"] is False
