"""All that one run reads of one SObject, as a sequence of events.

A Bulk job that an earlier run did not finish is read to its end first. It returns the data as of its creation, so the run
then goes on as any run does, from the bookmark that the finished job gives. The order matters:

1. Tombstones of the deletion log, before the rows: the record of a row that came back since then corrects its tombstone.
2. The rows of the window, each with the contents of its files where the user asked for them.
3. Rows that the state asks to be read again.
4. Where only whole rows may be emitted, deletions come here: a row in the recycle bin as a whole row, others by a sweep.
5. Reads of every row: new properties, and properties that change without a stamp.
6. On request, or when the log is incomplete, a sweep of all rows under a new table version.
"""

from __future__ import annotations

import datetime
import logging
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from tap_sfsource import clock
from tap_sfsource.errors import RefusedError, SalesforceError
from tap_sfsource.sync import shard, windows
from tap_sfsource.sync.deletions import to_minute
from tap_sfsource.sync.events import Activate, Checkpoint, Event, Narrowed, Rows
from tap_sfsource.sync.logged_deletions import LoggedDeletions
from tap_sfsource.sync.mending import MOST_MENDS, blame_filter, mend
from tap_sfsource.sync.progress import JobLostError
from tap_sfsource.sync.refresh import Refresh
from tap_sfsource.sync.refusals import raise_refused
from tap_sfsource.sync.reread import reread
from tap_sfsource.sync.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.composite import Subrequest, Subresponse
    from tap_sfsource.sync.progress import Progress
    from tap_sfsource.sync.query_reader import QueryReader
    from tap_sfsource.sync.source import Source

logger = logging.getLogger("tap-sfsource.sync")

_LONGEST_TRANSACTION = datetime.timedelta(hours=1)
"""How far ``latestDateCovered`` may hold a bookmark back. Salesforce holds its mark back for transactions of the whole
instance, sometimes for days (help article 000199029); one of the org's own ends within minutes (Apex limits guide)."""


