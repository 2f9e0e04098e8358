"""Page layouts, as the describe of an object points at them.

Shapes follow the guides: "sObject Layouts", "sObject CompactLayouts" (REST API), DescribeLayoutResult and
DescribeCompactLayoutsResult (SOAP API), whose names REST keeps. This org has one layout an object, with every field in two
columns, and the system's compact layout, which has no id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salesforce_simulator.describe import MASTER_RECORD_TYPE, describe_field
from salesforce_simulator.ids import make_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from salesforce_simulator.schema import Field, Schema, SObject

JSON = dict[str, Any]

_COLUMNS = 2
_LAYOUT_PREFIX = "00h"
_SECTION_PREFIX = "01B"


def describe_layouts(schema: Schema, sobject: SObject, base: str) -> JSON:
    """What `.../describe/layouts` answers."""
    return {
        "layouts": [describe_layout(schema, sobject)],
        "recordTypeMappings": [
            {
                "active": True,
                "available": True,
                "defaultRecordTypeMapping": True,
                "developerName": "Master",
                "layoutId": _id(schema, sobject, _LAYOUT_PREFIX),
                "master": True,
                "name": "Master",
                "picklistsForRecordType": [
                    _picklist(field) for field in sobject.fields.values() if field.picklist
                ],
                "recordTypeId": MASTER_RECORD_TYPE,
                "urls": {"layout": f"{base}/sobjects/{sobject.name}/describe/layouts/{MASTER_RECORD_TYPE}"},
            }
        ],
        "recordTypeSelectorRequired": [False],
    }


def describe_layout(schema: Schema, sobject: SObject) -> JSON:
    """The layout of a record type, `.../describe/layouts/{record type}`."""
    written = [field for field in sobject.fields.values() if field.createable or field.updateable]
    return {
        "buttonLayoutSection": {"detailButtons": []},
        "detailLayoutSections": [_section(schema, sobject, list(sobject.fields.values()))],
        "editLayoutSections": [_section(schema, sobject, written)],
        "feedView": None,
        "highlightsPanelLayoutSection": None,
        "id": _id(schema, sobject, _LAYOUT_PREFIX),
        "multirowEditLayoutSections": [],
        "offlineLinks": [],
        "quickActionList": {"quickActionListItems": []},
        "relatedContent": None,
        "relatedLists": _related_lists(schema, sobject),
        "saveOptions": [],
    }


def describe_compact_layouts(sobject: SObject, base: str) -> JSON:
    """What `.../describe/compactLayouts` answers."""
    own = f"{base}/sobjects/{sobject.name}/describe/compactLayouts"
    return {
        "compactLayouts": [describe_compact_layout(sobject)],
        "defaultCompactLayoutId": None,
        "recordTypeCompactLayoutMappings": [
            {
                "available": True,
                "compactLayoutId": None,
                "compactLayoutName": "SYSTEM",
                "recordTypeId": MASTER_RECORD_TYPE,
                "recordTypeName": "Master",
                "urls": {"compactLayout": f"{own}/{MASTER_RECORD_TYPE}"},
            }
        ],
    }


def describe_compact_layout(sobject: SObject) -> JSON:
    """The compact layout of a record type."""
    shown = [sobject.name_field] if sobject.name_field else []
    return {
        "actions": [],
        "fieldItems": [_item(field, place) for place, field in enumerate(shown, 1)],
        "id": None,
        "imageItems": [],
        "label": "System Default",
        "name": "SYSTEM",
        "objectType": sobject.name,
    }


def default_values(sobject: SObject) -> JSON:
    """What `.../defaultValues` answers: a record with what a new one starts with. (The guides have no example of it.)"""
    defaults = {
        field.name: bool(field.default) if field.type == "boolean" else field.default
        for field in sobject.fields.values()
        if field.createable and (field.type == "boolean" or field.default is not None)
    }
    return {"attributes": {"type": sobject.name}, **defaults}


def _section(schema: Schema, sobject: SObject, fields: Sequence[Field]) -> JSON:
    starts = range(0, len(fields), _COLUMNS)
    rows = [
        [_item(field, place) for place, field in enumerate(fields[s : s + _COLUMNS], s + 1)] for s in starts
    ]
    return {
        "collapsed": False,
        "columns": _COLUMNS,
        "heading": f"{sobject.label} Information",
        "layoutRows": [{"layoutItems": items, "numItems": len(items)} for items in rows],
        "layoutSectionId": _id(schema, sobject, _SECTION_PREFIX),
        "parentLayoutId": _id(schema, sobject, _LAYOUT_PREFIX),
        "rows": len(rows),
        "tabOrder": "TopToBottom",
        "useCollapsibleSection": False,
        "useHeading": True,
    }


def _item(field: Field, tab_order: int) -> JSON:
    component = {
        "components": [],
        "details": describe_field(field),
        "displayLines": 1,
        "tabOrder": tab_order,
        "type": "Field",
        "value": field.name,
    }
    return {
        "editableForNew": field.createable,
        "editableForUpdate": field.updateable,
        "label": field.label,
        "layoutComponents": [component],
        "placeholder": False,
        "required": not field.nillable and field.createable and not field.defaulted_on_create,
    }


def _related_lists(schema: Schema, sobject: SObject) -> list[JSON]:
    return [
        {
            "accessLevelRequiredForCreate": None,
            "buttons": [],
            "columns": [],
            "custom": schema.objects[child.child].custom,
            "field": child.field,
            "label": schema.objects[child.child].label_plural,
            "limitRows": 5,
            "name": child.relationship_name,
            "sobject": child.child,
            "sort": [],
        }
        for child in schema.child_relationships(sobject.name)
        if child.relationship_name is not None
    ]


def _picklist(field: Field) -> JSON:
    return {"picklistName": field.name, "picklistValues": describe_field(field)["picklistValues"]}


def _id(schema: Schema, sobject: SObject, prefix: str) -> str:
    return make_id(prefix, list(schema.objects).index(sobject.name) + 1)
