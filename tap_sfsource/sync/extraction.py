"""All that one run reads of one SObject, as a sequence of steps.

A Bulk job that an earlier run left in the middle is read to its end first. It tells of the moment at which it was begun, so
what follows is what any run does, from the bookmark that the finished job leaves. The order matters:

1. Tombstones of the deletion log, before the rows: a row that came back since is then put right by its own record.
2. The rows of the window, then the contents of its files where they were asked for.
3. Passes over single columns: values that the stamp does not tell of (new properties, formulas).
4. On request, or when the log cannot vouch for itself, a sweep of all ids under a new table version.
"""

from __future__ import annotations

import datetime
import logging
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from tap_sfsource.errors import SalesforceError
from tap_sfsource.sync import windows
from tap_sfsource.sync.deletions import DeletionLog, Deletions, to_minute
from tap_sfsource.sync.passes import Passes
from tap_sfsource.sync.scan import JobLostError
from tap_sfsource.sync.source import version_of
from tap_sfsource.sync.steps import Step, Tombstones
from tap_sfsource.sync.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.composite import Subrequest, Subresponse
    from tap_sfsource.sync.scan import Checkpoint, Scan
    from tap_sfsource.sync.source import Source

logger = logging.getLogger("tap-sfsource.extraction")

_LONGEST_TRANSACTION = datetime.timedelta(hours=1)
"""How far ``latestDateCovered`` may hold a bookmark back. Salesforce holds its mark back for transactions of the whole
instance, sometimes for days (help article 000199029); one of the org's own ends within minutes (Apex limits guide)."""


