"""What the sessions of a run share, and the thread that each works on."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from target_sfwarehouse.errors import BadSchemaError
from target_sfwarehouse.load.compatibility import Views
from target_sfwarehouse.load.history import History
from target_sfwarehouse.load.sources import Sources
from target_sfwarehouse.load.stamps import Stamps
from target_sfwarehouse.load.status import fit_status
from target_sfwarehouse.postgres.connect import explained
from target_sfwarehouse.postgres.ddl import ensure_schema, lock

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.errors import InputError
    from target_sfwarehouse.load.audit import Quarantine, RunLog
    from target_sfwarehouse.load.tables import Load
    from target_sfwarehouse.postgres.capabilities import Capabilities

T = TypeVar("T")

WAITING = 8
"""Jobs that may wait: enough to keep the server busy, few enough to keep memory small."""


class Run:
    """What the sessions of a run share. Each is changed by one session at a time: `Session.wait` puts them in order.

    Attributes:
        loads: The run's tables, by stream.
        failure: The first bad line so far; no STATE behind it goes out.
        stops: Whether nothing more is read because of a failure.
        ready: Whether the schema and `_sync_runs` are there.
        reports: The stream of the tap's reports, empty before there is one.
    """

    def __init__(self, able: Capabilities, settings: Settings, log: RunLog, quarantine: Quarantine) -> None:
        self.able = able
        self.settings = settings
        self.log = log
        self.quarantine = quarantine
        self.sources = Sources(settings)
        self.stamps = Stamps(settings)
        self.views = Views(settings)
        self.history = History(settings, self.enter, self.views)
        self.loads: dict[str, Load] = {}
        self.failure: InputError | None = None
        self.stops = False
        self.ready = False
        self.reports = ""

    def make_schema(self, connection: psycopg.Connection[Any], schema: str = "") -> None:
        """Make the target schema and the target's own tables in it, and the schema of a stream if that is another one."""
        own = self.settings.target_schema
        if not self.ready:
            ensure_schema(connection, self.settings, own)
            self.log.prepare(connection)
            self.ready = True
        if schema:
            if schema != own:
                ensure_schema(connection, self.settings, schema)
            self.stamps.prepare(connection, schema)

    def fit_status(self, connection: psycopg.Connection[Any]) -> None:
        """Keep the view over the tap's reports, where there are some."""
        load = self.loads.get(self.reports)
        if load is not None and not load.has_failed():
            fit_status(connection, self.settings, load.table, self.reports)

    def enter(self, connection: psycopg.Connection[Any], load: Load) -> None:
        """Begin to write a table in the open transaction: take its lock, record whose rows come, and when."""
        lock(connection, self.settings, load.table.label)
        self.sources.claim(connection, load)
        self.stamps.take(connection, load)

    def fail(self, error: InputError) -> None:
        """Note a failure."""
        if self.failure is None or error.line < self.failure.line:
            self.failure = error


class Thread:
    """Runs jobs one after the other. After a job has failed the later ones are not run: they fail likewise."""

    def __init__(self, name: str) -> None:
        self.error: BaseException | None = None
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[..., T], *arguments: Any) -> Future[T]:
        """Hand over a job; waits while too many wait already. Raises what an earlier job raised."""
        if self.error is not None:
            raise self.error
        future: Future[T] = Future()
        self._jobs.put(partial(self._run, future, job, arguments))
        return future

    def close(self) -> None:
        """Let the thread end when the jobs handed over are done."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _run(self, future: Future[T], job: Callable[..., T], arguments: tuple[Any, ...]) -> None:
        if self.error is not None:
            future.set_exception(self.error)
            return
        try:
            future.set_result(job(*arguments))
        except BaseException as error:  # noqa: BLE001 - raised by the next submit, and to whoever waits
            said = explained(error)
            if not isinstance(said, BadSchemaError):
                self.error = said
            future.set_exception(said)
