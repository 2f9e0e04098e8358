"""Views over tables and histories, for models that were written for another loader's columns."""

# Every name in these statements is quoted by `schema.quoted`.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_sfwarehouse.postgres.schema import STAMP_TYPES, STAMPS, VALIDITY, identifier, quoted
from target_sfwarehouse.postgres.sql import is_marked

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import psycopg

    from target_sfwarehouse.postgres.schema import Table

END = "timestamp with time zone '9999-12-31 23:59:59.999+00'"
"""The end of a version that holds, as Fivetran has it."""

SHOWN = """
SELECT attname FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


def view_schema(schema: str) -> str:
    """Name the schema of the views over a schema's tables."""
    return identifier(f"{schema}_fivetran")


def view_of(table: Table) -> str:
    """Give the quoted name of the view over a table."""
    return quoted(view_schema(table.schema), table.name)


def table_columns(table: Table, marks: Collection[str]) -> dict[str, str]:
    """Give the columns that Fivetran adds to a table, as SQL; `marks` are those that mark deleted rows."""
    received = next((name for name in STAMPS if name in table.columns), "")
    kind = table.columns[received].name if received else ""
    return {
        "_fivetran_synced": _moment(received, kind),
        "_fivetran_deleted": f"({is_marked(table, marks) or 'false'})",
    }


def history_columns(history: Table, marks: Collection[str]) -> dict[str, str]:
    """Give those of a table in history mode."""
    start, end, current = map(quoted, VALIDITY)
    return {
        "_fivetran_synced": start,
        "_fivetran_deleted": f"({is_marked(history, marks) or 'false'})",
        "_fivetran_start": start,
        "_fivetran_end": f"coalesce({end}, {END})",
        "_fivetran_active": current,
    }


def _moment(column: str, kind: str) -> str:
    if kind not in STAMP_TYPES:
        return "NULL::timestamp with time zone"
    return quoted(column) if kind == "timestamp with time zone" else f"({quoted(column)} AT TIME ZONE 'UTC')"


def view_changes(connection: psycopg.Connection[Any], table: Table, added: Mapping[str, str]) -> list[str]:
    """Plan the statements that make a view fit its table; none if it does. A column that is new comes last."""
    own = {column: sql for column, sql in added.items() if column not in table.columns}
    wanted = [*own, *table.columns]
    shown = [column for (column,) in connection.execute(SHOWN, (view_of(table),))]
    if shown == wanted:
        return []
    parts = [f"{sql} AS {quoted(column)}" for column, sql in own.items()] + [
        quoted(column) for column in table.columns
    ]
    dropped = [] if shown == wanted[: len(shown)] else [f"DROP VIEW IF EXISTS {view_of(table)}"]
    return [
        *dropped,
        f"CREATE OR REPLACE VIEW {view_of(table)} AS SELECT {', '.join(parts)} FROM {table.sql}",
    ]
