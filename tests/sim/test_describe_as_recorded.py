"""Attributes of describes as real orgs' recorded ones have them, where clients have tripped over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.describe import describe_sobject
from salesforce_simulator.schema import Summary
from salesforce_simulator.server import serve
from tests.sim.api import Api

if TYPE_CHECKING:
    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer

BASE = "/services/data/v62.0"


@pytest.fixture
def org(frozen_org: Org) -> Org:
    frozen_org.add_object(
        custom_object(
            "Invoice__c", [custom_field("Notes__c", "textarea", length=32_768, html_formatted=True)]
        )
    )
    frozen_org.add_object(
        custom_object(
            "Line__c",
            [custom_field("Invoice__c", "reference", reference_to=("Invoice__c",), nillable=False,
                          cascade_delete=True)],
        )
    )  # fmt: skip
    summary = Summary("count", "Line__c", "Invoice__c")
    frozen_org.add_field("Invoice__c", custom_field("Lines__c", "double", summary=summary))
    frozen_org.add_field("Account", custom_field("Secret__c", "encryptedstring", length=175))
    frozen_org.add_field("Account", custom_field("Tier__c", "string"))
    frozen_org.add_field("Account", custom_field("Late__c", "boolean", formula="0"))
    return frozen_org


def fields(org: Org, name: str) -> dict[str, dict[str, Any]]:
    return {f["name"]: f for f in describe_sobject(org.schema, org.object(name), BASE)["fields"]}


def test_what_field_level_security_can_be_set_on(org: Org) -> None:
    account, contact, line = (fields(org, name) for name in ("Account", "Contact", "Line__c"))
    shown = {name for name, f in account.items() if f["permissionable"]}
    assert {"Industry", "Phone", "BillingStreet", "Tier__c", "Late__c", "ParentId"} <= shown
    system = {"Id", "Name", "OwnerId", "IsDeleted", "MasterRecordId", "LastActivityDate", "PhotoUrl"}
    assert not system & shown
    assert fields(org, "Opportunity")["IsPrivate"]["permissionable"]
    assert not contact["FirstName"]["permissionable"]
    assert not line["Invoice__c"]["permissionable"]


def test_what_can_be_grouped_and_prefiltered(org: Org) -> None:
    account = fields(org, "Account")
    assert not account["Secret__c"]["groupable"]
    assert account["Industry"]["groupable"]
    prefilterable = {name for name, f in account.items() if f["searchPrefilterable"]}
    assert {"MasterRecordId", "ParentId", "OwnerId"} <= prefilterable
    assert {account[name]["type"] for name in prefilterable} == {"reference"}
    assert not {"CreatedById", "LastModifiedById"} & prefilterable


def test_extra_type_info(org: Org) -> None:
    told = {
        (name, f["name"]): f["extraTypeInfo"]
        for name in ("Account", "Contact", "Invoice__c")
        for f in fields(org, name).values()
    }
    assert told["Account", "BillingStreet"] == told["Account", "Description"] == "plaintextarea"
    assert told["Invoice__c", "Notes__c"] == "richtextarea"
    assert told["Account", "PhotoUrl"] == told["Contact", "PhotoUrl"] == "imageurl"
    assert told["Account", "Name"] == "switchablepersonname"
    assert told["Contact", "Name"] == "personname"
    assert told["Account", "Industry"] is None


def test_defaults(org: Org) -> None:
    assert fields(org, "Invoice__c")["Lines__c"]["defaultValue"] is None
    assert fields(org, "Campaign")["NumberOfLeads"]["defaultValue"] is None
    assert fields(org, "Account")["IsDeleted"]["defaultValue"] is False


def test_names_of_standard_objects_are_no_lookup_keys(org: Org) -> None:
    for sobject in org.schema:
        if sobject.name_field is not None and not sobject.custom:
            assert not sobject.name_field.id_lookup, sobject.name
    assert fields(org, "Invoice__c")["Name"]["idLookup"]
    assert fields(org, "User")["Username"]["idLookup"]


def test_relationships(org: Org) -> None:
    for sobject in org.schema:
        described = describe_sobject(org.schema, sobject, BASE)
        assert "MasterRecordId" not in {child["field"] for child in described["childRelationships"]}
    assert fields(org, "Folder")["ParentId"]["relationshipName"] is None
    assert fields(org, "RecordType")["BusinessProcessId"]["relationshipName"] is None
    assert not org.object("UserLicense").replicateable


def test_fields_of_recent_releases(org: Org) -> None:
    assert fields(org, "Dashboard")["OwnerId"]["referenceTo"] == ["User"]
    for name in ("Contact", "Lead"):
        f = fields(org, name)["IsPriorityRecord"]
        assert (f["type"], f["nillable"], f["updateable"]) == ("boolean", False, False)


def test_the_organization(org_server: OrgServer) -> None:
    """What the vendor's CLI asks of it at a login, and more."""
    soql = (
        "SELECT Name, InstanceName, NamespacePrefix, IsSandbox, TrialExpirationDate, OrganizationType, Street, Phone, "
        "DefaultLocaleSidKey, LanguageLocaleKey, TimeZoneSidKey, DefaultAccountAccess, IsReadOnly, Address, "
        "SignupCountryIsoCode, MonthlyPageViewsUsed, PreferencesRequireOpportunityProducts FROM Organization"
    )
    (row,) = Api(org_server).query(soql).json()["records"]
    assert row["InstanceName"]
    assert (row["IsSandbox"], row["NamespacePrefix"], row["DefaultLocaleSidKey"]) == (False, None, "en_US")


def test_the_organization_of_a_sandbox(frozen_org: Org) -> None:
    frozen_org.login.sandbox = True
    with serve(frozen_org):
        (row,) = frozen_org.rows("Organization")
    assert row["IsSandbox"] is True
