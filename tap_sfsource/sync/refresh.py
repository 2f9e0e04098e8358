"""Reads of every row, for changes that no stamp shows: new properties, formulas, names, files, rows that are gone.

A Bulk job returns the data as of its creation, which is older than the current bookmark. So a run finishes a leftover job
before it reads new rows: what has changed since comes with these.

Where only whole rows may be emitted, one read of all columns does the work of all reads of single columns.
"""

from __future__ import annotations

import datetime
import logging
import zlib
from functools import partial
from typing import TYPE_CHECKING

from tap_sfsource import clock
from tap_sfsource.api.query import QUERY_PAGE, select
from tap_sfsource.catalog.plan import MOVING_KEYS
from tap_sfsource.rows.pages import ValuesPage, values
from tap_sfsource.sync.events import Activate, Checkpoint, Event, Kind
from tap_sfsource.sync.given_names import mark
from tap_sfsource.sync.progress import JobLostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.composite import Subrequest, Subresponse
    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.rows.layout import Layout
    from tap_sfsource.sync.job_bookmark import JobBookmark
    from tap_sfsource.sync.query_reader import QueryReader
    from tap_sfsource.sync.source import Source

logger = logging.getLogger("tap-sfsource.refresh")

_BIN_KEPT = datetime.timedelta(days=15)
"""Salesforce help, "Manage the Recycle Bin"."""

_RETURNS_HOURS = 24
"""How often to look for rows that come back, where formulas are not read again."""

_WHOLE = "whole"
_SWEEP = "ids"


