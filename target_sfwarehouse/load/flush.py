"""A flush: what is staged for several tables is committed, and vouches for the states behind it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import psycopg

from target_sfwarehouse.load.audit import Counts
from target_sfwarehouse.load.bad_rows import BAD_ROW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from target_sfwarehouse.errors import InputError
    from target_sfwarehouse.load.loads import Load
    from target_sfwarehouse.load.merging import Merger

__all__ = ["Flush", "Part", "is_trouble"]


def is_trouble(error: psycopg.Error) -> bool:
    """Whether an error is one of the warehouse, and not of a table or its rows.

    Args:
        error: What the warehouse said.
    """
    return isinstance(error, psycopg.OperationalError) and not isinstance(error, BAD_ROW)


@dataclass
class Part:
    """What a flush has for one table.

    Attributes:
        load: The table's load, which goes on with other rows.
        staged: The load as it was when the flush began.
        counts: What was done.
    """

    load: Load
    staged: Load
    counts: Counts = field(default_factory=Counts)


class Flush:
    """Merges what is staged, table by table, beside a loader that goes on.

    Attributes:
        parts: What there is for each table, and what became of it.
    """

    def __init__(
        self,
        merger: Merger,
        loads: Iterable[Load],
        states: list[tuple[int, bytes]],
        failure: InputError | None,
    ) -> None:
        """Take over what is staged.

        Args:
            merger: Merges, with the session that has the rows.
            loads: Those with staged rows.
            states: Line number and text of the STATE messages behind the rows, in order.
            failure: The first bad line so far, if there is one.
        """
        self._merger = replace(merger, fail=_end)
        self._states = states
        self._failure = failure
        self.parts = [Part(load, replace(load)) for load in loads]
        for part in self.parts:
            part.load.segment, part.load.first_line = None, 0

    def merge(self, emit: Callable[[bytes], None]) -> Flush:
        """Commit the rows of each table, then emit the last state that all of it vouches for.

        Args:
            emit: Writes a STATE's value.

        Returns:
            The flush.

        Raises:
            psycopg.Error: What the server says of anything but a table or a row.
            TableLockedError: Another run holds a table and the settings say not to wait.
        """
        for part in self.parts:
            self._commit(part)
        self._vouch(emit)
        return self

    def _commit(self, part: Part) -> None:
        staged = part.staged
        try:
            part.counts = self._merger.commit(staged)
        except psycopg.Error as error:
            if is_trouble(error):
                raise
            self._merger.rejected.forget()
            staged.failure = staged.error(error)

    def _vouch(self, emit: Callable[[bytes], None]) -> None:
        failures = [part.staged.failure for part in self.parts] + [self._failure]
        bad = min((failure.line for failure in failures if failure is not None), default=None)
        safe = [text for line, text in self._states if bad is None or line < bad]
        if safe:
            self._merger.runs.bookmark(safe[-1])
            emit(safe[-1])


def _end(load: Load, error: InputError) -> None:
    load.failure = error
