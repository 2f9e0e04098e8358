"""What a table looks like in the warehouse, and what has to be done to it before rows of a schema can go in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.errors import BadSchemaError
from target_sfwarehouse.postgres.identifiers import identifier, quoted
from target_sfwarehouse.postgres.references import dereferenced
from target_sfwarehouse.postgres.types import SqlType, column_type, declared_types, widened
from target_sfwarehouse.rows.layout import VERSION, Column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_sfwarehouse.config import Settings

__all__ = [
    "DELETED",
    "DELETED_AT",
    "ROW_TARGET_MOST",
    "VERSION",
    "Table",
    "Wanted",
    "changes",
    "wanted_columns",
    "widened_row_target",
]

DELETED = "is_deleted"
"""Marks a row as deleted, where the stream has a boolean property of this name."""

DELETED_AT = "_sdc_deleted_at"
METADATA_COLUMNS = frozenset(
    {
        "_sdc_batched_at",
        "_sdc_extracted_at",
        "_sdc_received_at",
        "_sdc_sequence",
        "_sdc_sync_started_at",
        VERSION,
    }
)
"""Columns about the loading, not about the thing: a difference in them alone is no change of a row."""

ROW_TARGET_LEAST, ROW_TARGET_MOST = 2_040, 8_160
"""Postgres's default for `toast_tuple_target`, and the most that a page has room for."""

ROW_TARGET_COLUMN = 24
"""Bytes a column: a value that is not longer is never worth moving out."""

BOOKKEEPING_TYPES = {VERSION: SqlType("bigint"), DELETED_AT: SqlType("timestamp with time zone")}


@dataclass
class Table:
    """A table as it stands, kept up to date through the run.

    Attributes:
        schema: Its schema.
        name: Its name.
        stream: The stream that goes into it.
        columns: Type of each column, in order.
        keys: Columns of the unique key that rows are merged by; empty to append.
        unique_keys: Columns of each unique index, the primary key first.
        indexed: Columns that an index starts with.
        commented: Columns that have a comment; the table itself as the empty string.
        exists: Whether it is there at all.
        created: Whether this run made it.
        partitioned: Whether its rows are kept in partitions, which have no system columns in RETURNING.
        deferred: Whether a rule for new rows is checked at the commit only.
        row_target: Its `toast_tuple_target`, 0 if it has none of its own; None if it can have none.
    """

    schema: str
    name: str
    stream: str
    columns: dict[str, SqlType] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    indexed: frozenset[str] = frozenset()
    commented: set[str] = field(default_factory=set)
    exists: bool = False
    created: bool = False
    partitioned: bool = False
    deferred: bool = False
    row_target: int | None = None

    @property
    def sql(self) -> str:
        """Its quoted name."""
        return quoted(self.schema, self.name)

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Wanted:
    """What a SCHEMA message asks of a table.

    Attributes:
        columns: The columns, with the types that the schema asks for.
        keys: Properties that are the stream's key.
        comments: Comment of each column that the schema has one for; the table's under the empty string.
        indexed: Columns to index.
    """

    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    comments: dict[str, str] = field(default_factory=dict)
    indexed: tuple[str, ...] = ()


def wanted_columns(
    schema: Mapping[str, Any], keys: Sequence[str], bookmarks: Sequence[str], settings: Settings
) -> Wanted:
    """Read a SCHEMA message.

    Args:
        schema: JSON schema of the stream's records.
        keys: Its key properties.
        bookmarks: Its bookmark properties, which `indexes` may ask for.
        settings: The target's settings.

    Returns:
        What its table must have.

    Raises:
        BadSchemaError: No properties, a key that is no property, or two properties that share a column name.
    """
    properties: Mapping[str, Any] = schema.get("properties") or {}
    if not properties:
        raise BadSchemaError("the schema has no properties, so there is no table that could hold it")
    if absent := [key for key in keys if key not in properties]:
        raise BadSchemaError(f"key property '{absent[0]}' is not among the schema's properties")
    names: dict[str, str] = {}
    columns = []
    for name, given in properties.items():
        definition = dereferenced(given, schema) if isinstance(given, dict) else {}
        column = identifier(name)
        if column in names:
            raise BadSchemaError(
                f"properties '{names[column]}' and '{name}' share the column name '{column}'"
            )
        names[column] = name
        kind = column_type(
            definition,
            varchar=settings.string_type == "varchar",
            decode_bytes=settings.interpret_content_encoding,
        )
        columns.append(
            Column(
                name=name,
                column=column,
                type=kind,
                declared=declared_types(definition),
                encoding=definition.get("contentEncoding", "") if kind.family == "bytes" else "",
                key=name in keys,
                default_false=name == DELETED and kind.family == "boolean",
            )
        )
    asked = {
        name for index in settings.indexes for name in (bookmarks if index == "replication_key" else (index,))
    }
    return Wanted(
        columns=tuple(columns),
        keys=tuple(identifier(key) for key in keys),
        comments=_comments(schema, properties) if settings.column_comments else {},
        indexed=tuple(column.column for column in columns if column.name in asked),
    )