class Refresh:
    """The reads of every row of one SObject in one run.

    Attributes:
        now: The org's clock when the run came to the SObject.
        has_deleted: Whether rows may be deleted that may come back unseen, where that has been asked.
    """

    def __init__(self, source: Source, now: datetime.datetime) -> None:
        self._source = source
        self._state = source.state
        self._settings = source.readers.settings
        self._hours = source.plan.own.refresh_hours
        own = "".join(column.own_formula for column in source.columns)
        self._formulas = mark(own) if own else ""
        self._named = {name.lower() for name in self._settings.refresh_fields}
        self.now = now
        self.has_deleted = False
        self._finished: dict[str, datetime.datetime] = {}

    def leftovers(self) -> list[QueryReader]:
        """The queries whose jobs an earlier run did not finish."""
        if not self._state.jobs:
            return []
        sweeps = self._settings.deletes != "soft" or self._state.sweep_due
        queries: list[QueryReader | None] = [self._whole_query()] if _WHOLE in self._state.jobs else []
        if not self._source.whole:
            queries += [
                self._query("backfill", self._fresh()),
                self._query("formulas", self._stale()),
                self._names_query() if self._source.lookups else None,
                self.ids_query() if sweeps else None,
            ]
        return [query for query in queries if query is not None and query.resumed]

    def finish(self, query: QueryReader) -> Iterator[Event]:
        """Read a leftover query to its end; a lost job is begun anew by the reads that follow."""
        purpose, moment = query.purpose, query.watermark
        try:
            if purpose == _WHOLE:
                yield from self._whole(query)
            elif purpose == _SWEEP:
                yield from self._sweep(query)
            else:
                yield from self._read(query, Kind.REFRESH, self._layout(query))
        except JobLostError as error:
            logger.info("%s Starting anew.", error)
            yield Checkpoint(partial(self._state.clear_job, purpose))
            return
        if moment:
            self._finished[purpose] = clock.parse(moment)
        if purpose in {"backfill", "names"}:
            read = (
                {column.mark() for column in query.columns}
                if purpose == "backfill"
                else set(self._source.marks_of_names)
            )
            unknown = set(self._state.unknown(self._source.properties)) - read
            known = [name for name in self._source.properties if name not in unknown]
            yield Checkpoint(partial(self._state.know, known), waits=True)

    def news(self) -> Iterator[Event]:
        """Read new properties for every row, and properties that may have changed without a stamp."""
        source = self._source
        unknown = self._state.unknown(source.properties)
        fresh = self._fresh()
        if fresh:
            names = ", ".join(column.api_name for column in fresh)
            logger.info("%s: reading %s for every row.", source.plan.api_name, names)
        if self._state.maps != source.emitted:
            logger.info("%s: its stream maps have changed; reading every row.", source.plan.api_name)
            yield from self._whole(self._begun(self._whole_query()))
            return
        if source.whole:
            if unknown or self.renewals():
                yield from self._whole(self._begun(self._whole_query()))
            return
        yield from self._refreshed(self._query("backfill", fresh))
        if not set(unknown).isdisjoint(column.mark() for column in source.files):
            yield from self._contents()
        if set(unknown).intersection(source.marks_of_names):
            yield from self._refreshed(self._names_query())
        yield Checkpoint(partial(self._state.know, source.properties))
        yield from self._changed_unseen()

    def _changed_unseen(self) -> Iterator[Event]:
        """Read properties that may have changed without a stamp."""
        due, edited = self._is_due(), self._is_edited
        moment = self.now
        for query in self.renewals():
            finished = self._finished.get(query.purpose)
            if finished is not None and not self._is_due(finished) and not edited:
                moment = min(moment, finished)
            else:
                yield from self._refreshed(query)
        if due:
            yield Checkpoint(partial(setattr, self._state, "refreshed_at", moment))
        if edited:
            yield Checkpoint(self.note_formulas)

    def renewals(self) -> list[QueryReader]:
        """The queries that read properties which may have changed without a stamp, if it is time for them."""
        due = self._is_due()
        if self._source.whole:
            wanted = self._stale() or self._is_edited or (self._renews_names and due)
            return [self._whole_query()] if wanted else []
        formulas = self._query("formulas", self._stale())
        return [
            *([formulas] if formulas is not None else []),
            *([self._names_query()] if self._renews_names and due else []),
        ]

    @property
    def period(self) -> datetime.timedelta:
        """The time from one such read to the next; none where there is no such read."""
        hours = self._hours or (_RETURNS_HOURS if self._may_return else 0)
        return datetime.timedelta(hours=hours) * _share(self._source.plan.stream_name)

    def note_formulas(self) -> None:
        """Every row is read, or being read, with the formulas as they are now."""
        self._state.formulas = self._formulas

    @property
    def minds_size(self) -> bool:
        """Whether it is time to read values that change without a stamp, if the object is not too large for that."""
        if not self._hours or not self._settings.refresh_formulas_max_rows:
            return False
        if self._is_edited:
            return True
        return self._is_due() and (self._renews_names or any(map(self._is_refreshed, self._columns())))

    def check_size(self) -> None:
        """Read no such values in this run if the object has too many rows."""
        rows, most = self._source.count, self._settings.refresh_formulas_max_rows
        if rows is None or rows <= most or not self.minds_size:
            return
        self._source.notes.append(
            f"formulas not read again: {rows:,} rows are more than refresh_formulas_max_rows ({most:,})"
        )
        self._hours = 0

    @property
    def _is_edited(self) -> bool:
        """Whether a formula that no schedule reads again has another text than before."""
        if not self._hours or self._source.first_sync:
            return False
        return self._state.formulas != self._formulas

    def note_deletions(self) -> None:
        """Rows are deleted now: some may come back, which the stamp of some objects does not show."""
        if self.hides_returns:
            self._state.bin_until = self.now + _BIN_KEPT

    def ask_bin(self) -> list[Subrequest]:
        """The call that asks, before all rows are read, whether some are deleted that may come back unseen."""
        if not self.hides_returns:
            return []
        source = self._source
        conditions = ["IsDeleted = true", *source.conditions]
        query = select(source.plan.api_name, ["Id"], conditions=conditions, limit=1)
        return [source.readers.request(query, f"bin_{source.plan.api_name}")]

    def take_bin(self, answer: Subresponse) -> None:
        """Take the answer; one that is refused says nothing, so there may be some."""
        self.has_deleted = not answer.ok or answer.decode(QUERY_PAGE).totalSize > 0

    @property
    def hides_returns(self) -> bool:
        """Whether no stamp shows that a deleted row has come back."""
        key, deleted = self._source.key, self._source.is_deleted
        return key is not None and key not in MOVING_KEYS and deleted is not None

    @property
    def _may_return(self) -> bool:
        """Whether a deleted row may have come back since the last refresh."""
        until, last = self._state.bin_until, self._state.refreshed_at
        return self.hides_returns and until is not None and (last is None or last < until)

    def _contents(self) -> Iterator[Event]:
        """Read the base64 fields of every row, which costs an API call each."""
        source = self._source
        ids = source.layout([source.id])
        layout = source.layout([source.id, *source.files])
        query = source.every_row("contents", [source.id])
        source.look(query)
        for page, _ in query.pages():
            if page is None:
                continue
            rows = ([row[0], *source.contents.values(row[0])] for row in values(page, ids))
            yield source.partial_rows(
                Kind.REFRESH, ValuesPage(rows, page.count, source.clock, at_once=1), layout
            )
            yield Checkpoint(_nothing)

    def sweep(self, watermark: str) -> Iterator[Event]:
        """Read every row under a new table version: a row that it does not bring is gone.

        The deletion log has to be read from the watermark on next; an empty one leaves it where it is.
        """
        for request in self.ask_bin():
            # Rows that it marks may come back, and no log may tell of them.
            self.take_bin(self._source.readers.client.composite([request])[0])
            if self.has_deleted:
                yield Checkpoint(self.note_deletions)
        if self._source.whole:
            query = self._begun(self._whole_query())
            # The log does not show every deletion up to now: a transaction may commit late.
            query.watermark = watermark or query.watermark
            yield from self._whole(query, self._source.version(query))
            return
        query = self.ids_query()
        query.watermark = watermark
        yield from self._sweep(query)

    def _sweep(self, query: QueryReader) -> Iterator[Event]:
        version = self._source.version(query)
        layout = self._source.layout(query.columns, self._source.constants, version)
        yield from self._read(query, Kind.IDS, layout)
        yield Activate(version)
        yield Checkpoint(partial(self._swept, query.watermark), waits=True)

    def _swept(self, watermark: str) -> None:
        self._state.swept()
        if watermark:
            self._state.deleted_until = clock.parse(watermark)

    def _whole(self, query: QueryReader, version: int | None = None) -> Iterator[Event]:
        """Read all columns of every row; a leftover job says itself whether it is a sweep."""
        if query.job is not None and query.job.version:
            version = query.job.version
        yield from self._read(query, Kind.WHOLE, self._source.whole_layout(version))
        if version is not None:
            yield Activate(version)
        yield Checkpoint(partial(self._wholly_read, query, version), waits=True)

    def _wholly_read(self, query: QueryReader, version: int | None) -> None:
        moment = clock.parse(query.watermark)
        self._state.know(self._source.properties)
        self._state.maps = self._source.emitted
        self._state.refreshed_at = moment
        self.note_formulas()
        if version is not None:
            self._state.swept()
            self._state.swept_until = moment

    def _fresh(self) -> list[Column]:
        """The columns that not every row has been written with."""
        unknown = self._state.unknown(self._source.properties)
        return [column for column in self._columns() if column.mark() in unknown]

    def _stale(self) -> list[Column]:
        """The columns whose values may change without a stamp, if it is time to read them again."""
        due, edited = self._is_due(), self._is_edited
        return [
            column
            for column in self._columns()
            if (due and self._is_refreshed(column)) or (edited and column.own_formula)
        ]

    def _columns(self) -> list[Column]:
        return [column for column in self._source.columns if column is not self._source.id]

    def _query(self, purpose: str, columns: Sequence[Column]) -> QueryReader | None:
        return self._source.every_row(purpose, [self._source.id, *columns]) if columns else None

    def _names_query(self) -> QueryReader:
        """The lookups of every row, for the names behind them: a new name does not move the row's stamp."""
        source = self._source
        columns = [source.id, *(lookup.column for lookup in source.lookups)]
        return source.every_row("names", columns, source.further)

    def ids_query(self) -> QueryReader:
        """The query of a sweep."""
        source = self._source
        return source.every_row(_SWEEP, [source.id, *([source.is_deleted] if source.is_deleted else [])])

    def _whole_query(self) -> QueryReader:
        return self._source.every_row(_WHOLE, self._source.columns, self._source.further)

    def _layout(self, query: QueryReader) -> Layout:
        return self._source.layout(query.columns, lookups=bool(query.further))

    def _begun(self, query: QueryReader) -> QueryReader:
        query.watermark = clock.isoformat(self.now)
        return query

    def _refreshed(self, query: QueryReader | None) -> Iterator[Event]:
        if query is not None:
            yield from self._read(self._begun(query), Kind.REFRESH, self._layout(query))

    def _read(self, query: QueryReader, kind: Kind, layout: Layout) -> Iterator[Event]:
        source, purpose = self._source, query.purpose
        if query.job is None:
            source.look(query)
        if query.job is not None:
            # Before the wait: a run that is killed meanwhile need not create it again where a STATE names it.
            yield Checkpoint(partial(self._keep, query.job, purpose, layout.version), waits=True)
        for page, progress in query.pages():
            if page is not None:
                yield (
                    source.whole_rows(page, layout)
                    if kind is Kind.WHOLE
                    else source.partial_rows(kind, page, layout)
                )
            keep = partial(self._keep, progress.job, purpose, layout.version)
            yield Checkpoint(keep, waits=progress.waits, resumes=progress.job is not None)
        yield Checkpoint(partial(self._state.clear_job, purpose))

    def _keep(self, job: JobBookmark | None, purpose: str, version: int | None) -> None:
        if job is not None:
            self._state.set_job(job.of_version(version), purpose)

    @property
    def _renews_names(self) -> bool:
        return bool(self._source.lookups and self._hours)

    def _is_due(self, last: datetime.datetime | None = None) -> bool:
        last = last or self._state.refreshed_at
        return bool(self.period) and (last is None or self.now - last >= self.period)

    def _is_refreshed(self, column: Column) -> bool:
        if column is self._source.is_deleted:
            return self._may_return
        if not self._hours:
            return False
        if column.calculated and not column.own_formula:
            return True
        return bool(self._named) and f"{self._source.plan.api_name}.{column.api_name}".lower() in self._named


def _share(stream: str) -> float:
    """How much of the hours a stream waits, from three quarters to all of them: so that not all are read in one run."""
    return 1 - zlib.crc32(stream.encode()) % 1024 / 4096


def _nothing() -> None:
    """These rows do not move a bookmark."""
