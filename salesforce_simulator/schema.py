"""What an org's metadata says about its objects and fields, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from salesforce_simulator.users import Permissions

TEXT_TYPES = frozenset(
    {
        "string",
        "textarea",
        "picklist",
        "multipicklist",
        "combobox",
        "email",
        "phone",
        "url",
        "encryptedstring",
    }
)
NUMBER_TYPES = frozenset({"double", "currency", "percent"})
COMPOUND_TYPES = frozenset({"address", "location"})
AUDIT_FIELDS = frozenset(
    {
        "Id",
        "IsDeleted",
        "CreatedDate",
        "CreatedById",
        "LastModifiedDate",
        "LastModifiedById",
        "SystemModstamp",
    }
)
_NOT_GROUPABLE = frozenset(
    {"double", "currency", "percent", "datetime", "multipicklist", "base64", "anyType", "address", "location"}
    | {"encryptedstring"}
)
REPLICATION_KEYS = ("SystemModstamp", "LastModifiedDate", "CreatedDate", "LoginTime")


@dataclass(frozen=True, slots=True)
class Summary:
    """What a roll-up summary field shows of an object's details; `function` is count, sum, min or max.

    `child` names the detail object, `reference` its master-detail field, `field` what is summed up (none for count).
    """

    function: str
    child: str
    reference: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an SObject; names and meanings as in describe.

    `formula` is the value of a calculated field in SQL over storage values, with `{Field}` for a field of the row and
    `{Relationship.Field}` for one of a parent. `formula_text` is what describe shows instead, where it is given.
    `summary` makes it a roll-up summary field. `default` is a JSON value. `feature` names the org feature without which the
    field does not exist. `evidence` says how sure the facts are. `decimal_text` makes an int leave the org as `47.0`, as some
    do. `empty_text` makes a new record show `""` and not null where it has no text. `unreadable` and `unfilterable` make SOQL
    refuse a field that describe lists, or calls filterable.
    """

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    nillable: bool = True
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    child_relationship_name: str | None = None
    picklist: tuple[str, ...] = ()
    restricted_picklist: bool = False
    compound_field_name: str | None = None
    name_field: bool = False
    filterable: bool = True
    sortable: bool = True
    groupable: bool = True
    calculated: bool = False
    formula: str | None = None
    formula_text: str | None = None
    summary: Summary | None = None
    auto_number: bool = False
    custom: bool = False
    unique: bool = False
    external_id: bool = False
    id_lookup: bool = False
    createable: bool = True
    updateable: bool = True
    defaulted_on_create: bool = False
    default: str | float | bool | None = None
    cascade_delete: bool = False
    restricted_delete: bool = False
    html_formatted: bool = False
    extra_type_info: str | None = None
    inline_help_text: str | None = None
    decimal_text: bool = False
    empty_text: bool = False
    unreadable: bool = False
    unfilterable: bool = False
    feature: str | None = None
    evidence: str = ""

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", label_of(self.name))
        if self.type in ("id", "reference"):
            object.__setattr__(self, "length", 18)
        if self.type in NUMBER_TYPES and not self.precision:
            object.__setattr__(self, "precision", 18)
        if self.type == "int" and not self.digits:
            object.__setattr__(self, "digits", 9)
        long_text = self.type == "textarea" and self.length > 255
        if self.type in _NOT_GROUPABLE or long_text or self.calculated:
            object.__setattr__(self, "groupable", False)
        if self.custom and long_text:
            object.__setattr__(self, "filterable", False)
        if (self.custom and long_text) or self.type in ("multipicklist", "base64", "address", "location"):
            object.__setattr__(self, "sortable", False)
        if self.type == "base64":
            object.__setattr__(self, "filterable", False)
        if self.calculated:
            object.__setattr__(self, "createable", False)
            object.__setattr__(self, "updateable", False)

    @property
    def compound(self) -> bool:
        """Whether it has no column of its own but is put together from its parts."""
        return self.type in COMPOUND_TYPES

    @property
    def polymorphic(self) -> bool:
        """Whether it can point at more than one object."""
        return len(self.reference_to) > 1


@dataclass(frozen=True, slots=True)
class ChildRelationship:
    """That a field of a child object points at this one."""

    child: str
    field: str
    relationship_name: str | None
    cascade_delete: bool
    restricted_delete: bool


