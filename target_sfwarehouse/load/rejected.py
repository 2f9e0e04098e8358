"""Quarantine: the table `_rejected` with the records that did not fit, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.postgres.ddl import run, wait_for_lock
from target_sfwarehouse.postgres.identifiers import quoted, with_parameters

if TYPE_CHECKING:
    import uuid

    import psycopg

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.errors import InputError
    from target_sfwarehouse.postgres.capabilities import Engine

__all__ = ["REJECTED", "Rejected"]

REJECTED = "_rejected"

CREATE = """
CREATE TABLE IF NOT EXISTS {table} (
    run_id uuid NOT NULL, rejected_at timestamptz NOT NULL DEFAULT now(), line bigint NOT NULL,
    collection text, property text, reason text NOT NULL, message text NOT NULL
)
"""

INSERT = """
INSERT INTO {table} (run_id, line, collection, property, reason, message) VALUES (%s, %s, %s, %s, %s, %s)
"""


@dataclass
class Rejected:
    """The quarantine of one run.

    Attributes:
        settings: Names the schema.
        run_id: The run, as in `_sync_runs`.
    """

    settings: Settings
    run_id: uuid.UUID
    _ready: bool = False

    def write(
        self, connection: psycopg.Connection[Any], engine: Engine, error: InputError, text: bytes
    ) -> None:
        """Put a line in.

        Args:
            connection: The connection; an open transaction takes the row with it.
            engine: What the server can do.
            error: What is wrong with the line.
            text: The line as it came; what is no UTF-8 or cannot be stored is replaced.
        """
        table = quoted(self.settings.schema, REJECTED)
        if not self._ready:
            found = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
            if found is None or found[0] is None:
                with connection.transaction():
                    wait_for_lock(connection, engine, table)
                    run(connection, CREATE.format(table=table))
            self._ready = True
        message = text.decode("utf-8", "replace").replace("\0", "�").rstrip("\r\n")
        reason = error.reason.replace("\0", "�").encode("utf-8", "replace").decode()
        row = (self.run_id, error.line, error.stream, error.name, reason, message)
        connection.execute(INSERT.format(table=with_parameters(table)).encode(), row)

    def forget(self) -> None:
        """A transaction has failed that may have made the table: look for it again."""
        self._ready = False
