"""Names of streams and columns are Segment's, and no two are the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_sfsource.catalog.naming import (
    API_NAMES,
    COLLECTIONS,
    collection_name,
    column_name,
    column_names,
    stream_names,
)

API_NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}(__c|__x|__mdt)?", fullmatch=True)


@pytest.mark.parametrize(
    ("api_name", "column"),
    [
        ("Id", "id"),
        ("AccountNumber", "account_number"),
        ("Product2Id", "product_2_id"),
        ("My_Field__c", "my_field_c"),
        ("X1st_Won_Deal_Date__c", "x1_st_won_deal_date_c"),
        ("ns__Foo__c", "ns_foo_c"),
        ("IsDeleted", "is_deleted"),
        ("SystemModstamp", "system_modstamp"),
        ("BillingPostalCode", "billing_postal_code"),
        ("HTMLBody", "htmlbody"),
    ],
)
def test_columns_are_named_as_in_segments_warehouses(api_name: str, column: str) -> None:
    assert column_name(api_name) == column


def test_the_48_collections_are_named_as_in_segments_table() -> None:
    assert len(COLLECTIONS) == len(API_NAMES) == 48
    assert COLLECTIONS["Group"] == "_group"
    assert COLLECTIONS["UserRole"] == "role"
    assert COLLECTIONS["OpportunityLineItem"] == "opportunity_product"
    assert COLLECTIONS["CaseContactRole"] == "case_contact_role"
    assert collection_name("Invoice__c") == "invoice_c"


def test_colliding_columns_are_told_apart_by_api_name_order() -> None:
    assert column_names(["My_Field__c", "MyField__c"]) == {
        "My_Field__c": "my_field_c_2",
        "MyField__c": "my_field_c",
    }


def test_a_name_that_a_catalog_has_given_stays_when_a_field_is_added() -> None:
    known = column_names(["My_Field__c"])

    assert column_names(["My_Field__c", "MyField__c"], known) == {
        "My_Field__c": "my_field_c",
        "MyField__c": "my_field_c_2",
    }


def test_a_custom_object_never_takes_a_collections_name() -> None:
    assert stream_names(["Accounts", "Account"]) == {"Accounts": "accounts_2", "Account": "accounts"}


def test_salesforce_naming_keeps_api_names() -> None:
    assert column_names(["My_Field__c", "MyField__c"], naming="salesforce") == {
        "My_Field__c": "My_Field__c",
        "MyField__c": "MyField__c",
    }
    assert stream_names(["Account"], naming="salesforce") == {"Account": "Account"}


@given(st.lists(API_NAME, unique=True))
def test_every_field_has_a_column_of_its_own_in_any_order(api_names: list[str]) -> None:
    names = column_names(api_names)

    assert list(names) == api_names
    assert len(set(names.values())) == len(api_names)
    assert names == column_names(reversed(api_names))
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names.values())


@given(st.lists(API_NAME, unique=True), st.lists(API_NAME, unique=True))
def test_fields_that_come_later_rename_none(before: list[str], later: list[str]) -> None:
    known = column_names(before)
    names = column_names([*before, *(name for name in later if name not in known)], known)

    assert {name: names[name] for name in before} == known
    assert len(set(names.values())) == len(names)