@dataclass(slots=True)
class SObject:
    """One object; names and meanings as in describe global.

    `bulk` says whether the Bulk API takes it, `requires_filter` the fields of which a query must filter on one,
    `filter_refusal` the message without that filter, `one_id_a_filter` that the filter takes no list,
    `refusal` code and message with which every query is refused though describe calls it queryable, `single_batch` that a
    query may not have a second page, `big` that it is a big object,
    `binless` that a delete skips the recycle bin, `neighbour` that it is a minimal stand-in outside the 48,
    `feature` the org feature without which it does not exist,
    `collection` the name among the 48 of the source's own table, none for others, `assumed` the attributes for which
    there is no evidence.
    """

    name: str
    key_prefix: str | None
    fields: dict[str, Field] = field(default_factory=dict)
    label: str = ""
    label_plural: str = ""
    custom: bool = False
    queryable: bool = True
    replicateable: bool = True
    retrieveable: bool = True
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    undeletable: bool = True
    mergeable: bool = False
    searchable: bool = True
    layoutable: bool = True
    triggerable: bool = True
    feed_enabled: bool = False
    mru_enabled: bool = False
    activateable: bool = False
    custom_setting: bool = False
    bulk: bool = True
    requires_filter: tuple[str, ...] = ()
    filter_refusal: str = ""
    one_id_a_filter: bool = False
    refusal: tuple[str, str] | None = None
    single_batch: bool = False
    big: bool = False
    binless: bool = False
    associate_entity_type: str | None = None
    associate_parent_entity: str | None = None
    feature: str | None = None
    collection: str | None = None
    neighbour: bool = False
    assumed: tuple[str, ...] = ()
    _by_lower: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.label:
            self.label = label_of(self.name)
        if not self.label_plural:
            self.label_plural = plural_of(self.label)
        self._by_lower = {name.lower(): name for name in self.fields}

    def field(self, name: str) -> Field | None:
        """The field of that name in any case, or none."""
        own = self._by_lower.get(name.lower())
        return self.fields[own] if own is not None else None

    def relationship(self, name: str) -> Field | None:
        """The reference field whose relationship has that name in any case, or none."""
        lower = name.lower()
        for candidate in self.fields.values():
            if candidate.relationship_name is not None and candidate.relationship_name.lower() == lower:
                return candidate
        return None

    def parts(self, compound: str) -> tuple[Field, ...]:
        """The fields that a compound field is put together from, in order."""
        return tuple(
            f for f in self.fields.values() if f.compound_field_name == compound and f.name != compound
        )

    @property
    def columns(self) -> tuple[Field, ...]:
        """The fields that have a column of their own, in order."""
        return tuple(f for f in self.fields.values() if not f.compound)

    @property
    def name_field(self) -> Field | None:
        """The field that names a record, or none."""
        return next((f for f in self.fields.values() if f.name_field), None)

    @property
    def replication_key(self) -> str | None:
        """The first of SystemModstamp, LastModifiedDate, CreatedDate, LoginTime that it has, or none."""
        return next((name for name in REPLICATION_KEYS if name in self.fields), None)

    def with_fields(self, fields: Iterable[Field]) -> SObject:
        """The same object with these fields instead."""
        return replace(self, fields={f.name: f for f in fields}, _by_lower={})


class Schema:
    """The objects of an org, or those of them that a user may see.

    Attributes:
        objects: by API name, in API-name order as describe global lists them.
    """

    def __init__(self, objects: Iterable[SObject]) -> None:
        self.objects: dict[str, SObject] = {o.name: o for o in sorted(objects, key=lambda o: o.name.lower())}
        self._by_lower = {name.lower(): name for name in self.objects}
        # Of objects that share a prefix, the first.
        self._by_prefix = {o.key_prefix: o for o in reversed(self.objects.values())}
        self._children: dict[str, list[ChildRelationship]] | None = None

    def __iter__(self) -> Iterator[SObject]:
        return iter(self.objects.values())

    def get(self, name: str) -> SObject | None:
        """The object of that name in any case, or none."""
        own = self._by_lower.get(name.lower())
        return self.objects[own] if own is not None else None

    def of_id(self, record_id: str) -> SObject | None:
        """The object whose key prefix an id starts with, or none."""
        return self._by_prefix.get(record_id[:3])

    def child_relationships(self, name: str) -> list[ChildRelationship]:
        """The fields of all objects that point at this one, in describe's order (child, then field)."""
        if self._children is None:
            self._children = {}
            for child in self.objects.values():
                for f in child.fields.values():
                    # Merges point at their master, but recorded describes of masters do not list it.
                    for target in f.reference_to if f.name != "MasterRecordId" else ():
                        self._children.setdefault(target, []).append(
                            ChildRelationship(
                                child.name,
                                f.name,
                                child_name(child, f),
                                f.cascade_delete,
                                f.restricted_delete,
                            )
                        )
        own = self.get(name)
        return self._children.get(own.name, []) if own is not None else []

    def restricted_to(self, permissions: Permissions) -> Schema:
        """What a user with these permissions sees: no object without read access, no field hidden from them."""
        if permissions.unlimited:
            return self
        seen = []
        for sobject in self.objects.values():
            if not permissions.may_read(sobject.name):
                continue
            seen.append(
                sobject.with_fields(
                    f for f in sobject.fields.values() if permissions.may_see(sobject.name, f.name)
                )
            )
        return Schema(seen)


def label_of(name: str) -> str:
    """An English label for an API name: `NumberOfEmployees` is `Number Of Employees`."""
    bare = re.sub(r"__[a-z]+$", "", name).replace("_", " ")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", bare).strip() or name


def plural_of(label: str) -> str:
    """An English plural of a label."""
    if label.endswith("y") and label[-2:-1] not in tuple("aeiou"):
        return label[:-1] + "ies"
    if label.endswith(("s", "x", "ch", "sh")):
        return label + "es"
    return label + "s"


def child_name(child: SObject, reference: Field) -> str | None:
    """The name of the relationship from parent to children, e.g. `Contacts`, or none; custom ones end in `__r`."""
    if reference.child_relationship_name is not None or not reference.custom:
        return reference.child_relationship_name
    return re.sub(r"\W+", "_", child.label_plural) + "__r"
