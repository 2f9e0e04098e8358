"""An SObject in one run: what to ask Salesforce of it, and the layouts of the answers."""

from __future__ import annotations

import functools
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_sfsource import clock
from tap_sfsource.api.query import QUERY_PAGE, select
from tap_sfsource.catalog.columns import MASKED
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.errors import SalesforceError
from tap_sfsource.rows.layout import Layout
from tap_sfsource.rows.pages import Page, ValuesPage, values
from tap_sfsource.sync.children import ChildrenReader
from tap_sfsource.sync.column_groups import IDS_A_QUERY, TOO_COMPLICATED, batches, grouped_pages, of_ids
from tap_sfsource.sync.contents import ContentsReader
from tap_sfsource.sync.events import Kind, Rows
from tap_sfsource.sync.names import NamesInPages
from tap_sfsource.sync.query_reader import ROWS
from tap_sfsource.sync.readers import PAGE_BYTES, rows_at_once
from tap_sfsource.sync.shard import check_part, tell_unswept
from tap_sfsource.sync.split import SplitReader
from tap_sfsource.sync.windows import Window

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tap_sfsource.api.bulk import BulkPage
    from tap_sfsource.api.composite import Subrequest, Subresponse
    from tap_sfsource.api.query import RestPage
    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.sync.names import Lookup, Names
    from tap_sfsource.sync.query_reader import QueryReader
    from tap_sfsource.sync.readers import Readers
    from tap_sfsource.sync.state import StreamState

logger = logging.getLogger("tap-sfsource.sync")


