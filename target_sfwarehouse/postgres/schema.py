"""Names, columns and tables: what a table looks like, and which statements make it fit a stream's schema."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_sfwarehouse.config import NAME_BYTES
from target_sfwarehouse.errors import BadSchemaError
from target_sfwarehouse.postgres.rooms import room
from target_sfwarehouse.postgres.types import SqlType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DIGEST = 8

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a word of a name begins: `BillingCity`, `HTTPServer`."""

_UNFIT = re.compile(r"\W")

DELETED = "is_deleted"
"""Name of the boolean that marks deleted rows, unless the schema marks another property."""

DELETED_AT = "_sdc_deleted_at"
"""Column that marks deleted rows where the stream has no property for that."""

VERSION = "_sdc_table_version"
"""Column that keeps the version of the message that brought a row."""

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

STAMPS = {
    "received_at": "When this row was inserted or last changed here",
    "uuid_ts": "The same as received_at",
}
"""Columns that tell when a row was written, as Segment names them, and the comments that they get."""

REFERENCES = "; references "
"""What stands in a column's comment between its label and the tables that its values lead to."""

VALIDITY = ("valid_from", "valid_to", "is_current")
"""Columns of a history that say when a version held."""

STAMP_TYPES = frozenset({"timestamp with time zone", "timestamp without time zone"})

ROW_TARGET_LEAST, ROW_TARGET_MOST = 2_040, 8_160
"""Postgres's default for `toast_tuple_target`, and the most that a page has room for."""

ROW_TARGET_COLUMN = 24
"""Bytes a column: a value that is not longer is never worth moving out."""

BOOKKEEPING_TYPES = {VERSION: SqlType("bigint"), DELETED_AT: SqlType("timestamp with time zone")}


def conformed(name: str, how: str) -> str:
    """Give a name as the setting `conform_names` says."""
    if how == "snake_case":
        name = _UNFIT.sub("_", _WORD.sub("_", name))
        name = f"_{name}" if name[:1].isdigit() else name
    return name if how == "as_is" else name.lower()


def identifier(name: str, conform: str = "as_is") -> str:
    """Return the name of a property or stream in Postgres.

    One over 63 bytes, which Postgres would cut (and so let two names meet), keeps its first 54 bytes and gets an
    underscore and eight digits of its SHA-1. Raises BadSchemaError for an empty name and one with a NUL
    character.
    """
    if not name or "\0" in name:
        raise BadSchemaError(
            f"{name!r} cannot be a name in Postgres: it is empty or has a NUL character. Leave it out."
        )
    name = conformed(name, conform)
    encoded = name.encode("utf-8", "surrogatepass")
    if len(encoded) <= NAME_BYTES:
        return name
    digest = hashlib.sha1(encoded, usedforsecurity=False).hexdigest()[:DIGEST]
    return encoded[: NAME_BYTES - DIGEST - 1].decode("utf-8", "ignore") + "_" + digest


def quoted(*parts: str) -> str:
    """Return names, from the outside in, as an SQL identifier: `"sfdc"."accounts"`."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def with_parameters(part: str) -> str:
    """Double each % of a name: in a statement with parameters the driver takes % for one of them."""
    return part.replace("%", "%%")


def on_table(statement: str, table: str) -> bytes:
    """Put a table's quoted name into a statement with parameters."""
    return statement.format(table=with_parameters(table)).encode()


def table_name(stream: str, conform: str) -> str:
    """Return the table of a stream: the part after the last hyphen, as the SDK's SQL targets do."""
    return identifier(stream.rpartition("-")[2] or stream, conform)


@dataclass(frozen=True)
class Column:
    """A column that a schema asks for.

    Attributes:
        name: The property, for messages.
        column: The column's name.
        default_false: Whether null and absence mean false (a deletion mark).
    """

    name: str
    column: str
    type: SqlType
    default_false: bool = False


