"""Custom fields and objects, made as Salesforce makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salesforce_simulator.schema import Field, SObject, label_of

if TYPE_CHECKING:
    from collections.abc import Iterable


def custom_field(name: str, kind: str, **attributes: Any) -> Field:
    """A custom field with the lengths and precisions that Salesforce gives its type; `attributes` of `Field` win over them.

    Its API name ends in `__c` (parts of a geolocation: `__s`).
    """
    attributes.setdefault("custom", True)
    lengths = {"picklist": 255, "multipicklist": 4099, "email": 80, "phone": 40, "url": 255, "string": 255}
    if kind in lengths:
        attributes.setdefault("length", lengths[kind])
    if kind in ("currency", "percent"):
        attributes.setdefault("scale", 2)
    if kind == "boolean":
        attributes |= {"nillable": False, "defaulted_on_create": True}
    if kind == "reference":
        attributes.setdefault("relationship_name", name.removesuffix("__c") + "__r")
    if attributes.get("formula") is not None or attributes.get("summary") is not None:
        attributes |= {"calculated": True}
    return Field(name, kind, **attributes)


def custom_object(
    name: str,
    fields: Iterable[Field],
    *,
    auto_number: bool = False,
    key_prefix: str | None = None,
    **attributes: Any,
) -> SObject:
    """A custom object with the fields that each one has; a detail of a master has no owner of its own.

    Args:
        name: API name, ending in `__c`.
        fields: its own fields; one with `cascade_delete` is the master of a master-detail relationship.
        auto_number: whether its Name is an auto-number.
        key_prefix: none means the next free one, given by `Org.add_object`.
        attributes: of `SObject`.
    """
    own = list(fields)
    read_only: dict[str, Any] = {
        "createable": False,
        "updateable": False,
        "defaulted_on_create": True,
        "nillable": False,
    }
    owner = Field(
        "OwnerId",
        "reference",
        "Owner ID",
        nillable=False,
        reference_to=("Group", "User"),
        relationship_name="Owner",
        defaulted_on_create=True,
    )
    record_name = Field(
        "Name", "string", length=80, name_field=True, id_lookup=True, defaulted_on_create=True
    )
    if auto_number:
        record_name = Field(
            "Name", "string", length=80, name_field=True, id_lookup=True, auto_number=True, **read_only
        )
    standard = [
        Field("Id", "id", "Record ID", id_lookup=True, **read_only),
        *([] if any(f.cascade_delete for f in own) else [owner]),
        Field("IsDeleted", "boolean", "Deleted", **read_only),
        record_name,
    ]
    for moment in ("Created", "LastModified"):
        standard += [
            Field(f"{moment}Date", "datetime", **read_only),
            Field(
                f"{moment}ById",
                "reference",
                reference_to=("User",),
                relationship_name=f"{moment}By",
                **read_only,
            ),
        ]
    standard.append(Field("SystemModstamp", "datetime", **read_only))
    label = attributes.pop("label", label_of(name))
    return SObject(
        name, key_prefix, {f.name: f for f in (*standard, *own)}, label=label, custom=True, **attributes
    )
