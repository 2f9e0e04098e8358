"""All that one run reads of one SObject, as a sequence of steps.

A step is rows to write and what the bookmark may say once they are written. The order matters:

1. Tombstones of the deletion log, before the rows: a row that came back since is then put right by its own record.
2. The rows of the window, then the contents of its files where they were asked for.
3. Passes over single columns: values that the stamp does not tell of (new properties, formulas).
4. On request, or when the log cannot vouch for itself, a sweep of all ids under a new table version.
"""

from __future__ import annotations

import datetime
import logging
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_sfsource import windows
from tap_sfsource.contents import ContentsPage, ContentsReader
from tap_sfsource.deletes import DeletionLog, Deletions, to_minute
from tap_sfsource.errors import SalesforceError
from tap_sfsource.names import RowsWithNames
from tap_sfsource.rows import Rows
from tap_sfsource.scan import Scan
from tap_sfsource.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tap_sfsource.catalog import Column, SObjectPlan
    from tap_sfsource.composite import Subrequest, Subresponse
    from tap_sfsource.names import Lookup, Names
    from tap_sfsource.readers import Page
    from tap_sfsource.scan import Checkpoint, Readers
    from tap_sfsource.state import JobBookmark, StreamState

logger = logging.getLogger("tap-sfsource.extraction")

_LONGEST_TRANSACTION = datetime.timedelta(hours=1)
"""How far ``latestDateCovered`` may hold a bookmark back. Salesforce holds its mark back for transactions of the whole
instance, sometimes for days (help article 000199029); one of the org's own ends within minutes (Apex limits guide)."""


