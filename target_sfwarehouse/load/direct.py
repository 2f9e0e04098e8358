"""The transaction in which rows are copied straight into their table.

A table that this run made, and one without a key whose rules do not wait for the commit, is copied into directly, in a
transaction of its own, as long as no other stream comes in between and no key is repeated. It saves a quarter of the time of
a first load.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from psycopg import errors as pg

from target_sfwarehouse.load.bad_rows import REFUSED_ROW
from target_sfwarehouse.load.tables import State
from target_sfwarehouse.postgres.waiting import run
from target_sfwarehouse.rows.decode import UncheckedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import psycopg

    from target_sfwarehouse.load.run import Run
    from target_sfwarehouse.load.tables import Part


class DirectCopy:
    """A session's transaction of a table that is copied into.

    Attributes:
        part: The table; None while no such transaction is open.
    """

    def __init__(self, connection: psycopg.Connection[Any], run: Run, wait: Callable[[], None]) -> None:
        """`wait` waits until the batch before is committed."""
        self.part: Part | None = None
        self._connection = connection
        self._run = run
        self._wait = wait

    def takes(self, part: Part) -> bool:
        """Whether the order of rows and the locks of other tables allow to copy into a table."""
        return part.load.direct and part.segment is None and self.part in (None, part)

    def begin(self, part: Part) -> None:
        """Begin the transaction of a table, which holds its lock. It may find that the rows have to be staged."""
        if self.part is None:
            self._wait()
            run(self._connection, "BEGIN")
            self.part = part
            part.to(State.COPYING)
            self._run.enter(self._connection, part.load)

    def copy(self, part: Part, copying: Callable[[], int]) -> int | None:
        """Copy into the table all rows or none; None if the table refuses one of them."""
        self.begin(part)
        if not part.load.direct:
            return None
        try:
            with self._connection.transaction():
                rows = copying()
        except (*REFUSED_ROW, UncheckedError) as error:
            if isinstance(error, pg.UniqueViolation | pg.InternalError_):
                # A key came twice: from here on rows are staged, where the last one wins.
                part.load.direct = False
            return None
        part.direct_rows += rows
        return rows

    def savepoint(self) -> AbstractContextManager[Any]:
        """A savepoint inside the open transaction; without one each COPY is atomic by itself."""
        return self._connection.transaction() if self.part is not None else nullcontext()

    def roll_back(self, part: Part) -> None:
        """Undo the transaction, if it is that of this table."""
        if self.part is part:
            run(self._connection, "ROLLBACK")
            self.part = None
