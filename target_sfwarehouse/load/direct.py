"""Rows copied straight into their table, in a transaction of the table's own."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from psycopg import errors as pg

from target_sfwarehouse.load.audit import Counts
from target_sfwarehouse.load.refused import REFUSED_ROW
from target_sfwarehouse.postgres.ddl import lock, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_sfwarehouse.load.loads import Load
    from target_sfwarehouse.load.merging import Merger

__all__ = ["Direct"]


class Direct:
    """The transaction of the table that rows are copied into, while there is one.

    Attributes:
        load: The table.
    """

    def __init__(self) -> None:
        self.load: Load | None = None

    def takes(self, load: Load) -> bool:
        """Whether the order of rows and the locks of other tables allow to copy into a table.

        Args:
            load: The table.
        """
        return load.direct and load.segment is None and (self.load is None or self.load is load)

    def begin(self, merger: Merger, load: Load) -> None:
        """Begin the transaction, which holds the table's lock.

        Args:
            merger: Of the session.
            load: A table that `takes` allows.

        Raises:
            TableLockedError: Another run holds the table and the settings say not to wait.
        """
        run(merger.connection, "BEGIN")
        self.load = load
        lock(merger.connection, merger.engine, merger.settings, load.table.label)

    def atomic(self, merger: Merger) -> AbstractContextManager[Any]:
        """A savepoint inside the transaction; without one each COPY is atomic by itself.

        Args:
            merger: Of the session.
        """
        return merger.connection.transaction() if self.load is not None else nullcontext()

    def copied(self, merger: Merger, load: Load, copy: Callable[[], int]) -> int | None:
        """Copy into the table.

        Args:
            merger: Of the session.
            load: The table, whose transaction has begun.
            copy: Copies all of its rows or none, and returns how many there were.

        Returns:
            How many; None if the table refuses one of them.
        """
        try:
            with merger.connection.transaction():
                rows = copy()
        except REFUSED_ROW as error:
            if isinstance(error, pg.UniqueViolation):
                # A key came twice: from here on rows are staged, where the last one wins.
                load.direct = False
            return None
        load.direct_rows += rows
        return rows

    def commit(self, merger: Merger) -> None:
        """End the transaction, if there is one, merging what had to be staged after all.

        Args:
            merger: Of the session.

        Raises:
            psycopg.Error: What the server says.
        """
        load = self.load
        if load is None:
            return
        counts = Counts(inserted=load.direct_rows) + merger.merge(load)
        merger.runs.record(merger.connection, load.table.stream, load.counts + counts)
        run(merger.connection, "COMMIT")
        load.counts += counts
        load.segment, load.direct_rows, load.first_line = None, 0, 0
        self.load = None

    def roll_back(self, merger: Merger) -> None:
        """Give the transaction up.

        Args:
            merger: Of the session.
        """
        run(merger.connection, "ROLLBACK")
        self.load = None
