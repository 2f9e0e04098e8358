"""What the connected server can do: Postgres of any version, and the engines that speak its protocol.

docs/warehouses.md has the table that this module decides by.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg

__all__ = ["Engine", "begin", "detect"]

TUNING = (
    "SET temp_buffers = '64MB'",
    "SET work_mem = '64MB'",
    "SET random_page_cost = 1.1",
    "SET jit = off",
)
"""Room for a batch in memory; keys of a batch are looked up in the table's index, where the planner's default would read a
table of a million rows whole for each batch of fifty thousand; and nothing is compiled anew for each batch, as a server
with LLVM would do for a table that is large enough."""

MERGE_RETURNING = 170_000
"""First Postgres whose MERGE tells what it did with each row (`merge_action()`)."""


@dataclass(frozen=True)
class Engine:
    """Capabilities of a server.

    Attributes:
        name: For messages, e.g. `PostgreSQL 18.4`.
        merge: MERGE ... RETURNING merge_action(); otherwise INSERT ... ON CONFLICT.
        row_order: `ctid` gives the order in which rows of a table were written.
        row_origin: `xmax = 0` tells an inserted row from an updated one in RETURNING.
        advisory_locks: `pg_advisory_xact_lock` excludes other sessions.
        row_target: `toast_tuple_target` says how long a row of a table may be before its values are moved out.
        session: Statements that a session begins with.
    """

    name: str
    merge: bool = True
    row_order: bool = True
    row_origin: bool = True
    advisory_locks: bool = True
    row_target: bool = True
    session: tuple[str, ...] = TUNING


def detect(connection: psycopg.Connection[Any]) -> Engine:
    """Find out what the server of a connection can do.

    Args:
        connection: An open connection.

    Returns:
        Its capabilities.
    """
    row = connection.execute(
        "SELECT version(), EXISTS (SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'citus')"
    ).fetchone()
    version, citus = row if row is not None else ("", False)
    return engine_of(version, connection.info.server_version, citus=citus)


def begin(connection: psycopg.Connection[Any], engine: Engine) -> psycopg.Connection[Any]:
    """Begin a session.

    Args:
        connection: An open connection.
        engine: What its server can do.

    Returns:
        The connection.
    """
    for statement in engine.session:
        # A pooler may hand over a session that has used temporary tables, whose buffers cannot change any more.
        with suppress(psycopg.Error):
            connection.execute(statement.encode())
    return connection


def engine_of(version: str, number: int, *, citus: bool) -> Engine:
    """Derive the capabilities from what a server says about itself.

    Args:
        version: Result of `version()`.
        number: libpq's server version, e.g. 180004.
        citus: Whether the extension is there.

    Returns:
        The capabilities.
    """
    name = " ".join(version.split()[:2])
    if version.startswith("CockroachDB"):
        name = " ".join(version.split()[:3])
        return Engine(
            name,
            merge=False,
            row_order=False,
            row_origin=False,
            advisory_locks=False,
            row_target=False,
            session=("SET experimental_enable_temp_tables = 'on'",),
        )
    if re.search(r"-YB-\d", version):
        return Engine(
            f"YugabyteDB ({name})",
            merge=False,
            row_order=False,
            row_origin=False,
            advisory_locks=False,
            row_target=False,
            session=(),
        )
    if citus:
        return Engine(f"Citus ({name})", merge=False, row_origin=False)
    return Engine(name, merge=number >= MERGE_RETURNING)
