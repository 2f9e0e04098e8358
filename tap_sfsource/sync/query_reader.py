"""One query read to its end: by REST or by Bulk, split where Salesforce finds it too large, resumed where that is possible.

A query is prepared (its first answer fetched, its job created) ahead of its turn, in a thread. Its pages are then consumed
in the main thread, which alone writes state.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from tap_sfsource import clock
from tap_sfsource.api.bulk import JobFailedError, JobGoneError
from tap_sfsource.api.query import QUERY_PAGE, select
from tap_sfsource.errors import BulkFullError, SalesforceError, TapError, TransientError
from tap_sfsource.sync.ahead import ahead
from tap_sfsource.sync.bulk_query import begin_job, job_pages
from tap_sfsource.sync.column_groups import TOO_COMPLICATED, grouped_pages
from tap_sfsource.sync.job_bookmark import JobBookmark
from tap_sfsource.sync.progress import JobLostError, Progress, TooLargeError
from tap_sfsource.sync.readers import PAGE_BYTES, SMALLEST_PAGE, rows_at_once
from tap_sfsource.sync.refusals import refusal
from tap_sfsource.sync.refused_columns import INVALID_FIELD
from tap_sfsource.sync.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.bulk import BulkPage
    from tap_sfsource.api.composite import Subrequest, Subresponse
    from tap_sfsource.api.query import QueryPage, RestPage
    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.sync.readers import Readers
    from tap_sfsource.sync.state import StreamState

logger = logging.getLogger("tap-sfsource.scan")

_EARLIEST = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
"""Before the first org was: where a window without a start is taken to begin when it has to be split."""

TOO_LARGE: Final = frozenset({"QUERY_TIMEOUT", "OPERATION_TOO_LARGE"})
_JOB_TOO_LARGE = ("QUERY_TIMEOUT", "OPERATION_TOO_LARGE", "Retried more than")
"""A failed job tells its reason only in its message (Bulk API 2.0 guide, "Get Information About a Query Job")."""

_URI_TOO_LONG = frozenset({414, 431})
"""A query of many fields, where the org takes no composite call: only a Bulk job can hold it."""

_JOB_FULL = "LIMIT_EXCEEDED"
"""How the message of a job begins whose results do not fit into the day's storage."""


ROWS: Final = "rows"
"""The purpose of the query for changed rows."""

QueriedPage: TypeAlias = "BulkPage | RestPage"