@dataclass
class Source:
    """One SObject in one run.

    Attributes:
        names: Collects the names behind polymorphic lookups, None if the collection is not selected.
        emitted: How rows are emitted, as far as it changes their values; empty for the default way.
        whole: Whether only whole rows may be emitted.
        count: About how many rows the SObject has, where known.
        led: Whether rows have been emitted, so that partial rows may follow.
        is_deleted: The column of IsDeleted, None if the SObject has none.
        columns: The columns that a query of many rows can hold.
        files: The other ones: base64.
        lookups: Lookups that lead to names.
        constants: ``is_deleted`` of an SObject that has none.
        conditions: What must hold for all rows: the condition of the setting `filters`.
        notes: Remarks for the summary.
    """

    plan: SObjectPlan
    state: StreamState
    readers: Readers
    names: Names | None = None
    emitted: str = ""
    whole: bool = False
    count: int | None = None
    led: bool = field(default=False, init=False)
    id: Column = field(init=False)
    is_deleted: Column | None = field(init=False)
    columns: list[Column] = field(init=False)
    files: list[Column] = field(init=False)
    lookups: list[Lookup] = field(init=False)
    constants: dict[str, Any] = field(init=False)
    conditions: tuple[str, ...] = field(init=False)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Sort the plan's columns by how they are read, and look at the state."""
        self.conditions = self.plan.own.conditions
        self._sort_columns()
        self.state.begin(self.plan.key_prefix)
        if self.plan.api_name not in {self.plan.stream_name, *COLLECTIONS}:
            self.state.belong_to(self.plan.api_name)
        self.state.gain_names([*self.properties, *self.plan.absent])
        self.state.check()
        if self.state.begin_filtered(self.plan.own.identity, sweeps=not self.plan.own.part):
            logger.info("%s: its filter has changed; reading it anew.", self.plan.api_name)
            if self.plan.own.part:
                tell_unswept(self.plan.api_name, self.notes, "its filter or its window has changed")
        if self.state.sweep_due and self.may_sweep:
            self.notes.append("another org, object or filter had this name: swept all ids")

    def _sort_columns(self) -> None:
        by_api_name = {column.api_name: column for column in self.plan.columns}
        self.id = by_api_name["Id"]
        self.is_deleted = by_api_name.get("IsDeleted")
        self.columns = [column for column in self.plan.columns if column.sf_type != "base64"]
        self.files = [column for column in self.plan.columns if column.sf_type == "base64"]
        self.lookups = self.names.lookups(self.plan) if self.names is not None else []
        self.constants = {} if self.plan.has_is_deleted else {self.plan.is_deleted: False}
        self.contents = ContentsReader(
            self.readers.client,
            self.plan.api_name,
            self.files,
            self.readers.settings.base64_max_bytes,
        )
        self._leading: RestPage | None = None

    def go_on_by(self, plan: SObjectPlan) -> None:
        """Read by a plan that asks for less, from here on."""
        self.plan = plan
        if plan.replication_key is None:
            self.state.lose_key()
        lookups = self.lookups
        self._sort_columns()
        self.lookups = lookups and self.lookups

    @property
    def key(self) -> str | None:
        """API name of the replication key, None for a full table."""
        key = self.plan.replication_key
        return key.api_name if key else None

    @property
    def first_sync(self) -> bool:
        """Whether every row has to be read, and no job of an earlier run has begun with it.

        Raises:
            TapError: The state cannot be read.
        """
        return self.state.bookmark is None and "rows" not in self.state.jobs

    @property
    def further(self) -> tuple[str, ...]:
        """The fields of names behind the lookups, as SOQL spells them."""
        return tuple(part for lookup in self.lookups for part in lookup.fields)

    @property
    def marks_of_names(self) -> tuple[str, ...]:
        """The same as the state remembers them: names that are masked otherwise are read anew."""
        masks = self.names.masks if self.names is not None else ""
        return tuple(f"{part}{MASKED}{masks}" if masks else part for part in self.further)

    @property
    def unsortable(self) -> frozenset[str]:
        """API names by which the SObject does not let a query be ordered."""
        return frozenset(column.api_name for column in self.plan.columns if not column.sortable)

    @property
    def properties(self) -> list[str]:
        """All that rows are read with, as the state remembers it."""
        names = () if self.names is not None and self.names.broken else self.marks_of_names
        return [*(column.mark() for column in [*self.columns, *self.files]), *names]

    @property
    def has_log(self) -> bool:
        """Whether Salesforce keeps a log of its deletions, and the user wants to know."""
        return self.plan.replicateable and self.readers.settings.deletes != "soft"

    def clock(self) -> str:
        """The org's time, as a message has it."""
        return clock.isoformat(self.readers.client.now())

    def layout(
        self,
        columns: Sequence[Column],
        constants: Mapping[str, Any] | None = None,
        version: int | None = None,
        *,
        lookups: bool = False,
    ) -> Layout:
        """The layout of a query for columns, and of nothing but them; with `lookups` it asks for `further` behind them."""
        names = self.names if lookups and self.lookups else None
        further = NamesInPages(names, columns, self.lookups) if names is not None else None
        return Layout(self.plan.stream_name, columns, constants, version, further)

    def whole_layout(self, version: int | None = None) -> Layout:
        """The layout of a query for all columns."""
        return self.layout(self.columns, self.constants, version, lookups=True)

    def whole_rows(self, page: BulkPage | RestPage, layout: Layout) -> Rows:
        """Whole rows of a page in the layout of all columns, each with its file contents."""
        if not self.files:
            return Rows(Kind.WHOLE, page, layout)
        full = self.layout([*self.columns, *self.files], layout.constants, layout.version)
        place = self.columns.index(self.id)
        rows = ([*row, *self.contents.values(row[place])] for row in values(page, layout))
        return Rows(Kind.WHOLE, ValuesPage(rows, page.count, self.clock, at_once=1), full)

    def partial_rows(self, kind: Kind, page: Page, layout: Layout) -> Rows:
        """Rows with some properties only."""
        assert not self.whole
        return Rows(kind, page, layout)

    def asks(self, query: QueryReader) -> bool:
        """Whether a query asks for just the columns and names that rows are read with now."""
        return query.columns is self.columns and query.further == self.further

    def window(self, window: Window) -> QueryReader:
        """The query of a window's rows; it resumes the job that an earlier run did not finish."""
        # The count of all rows does not say how many have changed since a bookmark.
        count = self.count if self.state.bookmark is None else None
        reader = self._query(ROWS, self.columns, self.key, window, count, self.further)
        reader.resume(self.state, self.end)
        return reader

    def every_row(
        self, purpose: str, columns: Sequence[Column], further: tuple[str, ...] = ()
    ) -> QueryReader:
        """The query of some columns of every row that is loaded; resumed likewise."""
        loaded = self.loaded
        if loaded == Window():
            reader = self._query(purpose, columns, None, loaded, self.count, further)
        else:
            reader = self._query(purpose, columns, self.key, loaded, None, further)
        reader.resume(self.state)
        return reader

    @property
    def end(self) -> datetime.datetime | None:
        """The first stamp not to read, None for all: the setting `end_date`."""
        return self.plan.own.end if self.key is not None else None

    @property
    def ended(self) -> bool:
        """Whether changes wait for a later run, because of `end`."""
        return self.end is not None and self.end <= self.readers.client.now()

    @property
    def may_sweep(self) -> bool:
        """Whether a sweep marks only what is gone: neither rows of other shards nor such that wait for a later run."""
        return not self.ended and not self.plan.own.part

    @property
    def loaded(self) -> Window:
        """The stamps of the rows that are loaded. A row that has changed since `end_date` waits for a later run."""
        end = self.end
        if end is None or not self.ended:
            return Window(self._loaded_from)
        return Window(self._loaded_from, max(end, self.state.bookmark or end))

    @property
    def _loaded_from(self) -> datetime.datetime | None:
        """The stamp of the oldest rows that are loaded: the first sync's setting `start_date`, whatever it is by now."""
        return self.state.start_date if self.key is not None else None

    def version(self, query: QueryReader) -> int:
        """The table version of a query's rows: a resumed job's own, else one larger than any before.

        Milliseconds since the epoch, as the SDK has them.

        Raises:
            TapError: This is a part of an object, and a version would mark the rows of the others as deleted.
        """
        check_part(self.plan)
        if query.job is not None and query.job.version:
            return query.job.version
        return time.time_ns() // 1_000_000

    def look(self, query: QueryReader) -> None:
        """Prepare a query of partial rows. Where no row has been emitted, its call asks for a leading row as well."""
        look = query.first_request("look")
        if self.led or self.whole or self._leading is not None:
            query.prepare(self.readers.client.composite([look])[0] if look else None)
            return
        answers = self.readers.client.composite([*([look] if look else []), self._any_row()])
        self._leading = self._row_of(answers[-1])
        query.prepare(answers[0] if look else None)

    def leading_row(self, query: QueryReader) -> RestPage | None:
        """A page with one whole row, None if the object has none: of the window's query, or of a call of its own."""
        page = query.first_row()
        if page is None:
            leading = self._leading
            if leading is None:
                (answer,) = self.readers.client.composite([self._any_row()])
                leading = self._row_of(answer)
            page = leading
        return page if page.count else None

    def rows_by_id(
        self, ids: Sequence[str], conditions: Sequence[str] = ()
    ) -> Iterator[tuple[RestPage, list[str]]]:
        """Whole rows of ids, those in the recycle bin included, with the ids that each page has."""
        only_ids = self.layout([self.id])
        conditions = [*self.conditions, *conditions]
        for some in batches(ids, rows_at_once(self.columns, IDS_A_QUERY, PAGE_BYTES)):
            query = functools.partial(of_ids, self.plan.api_name, some, conditions=conditions)
            for page in self._whole_pages(query):
                yield page, [row[0] for row in values(page, only_ids)]

    def _whole_pages(self, query: Callable[[Sequence[str]], str]) -> Iterator[RestPage]:
        """The pages of a query of all fields, given its SOQL for some of them."""
        try:
            first = self.readers.first_page(query(self._fields))
        except SalesforceError as error:
            if error.error_code != TOO_COMPLICATED:
                raise
            yield from grouped_pages(self.readers, self.plan.api_name, self._fields, None, query)
        else:
            yield from self.readers.pages(first)

    @property
    def _fields(self) -> list[str]:
        return [*(column.api_name for column in self.columns), *self.further]

    def _row_of(self, answer: Subresponse) -> RestPage:
        if answer.error_code == TOO_COMPLICATED:
            return next(self._whole_pages(self._any))
        if not answer.ok:
            raise answer.error(f"{self.plan.api_name} /queryAll")
        return next(self.readers.pages(answer.decode(QUERY_PAGE)))

    def _any_row(self) -> Subrequest:
        return self.readers.request(self._any(self._fields), "row")

    def _any(self, fields: Sequence[str]) -> str:
        start, end, conditions = self.loaded.start, self.loaded.end, self.conditions
        name, key = self.plan.api_name, self.key
        return select(name, fields, key=key, start=start, end=end, conditions=conditions, limit=1)

    def _query(
        self,
        purpose: str,
        columns: Sequence[Column],
        key: str | None,
        window: Window,
        count: int | None,
        further: tuple[str, ...],
    ) -> QueryReader:
        parents = self.plan.parents
        masks = self.names.masks if self.names is not None and further else ""
        make = SplitReader if parents is None else functools.partial(ChildrenReader, parents=parents)
        return make(
            self.readers,
            self.plan.api_name,
            columns,
            key,
            window,
            purpose,
            count,
            further,
            self.unsortable,
            key is not None and self.plan.replication_key is not None and self.plan.replication_key.nillable,
            conditions=self.conditions,
            since=self.plan.own.start,
            emitted=f"{self.emitted}{'whole' if self.whole else ''}{'files' if self.files else ''}{masks}",
        )
