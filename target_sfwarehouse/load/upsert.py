"""Bring staged rows into their table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.load.audit import Counts
from target_sfwarehouse.postgres import sql as statements
from target_sfwarehouse.postgres.ddl import run
from target_sfwarehouse.postgres.schema import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from target_sfwarehouse.load.loads import Segment
    from target_sfwarehouse.postgres.capabilities import Engine
    from target_sfwarehouse.postgres.schema import Table

__all__ = ["merge", "merge_part"]


def merge(connection: psycopg.Connection[Any], engine: Engine, table: Table, segment: Segment) -> Counts:
    """Insert or upsert the staged rows, and empty the staging table.

    Args:
        connection: A connection in a transaction that holds the table's lock.
        engine: What the server can do.
        table: The table; without keys the rows are appended.
        segment: The staged rows.

    Returns:
        What was done.

    Raises:
        psycopg.Error: What the server says of a row, or of the statement.
    """
    keys = None
    if table.keys:
        keys = _count(connection, statements.count_keys(segment.name, table.keys))
        if keys < segment.rows:
            run(connection, statements.keep_last(segment.name, table.keys, engine))
    counts = _brought(connection, engine, table, segment.name, segment.columns, keys=keys)
    run(connection, f"TRUNCATE {segment.name}")
    counts.unchanged = segment.rows - counts.inserted - counts.updated
    return counts


def merge_part(
    connection: psycopg.Connection[Any],
    engine: Engine,
    table: Table,
    columns: Sequence[str],
    *,
    numbered: str,
    first: int,
    last: int,
) -> Counts:
    """Insert or upsert some rows of a numbered copy of a staging table, which stays as it is.

    Args:
        connection: As for `merge`.
        engine: Likewise.
        table: Likewise.
        columns: The columns that the rows set.
        numbered: The copy, quoted.
        first: Number of the first row.
        last: Number of the last one.

    Returns:
        What was done.

    Raises:
        psycopg.Error: As for `merge`.
    """
    source = statements.part(numbered, first, last, table.keys)
    counts = _brought(connection, replace(engine, row_order=False), table, source, columns)
    counts.unchanged = last - first + 1 - counts.inserted - counts.updated
    return counts


def _brought(
    connection: psycopg.Connection[Any],
    engine: Engine,
    table: Table,
    source: str,
    columns: Sequence[str],
    *,
    keys: int | None = None,
) -> Counts:
    """Insert or upsert rows, one a key, and count how many of each; `keys` are those of the rows, if known."""
    if not table.keys:
        return Counts(run(connection, statements.append(table, source, columns, engine)).rowcount)
    engine = replace(engine, row_origin=engine.row_origin and not table.partitioned)
    tells = engine.merge or engine.row_origin
    new = 0
    if not tells:
        keys = _count(connection, statements.count_keys(source, table.keys)) if keys is None else keys
        new = keys - _count(connection, statements.count_matches(table, source))
    row = run(connection, statements.upsert(table, source, columns, engine)).fetchone()
    assert row is not None
    inserted, updated = row if tells else (new, row[0] - new)
    if VERSION in columns:
        run(connection, statements.mark_version(table, source, columns))
    return Counts(inserted, updated)


def _count(connection: psycopg.Connection[Any], statement: str) -> int:
    row = run(connection, statement).fetchone()
    assert row is not None
    return int(row[0])
