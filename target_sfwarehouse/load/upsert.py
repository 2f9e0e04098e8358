"""Bring staged rows into their table, and mark what a version did not bring."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.load.audit import Counts
from target_sfwarehouse.postgres import sql
from target_sfwarehouse.postgres.ddl import add_bookkeeping, run
from target_sfwarehouse.postgres.schema import DELETED, DELETED_AT, VERSION, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from target_sfwarehouse.load.tables import Load, Segment
    from target_sfwarehouse.postgres.capabilities import Capabilities
    from target_sfwarehouse.postgres.schema import Table


def merge(connection: psycopg.Connection[Any], able: Capabilities, table: Table, segment: Segment) -> Counts:
    """Insert or upsert the staged rows, and empty the staging table, in a transaction that holds the table's lock."""
    keys = None
    if table.keys:
        keys = _count(connection, sql.count_keys(segment.name, table.keys))
        if keys < segment.rows:
            run(connection, sql.keep_last(segment.name, table.keys))
    counts = _brought(connection, able, table, segment.name, segment.columns, keys=keys)
    run(connection, f"TRUNCATE {segment.name}")
    counts.unchanged = segment.rows - counts.inserted - counts.updated
    return counts


def merge_numbered(
    connection: psycopg.Connection[Any],
    able: Capabilities,
    table: Table,
    segment: Segment,
    *,
    numbered: str,
    rows: range,
) -> Counts:
    """Insert or upsert some rows of a numbered copy of a staging table, which stays as it is."""
    source = sql.part(numbered, rows[0], rows[-1], table.keys)
    counts = _brought(connection, able, table, source, segment.columns, order=quoted(sql.ROW))
    counts.unchanged = len(rows) - counts.inserted - counts.updated
    return counts


def _brought(
    connection: psycopg.Connection[Any],
    able: Capabilities,
    table: Table,
    source: str,
    columns: Sequence[str],
    *,
    keys: int | None = None,
    order: str = sql.ORDER,
) -> Counts:
    """Insert or upsert rows, one a key, and count how many of each; `keys` are those of the rows, if known."""
    if not table.keys:
        return Counts(run(connection, sql.append(table, source, columns, order)).rowcount)
    able = replace(able, row_origin=able.row_origin and not table.partitioned)
    tells = able.merge or able.row_origin
    new = 0
    if not tells:
        keys = _count(connection, sql.count_keys(source, table.keys)) if keys is None else keys
        new = keys - _count(connection, sql.count_matches(table, source))
    row = run(connection, sql.upsert(table, source, columns, able)).fetchone()
    assert row is not None
    inserted, updated = row if tells else (new, row[0] - new)
    if VERSION in columns:
        run(connection, sql.mark_version(table, source, columns))
    return Counts(inserted, updated)


def _count(connection: psycopg.Connection[Any], statement: str) -> int:
    row = run(connection, statement).fetchone()
    assert row is not None
    return int(row[0])


def activate(connection: psycopg.Connection[Any], load: Load, version: int, *, hard_delete: bool) -> int:
    """Mark the rows of older versions as deleted, or remove them, under the table's lock; give how many.

    The schema names the column that marks them. Without one it is `is_deleted`, where the table has that as a boolean,
    else `_sdc_deleted_at`, as in the SDK's targets.
    """
    table = load.table
    marks = tuple(column for column in load.deletion if table.columns[column].can_mark)
    if not marks:
        usual = DELETED in table.columns and table.columns[DELETED].name == "boolean"
        marks = (DELETED,) if usual else (DELETED_AT,)
    add_bookkeeping(connection, table, VERSION, *(() if hard_delete else set(marks) & {DELETED_AT}))
    statement = sql.remove_older(table) if hard_delete else sql.mark_older(table, marks)
    return connection.execute(statement.encode(), (version,)).rowcount
