"""Describe global and the describe of an object, as JSON.

Keys and their meanings follow the REST API guide ("sObject Describe", "Describe Global") and recorded describes.
`base` is the path of the version's root, e.g. `/services/data/v64.0`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salesforce_simulator.formulas import text_of
from salesforce_simulator.schema import AUDIT_FIELDS, COMPOUND_TYPES, TEXT_TYPES

if TYPE_CHECKING:
    from salesforce_simulator.schema import ChildRelationship, Field, Schema, SObject

JSON = dict[str, Any]

MASTER_RECORD_TYPE = "012000000000000AAA"
_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "base64": "xsd:base64Binary",
    "anyType": "xsd:anyType",
    "address": "urn:address",
    "location": "urn:location",
}
# The length of a name that is made of a person's first and last one.
_PERSON_NAME = 121
_NOT_AGGREGATABLE = frozenset({"boolean", "multipicklist", "base64", "anyType"}) | COMPOUND_TYPES


def describe_global(schema: Schema, base: str) -> JSON:
    """What `GET /sobjects` answers for a user's view of the schema."""
    return {
        "encoding": "UTF-8",
        "maxBatchSize": 200,
        "sobjects": [describe_line(sobject, base) for sobject in schema],
    }


def describe_line(sobject: SObject, base: str) -> JSON:
    """An object's entry in describe global."""
    return {**_capabilities(sobject), "urls": _urls(sobject, base)}


def describe_sobject(schema: Schema, sobject: SObject, base: str, instance_url: str = "") -> JSON:
    """What `GET /sobjects/X/describe` answers.

    `schema` is the user's view, and `sobject` of it; `base` is the path of the version's root. `instance_url` is for the
    addresses of the org's pages.
    """
    pages = {
        "uiEditTemplate": f"{instance_url}/{{ID}}/e",
        "uiDetailTemplate": f"{instance_url}/{{ID}}",
        "uiNewRecord": f"{instance_url}/{sobject.key_prefix}/e",
    }
    urls = _urls(sobject, base)
    return {
        **_capabilities(sobject),
        "actionOverrides": [],
        "childRelationships": [_child(each) for each in schema.child_relationships(sobject.name)],
        "compactLayoutable": sobject.layoutable,
        "dataTranslationEnabled": False,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [describe_field(f) for f in sobject.fields.values()],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": _record_types(sobject, base),
        "searchLayoutable": sobject.searchable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": _scopes(sobject),
        "urls": {**urls, **pages} if sobject.layoutable else urls,
    }


def _capabilities(sobject: SObject) -> JSON:
    return {
        "activateable": sobject.activateable,
        "associateEntityType": sobject.associate_entity_type,
        "associateParentEntity": sobject.associate_parent_entity,
        "createable": sobject.createable,
        "custom": sobject.custom,
        "customSetting": sobject.custom_setting,
        "deepCloneable": False,
        "deletable": sobject.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": sobject.feed_enabled,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": sobject.key_prefix,
        "label": sobject.label,
        "labelPlural": sobject.label_plural,
        "layoutable": sobject.layoutable,
        "mergeable": sobject.mergeable,
        "mruEnabled": sobject.mru_enabled,
        "name": sobject.name,
        "queryable": sobject.queryable,
        "replicateable": sobject.replicateable,
        "retrieveable": sobject.retrieveable,
        "searchable": sobject.searchable,
        "triggerable": sobject.triggerable,
        "undeletable": sobject.undeletable,
        "updateable": sobject.updateable,
    }


def _urls(sobject: SObject, base: str) -> JSON:
    own = f"{base}/sobjects/{sobject.name}"
    urls = {"sobject": own, "describe": f"{own}/describe", "rowTemplate": f"{own}/{{ID}}"}
    if sobject.layoutable:
        urls |= {
            "approvalLayouts": f"{own}/describe/approvalLayouts",
            "compactLayouts": f"{own}/describe/compactLayouts",
            "defaultValues": f"{own}/defaultValues?recordTypeId&fields",
            "layouts": f"{own}/describe/layouts",
            "listviews": f"{own}/listviews",
            "quickActions": f"{own}/quickActions",
        }
    return urls


def _child(relationship: ChildRelationship) -> JSON:
    return {
        "cascadeDelete": relationship.cascade_delete,
        "childSObject": relationship.child,
        "deprecatedAndHidden": False,
        "field": relationship.field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": relationship.relationship_name,
        "restrictedDelete": relationship.restricted_delete,
    }


