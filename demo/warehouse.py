"""What the demo asks the warehouse, all of it plain SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    Snapshot = Mapping[str, Mapping[str, "Row"]]
    """Table name to record id to what the demo remembers of the record."""


@dataclass(frozen=True)
class Row:
    """A row at one moment: a digest of its values, and whether it is marked deleted."""

    digest: str
    is_deleted: bool


@dataclass(frozen=True)
class Change:
    """What a run did to one table, in rows.

    Attributes:
        table: The table.
        rows: Rows that it has now.
        new: Rows that were not there before.
        changed: Rows with other values than before, deletions and restorations aside.
        deleted: Rows that are marked deleted and were not before.
        restored: Rows that were marked deleted and no longer are.
        marked: Rows that are marked deleted now.
    """

    table: str
    rows: int
    new: int
    changed: int
    deleted: int
    restored: int
    marked: int

    @property
    def touched(self) -> bool:
        """Whether anything happened."""
        return any((self.new, self.changed, self.deleted, self.restored))


class Warehouse:
    """The schema that the demo loads into."""

    def __init__(self, url: str, schema: str) -> None:
        """Connect.

        Args:
            url: SQLAlchemy URL of the server.
            schema: The schema.
        """
        plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._connection = psycopg.connect(plain, autocommit=True)
        self._schema = schema

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def drop(self) -> None:
        """Remove the schema of an earlier demo."""
        self._connection.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(self._schema))
        )

    def snapshot(self) -> Snapshot:
        """Remember every row of every table that has Salesforce's id."""
        tables = self._connection.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = %s AND column_name = 'id' ORDER BY table_name",
            [self._schema],
        ).fetchall()
        # Nulls are left out of the digest, so that a new column alone is no change of a row.
        statement = (
            "SELECT id, md5(jsonb_strip_nulls(to_jsonb(t) - 'is_deleted')::text), "
            "coalesce((to_jsonb(t) ->> 'is_deleted')::boolean, false) FROM {} AS t"  # names has no is_deleted
        )
        found: dict[str, dict[str, Row]] = {}
        for (table,) in tables:
            query = sql.SQL(statement).format(sql.Identifier(self._schema, table))
            found[table] = {key: Row(digest, gone) for key, digest, gone in self._connection.execute(query)}
        return found

    def ask(self, statement: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a statement as a person would type it.

        Args:
            statement: The SQL.

        Returns:
            Column names, and rows.
        """
        cursor = self._connection.execute(statement.encode())
        return [column.name for column in cursor.description or []], cursor.fetchall()


def changes(before: Snapshot, after: Snapshot) -> list[Change]:
    """Compare two moments.

    Args:
        before: The earlier one.
        after: The later one.

    Returns:
        One entry a table of the later moment, in its order.
    """
    found = []
    for table, rows in after.items():
        old = before.get(table, {})
        common = rows.keys() & old.keys()
        deleted = {key for key in common if rows[key].is_deleted and not old[key].is_deleted}
        restored = {key for key in common if old[key].is_deleted and not rows[key].is_deleted}
        other = {key for key in common - deleted - restored if rows[key].digest != old[key].digest}
        new = len(rows.keys() - old.keys())
        marked = sum(row.is_deleted for row in rows.values())
        found.append(Change(table, len(rows), new, len(other), len(deleted), len(restored), marked))
    return found
