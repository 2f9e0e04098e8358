"""What is staged goes into its table, in a transaction of its own or in that of a direct load."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.load.audit import Counts
from target_sfwarehouse.load.refused import REFUSED_ROW, merge_accepted
from target_sfwarehouse.postgres.ddl import lock, run

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.errors import BadRecordError
    from target_sfwarehouse.load.audit import RunLog
    from target_sfwarehouse.load.loads import Load
    from target_sfwarehouse.load.rejected import Rejected
    from target_sfwarehouse.postgres.capabilities import Engine

__all__ = ["Merger"]

logger = logging.getLogger("target-sfwarehouse")


@dataclass(frozen=True)
class Merger:
    """Brings staged rows into their tables.

    Attributes:
        connection: Where to.
        engine: What the server can do.
        settings: The target's settings.
        runs: Gets the counts, in the same transaction.
        rejected: Takes rows that a table refuses, in the same transaction, if the settings say so.
        fail: Otherwise called with the table's load and what is wrong with the first of them.
    """

    connection: psycopg.Connection[Any]
    engine: Engine
    settings: Settings
    runs: RunLog
    rejected: Rejected
    fail: Callable[[Load, BadRecordError], None]

    def merge(self, load: Load) -> Counts:
        """Merge what is staged for a table in the open transaction, which holds the table's lock.

        Args:
            load: The table.

        Returns:
            What was done.

        Raises:
            psycopg.Error: What the server says of anything but a row.
        """
        segment = load.segment
        if segment is None or not segment.rows:
            return Counts()
        if self.settings.load_method == "overwrite" and not load.emptied:
            run(self.connection, f"DELETE FROM {load.table.sql}")  # noqa: S608 - quoted
            load.emptied = True

        def refuse(error: BadRecordError, text: bytes) -> bool:
            if self.settings.on_bad_record == "quarantine":
                self.rejected.write(self.connection, self.engine, error, text)
                return True
            self.fail(load, error)
            return False

        return merge_accepted(self.connection, self.engine, load.table, segment, refuse)

    def commit(self, load: Load) -> Counts:
        """Merge what is staged for a table, if anything is, in a transaction of its own.

        Args:
            load: The table.

        Returns:
            What was done.

        Raises:
            psycopg.Error: As for `merge`, or what the server says when it commits.
            TableLockedError: Another run holds the table and the settings say not to wait.
        """
        if load.segment is None or not load.segment.rows:
            return Counts()
        emptied = load.emptied
        try:
            return self._commit(load)
        except REFUSED_ROW:
            # Only a rule that waits for the COMMIT gets here; asked of each statement, it tells the row.
            logger.debug("%s refuses a batch at its end; asking it earlier", load.table.label)
        load.emptied = emptied
        self.rejected.forget()
        return self._commit(load, "SET CONSTRAINTS ALL IMMEDIATE")

    def _commit(self, load: Load, *first: str) -> Counts:
        with self.connection.transaction():
            lock(self.connection, self.engine, self.settings, load.table.label)
            for statement in first:
                run(self.connection, statement)
            counts = self.merge(load)
            self.runs.record(self.connection, load.table.stream, load.counts + counts)
        return counts
