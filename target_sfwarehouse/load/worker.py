"""The thread that talks to the warehouse while the next records are decoded."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Worker"]

T = TypeVar("T")

WAITING = 8
"""Jobs that may wait: enough to keep the server busy, few enough to keep memory small."""


@dataclass(frozen=True)
class _Job:
    """A job; one of `call` runs always, to pass an error on to whoever waits."""

    run: Callable[[], object]
    always: bool = False


class Worker:
    """Runs jobs one after the other on a thread of its own.

    After a job has failed the later ones are not run: `submit` and `call` raise what it raised.
    """

    def __init__(self, explain: Callable[[BaseException], BaseException]) -> None:
        """Start the thread.

        Args:
            explain: Makes of what a job raised what the caller should see.
        """
        self._explain = explain
        self._jobs: queue.Queue[_Job | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="warehouse", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[..., object], *arguments: Any) -> None:
        """Hand over a job; waits while too many wait already.

        Args:
            job: What to run.
            *arguments: Its arguments.

        Raises:
            BaseException: What an earlier job raised.
        """
        if self._error is not None:
            raise self._error
        self._jobs.put(_Job(lambda: job(*arguments)))

    def call(self, job: Callable[..., T], *arguments: Any) -> T:
        """Run a job after those before it and wait for its result.

        Args:
            job: What to run.
            *arguments: Its arguments.

        Returns:
            What it returns.

        Raises:
            BaseException: What it, or an earlier job, raised. What it raised itself does not stop later jobs.
        """
        future: Future[T] = Future()

        def run() -> None:
            if self._error is not None:
                future.set_exception(self._error)
                return
            try:
                future.set_result(job(*arguments))
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                future.set_exception(self._explain(error))

        self._jobs.put(_Job(run, always=True))
        return future.result()

    def close(self) -> None:
        """Let the thread end when the jobs handed over are done."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                if self._error is None or job.always:
                    job.run()
            except BaseException as error:  # noqa: BLE001 - raised by the next submit
                self._error = self._explain(error)
