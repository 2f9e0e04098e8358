"""An SObject's describe as a Singer stream: columns, JSON schema, catalog metadata.

The catalog's metadata holds what the names do not: under keys that start with `sfsource.` it keeps API names,
labels, types, references and why something is unsupported, so that nothing has to be guessed back from a
name.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource.catalog import formulas
from tap_sfsource.catalog.columns import Column
from tap_sfsource.catalog.keys import (
    API_NAME,
    API_NAME_KEY,
    LABEL,
    NOTE,
    REFERENCES_KEY,
    SOFT_DELETE_KEY,
    SOURCE_KEY,
    UNSUPPORTED,
)
from tap_sfsource.catalog.naming import COLLECTIONS, IS_DELETED, column_names
from tap_sfsource.catalog.object_settings import ObjectSettings, settings_of
from tap_sfsource.catalog.restrictions import BIG_OBJECT, BIG_OBJECTS, CHILDREN, NEEDS_FILTER
from tap_sfsource.catalog.types import COMPOUND_TYPES, JSON_TYPES, TEXT_TYPES, property_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_sfsource.api.describe import Field, SObject
    from tap_sfsource.catalog.restrictions import Parents
    from tap_sfsource.config import Settings

logger = logging.getLogger("tap-sfsource.catalog")

NAME: Final = "Name"
"""The object that cannot be queried and yet is a collection: its rows come with the lookups of other objects."""

_NAME_NOTE: Final = (
    "Salesforce does not let it be queried: it is filled from the lookups of selected collections that may point at "
    "several kinds of objects, such as a task's who and what"
)

NAME_PARTS: Final = frozenset({"Id", "Name", "Type", "FirstName", "MiddleName", "LastName", "Suffix"})
"""What is read of a name by default."""

REPLICATION_KEYS: Final = ("SystemModstamp", "LastModifiedDate", "CreatedDate", "LoginTime")
"""Fields that tell when a row changed, best first."""

MOVING_KEYS: Final = frozenset({"SystemModstamp", "LastModifiedDate"})
"""Those of them that move when a row goes into the recycle bin and comes back."""


@dataclasses.dataclass(frozen=True, slots=True)
class SObjectPlan:
    """An SObject as a stream.

    Attributes:
        stream_name: The stream's name and `tap_stream_id`.
        columns: Its fields; in a run only the selected ones.
        key: Property that is the stream's key.
        is_deleted: Property that tells deleted rows.
        has_is_deleted: Whether the object has IsDeleted; if not, `is_deleted` is no column.
        replication_key: Column that tells when a row changed, or None for a full table.
        replicateable: Whether Salesforce keeps a deletion log of it.
        key_prefix: First three characters of its Ids, or None.
        unsupported: Why it cannot be read, empty if it can.
        parents: By whose ids its rows are read, or None; each run reads all of them then.
        org: Id of the org in a run, empty if unknown.
        streams: Stream names by API name, of the objects that a reference may lead to.
        absent: Properties that are not read, by `Column.mark`: deselected fields, and those that only the catalog knows.
        names_masked: What the names of other objects are masked with, empty for nothing.
    """

    api_name: str
    stream_name: str
    label: str
    columns: tuple[Column, ...]
    key: str
    is_deleted: str
    has_is_deleted: bool
    replication_key: Column | None
    replicateable: bool
    key_prefix: str | None
    selected_by_default: bool
    unsupported: str
    parents: Parents | None
    own: ObjectSettings
    org: str = ""
    streams: Mapping[str, str] = dataclasses.field(default_factory=dict)
    absent: Mapping[str, str] = dataclasses.field(default_factory=dict)
    names_masked: str = ""

    @property
    def replication_method(self) -> str:
        """Singer's name of the way it is read."""
        return "INCREMENTAL" if self.replication_key else "FULL_TABLE"

    @property
    def tells_deletions(self) -> bool:
        """Whether its rows say if they are deleted: names do not, as Salesforce does not tell it of a name."""
        return self.api_name != NAME

    @property
    def polymorphic_lookups(self) -> tuple[Column, ...]:
        """References that may point at objects of several kinds, such as Task's WhoId."""
        return tuple(
            column for column in self.columns if column.relationship_name and len(column.reference_to) > 1
        )

    def selecting(self, is_selected: Callable[[Column], bool]) -> SObjectPlan:
        """The plan with its selected columns only; `is_selected` is asked for those that could be left out."""
        columns = tuple(
            column
            for column in self.columns
            if not column.unsupported and (column.automatic or is_selected(column))
        )
        return dataclasses.replace(self, columns=columns)

    def without(self, api_names: frozenset[str]) -> SObjectPlan:
        """The plan without some columns; without its replication key, every run reads all rows."""
        key = self.replication_key
        return dataclasses.replace(
            self,
            columns=tuple(column for column in self.columns if column.api_name not in api_names),
            has_is_deleted=self.has_is_deleted and "IsDeleted" not in api_names,
            replication_key=None if key is not None and key.api_name in api_names else key,
        )

    def unsorted(self, api_name: str) -> SObjectPlan:
        """The plan whose rows are never ordered by a column."""
        columns = tuple(
            dataclasses.replace(column, sortable=False) if column.api_name == api_name else column
            for column in self.columns
        )
        return dataclasses.replace(self, columns=columns)

    def as_full_table(self) -> SObjectPlan:
        """The plan without a replication key: every run reads all rows."""
        return dataclasses.replace(self, replication_key=None)

    def keyed_by(self, column: Column) -> SObjectPlan:
        """The plan with another date and time as its replication key, which is then always read."""
        key = dataclasses.replace(column, automatic=True)
        columns = tuple(key if part.api_name == key.api_name else part for part in self.columns)
        return dataclasses.replace(self, columns=columns, replication_key=key)

    def schema(self) -> dict[str, Any]:
        """The stream's JSON schema, with `is_deleted` where rows say it."""
        properties = {
            column.property: {**column.schema, API_NAME_KEY: column.api_name, **self._references(column)}
            for column in self.columns
        }
        if self.tells_deletions:
            deleted = properties.get(self.is_deleted, {"type": ["boolean", "null"], "title": "Deleted"})
            properties[self.is_deleted] = {**deleted, SOFT_DELETE_KEY: True}
        schema: dict[str, Any] = {"type": "object", "properties": properties, "required": [self.key]}
        if self.label:
            schema["title"] = self.label
        if self.org:
            schema[SOURCE_KEY] = f"salesforce:{self.org}"
        return {**schema, API_NAME_KEY: self.api_name}

    def _references(self, column: Column) -> dict[str, Any]:
        if column.mask is not None:
            return {}
        named = [self.streams[api_name] for api_name in column.reference_to if api_name in self.streams]
        return {REFERENCES_KEY: named} if named else {}

    def entry(self) -> dict[str, Any]:
        """The stream's catalog entry."""
        key = self.replication_key.property if self.replication_key else None
        root: dict[str, Any] = {
            "inclusion": "unsupported" if self.unsupported else "available",
            "selected-by-default": self.selected_by_default and not self.unsupported,
            "table-key-properties": [self.key],
            "forced-replication-method": self.replication_method,
            "valid-replication-keys": [key] if key else [],
            API_NAME: self.api_name,
            LABEL: self.label,
        }
        if key:
            root["replication-key"] = key
        if self.unsupported:
            root[UNSUPPORTED] = self.unsupported
        if self.api_name == NAME:
            root[NOTE] = _NAME_NOTE
        elif self.parents:
            root[NOTE] = f"each run reads all rows, by the ids of {self.parents.api_name}"
        metadata = [{"breadcrumb": [], "metadata": root}]
        metadata.extend(
            {"breadcrumb": ["properties", column.property], "metadata": column.metadata()}
            for column in self.columns
        )
        if self.tells_deletions and not self.has_is_deleted:
            told = {"inclusion": "automatic", "selected-by-default": True}
            metadata.append({"breadcrumb": ["properties", self.is_deleted], "metadata": told})
        entry = {
            "tap_stream_id": self.stream_name,
            "stream": self.stream_name,
            "key_properties": [self.key],
            "replication_method": self.replication_method,
            "schema": self.schema(),
            "metadata": metadata,
        }
        if key:
            entry["replication_key"] = key
        return entry


