"""The layout of a stream: its properties, the columns that they go to, and what its table must have."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.errors import BadSchemaError
from target_sfwarehouse.postgres.alternatives import alternatives
from target_sfwarehouse.postgres.schema import (
    DELETED,
    METADATA_COLUMNS,
    REFERENCES,
    STAMPS,
    VERSION,
    Column,
    Wanted,
    identifier,
    table_name,
)
from target_sfwarehouse.postgres.types import BIGINT, BINARY_NUMBERS, NUMERIC, column_type, declared_types
from target_sfwarehouse.rows.values import BadValueError, Way, way

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.postgres.types import SqlType

SOFT_DELETE = "x-soft-delete"
"""Keyword of a property that marks deleted rows: a boolean is set true, a date or date-time gets the time."""

REFERENCED = "x-references"
"""Keyword of a property whose values are keys of other streams: a list of these streams. It is for people only."""

logger = logging.getLogger("target-sfwarehouse")


@dataclass(frozen=True)
class Property(Column):
    """A property and the column it goes to, whose type decides how values are written.

    Attributes:
        declared: JSON types that the property's schema allows, without null.
        encoding: `base64` or `base16` for text that a bytea column holds.
        key: Whether the property is part of the stream's key.
    """

    declared: frozenset[str] = frozenset()
    encoding: str = ""
    key: bool = False

    @cached_property
    def way(self) -> Way:
        """How values become what the column holds."""
        strings = self.declared <= {"string"}
        return way(self.type, only_strings=strings, encoding=self.encoding)

    def converted(self, value: Any) -> Any:
        """Turn a Python value into what a row holds: None, a boolean, an integer, or text. Raises BadValueError."""
        if value is None:
            if self.key:
                raise BadValueError(self.name, "the record has no value for this key property", missing=True)
            return False if self.default_false else None
        try:
            return self.way.from_value(value)
        except ValueError as error:
            raise BadValueError(self.name, str(error)) from None


@dataclass(frozen=True)
class Layout(Wanted):
    """What a SCHEMA message asks of a table, and the properties that its records fill.

    Attributes:
        deletion: Columns that mark deleted rows, where the schema names some.
    """

    columns: Sequence[Property]
    deletion: tuple[str, ...] = ()

    def with_version(self) -> Layout:
        """Add the column that keeps the version of each row, if the schema has none."""
        if any(column.column == VERSION for column in self.columns):
            return self
        return replace(self, columns=(*self.columns, Property(VERSION, VERSION, BIGINT)))

    def after(self, named: Collection[str]) -> Layout:
        """Leave the columns that earlier schemas of the run named to the tap, also where this one lacks them."""
        stamps = {column: text for column, text in self.stamps.items() if column not in named}
        return replace(self, stamps=stamps)

    def typed(self, types: Mapping[str, SqlType]) -> tuple[list[Property], list[Property]]:
        """Give the properties that records fill and those about the loading, with the types that the table has."""
        columns = [replace(column, type=types[column.column]) for column in self.columns]
        return (
            [column for column in columns if column.column not in METADATA_COLUMNS],
            [column for column in columns if column.column in METADATA_COLUMNS],
        )


def json_types(schema: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Give the JSON types of each property of a schema, references followed."""
    return {name: declared_types(found) for name, found in _definitions(schema).items()}