@dataclass(frozen=True, slots=True)
class Tombstones:
    """A page of rows of which only the Id is known, and that they are deleted."""

    ids: Sequence[str]
    extracted: str

    def lines(self, rows: Rows) -> Iterator[tuple[bytes, int]]:
        """RECORD lines of the page."""
        yield b"".join(rows.message([record_id], self.extracted) for record_id in self.ids), len(self.ids)

    def records(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """The page's rows as dicts."""
        name = rows.columns[0].property
        for record_id in self.ids:
            yield {name: record_id, **rows.constants}


@dataclass(frozen=True, slots=True)
class Step:
    """Rows to write, and what is true afterwards.

    Attributes:
        done: Moves the bookmark; called once the rows are written.
        page: The rows, or None where there are none.
        rows: How to write them.
        kind: What they are: ``rows``, ``tombstones``, ``contents``, ``backfill``, ``formulas``, ``names``
            or ``ids``. All but
            ``rows`` hold some of the stream's properties only.
        activate: The table version to activate after the rows, or None.
        waits: Whether a Bulk job is waited for next, whose id had better be in a STATE first.
    """

    done: Callable[[], None]
    page: Page | None = None
    rows: Rows | None = None
    kind: str = "rows"
    activate: int | None = None
    waits: bool = False


@dataclass
class Extraction:
    """One SObject in one run.

    Attributes:
        plan: What to read.
        state: The stream's bookmark.
        readers: The run's readers.
        names: Collects the names behind polymorphic lookups, None if nobody wants them.
        count: About how many rows the SObject has, where known.
    """

    plan: SObjectPlan
    state: StreamState
    readers: Readers
    names: Names | None = None
    count: int | None = None
    scan: Scan = field(init=False)
    notes: list[str] = field(default_factory=list)
    _log: DeletionLog | None = field(default=None, init=False)
    _deletions: Deletions = field(default_factory=Deletions, init=False)
    _now: datetime.datetime = field(init=False)
    _error: Exception | None = field(default=None, init=False)
    _finished: bool = field(default=False, init=False)
    _id: Column = field(init=False, repr=False)
    _is_deleted: Column | None = field(init=False, repr=False)
    _columns: list[Column] = field(init=False, repr=False)
    _files: list[Column] = field(init=False, repr=False)
    _lookups: list[Lookup] = field(init=False, repr=False)
    _constants: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Leave out what no query of many rows can hold."""
        plan = self.plan
        by_api_name = {column.api_name: column for column in plan.columns}
        self._id = by_api_name["Id"]
        self._is_deleted = by_api_name.get("IsDeleted")
        self._columns = [column for column in plan.columns if column.sf_type != "base64"]
        self._files = [column for column in plan.columns if column.sf_type == "base64"]
        self._lookups = self.names.lookups(plan) if self.names is not None else []
        self._constants = {} if plan.has_is_deleted else {plan.is_deleted: False}

    def first_requests(self) -> list[Subrequest]:
        """What to ask first: the deletion log, then the first page of rows."""
        plan, settings = self.plan, self.readers.settings
        self._now = self.readers.client.now()
        requests: list[Subrequest] = []
        if plan.replicateable and settings.deletes != "soft":
            self._log = DeletionLog(self.readers.client, plan.api_name, self.state.deleted_until)
            requests.append(self._log.request(f"deleted_{plan.api_name}"))
        start = self.state.bookmark or settings.start
        key = plan.replication_key
        self.scan = Scan(
            self.readers,
            plan.api_name,
            self._columns,
            key.api_name if key else None,
            Window(start, windows.ceiling(self._now)) if key else Window(),
            count=self.count,
            further=self._further,
        )
        self.scan.resume(self.state)
        look = self.scan.first_request(f"query_{plan.api_name}")
        return [*requests, look] if look else requests

    def prepare(self, answers: Sequence[Subresponse]) -> None:
        """Take the first answers in; an error is kept until the extraction's turn.

        Args:
            answers: Those to `first_requests`, in order.
        """
        try:
            rest = list(answers)
            if self._log is not None:
                self._deletions = self._read_log(self._log, rest.pop(0))
            if not self.scan.resumed:
                self.scan.watermark = windows.isoformat(self._watermark())
            self._prepare_scan(rest[0] if rest else None)
        except Exception as error:  # noqa: BLE001 - raised in `steps`, in the main thread
            self._error = error

    def _prepare_scan(self, answer: Subresponse | None) -> None:
        try:
            self.scan.prepare(answer)
        except SalesforceError as error:
            if error.error_code != "INVALID_FIELD" or not self._lookups:
                raise
            # Rows matter more than the names behind their lookups.
            logger.warning("%s: its lookups lead to no names. %s", self.plan.api_name, error)
            self._lookups = []
            self.scan.further = ()
            self.scan.prepare(self.scan.look())

    def fail(self, error: Exception) -> None:
        """Keep an error of the first answers' call until the extraction's turn."""
        self._error = error

    def steps(self) -> Iterator[Step]:
        """Yield what to write, in order.

        Raises:
            TapError: The SObject cannot be read to its end; the bookmark is where the last `done` left it.
        """
        if self._error is not None:
            raise self._error
        first_sync = self.state.bookmark is None
        unknown = frozenset(self.state.unknown(self._properties))
        yield self._opening()
        version = None if self.plan.replication_key else _new_version()
        rows = self._rows(self._columns, self._constants, version)
        for page, checkpoint in self.scan.pages():
            yield Step(partial(self._advance, checkpoint), page, rows)
        if self._files:
            fresh = any(column.property in unknown for column in self._files)
            yield from self._contents(Window() if fresh else self.scan.window, rows.version)
        yield Step(self._finish, activate=rows.version)
        if self.plan.replication_key is not None and not first_sync:
            yield from self._passes(unknown)
        if self.readers.settings.deletes == "sweep" or self._deletions.incomplete:
            yield from self._sweep()

    def abandon(self) -> None:
        """Abort a job that no STATE names: nobody will read it."""
        job = self.scan.job if hasattr(self, "scan") else None
        kept = self.state.job()
        if job is not None and not self._finished and (kept is None or kept.id != job.id):
            self.readers.bulk.abort(job.id)

    @property
    def _properties(self) -> list[str]:
        return [*(column.property for column in [*self._columns, *self._files]), *self._further]

    def _read_log(self, log: DeletionLog, answer: Subresponse) -> Deletions:
        try:
            return log.read(answer)
        except SalesforceError as error:
            self.notes.append(f"deletion log not readable ({error.error_code})")
            logger.warning("%s: hard deletes are not seen in this run. %s", self.plan.api_name, error)
            return Deletions()

    def _watermark(self) -> datetime.datetime:
        covered = self._deletions.latest_date_covered
        lookback = datetime.timedelta(seconds=self.readers.settings.lookback_seconds)
        if covered is not None:
            covered = max(covered, self._now - _LONGEST_TRANSACTION)
        mark = windows.watermark(self._now, covered, lookback)
        # The log is read by the minute, and rows must be re-read from where it is: see the order of steps.
        return to_minute(mark) if self._log is not None else mark

    def _rows(
        self,
        columns: Sequence[Column],
        constants: Mapping[str, Any] | None = None,
        version: int | None = None,
    ) -> Rows:
        """How to write rows of a query that asks for the names behind the lookups as well."""
        name = self.plan.stream_name
        if self.names is None or not self._lookups:
            return Rows(name, columns, constants, version)
        return RowsWithNames(name, columns, constants, version, names=self.names, lookups=self._lookups)

    @property
    def _further(self) -> tuple[str, ...]:
        return tuple(part for lookup in self._lookups for part in lookup.fields)

    def _opening(self) -> Step:
        """Tombstones, and what holds from the start of the run on."""
        deletions = self._deletions
        if deletions.incomplete:
            self.notes.append(f"{deletions.incomplete}: swept all ids")
        if not deletions.ids:
            return Step(self._opened, waits=self.scan.job is not None)
        rows = Rows(self.plan.stream_name, [self._id], {self.plan.is_deleted: True})
        page = Tombstones(deletions.ids, windows.isoformat(self._now))
        return Step(self._opened, page, rows, kind="tombstones")

    def _opened(self) -> None:
        if self.state.bookmark is None or not self.state.knows_properties:
            self._note_properties()
        if self._log is not None and not self._deletions.incomplete:
            self.state.deleted_until = windows.parse(self.scan.watermark)
        if self.scan.job is not None:
            self.state.set_job(self.scan.job)

    def _advance(self, checkpoint: Checkpoint) -> None:
        if checkpoint.job is not None:
            self.state.set_job(checkpoint.job)
        elif checkpoint.key is not None and not self._files:
            # With files to come, rows before the checkpoint are not complete yet.
            reached = min(checkpoint.key, windows.parse(self.scan.watermark))
            if self.state.bookmark is None or reached > self.state.bookmark:
                self.state.bookmark = reached

    def _finish(self) -> None:
        self._finished = True
        self.state.clear_job()
        if self.plan.replication_key is None:
            return
        reached = windows.parse(self.scan.watermark)
        if self.state.bookmark is None or reached > self.state.bookmark:
            self.state.bookmark = reached
        if self.state.refreshed_at is None:
            self.state.refreshed_at = self._now

    def _passes(self, unknown: frozenset[str]) -> Iterator[Step]:
        """Read single columns for every row, where the stamp does not tell that they are new."""
        columns = [column for column in self._columns if column is not self._id]
        fresh = [column for column in columns if column.property in unknown]
        if fresh:
            logger.info(
                "%s: reading %s for every row.", self.plan.api_name, ", ".join(c.api_name for c in fresh)
            )
            yield from self._pass("backfill", fresh)
        if unknown.intersection(self._further):
            yield from self._names_pass()
        yield Step(self._note_properties)
        hours = self.readers.settings.refresh_formulas_hours
        last = self.state.refreshed_at
        if hours and (last is None or self._now - last >= datetime.timedelta(hours=hours)):
            stale = [column for column in columns if self._is_refreshed(column)]
            if stale:
                yield from self._pass("formulas", stale)
            if self._lookups:
                yield from self._names_pass()
            yield Step(self._note_refresh)

    def _is_refreshed(self, column: Column) -> bool:
        named = f"{self.plan.api_name}.{column.api_name}".lower()
        return column.calculated or named in {name.lower() for name in self.readers.settings.refresh_fields}

    def _note_properties(self) -> None:
        self.state.know(self._properties)

    def _note_refresh(self) -> None:
        self.state.refreshed_at = self._now

    def _pass(self, kind: str, columns: Sequence[Column]) -> Iterator[Step]:
        scan = self._whole_table(kind, [self._id, *columns])
        rows = Rows(self.plan.stream_name, scan.columns)
        yield from self._scan_steps(scan, rows, kind)

    def _names_pass(self) -> Iterator[Step]:
        """Read the lookups of every row, for the names behind them: a new name does not move the row's stamp."""
        columns = [self._id, *(lookup.column for lookup in self._lookups)]
        scan = self._whole_table("names", columns, self._further)
        yield from self._scan_steps(scan, self._rows(columns), "names")

    def _contents(self, window: Window, version: int | None) -> Iterator[Step]:
        """Read base64 fields of the window's rows, which costs a call each."""
        settings = self.readers.settings
        reader = ContentsReader(
            self.readers.client, self.plan.api_name, self._files, settings.base64_max_bytes
        )
        key = self.plan.replication_key
        scan = Scan(
            self.readers, self.plan.api_name, [self._id], key.api_name if key else None, window, "contents"
        )
        ids = Rows(self.plan.stream_name, [self._id])
        rows = Rows(self.plan.stream_name, [self._id, *self._files], version=version)
        for page, _ in scan.pages():
            found = [record[self._id.property] for record in page.records(ids)]
            yield Step(_nothing, ContentsPage(found, reader), rows, "contents")
        if reader.too_large:
            self.notes.append(f"{reader.too_large} contents too large")

    def _sweep(self) -> Iterator[Step]:
        """All ids under a new table version: what it does not bring is gone."""
        version = _new_version()
        columns = [self._id, *([self._is_deleted] if self._is_deleted else [])]
        scan = self._whole_table("ids", columns)
        constants = self._constants
        rows = Rows(self.plan.stream_name, columns, constants, version)
        yield from self._scan_steps(scan, rows, "ids")
        yield Step(self._swept, activate=version)

    def _swept(self) -> None:
        if self._log is not None:
            self.state.deleted_until = windows.parse(self.scan.watermark)

    def _whole_table(self, purpose: str, columns: Sequence[Column], further: tuple[str, ...] = ()) -> Scan:
        scan = Scan(
            self.readers, self.plan.api_name, columns, None, Window(), purpose, self.count, further=further
        )
        scan.resume(self.state)
        return scan

    def _scan_steps(self, scan: Scan, rows: Rows, kind: str) -> Iterator[Step]:
        for page, checkpoint in scan.pages():
            yield Step(partial(self._keep_job, checkpoint.job, kind), page, rows, kind)
        yield Step(lambda: self.state.clear_job(kind))

    def _keep_job(self, job: JobBookmark | None, purpose: str) -> None:
        if job is not None:
            self.state.set_job(job, purpose)


def _nothing() -> None:
    """Rows that no bookmark stands behind."""


def _new_version() -> int:
    """A table version that is larger than any before: milliseconds since the epoch, as the SDK has them."""
    return time.time_ns() // 1_000_000