@dataclass
class QueryReader:
    """A query over a window of one SObject.

    Attributes:
        columns: What to ask for, the Id among them.
        key: API name of the replication key, or None for an SObject that has none.
        purpose: Why the query is asked; the name of its job in the state.
        count: How many rows there are about, where that is known before asking.
        further: Fields to ask for behind the columns, as SOQL spells them.
        unsortable: API names by which the SObject does not let a query be ordered.
        nulls: Whether rows without the key are read as well.
        conditions: What must hold for all rows, beside the window.
        emitted: How its rows are emitted; a job is not resumed by a run that emits rows otherwise.
        watermark: The stream's bookmark once the query is read; kept with a job, for the run that resumes it.
        bookmark: The stream's bookmark when the query is asked.
        job: The Bulk job, once there is one.
        resumed: Whether an earlier run created the job.
        total: How many rows the query has, once known.
        bulk_full: Why Bulk has no room for it, empty if it was not asked or has.
        since: The first stamp of a first sync, None for all.
    """

    readers: Readers
    api_name: str
    columns: Sequence[Column]
    key: str | None
    window: Window
    purpose: str = ROWS
    count: int | None = None
    further: tuple[str, ...] = ()
    unsortable: frozenset[str] = frozenset()
    nulls: bool = False
    conditions: tuple[str, ...] = ()
    emitted: str = ""
    watermark: str = ""
    bookmark: str = ""
    job: JobBookmark | None = None
    resumed: bool = False
    total: int | None = None
    bulk_full: str = field(default="", repr=False)
    since: datetime.datetime | None = None
    _first: QueryPage | None = field(default=None, repr=False)
    _too_large: bool = field(default=False, repr=False)
    _too_wide: bool = field(default=False, repr=False)
    _page_rows: int | None = field(default=None, repr=False)
    _bulk_refused: bool = field(default=False, repr=False)

    @property
    def fields(self) -> list[str]:
        """What the query asks for."""
        return [*(column.api_name for column in self.columns), *self.further]

    def query(
        self,
        window: Window,
        *,
        ordered: bool,
        fields: Sequence[str] | None = None,
        limit: int | None = None,
        nulls: bool | None = None,
    ) -> str:
        """The SOQL for a window; `fields` are asked for in place of all, `nulls` decides in place of the reader's own."""
        wanted = [name for name in (self.key, "Id") if name] if ordered else []
        order = [name for name in wanted if name not in self.unsortable]
        return self._select(window, fields, order_by=order, limit=limit, nulls=nulls)

    def _select(
        self,
        window: Window,
        fields: Sequence[str] | None = None,
        conditions: Sequence[str] = (),
        order_by: Sequence[str] = (),
        limit: int | None = None,
        nulls: bool | None = None,
    ) -> str:
        return select(
            self.api_name,
            self.fields if fields is None else fields,
            key=self.key,
            start=window.start,
            end=window.end,
            nulls=self.nulls if nulls is None else nulls,
            conditions=[*self.conditions, *conditions],
            order_by=order_by,
            limit=limit,
        )

    def resume(self, state: StreamState, end: datetime.datetime | None = None) -> None:
        """Resume the job that an earlier run did not finish, if it asked the same beside the same bookmark, up to `end`."""
        self.bookmark = state.bookmark_text
        job = state.job(self.purpose)
        if (
            job is not None
            and self._reads_up_to(job, end)
            and job.query == self.fingerprint(self.window.start)
        ):
            self.job = job
            self.resumed = True
            self.watermark = job.watermark

    def _reads_up_to(self, job: JobBookmark, end: datetime.datetime | None) -> bool:
        """Whether a job brings no row that a run with an end does not want."""
        return end is None or (bool(job.watermark) and clock.parse(job.watermark) <= end)

    def first_request(self, reference_id: str) -> Subrequest | None:
        """The first look at the query, to ride in a composite call; None if the scan goes to Bulk without one."""
        if self.job is not None or self._in_steps or self.bulk_at_once():
            return None
        query = self.query(self.window, ordered=True, limit=self.look_rows)
        return self.readers.request(query, reference_id, self._page_rows)

    @property
    def look_rows(self) -> int | None:
        """Rows of a first look where texts can be long; None for a whole page."""
        page = self.readers.settings.page_size
        rows = rows_at_once(self.columns, page)
        return rows if rows < page and self._page_rows is None else None

    @property
    def _in_steps(self) -> bool:
        """Whether rows are too long for the smallest page that Salesforce makes."""
        return self._page_rows is not None and self._page_rows < SMALLEST_PAGE

    def prepare(self, answer: Subresponse | None) -> None:
        """Take the answer to `first_request`, None if there was none, and start the Bulk job if that is the way to go.

        Raises:
            SalesforceError: The query is refused for a reason that reading otherwise does not change.
        """
        if answer is not None and answer.ok:
            self._first = answer.decode(QUERY_PAGE)
            if self.look_rows == self._first.totalSize:
                # There may be more: now the rows are known to be as long as they are, not as they can be.
                fitting = PAGE_BYTES * self._first.totalSize // len(answer.raw)
                self._page_rows, self._first = max(1, min(fitting, self.readers.settings.page_size)), None
                self.prepare(self.look())
                return
            self.total = self._first.totalSize
        elif answer is not None:
            if refused := refusal(self.api_name, answer):
                raise refused
            self._too_wide = answer.error_code == TOO_COMPLICATED
            self._too_large = answer.error_code in TOO_LARGE
            if not self._too_wide and not self._too_large and answer.status not in _URI_TOO_LONG:
                raise answer.error(f"{self.api_name} /queryAll")
        if self.job is None and self._wants_bulk():
            self._start_job()
            if answer is None and self.job is None and not self._in_steps:
                self.prepare(self.look())
                return
        if answer is not None and answer.status in _URI_TOO_LONG and self.job is None:
            raise answer.error(f"{self.api_name} /queryAll")
        if self.job is None and (self._first is not None or self._too_large):
            rows = None if self._first is None else self._first.totalSize
            self.readers.check_room(rows, self.bulk_full, resumed=self.key is not None)

    @property
    def split(self) -> bool:
        """Whether the window is read as several, each later than the one before."""
        return False

    def pages(self) -> Iterator[tuple[QueriedPage | None, Progress]]:
        """Yield the window's pages, each with what a bookmark may say once it has been written; None for no page.

        Raises:
            JobLostError: The job of an earlier run cannot be read on; another scan has to begin anew.
            TooLargeError: The window has to be read in halves.
            TapError: The query cannot be read to its end; what the progress said still holds.
        """
        if self.job is not None:
            try:
                yield from self._bulk_pages(self.job)
            except (JobGoneError, JobFailedError) as error:
                yield from self._without_job(error)
            except SalesforceError as error:
                # A bookmark whose locator is refused would be refused in every run.
                if not self.resumed or isinstance(error, TransientError):
                    raise
                yield from self._without_job(error)
        elif self._first is not None:
            yield from self._rest_pages(self._first)
        elif self._in_steps:
            yield from self._by_id()
        elif self._too_wide:
            yield from self._in_groups()
        elif self._too_large:
            yield from self._in_halves()
        else:
            self.prepare(self.look())
            yield from self.pages()

    def bulk_at_once(self) -> bool:
        """Whether a Bulk job reads the rows, without a first look at them."""
        settings = self.readers.settings
        if self._bulk_refused:
            return False
        if settings.reader == "bulk":
            return True
        return settings.reader == "auto" and self.count is not None and self.count > settings.bulk_threshold

    def _wants_bulk(self) -> bool:
        settings = self.readers.settings
        if settings.reader == "rest" or self._bulk_refused or self._too_wide:
            return False
        return self._first is None or self.bulk_after_look(self._first.totalSize, one_page=self._first.done)

    def bulk_after_look(self, rows: int, *, one_page: bool) -> bool:
        """Whether a Bulk job reads a query of which a first look has found so many rows."""
        settings = self.readers.settings
        return settings.reader == "auto" and not one_page and rows > settings.bulk_threshold

    def _start_job(self) -> None:
        job_id = self.begin(self._first.totalSize if self._first else self.count or 0)
        if job_id is None:
            self._bulk_refused = True
            return
        self.job = JobBookmark(
            job_id, self.fingerprint(self.window.start), watermark=self.watermark, bookmark=self.bookmark
        )
        self._first = None

    def begin(self, rows: int) -> str | None:
        """Create a job for about so many rows, and give its id; None where REST has to read them."""
        query = self.query(self.window, ordered=False)
        try:
            return begin_job(self.readers, self.api_name, query, rows, len(self.fields))
        except BulkFullError as error:
            self.bulk_full = str(error)
            return None

    def look(self) -> Subresponse | None:
        """Ask for the first page now; None if the scan goes to Bulk without one."""
        request = self.first_request("look")
        return None if request is None else self.readers.client.composite([request])[0]

    def _rest_pages(self, first: QueryPage) -> Iterator[tuple[QueriedPage, Progress]]:
        pages = self.readers.pages(first, self.key or "Id", self._page_rows)
        pages = pages if first.done else ahead(pages)
        for page in pages:
            yield page, self._reached(page)

    def _reached(self, page: RestPage) -> Progress:
        """How far rows are read once a page of them, in their order, is written."""
        in_order = self.key is not None and self.key not in self.unsortable
        return Progress(key=clock.parse(page.last) if page.last and in_order else None)

    def _bulk_pages(self, job: JobBookmark) -> Iterator[tuple[QueriedPage, Progress]]:
        self.total = self.readers.bulk.wait(job.id, self.total or self.count or 0)
        for page, following in job_pages(self.readers, self.api_name, self.fields, job, self.total):
            yield page, Progress(job=following)

    def _without_job(self, error: TapError) -> Iterator[tuple[QueriedPage | None, Progress]]:
        """Go on after a job that ended without its rows: smaller if it was too large, else by REST, whatever the reason.

        Where REST would take more calls than the run has left, Bulk is tried on halves: one bad row fails one of them.
        """
        reason = error.reason if isinstance(error, JobFailedError) else ""
        too_large = any(mark in reason for mark in _JOB_TOO_LARGE)
        full = reason.startswith(_JOB_FULL)
        wide = TOO_COMPLICATED in reason
        if self.resumed and not too_large and not wide:
            raise JobLostError(f"{self.api_name}: {error}") from error
        if isinstance(error, JobFailedError) and error.state == "Aborted":
            # By an administrator, who does not want the same rows read in another way.
            raise TapError(f"{self.api_name}: {error}") from error
        self.job, self.resumed, self._first = None, False, None
        if too_large:
            logger.info("%s: %s Splitting it.", self.api_name, error)
            yield from self._in_halves()
            return
        if full:
            self.bulk_full = f"{self.api_name}'s job has failed ({reason})"
            self.readers.budget.close(self.bulk_full)
        elif not wide:
            logger.warning("%s: %s REST reads its rows.", self.api_name, error)
        self._bulk_refused = True
        self.prepare(self.look())
        rows = self._first.totalSize if self._first is not None else 0
        if self.readers.fits_rest(rows):
            yield from self.pages()
            return
        if INVALID_FIELD in reason:
            # Each half would fail for the same column.
            raise SalesforceError(400, INVALID_FIELD, reason, f"{self.api_name}'s Bulk job")
        self._first, self._bulk_refused = None, False
        yield from self._in_halves()

    def _in_groups(self) -> Iterator[tuple[QueriedPage, Progress]]:
        """Read the window's columns in groups, where one query cannot hold them all."""
        window = self.window
        for page in grouped_pages(
            self.readers,
            self.api_name,
            self.fields,
            self.key,
            lambda fields: self.query(window, ordered=True, fields=fields),
        ):
            yield page, self._reached(page)

    def _in_halves(self) -> Iterator[tuple[QueriedPage, Progress]]:
        """Have the window read in two halves, each of which may be split again; one of a second is read by Id."""
        halves = self.window.halves(_EARLIEST) if self.key else None
        if halves is not None:
            raise TooLargeError(halves)
        yield from self._by_id()

    def _by_id(self) -> Iterator[tuple[QueriedPage, Progress]]:
        step = self._page_rows or rows_at_once(self.columns, self.readers.settings.page_size, PAGE_BYTES)
        after = ""
        while True:
            conditions = [f"Id > '{after}'"] if after else []
            query = self._select(self.window, conditions=conditions, order_by=["Id"], limit=step)
            first = self.readers.first_page(query)
            for page in self.readers.pages(first):
                yield page, Progress()
                after = page.last or after
            if first.totalSize < step:
                return

    def first_row(self) -> RestPage | None:
        """A page with the query's first row, where it has been answered already."""
        if self._first is None or self._first.totalSize == 0:
            return None
        page = next(self.readers.pages(self._first))
        records = msgspec.json.decode(page.records, type=list[msgspec.Raw])
        return replace(page, records=msgspec.Raw(msgspec.json.encode(records[:1])), count=len(records[:1]))

    def fingerprint(self, start: datetime.datetime | None) -> str:
        """A hash of all that says what rows are read from a moment on, and how they are emitted."""
        # The end of changed rows is the present moment, if no setting says otherwise.
        text = self._select(Window(start, None if self.purpose == ROWS else self.window.end))
        # A field that was made anew is another one, though the query does not tell.
        text += "".join(f"\n{column.mark()}" for column in self.columns) + self.emitted
        return hashlib.sha256(text.encode()).hexdigest()[:16]