def _definitions(schema: Mapping[str, Any]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Give the alternatives of each property. Raises BadSchemaError for a property whose schema has no end."""
    found = {}
    for name, given in schema["properties"].items():
        try:
            found[name] = alternatives(given, schema)
        except BadSchemaError as error:
            raise BadSchemaError(f"property '{name}': {error}") from None
    return found


def read_schema(
    schema: Mapping[str, Any], keys: Sequence[str], bookmarks: Sequence[str], settings: Settings
) -> Layout:
    """Read a SCHEMA message; `bookmarks` are its bookmark properties, which the setting `indexes` may ask for.

    Raises BadSchemaError for no properties, a key that is no property, or two properties that share a column name.
    """
    properties: Mapping[str, Any] = schema.get("properties") or {}
    if not properties:
        raise BadSchemaError("the schema has no properties, so there is no table that could hold it")
    if absent := [key for key in keys if key not in properties]:
        raise BadSchemaError(f"key property '{absent[0]}' is not among the schema's properties: select it")
    definitions = _definitions(schema)
    conform = settings.conform_names
    names: dict[str, str] = {}
    for name in properties:
        column = identifier(name, conform)
        if (taken := names.setdefault(column, name)) != name:
            raise BadSchemaError(f"properties '{taken}' and '{name}' share the column name '{column}'")
    columns = [_property(name, given, settings, key=name in keys) for name, given in definitions.items()]
    deletion = _deletion(columns, definitions)
    marks = deletion or (DELETED,)
    columns = [
        replace(column, default_false=column.column in marks and column.type.family == "boolean")
        for column in columns
    ]
    asked = {
        name for index in settings.indexes for name in (bookmarks if index == "replication_key" else (index,))
    }
    return Layout(
        columns=columns,
        keys=tuple(identifier(key, conform) for key in keys),
        comments=_comments(schema, properties, settings) if settings.column_comments else {},
        indexed=tuple(column.column for column in columns if column.name in asked),
        deletion=deletion,
        stamps=_stamps(settings, names),
    )


def _stamps(settings: Settings, taken: Collection[str]) -> dict[str, str]:
    """Give the columns of the target's own that tell when a row was written; a property of that name keeps its column."""
    if not settings.received_at:
        return {}
    return {
        column: text if settings.column_comments else ""
        for column, text in STAMPS.items()
        if column not in taken
    }


def _property(
    name: str, definition: Sequence[Mapping[str, Any]], settings: Settings, *, key: bool
) -> Property:
    try:
        kind = column_type(
            definition,
            varchar=settings.string_type == "varchar",
            decode_bytes=settings.interpret_content_encoding,
        )
    except BadSchemaError as error:
        raise BadSchemaError(f"property '{name}': {error}") from None
    if key and kind.name in BINARY_NUMBERS:
        kind = NUMERIC  # rounded, two keys would be one
    encodings = [found for schema in definition if (found := schema.get("contentEncoding"))]
    return Property(
        name=name,
        column=identifier(name, settings.conform_names),
        type=kind,
        declared=declared_types(definition),
        encoding=encodings[0] if encodings and kind.family == "bytes" else "",
        key=key,
    )


def _deletion(
    columns: Sequence[Property], definitions: Mapping[str, Sequence[Mapping[str, Any]]]
) -> tuple[str, ...]:
    """Find the columns that the schema names as marks of deleted rows."""
    named = [
        column
        for column in columns
        if any(schema.get(SOFT_DELETE) is True for schema in definitions[column.name])
    ]
    for column in named:
        if not column.type.can_mark:
            logger.warning(
                "`%s` of property '%s' is ignored: it is no boolean and no time", SOFT_DELETE, column.name
            )
    return tuple(column.column for column in named if column.type.can_mark)


def _comments(schema: Mapping[str, Any], properties: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    found = {"": _comment(schema)} | {
        identifier(name, settings.conform_names): _with_references(_comment(given), given, settings)
        for name, given in properties.items()
        if isinstance(given, dict)
    }
    return {column: text for column, text in found.items() if text}


def _with_references(text: str, given: Mapping[str, Any], settings: Settings) -> str:
    """Name, behind a property's comment, the tables of the streams whose keys its values are."""
    named = given.get(REFERENCED)
    tables = ", ".join(
        f"{settings.schema_of(stream)}.{table_name(stream, settings.conform_names)}"
        for stream in (named if isinstance(named, list) else ())
        if isinstance(stream, str) and stream and "\0" not in stream
    )
    return (text + REFERENCES + tables if text else f"references {tables}") if tables else text


def _comment(schema: Mapping[str, Any]) -> str:
    """Compose a comment: the label, the API name in brackets, the description."""
    title, api_name = schema.get("title", ""), schema.get("x-sfsource-api-name", "")
    head = f"{title} ({api_name})" if title and api_name else title or api_name
    return ": ".join(str(part) for part in (head, schema.get("description", "")) if part).replace("\0", "")
