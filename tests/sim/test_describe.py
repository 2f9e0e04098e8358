"""Describe JSON: all its keys, and no two statements that contradict each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator import company
from salesforce_simulator.describe import describe_global, describe_sobject
from salesforce_simulator.org import ALL_FEATURES, Org
from salesforce_simulator.users import Permissions

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = "/services/data/v64.0"
# Keys of recorded describes, API v60 and later.
LINE_KEYS = set(
    re.findall(
        r"\w+",
        "activateable associateEntityType associateParentEntity createable custom customSetting deepCloneable deletable "
        "deprecatedAndHidden feedEnabled hasSubtypes isInterface isSubtype keyPrefix label labelPlural layoutable mergeable "
        "mruEnabled name queryable replicateable retrieveable searchable triggerable undeletable updateable urls",
    )
)
OBJECT_KEYS = LINE_KEYS | set(
    re.findall(
        r"\w+",
        "actionOverrides childRelationships compactLayoutable dataTranslationEnabled defaultImplementation extendedBy "
        "extendsInterfaces fields implementedBy implementsInterfaces listviewable lookupLayoutable namedLayoutInfos "
        "networkScopeFieldName recordTypeInfos searchLayoutable sobjectDescribeOption supportedScopes",
    )
)
FIELD_KEYS = set(
    re.findall(
        r"\w+",
        "aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete caseSensitive "
        "compoundFieldName controllerName createable custom dataTranslationEnabled defaultValue defaultValueFormula "
        "defaultedOnCreate dependentPicklist deprecatedAndHidden digits displayLocationInDecimal encrypted externalId "
        "extraTypeInfo filterable filteredLookupInfo formulaTreatNullNumberAsZero groupable highScaleNumber htmlFormatted "
        "idLookup inlineHelpText label length mask maskType name nameField namePointing nillable permissionable "
        "picklistValues polymorphicForeignKey precision queryByDistance referenceTargetField referenceTo relationshipName "
        "relationshipOrder restrictedDelete restrictedPicklist scale searchPrefilterable soapType sortable type unique "
        "updateable writeRequiresMasterRead",
    )
)


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    org = Org(features=ALL_FEATURES)
    company.populate(org, scale=0.1)
    yield org
    org.close()


def describes(org: Org) -> list[dict[str, Any]]:
    return [describe_sobject(org.schema, sobject, BASE) for sobject in org.schema]


def test_every_key_is_there(org: Org) -> None:
    lines = describe_global(org.schema, BASE)
    assert (lines["encoding"], lines["maxBatchSize"]) == ("UTF-8", 200)
    for line in lines["sobjects"]:
        assert line.keys() == LINE_KEYS
    for described in describes(org):
        assert described.keys() == OBJECT_KEYS
        for f in described["fields"]:
            assert f.keys() == FIELD_KEYS, f["name"]


def test_a_describe_agrees_with_its_line(org: Org) -> None:
    lines = {line["name"]: line for line in describe_global(org.schema, BASE)["sobjects"]}
    assert list(lines) == list(org.schema.objects)
    for described in describes(org):
        line = lines[described["name"]]
        assert {key: described[key] for key in LINE_KEYS - {"urls"}} == {
            k: v for k, v in line.items() if k != "urls"
        }
        assert line["urls"].items() <= described["urls"].items()
        assert described["urls"]["sobject"] == f"{BASE}/sobjects/{described['name']}"


def test_parents_list_the_children_that_point_at_them(org: Org) -> None:
    claimed = {
        (described["name"], child["childSObject"], child["field"], child["cascadeDelete"])
        for described in describes(org)
        for child in described["childRelationships"]
    }
    pointing = {
        (target, described["name"], f["name"], f["cascadeDelete"])
        for described in describes(org)
        for f in described["fields"]
        for target in f["referenceTo"]
        if target in org.schema.objects and f["name"] != "MasterRecordId"
    }
    assert claimed == pointing
    assert ("Invoice__c", "Invoice_Line__c", "Invoice__c", True) in claimed


def test_fields_agree_with_themselves(org: Org) -> None:
    for described in describes(org):
        for f in described["fields"]:
            where = (described["name"], f["name"])
            assert f["polymorphicForeignKey"] == (len(f["referenceTo"]) > 1), where
            assert f["custom"] == f["name"].endswith(("__c", "__s")), where
            assert (f["soapType"] == "tns:ID") == (f["type"] in ("id", "reference")), where
            assert not (f["calculated"] and (f["createable"] or f["updateable"])), where
            assert f["byteLength"] in (f["length"], 3 * f["length"]), where
            for picked in f["picklistValues"]:
                assert picked.keys() == {"active", "defaultValue", "label", "validFor", "value"}
            if f["name"].endswith(("Latitude", "Longitude")):
                assert f["compoundFieldName"] is not None, where
            if not described["updateable"]:
                assert not f["updateable"], where
            if not described["createable"]:
                assert not f["createable"], where


def test_record_types_and_addresses(org: Org) -> None:
    for described in describes(org):
        name = described["name"]
        assert {"sobject", "describe", "rowTemplate"} <= described["urls"].keys()
        assert described["urls"]["describe"] == f"{BASE}/sobjects/{name}/describe"
        assert ("uiNewRecord" in described["urls"]) is described["layoutable"]
        masters = [each for each in described["recordTypeInfos"] if each["master"]]
        assert len(masters) == int(described["layoutable"]), name
        for info in described["recordTypeInfos"]:
            assert set(info) == {
                "active",
                "available",
                "defaultRecordTypeMapping",
                "developerName",
                "master",
                "name",
                "recordTypeId",
                "urls",
            }
        for child in described["childRelationships"]:
            assert set(child) == {
                "cascadeDelete",
                "childSObject",
                "deprecatedAndHidden",
                "field",
                "junctionIdListNames",
                "junctionReferenceTo",
                "relationshipName",
                "restrictedDelete",
            }


def test_known_fields(org: Org) -> None:
    fields = {f["name"]: f for f in describe_sobject(org.schema, org.object("Account"), BASE)["fields"]}
    assert (fields["Id"]["type"], fields["Id"]["byteLength"], fields["Id"]["idLookup"]) == ("id", 18, True)
    assert (fields["Name"]["nameField"], fields["Name"]["byteLength"]) == (True, 765)
    assert fields["BillingAddress"]["soapType"] == "urn:address"
    assert fields["BillingCity"]["compoundFieldName"] == "BillingAddress"
    assert fields["AnnualRevenue"]["groupable"] is False
    assert (fields["Notes__c"]["filterable"], fields["Notes__c"]["length"]) == (False, 131_072)
    assert (
        fields["Parent_Industry__c"]["calculated"],
        fields["Parent_Industry__c"]["calculatedFormula"],
    ) == (
        True,
        "TEXT(Parent.Industry)",
    )
    assert fields["Regions__c"]["sortable"] is False
    assert fields["IsDeleted"]["defaultValue"] is False
    assert [value["value"] for value in fields["Rating"]["picklistValues"]] == ["Hot", "Warm", "Cold"]


def test_a_user_sees_neither_hidden_fields_nor_their_relationships(org: Org) -> None:
    view = org.schema.restricted_to(Permissions().without_object("Contact").without_field("Case.AccountId"))
    described = describe_sobject(view, view.objects["Account"], BASE)
    children = {(child["childSObject"], child["field"]) for child in described["childRelationships"]}
    assert ("Opportunity", "AccountId") in children
    assert not {("Contact", "AccountId"), ("Case", "AccountId")} & children
    assert "Contact" not in [line["name"] for line in describe_global(view, BASE)["sobjects"]]