def plan_of(
    sobject: SObject,
    stream_name: str,
    settings: Settings,
    names: Mapping[str, str] | None = None,
    selected_by_default: bool | None = None,
) -> SObjectPlan:
    """Plan a stream, with all columns, from a describe, which has no fields where the object is unsupported anyway.

    `names` has the properties' names, by API name; None for the usual ones.
    """
    is_deleted = "IsDeleted" if settings.naming == "salesforce" else IS_DELETED
    has_is_deleted = sobject.field("IsDeleted") is not None
    parents = CHILDREN.get(sobject.name)
    key_name = None if parents else _replication_key(sobject)
    automatic = {"Id", "IsDeleted", key_name}
    if names is None:
        names = column_names((field.name for field in sobject.fields), naming=settings.naming)
    own_formulas = formulas.on_own_row(sobject, settings.refresh_fields)
    columns = tuple(
        dataclasses.replace(
            _column(sobject.name, field, names[field.name], field.name in automatic, settings),
            own_formula=own_formulas.get(field.name, ""),
        )
        for field in sobject.fields
    )
    by_api_name = {column.api_name: column for column in columns}
    return SObjectPlan(
        api_name=sobject.name,
        stream_name=stream_name,
        label=sobject.label,
        columns=columns,
        key=names.get("Id", "Id" if settings.naming == "salesforce" else "id"),
        is_deleted=is_deleted,
        has_is_deleted=has_is_deleted,
        replication_key=by_api_name.get(key_name) if key_name else None,
        # Each run reads all children under a version of their own, which shows what is gone.
        replicateable=sobject.replicateable and parents is None,
        key_prefix=sobject.key_prefix,
        selected_by_default=sobject.name in COLLECTIONS
        if selected_by_default is None
        else selected_by_default,
        unsupported=why_unsupported(sobject) or ("" if "Id" in names else "it has no Id"),
        parents=parents,
        own=settings_of(settings, sobject.name, stream_name),
    )