@dataclass
class Table:
    """A table as it stands, kept up to date through the run.

    Attributes:
        columns: Type of each column, in order.
        keys: Columns of the unique key that rows are merged by; empty to append.
        unique_keys: Columns of each unique index, the primary key first.
        indexed: Columns that an index starts with.
        commented: Comment of each column that has one; the table's under the empty string.
        created: Whether this run made it.
        partitioned: Whether its rows are kept in partitions, which have no system columns in RETURNING.
        deferred: Whether a rule for new rows is checked at the commit only.
        computed: Columns that the server computes (GENERATED ALWAYS AS).
        identities: Columns that the server numbers (GENERATED ALWAYS AS IDENTITY).
        collations: Collation of each column that has another one than its type.
        row_target: Its `toast_tuple_target`, 0 if it has none of its own; None if it can have none.
        defaults: Default of each column that has one, as SQL.
        unstampable: Columns of STAMPS that it cannot get.
        stamped: Those that the target sets in this run.
    """

    schema: str
    name: str
    stream: str
    columns: dict[str, SqlType] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    indexed: frozenset[str] = frozenset()
    commented: dict[str, str] = field(default_factory=dict)
    exists: bool = False
    created: bool = False
    partitioned: bool = False
    deferred: bool = False
    computed: set[str] = field(default_factory=set)
    identities: set[str] = field(default_factory=set)
    collations: dict[str, str] = field(default_factory=dict)
    row_target: int | None = None
    defaults: dict[str, str] = field(default_factory=dict)
    unstampable: set[str] = field(default_factory=set)
    stamped: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """Its quoted name."""
        return quoted(self.schema, self.name)

    @property
    def timed(self) -> set[str]:
        """Columns that have the time of the transaction where nothing else is given."""
        return {column for column, default in self.defaults.items() if default == "now()"}

    def own_stamp(self, column: str) -> str:
        """Say of a column in which the target keeps times that it does; nothing of others."""
        if column not in STAMPS or column not in self.timed:
            return ""
        return (
            f"column '{column}' of {self.label} is where the target keeps when a row was written (setting `received_at`). "
            "Rename the property by `stream_maps`, or drop the column"
        )

    @property
    def unwritten(self) -> set[str]:
        """Columns that are left to the server. A key is the stream's, whatever the server would number its rows by."""
        return self.computed | (self.identities - set(self.keys))

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Wanted:
    """What a SCHEMA message asks of a table.

    Attributes:
        keys: Columns of the stream's key.
        comments: Comment of each column that the schema has one for; the table's under the empty string.
        indexed: Columns to index.
        stamps: Columns that tell when a row was written, and a comment for each that is made, empty for none.
    """

    columns: Sequence[Column]
    keys: tuple[str, ...]
    comments: dict[str, str] = field(default_factory=dict)
    indexed: tuple[str, ...] = ()
    stamps: Mapping[str, str] = field(default_factory=dict)


def changes(table: Table, wanted: Wanted) -> list[str]:
    """Plan the statements that make a table fit; none if it fits.

    A column keeps its type, whatever the schema asks for (`casts`). Raises BadSchemaError where its values could never go
    in, or the table's key is another one.
    """
    if not table.exists:
        comments = [*_comment_statements(table, wanted), *_stamp_comments(table, wanted)]
        return [_create(table, wanted), *comments, *_indexes(table, wanted)]
    statements = []
    for column in wanted.columns:
        current = table.columns.get(column.column)
        if current is None:
            statements.append(f"ALTER TABLE {table.sql} ADD COLUMN {_definition(column)}")
            continue
        if column.column not in table.computed and room(current, column.type) is None:
            if own := table.own_stamp(column.column):
                raise BadSchemaError(f"property '{column.name}' is of type {column.type}, but {own}")
            raise BadSchemaError(
                f"property '{column.name}' is now of type {column.type}, but column '{column.column}' of "
                f"{table.label} is {current}, which cannot become that without loss. Rename or drop the column, "
                "or leave the property out of the selection"
            )
    statements += [
        f"ALTER TABLE {table.sql} ADD COLUMN {_stamp(column)}" for column in lacking_stamps(table, wanted)
    ]
    comments = [*_comment_statements(table, wanted), *_stamp_comments(table, wanted)]
    return [*statements, *_key(table, wanted), *comments, *_indexes(table, wanted)]


