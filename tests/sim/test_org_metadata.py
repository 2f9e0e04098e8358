"""Custom fields, custom objects, formulas and the stamps of describes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.errors import ApiError
from salesforce_simulator.users import Permissions

if TYPE_CHECKING:
    from salesforce_simulator.org import Org


def value(org: Org, record_id: str, name: str) -> Any:
    found = org.get(record_id)
    assert found is not None
    return found[name]


# fields


def test_a_new_field_is_null_until_set_and_gone_when_removed(frozen_org: Org) -> None:
    org = frozen_org
    account = org.create("Account", {"Name": "x"})
    stamp = value(org, account, "SystemModstamp")
    org.clock.advance(minutes=1)
    org.add_field("Account", custom_field("Tier__c", "picklist", picklist=("A", "B")))
    org.add_field("Account", custom_field("Vip__c", "boolean"))
    assert value(org, account, "Tier__c") is None
    assert value(org, account, "Vip__c") is False
    assert value(org, account, "SystemModstamp") == stamp
    org.update(account, {"tier__c": "A"})
    assert value(org, account, "Tier__c") == "A"
    org.remove_field("Account", "Tier__c")
    with pytest.raises(ApiError):
        org.update(account, {"Tier__c": "B"})
    org.add_field("Account", custom_field("Tier__c", "double"))
    assert value(org, account, "Tier__c") is None


def test_a_location_has_parts(frozen_org: Org) -> None:
    org = frozen_org
    org.add_field("Account", custom_field("Spot__c", "location"))
    for part in ("Spot__Latitude__s", "Spot__Longitude__s"):
        org.add_field("Account", custom_field(part, "double", scale=15, compound_field_name="Spot__c"))
    account = org.create("Account", {"Name": "x", "Spot__Latitude__s": "52.5", "Spot__Longitude__s": "13.4"})
    assert value(org, account, "Spot__Latitude__s") == Decimal("52.5")
    assert [f.name for f in org.object("Account").parts("Spot__c")] == [
        "Spot__Latitude__s",
        "Spot__Longitude__s",
    ]
    assert "Spot__c" not in [f.name for f in org.object("Account").columns]


def test_a_field_cannot_be_added_twice(frozen_org: Org) -> None:
    frozen_org.add_field("Account", custom_field("A__c", "string"))
    with pytest.raises(ValueError, match="already"):
        frozen_org.add_field("Account", custom_field("a__C", "string"))


# objects


def test_a_custom_object_with_details(frozen_org: Org) -> None:
    org = frozen_org
    org.add_object(custom_object("Invoice__c", [custom_field("Total__c", "currency")], auto_number=True))
    master = custom_field(
        "Invoice__c", "reference", reference_to=("Invoice__c",), nillable=False, cascade_delete=True
    )
    org.add_object(custom_object("Invoice_Line__c", [master]))
    invoice = org.create("Invoice__c", {"Total__c": "1.50"})
    assert (invoice[:3], value(org, invoice, "Name")) == ("a00", "INV-00001")
    with pytest.raises(ApiError):
        org.create("Invoice_Line__c", {})
    line = org.create("Invoice_Line__c", {"Invoice__c": invoice})
    assert line[:3] == "a01"
    assert "OwnerId" not in org.object("Invoice_Line__c").fields
    org.delete(invoice)
    assert org.is_deleted(line)
    (child,) = org.schema.child_relationships("Invoice__c")
    assert (child.child, child.relationship_name, child.cascade_delete) == (
        "Invoice_Line__c",
        "Invoice_Lines__r",
        True,
    )
    org.remove_object("Invoice_Line__c")
    assert org.schema.get("Invoice_Line__c") is None
    assert org.schema.child_relationships("Invoice__c") == []


def test_an_object_that_comes_again_knows_nothing_of_the_first(frozen_org: Org) -> None:
    org = frozen_org
    now = org.clock.now()
    org.add_object(custom_object("Visit__c", []))
    first = org.create("Visit__c", {"Name": "x"})
    org.delete(first)
    org.remove_object("Visit__c")
    org.add_object(custom_object("Visit__c", []))
    assert org.deleted("Visit__c", now - timedelta(hours=1), now + timedelta(minutes=1)).records == []
    assert org.rows("Visit__c") == []
    assert org.create("Visit__c", {"Name": "x"}) != first


# formulas


def test_a_formula_follows_its_parent_without_a_stamp(frozen_org: Org) -> None:
    org = frozen_org
    org.add_field("Contact", custom_field("Trade__c", "string", formula="{Account.Industry}"))
    org.add_field("Contact", custom_field("Shout__c", "string", formula="upper({Trade__c})"))
    account = org.create("Account", {"Name": "x", "Industry": "Energy"})
    contact = org.create("Contact", {"LastName": "y", "AccountId": account})
    stamp = value(org, contact, "SystemModstamp")
    assert value(org, contact, "Trade__c") == "Energy"
    org.clock.advance(minutes=1)
    org.update(account, {"Industry": "Banking"})
    assert value(org, contact, "Trade__c") == "Banking"
    assert value(org, contact, "Shout__c") == "BANKING"
    assert value(org, contact, "SystemModstamp") == stamp
    org.update(contact, {"AccountId": None})
    assert value(org, contact, "Trade__c") is None


def test_a_formula_reaches_two_levels_up(frozen_org: Org) -> None:
    org = frozen_org
    owner = org.add_user("ada@acme.example")
    account = org.create("Account", {"Name": "x", "OwnerId": owner.id})
    contact = org.create("Contact", {"LastName": "y", "AccountId": account})
    org.add_field("Contact", custom_field("Boss__c", "string", formula="{Account.Owner.LastName} || '!'"))
    assert value(org, contact, "Boss__c") == "Ada!"
    org.update(owner.id, {"LastName": "King"})
    assert value(org, contact, "Boss__c") == "King!"


def test_a_formula_over_the_same_object(frozen_org: Org) -> None:
    org = frozen_org
    org.add_field("Account", custom_field("Above__c", "string", formula="{Parent.Name}"))
    top = org.create("Account", {"Name": "top"})
    low = org.create("Account", {"Name": "low", "ParentId": top})
    org.update(top, {"Name": "TOP"})
    assert value(org, low, "Above__c") == "TOP"
    assert value(org, top, "Above__c") is None


def test_a_formula_of_the_present_day_drifts(frozen_org: Org) -> None:
    org = frozen_org
    account = org.create("Account", {"Name": "x"})
    org.add_field("Account", custom_field("Since__c", "date"))
    org.update(account, {"Since__c": "2026-03-01"})
    org.clock.advance(days=1)
    formula = "CAST(julianday({$Today}) - julianday({Since__c}) AS INTEGER)"
    org.add_field("Account", custom_field("Age__c", "double", formula=formula))
    stamp = value(org, account, "SystemModstamp")
    assert value(org, account, "Age__c") == 2
    org.clock.advance(hours=23)
    assert value(org, account, "Age__c") == 3
    assert value(org, account, "SystemModstamp") == stamp


def test_a_formula_is_read_only_and_must_make_sense(frozen_org: Org) -> None:
    frozen_org.add_field("Account", custom_field("Double__c", "double", formula="{NumberOfEmployees} * 2"))
    with pytest.raises(ApiError) as error:
        frozen_org.create("Account", {"Name": "x", "Double__c": 1})
    assert error.value.error_code == "INVALID_FIELD_FOR_INSERT_UPDATE"
    with pytest.raises(ValueError, match="Nope"):
        frozen_org.add_field("Account", custom_field("Bad__c", "double", formula="{Nope}"))
    assert frozen_org.object("Account").field("Bad__c") is None


# stamps of describes


def test_a_describe_changes_its_stamp_with_its_object(frozen_org: Org) -> None:
    org = frozen_org
    account, contact, everything = (
        org.described_at("Account"),
        org.described_at("Contact"),
        org.described_at(None),
    )
    org.add_field("Account", custom_field("A__c", "string"))
    after = org.described_at("Account")
    assert after > account
    assert org.described_at(None) > everything
    assert org.described_at("Contact") == contact
    org.change_field("Account", "A__c", label="Other")
    assert org.described_at("Account") > after


def test_permissions_change_what_a_user_sees_and_its_stamp(frozen_org: Org) -> None:
    org = frozen_org
    ada, ben = org.add_user("ada@acme.example"), org.add_user("ben@acme.example")
    before = org.described_at("Account", ada)
    org.set_permissions(ada.username, Permissions().without_object("Lead").without_field("Account.Phone"))
    assert org.described_at("Account", ada) > before
    assert org.described_at("Account", ben) == before
    view = org.schema_for(ada)
    assert view.get("Lead") is None
    assert view.objects["Account"].field("Phone") is None
    assert org.schema_for(ada) is view
    assert org.schema_for(ben) is org.schema
    org.add_field("Account", custom_field("A__c", "string"))
    assert org.schema_for(ada).objects["Account"].field("A__c") is not None
    assert org.schema_for(ada).get("Lead") is None