def _record_types(sobject: SObject, base: str) -> list[JSON]:
    if not sobject.layoutable:
        return []
    return [
        {
            "active": True,
            "available": True,
            "defaultRecordTypeMapping": True,
            "developerName": "Master",
            "master": True,
            "name": "Master",
            "recordTypeId": MASTER_RECORD_TYPE,
            "urls": {"layout": f"{base}/sobjects/{sobject.name}/describe/layouts/{MASTER_RECORD_TYPE}"},
        }
    ]


def _scopes(sobject: SObject) -> list[JSON]:
    scopes = [{"label": f"All {sobject.label_plural}", "name": "everything"}]
    if "OwnerId" in sobject.fields:
        scopes.append({"label": f"My {sobject.label_plural}", "name": "mine"})
    return scopes


def describe_field(field: Field) -> JSON:
    """A field's entry in the describe of its object."""
    master_detail = field.custom and field.cascade_delete
    return {
        **_type_of(field),
        **_behaviour_of(field),
        "cascadeDelete": field.cascade_delete,
        "compoundFieldName": field.compound_field_name,
        "inlineHelpText": field.inline_help_text,
        "label": field.label,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": field.polymorphic,
        "picklistValues": [_picklist_value(field, value) for value in field.picklist],
        "polymorphicForeignKey": field.polymorphic,
        "referenceTargetField": None,
        "referenceTo": list(field.reference_to),
        "relationshipName": field.relationship_name,
        "relationshipOrder": 0 if master_detail else None,
        "restrictedDelete": field.restricted_delete,
        "restrictedPicklist": field.restricted_picklist,
        "writeRequiresMasterRead": False,
    }


def _type_of(field: Field) -> JSON:
    text = field.type in TEXT_TYPES
    return {
        "autoNumber": field.auto_number,
        "byteLength": field.length * 3 if text else field.length,
        "calculated": field.calculated,
        "calculatedFormula": text_of(field),
        "digits": field.digits,
        "displayLocationInDecimal": False,
        "encrypted": field.type == "encryptedstring",
        "extraTypeInfo": field.extra_type_info or _extra_type_info(field),
        "formulaTreatNullNumberAsZero": False,
        "highScaleNumber": False,
        "htmlFormatted": field.html_formatted,
        "length": field.length,
        "mask": None,
        "maskType": None,
        "precision": field.precision,
        "scale": field.scale,
        "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
        "type": field.type,
    }


def _behaviour_of(field: Field) -> JSON:
    long_text = field.type == "textarea" and field.length > 255
    return {
        "aggregatable": field.type not in _NOT_AGGREGATABLE and not long_text,
        "aiPredictionField": False,
        "caseSensitive": False,
        "controllerName": None,
        "createable": field.createable,
        "custom": field.custom,
        "dataTranslationEnabled": False,
        "defaultValue": _default_value(field),
        "defaultValueFormula": None,
        "defaultedOnCreate": field.defaulted_on_create,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "externalId": field.external_id,
        "filterable": field.filterable,
        "filteredLookupInfo": None,
        "groupable": field.groupable,
        "idLookup": field.id_lookup,
        "nillable": field.nillable,
        "permissionable": _permissionable(field),
        "queryByDistance": field.compound,
        "searchPrefilterable": field.type == "reference"
        and field.name not in AUDIT_FIELDS
        and field.filterable,
        "sortable": field.sortable,
        "unique": field.unique,
        "updateable": field.updateable,
    }


def _permissionable(field: Field) -> bool:
    """Whether field-level security can hide the field: no system field, none that a record cannot be without."""
    if field.name in (*AUDIT_FIELDS, "OwnerId") or field.name_field or field.auto_number:
        return False
    if field.compound_field_name == "Name" or not (field.custom or field.createable or field.updateable):
        return False
    return field.nillable or field.defaulted_on_create


def _extra_type_info(field: Field) -> str | None:
    if field.type == "textarea":
        return "richtextarea" if field.html_formatted else "plaintextarea"
    if field.type == "url" and field.name.endswith("PhotoUrl"):
        return "imageurl"
    if field.name_field and field.length == _PERSON_NAME:
        return "personname"
    return None


def _default_value(field: Field) -> Any:
    if field.type == "boolean":
        return bool(field.default)
    return None if field.picklist or not field.createable else field.default


def _picklist_value(field: Field, value: str) -> JSON:
    return {
        "active": True,
        "defaultValue": value == field.default,
        "label": value,
        "validFor": None,
        "value": value,
    }
