"""Bring staged rows into their table, and mark what a version did not bring."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.load.audit import Counts
from target_sfwarehouse.postgres import sql
from target_sfwarehouse.postgres.casts import casts
from target_sfwarehouse.postgres.schema import DELETED, DELETED_AT, VERSION, quoted, with_parameters
from target_sfwarehouse.postgres.waiting import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from target_sfwarehouse.load.tables import Load, Segment
    from target_sfwarehouse.postgres.capabilities import Capabilities
    from target_sfwarehouse.postgres.schema import Table

CAST = quoted("_sfw_cast")


def as_the_table_has_it(connection: psycopg.Connection[Any], table: Table, segment: Segment) -> str:
    """Give a staging table with the table's types: a copy of the segment's, or that itself if it serves as it is."""
    found = {cast.column: cast for cast in casts(table, segment.shape.all_columns)}
    if all(cast.by_assignment for cast in found.values()):
        return segment.name
    values = [
        f"{found[column].value} AS {quoted(column)}" if column in found else quoted(column)
        for column in segment.columns
    ]
    chosen = f"SELECT {', '.join(values)} FROM {segment.name} ORDER BY {sql.ORDER}"  # noqa: S608 - quoted
    run(connection, f"CREATE TEMPORARY TABLE {CAST} AS {chosen}")
    return CAST


def merge(connection: psycopg.Connection[Any], able: Capabilities, load: Load, segment: Segment) -> Counts:
    """Insert or upsert the staged rows, and empty the staging table, in a transaction that holds the table's lock."""
    keys, table = None, load.table
    if table.keys:
        keys = _count(connection, sql.count_keys(segment.name, table.keys))
        if keys < segment.rows:
            run(connection, sql.keep_last(segment.name, table.keys))
    counts = _brought(connection, able, load, segment.name, segment.columns, keys=keys)
    run(connection, f"TRUNCATE {segment.name}")
    counts.unchanged = segment.rows - counts.inserted - counts.updated
    return counts


def merge_numbered(
    connection: psycopg.Connection[Any],
    able: Capabilities,
    load: Load,
    segment: Segment,
    *,
    numbered: str,
    rows: range,
) -> Counts:
    """Insert or upsert some rows of a numbered copy of a staging table, which stays as it is."""
    source = sql.part(numbered, rows[0], rows[-1], load.table.keys)
    counts = _brought(connection, able, load, source, segment.columns, order=quoted(sql.ROW))
    counts.unchanged = len(rows) - counts.inserted - counts.updated
    return counts


def _brought(
    connection: psycopg.Connection[Any],
    able: Capabilities,
    load: Load,
    source: str,
    columns: Sequence[str],
    *,
    keys: int | None = None,
    order: str = sql.ORDER,
) -> Counts:
    """Insert or upsert rows, one a key, and count how many of each; `keys` are those of the rows, if known."""
    table = load.table
    if not table.keys:
        return Counts(run(connection, sql.append(table, source, columns, order, load.stamps)).rowcount)
    able = replace(able, row_origin=able.row_origin and not table.partitioned)
    tells = able.merge or able.row_origin
    new = 0
    if not tells:
        keys = _count(connection, sql.count_keys(source, table.keys)) if keys is None else keys
        new = keys - _count(connection, sql.count_matches(table, source))
    gone = _gone(connection, load, source, lookups=tells) if set(marks_of(load)) <= set(columns) else 0
    noted = load.history is not None
    row = run(connection, sql.upsert(table, source, columns, able, load.stamps, noted=noted)).fetchone()
    assert row is not None
    inserted, updated = row if tells else (new, row[0] - new)
    if VERSION in columns:
        if noted and DELETED_AT in table.columns:
            run(connection, sql.note_marked(table, source))
        run(connection, sql.mark_version(table, source, columns, load.stamps))
    return Counts(inserted, updated, marked_deleted=gone)


def _gone(connection: psycopg.Connection[Any], load: Load, source: str, *, lookups: bool) -> int:
    """Count the rows that staged ones will mark as deleted. Most batches mark none, and need no look at the table."""
    marks = marks_of(load)
    some = _count(connection, sql.any_marked(load.table, source, marks))
    return _count(connection, sql.count_gone(load.table, source, marks, lookups=lookups)) if some else 0


def _count(connection: psycopg.Connection[Any], statement: str) -> int:
    row = run(connection, statement).fetchone()
    assert row is not None
    return int(row[0])


def activate(connection: psycopg.Connection[Any], load: Load, version: int, *, hard_delete: bool) -> int:
    """Mark the rows of older versions as deleted, or remove them, under the table's lock; give how many were not yet."""
    table, marks = load.table, marks_of(load)
    keys = with_parameters(sql.listed(table.keys))
    if not hard_delete:
        marking = sql.mark_older(table, marks, load.stamps)
        marking = sql.noting(marking, keys) if load.history is not None else marking
        return connection.execute(marking.encode(), (version,)).rowcount
    row = connection.execute(sql.count_older(table, marks).encode(), (version,)).fetchone()
    assert row is not None
    removing = sql.remove_older(table)
    removing = sql.noting(removing, keys) if load.history is not None else removing
    connection.execute(removing.encode(), (version,))
    return int(row[0])


def remove_all(connection: psycopg.Connection[Any], load: Load) -> None:
    """Remove every row of a table."""
    removing = f"DELETE FROM {load.table.sql}"  # noqa: S608 - quoted
    run(
        connection,
        sql.noting(removing, sql.listed(load.table.keys)) if load.history is not None else removing,
    )


def marks_of(load: Load) -> tuple[str, ...]:
    """Name the columns that mark deleted rows.

    The schema names them. Without one it is `is_deleted`, where the table has that as a boolean, else `_sdc_deleted_at`,
    as in the SDK's targets.
    """
    table = load.table
    if marks := tuple(column for column in load.deletion if table.columns[column].can_mark):
        return marks
    usual = DELETED in table.columns and table.columns[DELETED].name == "boolean"
    return (DELETED,) if usual else (DELETED_AT,)
