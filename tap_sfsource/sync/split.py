"""A query whose window is read as several: one of too many rows from the start, one that turns out too large in halves.

Parts are read in their order, so that a bookmark moves past a part once all before it is read. The jobs of the next parts
are created ahead. A STATE names each part that is left, with its job and the locator of its next page.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_sfsource.errors import TapError
from tap_sfsource.sync.cuts import cut
from tap_sfsource.sync.job_bookmark import JobBookmark
from tap_sfsource.sync.parts import Part, parts_of, text_of
from tap_sfsource.sync.progress import JobLostError, Progress, TooLargeError
from tap_sfsource.sync.query_reader import ROWS, QueryReader

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from tap_sfsource.sync.query_reader import QueriedPage
    from tap_sfsource.sync.state import StreamState

logger = logging.getLogger("tap-sfsource.scan")

_OPEN_JOBS: Final = 5
"""Jobs of parts that are open at the same time: one is read while Salesforce works on the others."""


@dataclass
class SplitReader(QueryReader):
    """A query that is read as a whole, or in parts."""

    _planned: bool = field(default=False, init=False, repr=False)
    _given: frozenset[str] = field(default=frozenset(), init=False, repr=False)

    @property
    def split(self) -> bool:
        """See `QueryReader.split`: so from the start, not for a query that turned out too large."""
        return self._planned

    def resume(self, state: StreamState, end: datetime.datetime | None = None) -> None:
        """See `QueryReader.resume`."""
        super().resume(state, end)
        if self.job is not None:
            # Meltano merges states key by key: the parts may be those of an older job.
            self.job = msgspec.structs.replace(self.job, parts="")
            return
        job = state.job(self.purpose)
        if job is None or not job.parts or not self._reads_up_to(job, end):
            return
        if job.query == self._fingerprint_of_parts():
            self.job, self.resumed, self.watermark, self._given = job, True, job.watermark, job.ids

    def pages(self) -> Iterator[tuple[QueriedPage | None, Progress]]:
        """See `QueryReader.pages`."""
        if self.job is not None and self.job.parts:
            yield from self._in_parts(parts_of(self.job.parts))
            return
        try:
            yield from super().pages()
        except TooLargeError as error:
            yield from self._in_parts([Part(half) for half in error.halves])

    def _start_job(self) -> None:
        parts = self.cut(self._first.totalSize if self._first else self.count or 0)
        if not parts:
            super()._start_job()
            return
        self._begin_ahead(parts)
        if not parts[0].job:
            self._bulk_refused = True
            return
        self._first, self._planned, self.total = None, True, sum(part.count or 0 for part in parts)
        logger.info("%s: about %d rows, read by %d Bulk jobs.", self.api_name, self.total, len(parts))
        self.job = self._mark(parts)

    def cut(self, rows: int) -> list[Part]:
        """The parts as which a query of about so many rows is read from the start; none where one job reads them.

        Only changed rows are read so, which another look follows. A row that changes during a sweep could leave a part
        before that is read, for one that is read already, and count as deleted.
        """
        most = self.readers.settings.split_rows
        if self.purpose != ROWS or self.key is None or rows <= most:
            return []
        return cut(self, rows, most)

    def _in_parts(self, parts: list[Part]) -> Iterator[tuple[QueriedPage | None, Progress]]:
        while parts:
            self._begin_ahead(parts)
            reader = self._reader(parts[0])
            if reader.job is None:
                reader.prepare(reader.look())
                parts[0] = replace(parts[0], job=reader.job.id if reader.job else "")
            yield None, Progress(job=self._mark(parts), waits=True)
            try:
                for page, progress in reader.pages():
                    parts[0] = _read_on(parts[0], progress)
                    yield page, Progress(progress.key, self._mark(parts))
            except TooLargeError as error:
                parts[:1] = [Part(half) for half in error.halves]
            except JobLostError as error:
                logger.info("%s Reading the same time by another job.", error)
                parts[0] = Part(parts[0].window)
            else:
                end = parts.pop(0).window.end
                yield None, Progress(end, self._mark(parts) if parts else None)

    def _begin_ahead(self, parts: list[Part]) -> None:
        """Create the jobs of the next parts: of those that were counted, and where Bulk reads rows without a first look.

        Where one cannot be created, the jobs before it are read, so that a state names them; the failure shows when its turn
        comes.
        """
        for place, part in enumerate(parts[:_OPEN_JOBS]):
            if part.job or part.rows:
                continue
            reader = self._reader(part)
            if part.count is None and not reader.bulk_at_once():
                return
            try:
                job = reader.begin(part.count or 0)
            except TapError as error:
                if place == 0:
                    raise
                logger.info("%s: no further job now (%s).", self.api_name, error)
                return
            if job is None:
                self.bulk_full = reader.bulk_full
                return
            parts[place] = replace(part, job=job)

    def _reader(self, part: Part) -> QueryReader:
        """The reader of one part."""
        own: dict[str, Any] = {
            each.name: getattr(self, each.name) for each in fields(QueryReader) if each.init
        }
        job = JobBookmark(part.job, "", part.locator, self.watermark, part.rows) if part.job else None
        own |= {
            "window": part.window,
            "count": part.count,
            "nulls": self.nulls and part.window.start == self.window.start,
            "job": job,
            # A job that this run has created is not created again when it fails: the next one would fail as well.
            "resumed": part.job in self._given,
            "total": None,
            "_first": None,
            "_too_large": False,
            "_too_wide": False,
        }
        return QueryReader(**own)

    def _mark(self, parts: Sequence[Part]) -> JobBookmark:
        """What a STATE says of the parts that are left."""
        first = parts[0]
        self.job = JobBookmark(
            first.job,
            self._fingerprint_of_parts(),
            first.locator,
            self.watermark,
            first.rows,
            bookmark=self.bookmark,
            parts=text_of(parts),
        )
        return self.job

    def _fingerprint_of_parts(self) -> str:
        # The bookmark moves with each part, so a part's start says nothing. No single job may have the same.
        return f"parts {self.fingerprint(self.since)}"


def _read_on(part: Part, progress: Progress) -> Part:
    """The part once a page of it is written."""
    if progress.job is not None:
        return replace(part, locator=progress.job.locator, rows=progress.job.rows)
    if progress.key is not None:
        # REST reads it: if it had a job, that one has failed.
        return Part(replace(part.window, start=progress.key), count=part.count)
    return part
