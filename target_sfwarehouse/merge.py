"""Bring staged rows into their table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from target_sfwarehouse import statements
from target_sfwarehouse.ddl import run
from target_sfwarehouse.runs import Counts
from target_sfwarehouse.table import VERSION

if TYPE_CHECKING:
    import psycopg

    from target_sfwarehouse.engine import Engine
    from target_sfwarehouse.loads import Segment
    from target_sfwarehouse.table import Table

__all__ = ["merge"]


def merge(connection: psycopg.Connection[Any], engine: Engine, table: Table, segment: Segment) -> Counts:
    """Insert or upsert the staged rows, and empty the staging table.

    Args:
        connection: A connection in a transaction that holds the table's lock.
        engine: What the server can do.
        table: The table; without keys the rows are appended.
        segment: The staged rows.

    Returns:
        What was done.
    """
    counts = _upserted(connection, engine, table, segment) if table.keys else Counts()
    if not table.keys:
        statement = statements.append(table, segment.name, segment.columns, engine)
        counts.inserted = run(connection, statement).rowcount
    run(connection, f"TRUNCATE {segment.name}")
    return counts


def _upserted(connection: psycopg.Connection[Any], engine: Engine, table: Table, segment: Segment) -> Counts:
    engine = replace(engine, row_origin=engine.row_origin and not table.partitioned)
    keys = _count(connection, statements.count_keys(segment.name, table.keys))
    if keys < segment.rows:
        run(connection, statements.keep_last(segment.name, table.keys, engine))
    tells = engine.merge or engine.row_origin
    known = 0 if tells else _count(connection, statements.count_matches(table, segment.name))
    row = run(connection, statements.upsert(table, segment.name, segment.columns, engine)).fetchone()
    assert row is not None
    inserted, updated = row if tells else (keys - known, row[0] - (keys - known))
    if VERSION in segment.columns:
        run(connection, statements.mark_version(table, segment.name, segment.columns))
    return Counts(inserted, updated, segment.rows - inserted - updated)


def _count(connection: psycopg.Connection[Any], statement: str) -> int:
    row = run(connection, statement).fetchone()
    assert row is not None
    return int(row[0])
