"""Tell whether the connection is one session of the server, as staging tables need it, before the first row.

A pooler answers in the server's place, so the process that it names at the login is not the one that runs statements. If
it pools sessions, that is all. If it pools transactions or statements, each transaction may run in another session.
Only a notification tells the two apart for sure: it comes to a client without a transaction if its session is its own.
"""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

PATIENCE = 5.0
"""Seconds that a notification may take."""


def check_session(
    connection: psycopg.Connection[Any], place: str, connect: Callable[..., psycopg.Connection[Any]]
) -> None:
    """Raise WarehouseError if a pooler stands in front of the server and does not give this connection a session."""
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    if row is None or row[0] == connection.info.backend_pid or _has_a_session(connection, connect):
        return
    raise WarehouseError(
        f"The warehouse at {place} is behind a pooler that gives each transaction another session, and staging tables "
        "need one session for the run. Set `host` and `port` to the server itself (its port is often 5432), or to a "
        "pool whose pool_mode is session and which has room for two sessions."
    )


def _has_a_session(
    connection: psycopg.Connection[Any], connect: Callable[..., psycopg.Connection[Any]]
) -> bool:
    channel = f"sfw_{uuid.uuid4().hex}"
    deadline = time.monotonic() + PATIENCE
    connection.execute(f'LISTEN "{channel}"'.encode())
    with closing(connect(autocommit=True, connect_timeout=int(PATIENCE))) as other:
        # Sent without waiting for the answer: a pooler may have no session left for the second client.
        other.pgconn.send_query(f'NOTIFY "{channel}"'.encode())
        other.pgconn.flush()
        arrived = any(
            notice.channel == channel
            for notice in connection.notifies(timeout=max(0.0, deadline - time.monotonic()), stop_after=1)
        )
    if arrived:
        connection.execute(f'UNLISTEN "{channel}"'.encode())
    return arrived
