"""Change a table that others read, without a queue behind the change.

A statement that needs a table for itself waits for every reader before it, and each new reader waits for the statement. So
it waits a second only. Then it lets the readers go on, and is tried again later.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import errors as pg

from target_sfwarehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from target_sfwarehouse.postgres.schema import Table

T = TypeVar("T")

LOCK_TIMEOUT = "1s"
"""How long new readers may have to wait."""

PATIENCE = 600.0
"""Seconds after which a change is given up."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds between two attempts; each pause is twice as long as the one before."""

HOLDERS = """
SELECT DISTINCT a.pid, a.usename, a.application_name, a.state
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.relation = to_regclass(%s) AND l.granted AND l.pid <> pg_backend_pid()
ORDER BY a.pid
"""

logger = logging.getLogger("target-sfwarehouse")


class InUseError(Exception):
    """A table was in use when it was to be changed.

    Attributes:
        table: Its quoted name.
    """

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.table = table


def run(connection: psycopg.Connection[Any], statement: str) -> psycopg.Cursor[Any]:
    """Run a statement that was put together from quoted parts."""
    return connection.execute(statement.encode())


def change(connection: psycopg.Connection[Any], table: Table, statements: Sequence[str]) -> None:
    """Run statements that need a table for themselves, in a transaction that is theirs. Raises InUseError."""
    if not statements:
        return
    run(connection, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    try:
        for statement in statements:
            run(connection, statement)
    except pg.LockNotAvailable:
        raise InUseError(table.sql) from None


def patiently(connection: psycopg.Connection[Any], label: str, attempt: Callable[[], T]) -> T:
    """Try a transaction that changes a table until nobody uses the table. Raises WarehouseError after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    pause, told = FIRST_PAUSE, False
    while True:
        try:
            return attempt()
        except InUseError as error:
            holders = _holders(connection, error.table)
        if time.monotonic() > end:
            raise WarehouseError(
                f"{label} could not be changed within {PATIENCE:.0f} seconds, as it is in use by {holders}. Wait until that "
                "ends, or end it (SELECT pg_terminate_backend(pid)), and run again. Nothing was lost."
            )
        if not told:
            logger.info(
                "Waiting to change %s, which is in use by %s; readers are not held up", label, holders
            )
            told = True
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _holders(connection: psycopg.Connection[Any], table: str) -> str:
    """Describe the sessions that hold locks of a table. `pg_blocking_pids` would tell only while the change waits."""
    found = []
    for pid, role, application, state in connection.execute(HOLDERS, (table,)):
        about = ", ".join(str(part) for part in (f"role {role}", application, state) if part)
        found.append(f"process {pid} ({about})")
    return " and ".join(found) or "a session that has ended since"