def why_unsupported(sobject: SObject) -> str:
    """Why an object cannot be a stream, as far as that needs no fields; empty if it can."""
    if sobject.name == NAME:
        return ""
    if not sobject.queryable:
        return "Salesforce does not let it be queried"
    if sobject.name.endswith(BIG_OBJECT) or sobject.name in BIG_OBJECTS:
        return "it is a big object: Salesforce answers only queries along its index, without Ids"
    if sobject.name in NEEDS_FILTER:
        return "Salesforce answers only queries for some of its rows, not for all"
    return ""


def _column(sobject_name: str, field: Field, name: str, automatic: bool, settings: Settings) -> Column:
    if field.type not in TEXT_TYPES and field.type not in JSON_TYPES:
        logger.warning(
            "%s.%s has type %s, which is unknown: read as text.", sobject_name, field.name, field.type
        )
    compound = "it is a compound: its parts are columns of their own" if field.type in COMPOUND_TYPES else ""
    return Column(
        api_name=field.name,
        property=name,
        sf_type=field.type,
        schema=property_schema(field, singer_decimal=settings.use_singer_decimal),
        label=field.label,
        precision=field.precision,
        scale=field.scale,
        calculated=field.calculated,
        sortable=field.sortable,
        nillable=field.nillable,
        reference_to=field.reference_to,
        relationship_name=field.relationship_name,
        automatic=automatic,
        selected_by_default=_by_default(sobject_name, field, settings),
        unsupported=compound,
    )


def _by_default(sobject_name: str, field: Field, settings: Settings) -> bool:
    if sobject_name == NAME:
        return field.name in NAME_PARTS
    return field.type != "base64" or settings.include_base64


def _replication_key(sobject: SObject) -> str | None:
    fields = {field.name: field for field in sobject.fields}
    for name in REPLICATION_KEYS:
        field = fields.get(name)
        if field and field.filterable and field.type == "datetime":
            return name
    return None