@dataclass
class Extraction:
    """One SObject in one run.

    Attributes:
        source: What to read.
        scan: The scan of its rows, once the first requests are made.
        used_bulk: Whether rows came by a Bulk job.
    """

    source: Source
    scan: Scan = field(init=False)
    used_bulk: bool = field(default=False, init=False)
    _log: DeletionLog | None = field(default=None, init=False)
    _deletions: Deletions = field(default_factory=Deletions, init=False)
    _now: datetime.datetime = field(init=False)
    _passes: Passes = field(init=False)
    _left: list[tuple[str, Scan]] = field(default_factory=list, init=False)
    _log_refused: bool = field(default=False, init=False)
    _error: Exception | None = field(default=None, init=False)
    _finished: bool = field(default=False, init=False)
    _version: int | None = field(default=None, init=False)

    def first_requests(self) -> list[Subrequest]:
        """What to ask first: nothing where an earlier run's job has to be read before, else as `_look` says."""
        self._passes = Passes(self.source, self._clock())
        self.scan = self._next_scan()
        self._left = [] if self.scan.resumed else self._passes.left()
        return [] if self._goes_on else self._look()

    def prepare(self, answers: Sequence[Subresponse]) -> None:
        """Take the first answers in; an error is kept until the extraction's turn.

        Args:
            answers: Those to `first_requests`, in order.
        """
        if self._goes_on:
            return
        try:
            rest = list(answers)
            if self._log is not None:
                self._read_log(self._log, rest.pop(0))
            self.scan.watermark = windows.isoformat(self._watermark())
            self._prepare_scan(rest[0] if rest else None)
        except Exception as error:  # noqa: BLE001 - raised in `steps`, in the main thread
            self._error = error

    def fail(self, error: Exception) -> None:
        """Keep an error of the first answers' call until the extraction's turn."""
        self._error = error

    @property
    def reads_log(self) -> bool:
        """Whether deletions are told by Salesforce's log, in this run."""
        return self.source.has_log and not self._log_refused

    def steps(self) -> Iterator[Step]:
        """Yield what to write, in order.

        Raises:
            TapError: The SObject cannot be read to its end; the bookmark is where the last `done` left it.
        """
        self._raise_error()
        if self._goes_on:
            yield from self._go_on()
            self._look_again()
        source, passes = self.source, self._passes
        first_sync = source.state.bookmark is None
        fresh = self._has_fresh_files()
        self._version = None if source.key else version_of(self.scan)
        yield self._opening()
        yield from self._rows()
        if source.files:
            yield from passes.contents(Window() if fresh else self.scan.window, self._version)
        yield Step(self._finish, activate=self._version)
        if source.key and not first_sync:
            yield from passes.news()
        asked = source.readers.settings.deletes == "sweep" or source.state.sweep_due
        if asked or self._deletions.incomplete:
            yield from passes.sweep(self.scan.watermark if self._log is not None else "")

    def abandon(self) -> None:
        """Abort a job that no STATE names: nobody will read it."""
        job = self.scan.job if hasattr(self, "scan") else None
        kept = self.source.state.job()
        if job is not None and not self._finished and (kept is None or kept.id != job.id):
            self.source.readers.bulk.abort(job.id)

    @property
    def _goes_on(self) -> bool:
        """Whether an earlier run's job has to be read first."""
        return self.scan.resumed or bool(self._left)

    def _clock(self) -> datetime.datetime:
        self._now = self.source.readers.client.now()
        return self._now

    def _next_scan(self) -> Scan:
        start = self.source.state.bookmark or self.source.readers.settings.start
        return self.source.scan(Window(start, windows.ceiling(self._now)) if self.source.key else Window())

    def _look(self) -> list[Subrequest]:
        """The deletion log, then the first page of rows."""
        client, plan = self.source.readers.client, self.source.plan
        requests: list[Subrequest] = []
        if self.source.has_log:
            # Without the log in the first sync, or without the wish for it, nothing is known behind the bookmark.
            state = self.source.state
            self._log = DeletionLog(client, plan.api_name, state.deleted_until or state.bookmark)
            requests.append(self._log.request(f"deleted_{plan.api_name}"))
        look = self.scan.first_request(f"query_{plan.api_name}")
        return [replace(part, owner=plan.stream_name) for part in [*requests, *([look] if look else [])]]

    def _look_again(self) -> None:
        """Ask for what has come since an earlier run's job was begun, as the next run would."""
        self._passes.now = self._clock()
        self.scan, self._left, self._finished = self._next_scan(), [], False
        self.prepare(self.source.readers.client.composite(self._look()))
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _go_on(self) -> Iterator[Step]:
        """Read what an earlier run left in the middle; a job that is lost is begun anew by what follows."""
        for purpose, scan in self._left:
            yield from self._passes.finish(purpose, scan)
        if not self.scan.resumed:
            return
        source = self.source
        self._version = None if source.key else version_of(self.scan)
        try:
            yield from self._rows()
        except JobLostError as error:
            logger.info("%s Starting anew.", error)
            source.state.clear_job()
            return
        # What follows reads the contents of all rows where they are new, or where there is no bookmark.
        if source.files and source.key and not self._has_fresh_files():
            yield from self._passes.contents(self.scan.window, None)
        yield Step(self._finish, activate=self._version, waits=True)

    def _rows(self) -> Iterator[Step]:
        rows = self.source.rows_with_names(self.source.columns, self.source.constants, self._version)
        for page, checkpoint in self.scan.pages():
            self.used_bulk = self.used_bulk or self.scan.job is not None
            yield Step(partial(self._advance, checkpoint), page, rows)
        self.used_bulk = self.used_bulk or self.scan.job is not None

    def _has_fresh_files(self) -> bool:
        unknown = self.source.state.unknown([column.mark() for column in self.source.files])
        return bool(unknown)

    def _prepare_scan(self, answer: Subresponse | None) -> None:
        try:
            self.scan.prepare(answer)
        except SalesforceError as error:
            if error.error_code != "INVALID_FIELD" or not self.source.lookups:
                raise
            # Rows matter more than the names behind their lookups.
            logger.warning("%s: its lookups lead to no names. %s", self.source.plan.api_name, error)
            self.source.lookups = []
            self.scan.further = ()
            self.scan.prepare(self.scan.look())

    def _read_log(self, log: DeletionLog, answer: Subresponse) -> None:
        try:
            self._deletions = log.read(answer)
        except SalesforceError as error:
            # What it would have told is asked for again in the next run.
            self._log, self._log_refused = None, True
            self.source.notes.append(f"deletion log not readable ({error.error_code})")
            logger.warning("%s: hard deletes are not seen in this run. %s", self.source.plan.api_name, error)

    def _watermark(self) -> datetime.datetime:
        covered = self._deletions.latest_date_covered
        lookback = datetime.timedelta(seconds=self.source.readers.settings.lookback_seconds)
        if covered is not None:
            covered = max(covered, self._now - _LONGEST_TRANSACTION)
        mark = windows.watermark(self._now, covered, lookback)
        # The log is read by the minute, and rows must be re-read from where it is: see the order of steps.
        return to_minute(mark) if self._log is not None else mark

    def _opening(self) -> Step:
        """Tombstones, and what holds from the start of the run on."""
        deletions = self._deletions
        if deletions.incomplete:
            self.source.notes.append(f"{deletions.incomplete}: swept all ids")
        if not deletions.ids:
            return Step(self._opened, waits=self.scan.job is not None)
        rows = self.source.rows([self.source.id], {self.source.plan.is_deleted: True})
        page = Tombstones(deletions.ids, windows.isoformat(self._now))
        return Step(self._opened, page, rows, kind="tombstones")

    def _opened(self) -> None:
        state = self.source.state
        if state.bookmark is None or not state.knows_properties:
            state.know(self.source.properties)
        if self._log is not None and not self._deletions.incomplete:
            state.deleted_until = windows.parse(self.scan.watermark)
        # What is still there cannot be read on, or is not wanted any more; it would be too old behind these rows.
        state.clear_jobs()
        if self.scan.job is not None:
            state.set_job(self.scan.job.of_version(self._version))

    def _advance(self, checkpoint: Checkpoint) -> None:
        if checkpoint.job is not None:
            self.source.state.set_job(checkpoint.job.of_version(self._version))
        elif checkpoint.key is not None and not self.source.files:
            # With files to come, rows before the checkpoint are not complete yet.
            self._reach(min(checkpoint.key, windows.parse(self.scan.watermark)))

    def _finish(self) -> None:
        self._finished = True
        self.source.state.clear_job()
        if self.source.key is None:
            return
        self._reach(windows.parse(self.scan.watermark))
        if self.source.state.refreshed_at is None:
            told = windows.parse(self.scan.watermark)
            self.source.state.refreshed_at = told if self.scan.resumed else self._now

    def _reach(self, moment: datetime.datetime) -> None:
        bookmark = self.source.state.bookmark
        if bookmark is None or moment > bookmark:
            self.source.state.bookmark = moment