def lacking_stamps(table: Table, wanted: Wanted) -> list[str]:
    """Name the columns of STAMPS that a table is to get."""
    return [
        column for column in wanted.stamps if column not in table.columns and column not in table.unstampable
    ]


def stamps_of(table: Table, wanted: Wanted) -> tuple[str, ...]:
    """Name the columns of STAMPS that the target sets: one of somebody else's is taken over if it is a time."""
    return tuple(
        column
        for column in wanted.stamps
        if column in table.columns
        and table.columns[column].name in STAMP_TYPES
        and column not in table.computed
    )


def row_target(columns: int) -> int:
    """Say how many bytes a row may have before Postgres compresses its longest values and moves them out.

    Postgres's own 2,040 is for few values. A row with hundreds of short values is longer than that, and would be taken
    apart value by value, although none is much longer than the 18 bytes that point to where it went. 0 means that
    Postgres's own will do.
    """
    target = min(ROW_TARGET_MOST, ROW_TARGET_COLUMN * columns)
    return target if target > ROW_TARGET_LEAST else 0


def widened_row_target(before: Table, after: Table) -> list[str]:
    """Plan the statement that gives rows room for added columns; none if somebody chose the table's own target."""
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
    if set(VALIDITY) <= table.columns.keys() and any(VALIDITY[0] in unique for unique in table.unique_keys):
        raise BadSchemaError(
            f"{table.label} is a history that the target keeps (setting `history`); give the stream another name, e.g. by "
            "`stream_maps` with `__alias__`"
        )
    if table.unique_keys:
        has = " and ".join("(" + ", ".join(unique) + ")" for unique in table.unique_keys)
        raise BadSchemaError(
            f"the key is ({', '.join(wanted.keys)}), but {table.label} is unique by {has}. Load into another "
            "schema, or give the table a unique index on the new key"
        )
    return [f"ALTER TABLE {table.sql} ADD PRIMARY KEY ({', '.join(quoted(key) for key in wanted.keys)})"]


def _create(table: Table, wanted: Wanted) -> str:
    parts = [_definition(column) for column in wanted.columns] + [_stamp(column) for column in wanted.stamps]
    if wanted.keys:
        parts.append(f"PRIMARY KEY ({', '.join(quoted(key) for key in wanted.keys)})")
    # Of another default, such as Citus's columnar tables, it is not known whether rows can be updated.
    method = " USING heap" if wanted.keys else ""
    return f"CREATE TABLE {table.sql} ({', '.join(parts)}){method}"


def _stamp(column: str) -> str:
    """Define a column of STAMPS. Rows that are there get the time of the change, and are not rewritten."""
    return f"{quoted(column)} timestamp with time zone DEFAULT now()"


def _definition(column: Column) -> str:
    default = " DEFAULT false" if column.default_false else ""
    return f"{quoted(column.column)} {column.type}{default}"


def _comment_statements(table: Table, wanted: Wanted) -> list[str]:
    """Comment what has no comment yet, or ours without references: one that somebody wrote stays."""
    return [
        comment(table.sql, column, text)
        for column, text in wanted.comments.items()
        if column not in table.commented
        or (REFERENCES in text and table.commented[column] == text.partition(REFERENCES)[0])
    ]


def _stamp_comments(table: Table, wanted: Wanted) -> list[str]:
    """Comment the columns that are made; one that somebody else made stays as it is."""
    return [
        comment(table.sql, column, wanted.stamps[column])
        for column in lacking_stamps(table, wanted)
        if wanted.stamps[column]
    ]


def comment(table: str, column: str, text: str) -> str:
    """Statement that comments a column of a table, whose name is quoted, or the table itself."""
    literal = "'" + text.replace("'", "''") + "'"
    on = f"COLUMN {table}.{quoted(column)}" if column else f"TABLE {table}"
    return f"COMMENT ON {on} IS {literal}"


def _indexes(table: Table, wanted: Wanted) -> list[str]:
    leading = table.indexed | set(wanted.keys[:1])
    return [
        # Without a name: two tables of a schema could have the same one, and Postgres finds one that is free.
        f"CREATE INDEX ON {table.sql} ({quoted(column)})"
        for column in wanted.indexed
        if column not in leading
    ]