def _comments(schema: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, str]:
    found = {"": _comment(schema)} | {
        identifier(name): _comment(given) for name, given in properties.items() if isinstance(given, dict)
    }
    return {column: text for column, text in found.items() if text}


def _comment(schema: Mapping[str, Any]) -> str:
    """Compose a comment: the label, the API name in brackets, the description."""
    title, api_name = schema.get("title", ""), schema.get("x-sfsource-api-name", "")
    head = f"{title} ({api_name})" if title and api_name else title or api_name
    return ": ".join(str(part) for part in (head, schema.get("description", "")) if part).replace("\0", "")


def changes(table: Table, wanted: Wanted) -> list[str]:
    """Plan the statements that make a table fit a schema.

    Args:
        table: The table as it stands.
        wanted: What the schema asks.

    Returns:
        SQL statements in order; none if it fits.

    Raises:
        BadSchemaError: A column's type cannot widen, or the table's key is another one.
    """
    if not table.exists:
        return [_create(table, wanted), *_comment_statements(table, wanted), *_indexes(table, wanted)]
    statements = []
    for column in wanted.columns:
        current = table.columns.get(column.column)
        if current is None:
            statements.append(f"ALTER TABLE {table.sql} ADD COLUMN {_definition(column)}")
            continue
        way = widened(current, column.type)
        if way is None:
            raise BadSchemaError(
                f"property '{column.name}' is now of type {column.type}, but column '{column.column}' of "
                f"{table.label} is {current}, which cannot become that without loss. Rename or drop the column, "
                "or leave the property out of the selection"
            )
        if way.to != current:
            name = quoted(column.column)
            statements.append(
                f"ALTER TABLE {table.sql} ALTER COLUMN {name} TYPE {way.to} USING {way.using.format(column=name)}"
            )
    return [*statements, *_key(table, wanted), *_comment_statements(table, wanted), *_indexes(table, wanted)]


def row_target(columns: int) -> int:
    """Say how many bytes a row may have before Postgres compresses its longest values and moves them out.

    Postgres's own 2,040 is for few values. A row with hundreds of short ones is longer than that, and would be taken apart
    value by value although none is much longer than the 18 bytes that point to where it went.

    Args:
        columns: How many columns the table has.

    Returns:
        A `toast_tuple_target`, 0 if Postgres's own will do.
    """
    target = min(ROW_TARGET_MOST, ROW_TARGET_COLUMN * columns)
    return target if target > ROW_TARGET_LEAST else 0


def widened_row_target(before: Table, after: Table) -> list[str]:
    """Plan the statement that gives rows room for columns that were added.

    Args:
        before: The table as it was, perhaps not there.
        after: The table as it is.

    Returns:
        The statement; none if the room will do, or is what somebody chose.
    """
    if after.row_target is None or len(after.columns) == len(before.columns):
        return []
    wanted = row_target(len(after.columns))
    own = before.exists and before.row_target not in {0, row_target(len(before.columns))}
    if own or wanted <= after.row_target:
        return []
    return [f"ALTER TABLE {after.sql} SET (toast_tuple_target = {wanted})"]


def _key(table: Table, wanted: Wanted) -> list[str]:
    """Give a table that has no key the stream's; refuse one that has another."""
    if not wanted.keys or any(set(unique) == set(wanted.keys) for unique in table.unique_keys):
        return []
    if table.unique_keys:
        has = " and ".join("(" + ", ".join(unique) + ")" for unique in table.unique_keys)
        raise BadSchemaError(
            f"the key is ({', '.join(wanted.keys)}), but {table.label} is unique by {has}. Load into another "
            "schema, or give the table a unique index on the new key"
        )
    return [f"ALTER TABLE {table.sql} ADD PRIMARY KEY ({', '.join(quoted(key) for key in wanted.keys)})"]


def _create(table: Table, wanted: Wanted) -> str:
    parts = [_definition(column) for column in wanted.columns]
    if wanted.keys:
        parts.append(f"PRIMARY KEY ({', '.join(quoted(key) for key in wanted.keys)})")
    return f"CREATE TABLE {table.sql} ({', '.join(parts)})"


def _definition(column: Column) -> str:
    default = " DEFAULT false" if column.default_false else ""
    return f"{quoted(column.column)} {column.type}{default}"


def _comment_statements(table: Table, wanted: Wanted) -> list[str]:
    """Comment what has no comment yet: one that somebody wrote stays."""
    statements = []
    for column, text in wanted.comments.items():
        if column in table.commented:
            continue
        literal = "'" + text.replace("'", "''") + "'"
        on = f"COLUMN {table.sql}.{quoted(column)}" if column else f"TABLE {table.sql}"
        statements.append(f"COMMENT ON {on} IS {literal}")
    return statements


def _indexes(table: Table, wanted: Wanted) -> list[str]:
    leading = table.indexed | set(wanted.keys[:1])
    return [
        # Without a name: two tables of a schema could have the same one, and Postgres finds one that is free.
        f"CREATE INDEX ON {table.sql} ({quoted(column)})"
        for column in wanted.indexed
        if column not in leading
    ]