@dataclass
class ObjectSync:
    """One SObject in one run.

    Attributes:
        query: The query of its rows, once the first requests are made.
        used_bulk: Whether rows came by a Bulk job.
    """

    source: Source
    query: QueryReader = field(init=False)
    used_bulk: bool = field(default=False, init=False)
    _deletions: LoggedDeletions = field(init=False)
    _now: datetime.datetime = field(init=False)
    _refresh: Refresh = field(init=False)
    _leftovers: list[QueryReader] = field(default_factory=list, init=False)
    _error: Exception | None = field(default=None, init=False)
    _finished: bool = field(default=False, init=False)
    _version: int | None = field(default=None, init=False)
    _asks_bin: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Know of no deletion yet."""
        self._deletions = LoggedDeletions(self.source)

    def first_requests(self) -> list[Subrequest]:
        """The deletion log and the first page of rows; nothing where a leftover job has to be read before."""
        self._refresh = Refresh(self.source, self._clock())
        self._refresh.check_size()
        if reason := self.source.state.refused(self._now):
            raise RefusedError(self.source.plan.api_name, reason)
        self.query = self._next_query()
        self._leftovers = [] if self.query.resumed else self._refresh.leftovers()
        return [] if self._resumes else self._look()

    def prepare(self, answers: Sequence[Subresponse]) -> None:
        """Take the answers to `first_requests`, in order; an error is kept until the object's turn."""
        if self._resumes:
            return
        try:
            rest = list(answers)
            if self._deletions.asked:
                self._deletions.take(rest.pop(0))
            if self._asks_bin:
                self._refresh.take_bin(rest.pop(0))
            self.query.watermark = clock.isoformat(self._watermark())
            self._prepare_query(rest[0] if rest else None)
        except Exception as error:  # noqa: BLE001 - raised in `events`, in the main thread
            self._error = error

    def fail(self, error: Exception) -> None:
        """Keep an error of the first requests until the object's turn."""
        self._error = error

    @property
    def reads_log(self) -> bool:
        """Whether this run learns of deletions from Salesforce's log."""
        return self.source.has_log and not self._deletions.refused

    def events(self) -> Iterator[Event]:
        """Yield the events in order. A partial row is never the first row, unless the object has no row at all.

        Raises:
            TapError: The SObject cannot be read to its end; the state is as the last `Checkpoint` set it.
        """
        source = self.source
        for event in self._events():
            if isinstance(event, Rows) and event.page.count and not source.led:
                if event.kind.partial:
                    yield from self._leading_row(event.layout.version)
                source.led = True
            yield event

    def _leading_row(self, version: int | None) -> Iterator[Event]:
        """A whole row to go before a partial one, if there is any row; it is of the same table version."""
        source = self.source
        for _ in range(MOST_MENDS):
            try:
                page = source.leading_row(self.query)
            except SalesforceError as error:
                if not mend(source, error):
                    raise
                yield Narrowed()
            else:
                if page is not None:
                    yield source.whole_rows(page, source.whole_layout(version))
                return

    def _events(self) -> Iterator[Event]:
        self._raise_error()
        if self._resumes:
            yield from self._resume()
            self._look_again()
        source, refresh = self.source, self._refresh
        first_sync = source.state.bookmark is None
        yield from self._window()
        if self.query.split:
            # A row that changed before its part's job was created is in no part that was read later.
            self._look_again()
            yield from self._window()
        self._deletions.gone += yield from reread(source, partial(self._deletions.marks, now=self._now))
        sweeps = self._sweeps()
        if source.key and not first_sync and not (source.whole and sweeps):
            yield from refresh.news()
        if sweeps:
            yield from refresh.sweep(self.query.watermark if self._deletions.asked else "")
        if source.whole or source.key is None:
            swept = sweeps or source.key is None
            yield Checkpoint(partial(self._deletions.emitted, self.query, swept=swept))
        if source.contents.too_large:
            source.notes.append(f"{source.contents.too_large} contents too large")

    def _window(self) -> Iterator[Event]:
        """Deletions and rows since the bookmark."""
        source = self.source
        yield from self._deletions.tombstones(self._now)
        yield from self._mended_rows()
        if self._version is not None:
            yield Activate(self._version)
        if source.whole and source.key:
            yield from self._deletions.whole_rows(self._version)
        yield Checkpoint(self._finish)

    def abandon(self) -> None:
        """Abort the jobs that no STATE names: nobody will read them."""
        job = self.query.job if hasattr(self, "query") else None
        if job is None or self._finished:
            return
        kept = self.source.state.job()
        for job_id in sorted(job.ids - (kept.ids if kept is not None else frozenset())):
            self.source.readers.bulk.abort(job_id)

    @property
    def _resumes(self) -> bool:
        """Whether an earlier run's job has to be read first."""
        return self.query.resumed or bool(self._leftovers)

    def _sweeps(self) -> bool:
        source = self.source
        if source.key is None:
            return False  # each run reads every row under a new version anyway
        asked = source.readers.settings.deletes == "sweep" or source.state.sweep_due
        wanted = asked or bool(self._deletions.unmarked)
        if wanted and source.plan.own.part:
            # A version of these rows would mark those of the other shards as deleted.
            shard.tell_unswept(source.plan.api_name, source.notes, self._deletions.unmarked)
            return False
        if wanted and source.ended:
            # Rows that have changed since then would look like deleted ones.
            source.notes.append("end_date is past: a later run sweeps")
            return False
        return wanted

    def _clock(self) -> datetime.datetime:
        self._now = self.source.readers.client.now()
        return self._now

    def _next_query(self) -> QueryReader:
        if self.source.key is None:
            return self.source.window(Window())
        start, end = self.source.state.bookmark or self.source.plan.own.start, windows.ceiling(self._now)
        if (last := self.source.end) is not None:
            end = min(end, max(last, start or last))
        return self.source.window(Window(start, end))

    def _look(self) -> list[Subrequest]:
        """The deletion log, then, in a first sync, whether rows are in the bin, then the first page of rows."""
        plan = self.source.plan
        bin_requests = self._refresh.ask_bin() if self.source.state.bookmark is None else []
        self._asks_bin = bool(bin_requests)
        requests = [*self._deletions.requests(), *bin_requests]
        look = self.query.first_request(f"query_{plan.api_name}")
        return [replace(part, owner=plan.stream_name) for part in [*requests, *([look] if look else [])]]

    def _look_again(self) -> None:
        """Ask for what has come since an earlier run's job was created, as the next run would."""
        self._refresh.now = self._clock()
        self.query, self._leftovers, self._finished = self._next_query(), [], False
        self.prepare(self.source.readers.client.composite(self._look()))
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise_refused(self.source.state, self.source.plan.api_name, self._error, self._now)
        self.source.state.answered()

    def _resume(self) -> Iterator[Event]:
        """Read leftover jobs to their ends; a lost job is begun anew by the reads that follow."""
        for query in self._leftovers:
            yield from self._refresh.finish(query)
        if not self.query.resumed:
            return
        source = self.source
        self._version = None if source.key else self.source.version(self.query)
        try:
            yield from self._rows()
        except JobLostError as error:
            logger.info("%s Starting anew.", error)
            source.state.clear_job()
            return
        if self._version is not None:
            yield Activate(self._version)
        yield Checkpoint(self._finish, waits=True)

    def _rows(self) -> Iterator[Event]:
        layout = self.source.whole_layout(self._version)
        for page, progress in self.query.pages():
            self.used_bulk = self.used_bulk or self.query.job is not None
            if page is not None:
                yield self.source.whole_rows(page, layout)
            resumes = progress.job is not None
            yield Checkpoint(partial(self._advance, progress), waits=progress.waits, resumes=resumes)
        self.used_bulk = self.used_bulk or self.query.job is not None

    def _mended_rows(self) -> Iterator[Event]:
        """The rows; begun anew without a column that the org refuses in mid-read, as a job may do."""
        for last in (*[False] * MOST_MENDS, True):
            if not self.source.asks(self.query):
                self._ask_again()
                self._prepare_query(self.query.look())
            self._version = None if self.source.key else self.source.version(self.query)
            yield Checkpoint(self._opened, waits=self.query.job is not None)
            try:
                yield from self._rows()
            except SalesforceError as error:
                if last or not mend(self.source, error):
                    raise
                yield Checkpoint(self.source.state.clear_job)
                yield Narrowed()
            else:
                return

    def _ask_again(self) -> None:
        """Make the query of rows anew, by the plan as it is now."""
        watermark = self.query.watermark
        self.query = self._next_query()
        self.query.watermark = watermark

    def _prepare_query(self, answer: Subresponse | None) -> None:
        """Prepare the query; one column that the org refuses does not block the object."""
        for _ in range(MOST_MENDS):
            try:
                self.query.prepare(answer)
            except RefusedError as refusal:
                blame_filter(self.source, refusal)
                raise
            except SalesforceError as error:
                if not mend(self.source, error):
                    raise
                self._ask_again()
                answer = self.query.look()
            else:
                return
        self.query.prepare(answer)

    def _watermark(self) -> datetime.datetime:
        covered = self._deletions.found.latest_date_covered
        lookback = datetime.timedelta(seconds=self.source.readers.settings.lookback_seconds)
        if covered is not None:
            covered = max(covered, self._now - _LONGEST_TRANSACTION)
        mark = windows.watermark(self._now, covered, lookback)
        # The log is read by the minute, and rows must be read again from the same moment: see the order above.
        mark = to_minute(mark) if self._deletions.asked else mark
        return min(mark, self.source.end or mark)

    def _opened(self) -> None:
        """What holds from the start of the run on."""
        state = self.source.state
        if state.bookmark is None:
            logged = clock.parse(self.query.watermark) if self._deletions.asked else None
            state.begin_first_sync(self.source.plan.own.start, logged)
            state.maps = self.source.emitted
            self._refresh.note_formulas()
            if self._refresh.has_deleted:
                self._refresh.note_deletions()
        if self._deletions.found.ids:
            self._refresh.note_deletions()
        if state.bookmark is None or not state.knows_properties:
            state.know(self.source.properties)
        else:
            # Rows of this run lack a property that is not selected any more: so it is not known from here on.
            unknown = set(state.unknown(self.source.properties))
            state.know([name for name in self.source.properties if name not in unknown])
        if not self.source.whole and (state.bookmark is not None or self.source.key is None):
            self._deletions.emitted(self.query)
        # A job that is still there cannot be resumed, or is not wanted any more; it would be too old behind these rows.
        state.clear_jobs()
        if self.query.job is not None:
            state.set_job(self.query.job.of_version(self._version))

    def _advance(self, progress: Progress) -> None:
        if progress.key is not None:
            self._reach(min(progress.key, clock.parse(self.query.watermark)))
        if progress.job is not None:
            self.source.state.set_job(progress.job.of_version(self._version))

    def _finish(self) -> None:
        self._finished = True
        self.source.state.clear_job()
        if self.source.key is None:
            self.source.state.swept()
            return
        self._reach(clock.parse(self.query.watermark))
        if self.source.names is not None and self.source.names.broken:
            self.source.state.know(self.source.properties)
        if self.source.state.refreshed_at is None:
            told = clock.parse(self.query.watermark)
            self.source.state.refreshed_at = told if self.query.resumed else self._now

    def _reach(self, moment: datetime.datetime) -> None:
        bookmark = self.source.state.bookmark
        if bookmark is None and not self.source.whole:
            # Not before: beside an older bookmark, which a merge may bring back, it would hide deletions.
            self._deletions.emitted(self.query)
        if bookmark is None or moment > bookmark:
            if self.source.plan.replicateable:
                self.source.state.keep_log_since()
            self.source.state.bookmark = moment
