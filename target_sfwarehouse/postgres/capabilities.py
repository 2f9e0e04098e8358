"""What the connected server can do: Postgres of any supported version, and Citus. docs/warehouses.md has the table."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg

TUNING = ("SET temp_buffers = '64MB'", "SET work_mem = '64MB'", "SET random_page_cost = 1.1", "SET jit = off")
"""Memory for a batch. Keys are looked up in the table's index: the planner's default reads a table of a million rows whole
for each batch. No batch waits for LLVM."""

MERGE_RETURNING = 170_000
"""First Postgres whose MERGE tells what it did with each row (`merge_action()`)."""


@dataclass(frozen=True)
class Capabilities:
    """What a server can do.

    Attributes:
        merge: MERGE ... RETURNING merge_action(); otherwise INSERT ... ON CONFLICT.
        row_origin: `xmax = 0` tells an inserted row from an updated one in RETURNING.
        citus: Tables and schemas can be distributed.
    """

    merge: bool = True
    row_origin: bool = True
    citus: bool = False


def detect(connection: psycopg.Connection[Any]) -> Capabilities:
    """Ask a server what it is."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'citus')"
    ).fetchone()
    return capabilities_of(connection.info.server_version, citus=bool(row and row[0]))


def capabilities_of(number: int, *, citus: bool) -> Capabilities:
    """Give the capabilities of libpq's server version, e.g. 180004."""
    if citus:
        return Capabilities(merge=False, row_origin=False, citus=True)
    return Capabilities(merge=number >= MERGE_RETURNING)


def begin(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Tune a session."""
    for statement in TUNING:
        # A pooler may hand over a session that has used temporary tables, whose buffers cannot change any more.
        with suppress(psycopg.Error):
            connection.execute(statement.encode())
    return connection
