"""What the org has: its objects with their rows in two calls, the fields of one object in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from sfsource.errors import SfsourceError
from tap_sfsource.api.composite import Subrequest
from tap_sfsource.api.describe import SObject, describe_global
from tap_sfsource.api.query import QUERY_PAGE, select
from tap_sfsource.api.record_counts import all_record_counts
from tap_sfsource.catalog.naming import stream_names
from tap_sfsource.catalog.plan import NAME, SObjectPlan, plan_of, why_unsupported

if TYPE_CHECKING:
    from tap_sfsource.api.client import Client

_PERSONAL_TYPES: Final = {"email": "e-mail", "phone": "phone"}
_PERSONAL_NAMES: Final = {
    "FirstName": "name",
    "LastName": "name",
    "MiddleName": "name",
    "Birthdate": "birth date",
}
_PEOPLE: Final = frozenset({"Contact", "Lead", "User", NAME})
"""Objects whose Name is a person's."""

_ADDRESS: Final = ("Street", "PostalCode", "Latitude", "Longitude")
_SENSITIVE: Final = frozenset({"Confidential", "Restricted", "MissionCritical"})

_DESCRIBE: Final = msgspec.json.Decoder(SObject)


class _Definition(msgspec.Struct):
    QualifiedApiName: str
    ComplianceGroup: str | None = None
    SecurityClassification: str | None = None


_DEFINITIONS: Final = msgspec.json.Decoder(list[_Definition])


@dataclass(frozen=True)
class ObjectItem:
    """An object of the org.

    Attributes:
        rows: About how many it has; None if the org does not say.
        unsupported: Why it cannot be read, empty if it can.
    """

    api_name: str
    stream: str
    label: str
    rows: int | None
    unsupported: str = ""


@dataclass(frozen=True)
class FieldItem:
    """A field of an object.

    Attributes:
        personal: Why it may be about a person: the org's own classification before a guess by type and name.
    """

    api_name: str
    property: str
    type: str
    label: str
    automatic: bool
    default: bool
    formula: bool
    personal: str
    unsupported: str


def objects_of(client: Client) -> list[ObjectItem]:
    """Every object that the user may see, in the order of API names. Raises TapError."""
    listed = describe_global(client)
    counts = all_record_counts(client)
    names = stream_names((part.name for part in listed), naming=client.settings.naming)
    return [
        ObjectItem(
            part.name,
            names[part.name],
            part.label,
            # Only objects with rows are among the counts.
            counts.get(part.name, 0) if counts and part.queryable else None,
            why_unsupported(part),
        )
        for part in sorted(listed, key=lambda part: part.name.lower())
    ]


def fields_of(client: Client, item: ObjectItem) -> tuple[SObjectPlan, list[FieldItem]]:
    """Describe an object, and ask for the classification of its fields in the same call. Raises TapError."""
    definitions = select(
        "FieldDefinition",
        ["QualifiedApiName", "ComplianceGroup", "SecurityClassification"],
        conditions=[f"EntityDefinition.QualifiedApiName = '{item.api_name}'"],
    )
    described, classified = client.composite(
        [
            Subrequest("GET", client.data(f"/sobjects/{item.api_name}/describe"), "describe"),
            Subrequest("GET", client.data("/query", {"q": definitions}), "definitions"),
        ]
    )
    if not described.ok:
        raise described.error(item.api_name)
    sobject = described.decode(_DESCRIBE)
    classes: dict[str, str] = {}
    if classified.ok:
        rows = _DEFINITIONS.decode(classified.decode(QUERY_PAGE).records)
        classes = {row.QualifiedApiName: told for row in rows if (told := _class(row))}
    plan = plan_of(sobject, item.stream, client.settings)
    if not plan.columns:
        raise SfsourceError(f"{item.api_name}: the user sees none of its fields. Give field-level access.")
    fields = [
        FieldItem(
            column.api_name,
            column.property,
            column.sf_type,
            column.label,
            column.automatic,
            column.selected_by_default,
            column.calculated,
            classes.get(column.api_name) or _guess(item.api_name, column.api_name, column.sf_type),
            column.unsupported,
        )
        for column in plan.columns
    ]
    return plan, fields


def _class(row: _Definition) -> str:
    """What the org's data classification says of a field, if it says that it is personal or sensitive."""
    sensitive = row.SecurityClassification if row.SecurityClassification in _SENSITIVE else ""
    return row.ComplianceGroup or sensitive or ""


def _guess(api_name: str, field: str, kind: str) -> str:
    if kind in _PERSONAL_TYPES:
        return _PERSONAL_TYPES[kind]
    if field == "Name" and api_name in _PEOPLE:
        return "name"
    if field.endswith(_ADDRESS):
        return "address"
    return _PERSONAL_NAMES.get(field, "")
