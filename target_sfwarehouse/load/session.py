"""Two sessions with the warehouse, so that it merges one batch while it takes in the rows of the next."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import psycopg

from target_sfwarehouse.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Lanes"]

T = TypeVar("T")

logger = logging.getLogger("target-sfwarehouse")


class Lanes(Generic[T]):
    """The sessions of a run. One is at hand; a job may keep one busy, on a thread of its own.

    The second session is opened when there is use for it: rows come in while a batch is merged. A run whose rows are one
    batch never has it, and one that cannot have it does without.

    Attributes:
        number: Of the session at hand. Temporary tables belong to one of them.
    """

    def __init__(
        self, first: psycopg.Connection[Any], another: Callable[[], psycopg.Connection[Any]] | None
    ) -> None:
        """Begin with one session.

        Args:
            first: The session.
            another: Opens a second one like it; None if there shall be none.
        """
        self.number = 0
        self._sessions = [first]
        self._another = another
        self._busy = 0
        self._job: Future[T] | None = None

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The session at hand."""
        return self._sessions[self.number]

    def start(self, job: Callable[[], T]) -> None:
        """Run a job beside what comes next. It has the session at hand to itself; no other job runs.

        Args:
            job: What to run.
        """
        assert self._job is None
        self._busy, self._job = self.number, Future()
        threading.Thread(target=_run, args=(job, self._job), name="merge", daemon=True).start()

    def wait(self) -> T | None:
        """Wait for the job that runs, if one does.

        Returns:
            What it returned, once.

        Raises:
            BaseException: What it raised.
        """
        job, self._job = self._job, None
        return None if job is None else job.result()

    def free(self) -> bool:
        """Have a session at hand that no job uses.

        Returns:
            False if the job has to be waited for: it is done, or there is no second session.
        """
        if self._job is None or self._busy != self.number:
            return True
        if self._job.done() or not self._has_two():
            return False
        self.number = 1 - self.number
        return True

    def _has_two(self) -> bool:
        if self._another is not None:
            another, self._another = self._another, None
            try:
                self._sessions.append(another())
            except (TargetError, psycopg.Error) as error:
                logger.debug("No second session: %s", error)
        return len(self._sessions) > 1

    def close(self) -> None:
        """End the sessions."""
        for session in self._sessions:
            session.close()


def _run(job: Callable[[], T], future: Future[T]) -> None:
    try:
        future.set_result(job())
    except BaseException as error:  # noqa: BLE001 - handed to who waits
        future.set_exception(error)
