"""Deletes that Salesforce refuses: `restrictedDelete` in recorded describes, and the refusal as recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.errors import ApiError
from tests.sim.api import Api

if TYPE_CHECKING:
    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer

RESTRICTED = {
    ("Case", "AccountId", "Account"),
    ("Case", "ContactId", "Contact"),
    ("Contract", "AccountId", "Account"),
    ("Contract", "CustomerSignedId", "Contact"),
    ("Contract", "Pricebook2Id", "Pricebook2"),
    ("Opportunity", "Pricebook2Id", "Pricebook2"),
    ("OpportunityLineItem", "PricebookEntryId", "PricebookEntry"),
    ("PricebookEntry", "Product2Id", "Product2"),
    ("User", "ContactId", "Contact"),
}


def made(org: Org, sobject: str, **given: Any) -> str:
    """A record with what it needs to exist."""
    needs: dict[str, Any] = {
        "Account": lambda: {"Name": "Acme"},
        "Contact": lambda: {"LastName": "Davis", "FirstName": "Josh", "Salutation": "Mr."},
        "Case": dict,
        "Contract": lambda: {"AccountId": given.get("AccountId") or made(org, "Account")},
        "Pricebook2": lambda: {"Name": "Standard"},
        "Product2": lambda: {"Name": "Widget"},
        "PricebookEntry": lambda: {
            "Pricebook2Id": made(org, "Pricebook2"),
            "Product2Id": given.get("Product2Id") or made(org, "Product2"),
            "UnitPrice": 1,
        },
        "Opportunity": lambda: {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-05-01"},
        "OpportunityLineItem": lambda: {
            "OpportunityId": made(org, "Opportunity"), "Quantity": 1, "UnitPrice": 1
        },
    }  # fmt: skip
    return org.create(sobject, {**needs[sobject](), **given})


@pytest.mark.parametrize(("child", "field", "parent"), sorted(RESTRICTED))
def test_a_parent_with_children_is_not_deleted(frozen_org: Org, child: str, field: str, parent: str) -> None:
    org = frozen_org
    parent_id = made(org, parent)
    if child == "User":
        child_id = org.add_user("portal@acme.example").id
        org.update(child_id, {field: parent_id})
    else:
        child_id = made(org, child, **{field: parent_id})
    for act in (org.delete, org.hard_delete):
        with pytest.raises(ApiError) as error:
            act(parent_id)
        assert error.value.error_code == "DELETE_FAILED"
    assert not org.is_deleted(parent_id)
    if child == "User":
        org.update(child_id, {field: None})
    else:
        org.delete(child_id)
    org.delete(parent_id)
    assert org.is_deleted(parent_id)


def test_the_body_is_as_recorded(org_server: OrgServer) -> None:
    org, api = org_server.org, Api(org_server)
    contact = made(org, "Contact")
    numbers = [org.rows("Case")[-1]["CaseNumber"] for _ in range(2) if made(org, "Case", ContactId=contact)]
    answer = api.call("DELETE", f"sobjects/Contact/{contact}")
    message = (
        "Your attempt to delete Mr. Josh Davis could not be completed because it is associated with the following "
        f"cases.: {', '.join(numbers)}\n"
    )
    assert answer.status_code == 400
    assert answer.json() == [{"message": message, "errorCode": "DELETE_FAILED", "fields": []}]
    (outcome,) = api.call("DELETE", f"composite/sobjects?ids={contact}").json()
    assert outcome["errors"] == [{"statusCode": "DELETE_FAILED", "message": message, "fields": []}]


def test_what_goes_along_is_asked_too(frozen_org: Org) -> None:
    """An account takes its contacts along; a case of one of them forbids it."""
    account = made(frozen_org, "Account")
    contact = made(frozen_org, "Contact", AccountId=account)
    case = made(frozen_org, "Case", ContactId=contact)
    with pytest.raises(ApiError):
        frozen_org.delete(account)
    assert frozen_org.restricting(account) == [case]
    frozen_org.delete(case)
    frozen_org.delete(account)
    assert frozen_org.is_deleted(contact)


def test_a_deleted_child_forbids_nothing_and_keeps_its_parent(frozen_org: Org) -> None:
    account = made(frozen_org, "Account")
    case = made(frozen_org, "Case", AccountId=account)
    frozen_org.delete(case)
    frozen_org.clock.advance(days=1)
    frozen_org.delete(account)
    row = frozen_org.get(case)
    assert row is not None
    assert row["AccountId"] == account
    frozen_org.undelete(account)
    assert frozen_org.is_deleted(case)
    frozen_org.clock.advance(days=16)
    assert frozen_org.get(case) is None


def test_describe_says_it(org_server: OrgServer) -> None:
    api = Api(org_server)
    fields, children = set(), set()
    for name in ("Account", "Case", "Contact", "Contract", "Opportunity", "OpportunityLineItem", "Pricebook2",
                 "PricebookEntry", "Product2", "User"):  # fmt: skip
        described = api.get(f"sobjects/{name}/describe").json()
        for f in described["fields"]:
            fields |= {(name, f["name"], to) for to in f["referenceTo"] if f["restrictedDelete"]}
            assert not (f["restrictedDelete"] and f["cascadeDelete"])
        children |= {
            (c["childSObject"], c["field"], name)
            for c in described["childRelationships"]
            if c["restrictedDelete"]
        }
    assert fields == children == RESTRICTED
