"""What a query's columns are: the answer of `query?q=...&columns=true`, which the vendor's own CLI asks for.

No guide has it. The names are those that clients in wide use read; what each says follows recorded answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salesforce_simulator.schema import NUMBER_TYPES
from salesforce_simulator.soql import aggregates, syntax
from salesforce_simulator.soql.compiler import compile_query, scope_of
from salesforce_simulator.soql.parser import parse
from salesforce_simulator.soql.selection import relationships, selected_fields
from salesforce_simulator.soql.sources import ID_TYPES, Parameters, is_text

if TYPE_CHECKING:
    from salesforce_simulator.schema import Field, Schema, SObject

JSON = dict[str, Any]
_APEX_TYPES = {
    "boolean": "Boolean",
    "int": "Integer",
    "date": "Date",
    "datetime": "Datetime",
    "time": "Time",
    "base64": "Blob",
    "address": "Address",
    "location": "Location",
    **dict.fromkeys(NUMBER_TYPES, "Double"),
    **dict.fromkeys(ID_TYPES, "Id"),
}


def columns(text: str, schema: Schema) -> JSON:
    """The columns of a query that REST takes.

    Raises:
        SoqlError: it is none.
    """
    compile_query(text, schema, "rest", all_rows=False)
    query = parse(text)
    sobject = schema.get(query.tables[0].path.text)
    assert sobject is not None
    found = _columns(text, schema, query, sobject)
    return {
        "columnMetadata": found,
        "entityName": sobject.name,
        "groupBy": bool(query.group_by),
        "idSelected": any(column["columnName"] == "Id" for column in found),
        "keyPrefix": sobject.key_prefix,
    }


def _columns(text: str, schema: Schema, query: syntax.Query, sobject: SObject) -> list[JSON]:
    if aggregates.is_bare_count(query):
        return []
    scope = scope_of(text, schema, query, sobject, Parameters())
    if aggregates.is_aggregate(query):
        return [_column(column.key, None, aggregate=True) for column in aggregates.columns(scope, query)]
    found: list[JSON] = []
    for item in selected_fields(scope, query, "rest"):
        if isinstance(item, syntax.Child):
            found.append(_children(text, schema, item.query, sobject))
        elif isinstance(item, syntax.TypeOf):
            found.append(_column(item.path.text, None))
        else:
            place, source = found, item.source
            for name in relationships(source):
                place = _joined(place, name, source.sobject.name)
            place.append(_column(item.key, item.field))
    return found


def _children(text: str, schema: Schema, query: syntax.Query, parent: SObject) -> JSON:
    name = query.tables[0].path.parts[-1].lower()
    relationship = next(
        r for r in schema.child_relationships(parent.name) if (r.relationship_name or "").lower() == name
    )
    column = _column(relationship.relationship_name or "", None, aggregate=True)
    column["joinColumns"] = _columns(text, schema, query, schema.objects[relationship.child])
    return column


def _joined(place: list[JSON], name: str, parent: str) -> list[JSON]:
    """The columns of a parent among those of its child; made at the first mention."""
    known = next((column for column in place if column["columnName"] == name), None)
    if known is None:
        known = {**_column(name, None), "foreignKeyName": parent}
        place.append(known)
    joined: list[JSON] = known["joinColumns"]
    return joined


def _column(name: str, of: Field | None, *, aggregate: bool = False) -> JSON:
    return {
        "aggregate": aggregate,
        "apexType": _APEX_TYPES.get(of.type, "String") if of is not None else None,
        "booleanType": of is not None and of.type == "boolean",
        "columnName": name,
        "custom": of is not None and of.custom,
        "displayName": name,
        "foreignKeyName": None,
        "insertable": of is not None and of.createable,
        "joinColumns": [],
        "numberType": of is not None and of.type in ("int", *NUMBER_TYPES),
        "textType": of is not None and is_text(of),
        "updatable": of is not None and of.updateable,
    }
