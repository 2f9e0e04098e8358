"""The loader hands rows to sessions with the warehouse, and emits a STATE when every row before it is committed.

While one session merges a batch, the rows of the next batch go to a second session, on a thread of its own. It waits there
until the batch before is committed. The second session is opened when there is use for it: a run of one batch never has it,
and a run that cannot have it does without. It saves a quarter of the time of an upsert.
"""

from __future__ import annotations

import logging
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from target_sfwarehouse.errors import SettingsError, TargetError
from target_sfwarehouse.load.audit import Quarantine, RunLog
from target_sfwarehouse.load.run import Run
from target_sfwarehouse.load.session import Session
from target_sfwarehouse.load.tables import Load, check_name
from target_sfwarehouse.postgres import capabilities
from target_sfwarehouse.postgres.casts import rooms
from target_sfwarehouse.postgres.connect import connector
from target_sfwarehouse.postgres.grants import check_roles
from target_sfwarehouse.postgres.schema import changes, stamps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from concurrent.futures import Future

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.errors import InputError
    from target_sfwarehouse.load.files import FileLoad
    from target_sfwarehouse.rows.chunks import Chunk
    from target_sfwarehouse.rows.layout import Layout

logger = logging.getLogger("target-sfwarehouse")


class Loader:
    """Brings chunks of rows into tables; its methods are for one thread.

    Each raises what an earlier one's work in a session raised: WarehouseError, above all.
    """

    def __init__(self, settings: Settings, emit: Callable[[bytes], None]) -> None:
        """Connect. `emit` writes a STATE's value. Raises SettingsError and WarehouseError."""
        self._connect = connector(settings)
        first = self._connect()
        log = RunLog(settings)
        able = capabilities.detect(first)
        if settings.distribute_by != "none" and not able.citus:
            raise SettingsError(
                f"`distribute_by` is `{settings.distribute_by}`, but the database lacks the extension citus. Set it to "
                "`none`, or let an owner run: CREATE EXTENSION citus;"
            )
        if settings.history and able.citus:
            raise SettingsError(
                "`history` needs a plain PostgreSQL: Citus cannot run its statements. Remove the setting, or drop the "
                "extension citus from the database."
            )
        check_roles(first, settings)
        self._run = Run(able, settings, log, Quarantine(settings, log.run_id))
        self._sessions = [Session(capabilities.begin(first), self._run, 1)]
        self._number = 0
        self._may_have_two = True
        self._begins = True
        self._last: Future[None] | None = None
        self._emit = emit
        self._when_safe: deque[tuple[int, Callable[[], None]]] = deque()

    @property
    def loads(self) -> Mapping[str, Load]:
        """The run's tables, by stream."""
        return self._run.loads

    @property
    def _session(self) -> Session:
        return self._sessions[self._number]

    def _submit(self, job: Callable[..., Any], *arguments: Any) -> Future[Any]:
        for session in self._sessions:
            if session.thread.error is not None:
                raise session.thread.error
        self._begins = False
        return self._session.thread.submit(job, *arguments)

    def check(self, *, at_end: bool = False) -> None:
        """Raise the first failure so far if nothing more is to be read because of one, or if this is the end."""
        if self._run.failure is not None and (self._run.stops or at_end):
            raise self._run.failure

    def prepare(self, stream: str, layout: Layout, source: str) -> Load:
        """Make a stream's table fit its schema, for rows of a source. Raises BadSchemaError where the table cannot follow."""
        load = self._run.loads.get(stream)
        name = check_name(self._run.loads, self._run.settings, stream)
        table = load.table if load is not None else None
        layout = layout.after(load.named if load is not None else ())
        other = load is not None and (source not in {"", load.source} or load.stages_otherwise(layout))
        if table is None or other or table.keys != layout.keys or changes(table, layout):
            table = self._submit(self._session.prepare, stream, name, layout, source).result()
        if load is None:
            load = self._run.loads[stream] = Load(table)
            self._run.log.started[stream] = datetime.now(UTC)
            load.direct = self._run.settings.load_method != "overwrite" and (
                table.created or not (layout.keys or table.deferred)
            )
        load.table = table
        load.named.update(column.column for column in layout.columns)
        table.stamped = stamps_of(table, layout)
        table.keys = layout.keys
        load.rooms = {**load.rooms, **rooms(table, layout.columns)}
        narrow = any(load.rooms[column.column] != table.columns[column.column] for column in layout.columns)
        timed = table.timed.issuperset(table.stamped)
        load.has_history = self._run.history.asks_for(table)
        load.direct = load.direct and not (narrow or table.unwritten or load.has_history) and timed
        load.deletion = layout.deletion or load.deletion
        load.source = source or load.source
        if (load.has_history and not load.history_fits()) or not self._run.views.fits(load):
            self._submit(self._session.accompany, load).result()
        return load

    def note_run(self, tap_run: str, stream: str) -> None:
        """Note the tap's run, which its reports name, and their stream."""
        self._run.log.tap_run, self._run.reports = tap_run, stream

    def stage(self, chunk: Chunk) -> None:
        """Take rows in."""
        load = self._run.loads[chunk.stream]
        load.read += len(chunk)
        self._choose_session(load)
        self._submit(self._session.take, chunk)

    def copy_file(self, file: FileLoad) -> None:
        """Take the rows of a CSV file in."""
        self._choose_session(self._run.loads[file.shape.stream])
        self._submit(self._session.copy_file, file)

    def _choose_session(self, load: Load) -> None:
        """Begin a batch in the other session if this one still merges; rows that are copied directly wait anyway."""
        if not self._begins or load.direct or self._last is None or self._last.done():
            return
        if len(self._sessions) == 1 and self._may_have_two:
            self._may_have_two = False
            try:
                connection = capabilities.begin(self._connect(pauses=()))
            except (TargetError, psycopg.Error) as error:
                logger.debug("No second session: %s", error)
            else:
                self._sessions.append(Session(connection, self._run, 2))
        if len(self._sessions) > 1:
            self._number = 1 - self._number
            self._submit(self._session.follow, self._last)

    def reject(self, error: InputError, text: bytes) -> None:
        """Put a record of the input into quarantine, in order with the records before it."""
        self._submit(self._session.reject, error, text)

    def idle(self) -> None:
        """Nothing comes for a while: leave the server no statement that waits for more."""
        self._submit(self._session.end_copy)

    def flush(self, states: list[tuple[int, bytes]]) -> None:
        """Have everything taken in committed, and then the last STATE before a bad record emitted.

        `states` are line number and text of the STATE messages since the last flush, in order.
        """
        self._last = self._submit(self._commit, self._session, states)
        self._begins = True

    def lead(self, state: tuple[int, bytes]) -> None:
        """Have a STATE emitted that comes before all rows of the batch that begins, once those before are committed."""
        idle = self._last is None or self._last.done()
        self.flush([state])
        if idle:
            # No second session is needed for a batch without rows.
            self.settle()

    def _commit(self, session: Session, states: list[tuple[int, bytes]]) -> None:
        """Commit a batch, on its session's thread; batches come here in order."""
        session.commit()
        failure = self._run.failure
        safe = [state for state in states if failure is None or state[0] < failure.line]
        if safe:
            self._run.log.state = safe[-1][1]
            self._emit(safe[-1][1])
            while self._when_safe and self._when_safe[0][0] < safe[-1][0]:
                self._when_safe.popleft()[1]()

    def when_safe(self, line: int, work: Callable[[], None]) -> None:
        """Have something done when a STATE is out that comes after a line; not at all if none comes."""
        self._when_safe.append((line, work))

    def settle(self) -> None:
        """Wait until everything flushed is committed."""
        if self._last is not None:
            self._last.result()

    def rejected(self, streams: AbstractSet[str], version: int) -> int:
        """Count the records in quarantine that a version of some streams lacks; everything read before is settled."""
        count: int = self._submit(self._session.rejected, streams, version).result()
        return count

    def activate(self, load: Load, version: int, line: int) -> None:
        """Mark or remove the rows that a version did not bring; everything read before is settled."""
        self._submit(self._session.activate, load, version, line).result()

    def empty(self, line: int) -> None:
        """Empty the tables that the run was to overwrite and that it brought no record for; everything is settled."""
        self._submit(self._session.empty, line).result()

    def finish(self) -> None:
        """Write the end of the run, everything flushed, into `_sync_runs`."""
        self.settle()
        self._submit(self._session.finish).result()

    def close(self) -> None:
        """End the sessions."""
        for session in self._sessions:
            session.close()
