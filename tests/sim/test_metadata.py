"""The standard objects as data: complete, consistent, and theirs alone."""

from __future__ import annotations

from collections import Counter

import pytest

from salesforce_simulator.org import ALL_FEATURES
from salesforce_simulator.schema import COMPOUND_TYPES, NUMBER_TYPES, Schema, SObject
from salesforce_simulator.standard import standard_objects

FULL = Schema(standard_objects(ALL_FEATURES))
PLAIN = Schema(standard_objects())


def test_there_are_48_collections() -> None:
    names = [sobject.collection for sobject in FULL if sobject.collection is not None]
    assert len(names) == len(set(names)) == 48
    assert {"_group", "role", "opportunity_product", "accounts", "names"} <= set(names)
    assert not any(sobject.neighbour for sobject in FULL if sobject.collection is not None)


def test_features_that_are_off_do_not_exist() -> None:
    missing = set(FULL.objects) - set(PLAIN.objects)
    assert {"AccountTag", "TagDefinition", "OpportunityLineItemSchedule"} <= missing
    assert all(
        name.endswith("Tag") or name in ("TagDefinition", "OpportunityLineItemSchedule") for name in missing
    )
    assert "CurrencyIsoCode" not in PLAIN.objects["Account"].fields
    assert "CurrencyIsoCode" in FULL.objects["Account"].fields


def test_nothing_custom_from_elsewhere() -> None:
    for sobject in FULL:
        assert not sobject.custom
        for f in sobject.fields.values():
            assert not f.custom
            assert "__" not in f.name
            assert not any("__" in target for target in f.reference_to), (sobject.name, f.name)
            assert not any("__c" in value for value in f.picklist), (sobject.name, f.name)


def test_key_prefixes_are_unique() -> None:
    prefixes = Counter(sobject.key_prefix for sobject in FULL if sobject.key_prefix)
    assert set(prefixes.values()) == {1}
    assert [sobject.name for sobject in FULL if not sobject.key_prefix] == ["Name"]
    assert FULL.objects["Opportunity"].key_prefix == "006"


@pytest.mark.parametrize("sobject", list(FULL), ids=lambda sobject: sobject.name)
def test_fields_agree_with_each_other(sobject: SObject) -> None:
    assert sobject.fields["Id"].type == "id"
    lower = Counter(name.lower() for name in sobject.fields)
    assert set(lower.values()) == {1}
    relationships = Counter(f.relationship_name for f in sobject.fields.values() if f.relationship_name)
    assert not [name for name, times in relationships.items() if times > 1]
    for f in sobject.fields.values():
        assert (f.type == "reference") == bool(f.reference_to), f.name
        if f.type in NUMBER_TYPES:
            assert 0 <= f.scale <= f.precision <= 18, f.name
        if f.compound_field_name is not None and f.compound_field_name != f.name:
            assert f.compound_field_name in sobject.fields, f.name
        if f.type in COMPOUND_TYPES:
            assert sobject.parts(f.name), f.name
    assert sum(f.name_field for f in sobject.fields.values()) <= 1


def test_children_of_a_parent_have_names_of_their_own() -> None:
    for sobject in FULL:
        names = Counter(
            child.relationship_name
            for child in FULL.child_relationships(sobject.name)
            if child.relationship_name
        )
        assert not [name for name, times in names.items() if times > 1], sobject.name


def test_what_a_delete_takes_along() -> None:
    taken = {
        (child.child, child.field) for child in FULL.child_relationships("Account") if child.cascade_delete
    }
    assert {
        ("Contact", "AccountId"),
        ("Opportunity", "AccountId"),
        ("AccountContactRole", "AccountId"),
    } <= taken
    assert ("Case", "AccountId") not in taken
    assert ("Account", "ParentId") not in taken
    assert not [c for c in FULL.child_relationships("User") if c.cascade_delete]


def test_objects_that_a_client_must_skip() -> None:
    assert not FULL.objects["Name"].queryable
    assert [sobject.name for sobject in FULL if not sobject.bulk] == ["CaseStatus", "TaskStatus"]
    assert FULL.objects["ContentDocumentLink"].requires_filter == ("ContentDocumentId", "LinkedEntityId")


@pytest.mark.parametrize(
    ("sobject", "key"),
    [
        ("Account", "SystemModstamp"),
        ("CampaignShare", "LastModifiedDate"),
        ("UserLogin", "LastModifiedDate"),
        ("OpportunityFieldHistory", "CreatedDate"),
        ("Name", None),
    ],
)
def test_replication_keys(sobject: str, key: str | None) -> None:
    assert FULL.objects[sobject].replication_key == key


def test_names_are_found_in_any_case() -> None:
    account = FULL.get("aCCount")
    assert account is not None
    assert account.name == "Account"
    found = account.field("annualrevenue")
    assert found is not None
    assert found.name == "AnnualRevenue"
    owner = account.relationship("OWNER")
    assert owner is not None
    assert owner.name == "OwnerId"
    assert FULL.get("Nothing") is None
    assert account.field("Nothing") is None
