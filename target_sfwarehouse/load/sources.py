"""Whose rows a schema holds: its `_sources` has, for each table, the `x-source` of the SCHEMA that brought its first rows.

A sandbox that was refreshed, or credentials of another org, must not mix two orgs in one schema without a word.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.errors import BadSchemaError, WarehouseError
from target_sfwarehouse.load.audit import SOURCES, make_own
from target_sfwarehouse.postgres.schema import on_table, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.load.tables import Load

CREATE_SOURCES = """
CREATE TABLE IF NOT EXISTS {table} (
    collection text PRIMARY KEY, source text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now()
) USING heap
"""

OTHERS = "SELECT collection, source FROM {table} WHERE source <> %s AND (%s::text IS NULL OR collection = %s) ORDER BY 1"

RECORD = """
INSERT INTO {table} AS t (collection, source) VALUES (%s, %s)
ON CONFLICT (collection) DO UPDATE SET source = excluded.source, recorded_at = now() WHERE t.source <> excluded.source
"""


@dataclass
class Sources:
    """The sources of the run's tables, by table."""

    settings: Settings
    _ready: dict[str, bool] = field(default_factory=dict)

    def check(self, connection: psycopg.Connection[Any], schema: str, source: str) -> None:
        """Refuse a stream before its table is touched. Raises BadSchemaError where the schema holds another's rows."""
        self._prepare(connection, schema)
        if said := self._refusal(connection, schema, source):
            raise BadSchemaError(said)

    def claim(self, connection: psycopg.Connection[Any], load: Load) -> None:
        """Record the source with the rows that the open transaction writes, under the table's lock.

        Raises WarehouseError where a run beside this one has written another's rows into it since the SCHEMA came. No other
        table is looked at: two runs would wait for each other's locks.
        """
        table = load.table
        if not load.source or not self._ready.get(table.schema):
            return
        if said := self._refusal(connection, table.schema, load.source, table.name):
            raise WarehouseError(f"stream '{table.stream}': {said}")
        connection.execute(on_table(RECORD, quoted(table.schema, SOURCES)), (table.name, load.source))

    def _prepare(self, connection: psycopg.Connection[Any], schema: str) -> None:
        if schema not in self._ready:
            table, unnoticed = quoted(schema, SOURCES), "so rows of another source would not be noticed"
            self._ready[schema] = make_own(
                connection, self.settings, table, CREATE_SOURCES, level=logging.WARNING, unnoticed=unnoticed
            )

    def _refusal(
        self, connection: psycopg.Connection[Any], schema: str, source: str, only: str | None = None
    ) -> str:
        """Say why a schema, or only a table of it, does not take a source's rows; nothing if it does."""
        if not self._ready.get(schema) or self.settings.on_other_source == "allow":
            return ""
        for name, held in of_others(connection, schema, source, only):
            return (
                f"table {schema}.{name} holds rows of {held}, and these are of {source}. Load into "
                "another schema, or set `on_other_source` to `allow` to have both in one schema"
            )
        return ""


def of_others(
    connection: psycopg.Connection[Any], schema: str, source: str, only: str | None = None
) -> Iterator[tuple[str, str]]:
    """The tables of a schema, or only one of them, that hold rows of other sources, each with its source."""
    found = connection.execute(on_table(OTHERS, quoted(schema, SOURCES)), (source, only, only)).fetchall()
    return ((name, held) for name, held in found if _has_rows(connection, quoted(schema, name)))


def _has_rows(connection: psycopg.Connection[Any], table: str) -> bool:
    """Whether there is such a table with a row; one that the role may not read is taken to have some."""
    readable = (
        "SELECT has_table_privilege(found, 'SELECT') FROM to_regclass(%s) found WHERE found IS NOT NULL"
    )
    there = connection.execute(readable, (table,)).fetchone()
    if there is None or not there[0]:
        return there is not None
    row = connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})".encode()).fetchone()  # noqa: S608 - quoted
    return row is not None and bool(row[0])
