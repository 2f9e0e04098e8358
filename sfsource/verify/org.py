"""An object of the org as verify reads it: counts, ids, rows, and what has become of a row that is not there."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from sfsource.verify.counts import Grouping
from tap_sfsource import clock
from tap_sfsource.api.answers import decode
from tap_sfsource.api.query import QUERY_PAGE, select
from tap_sfsource.catalog.plan import MOVING_KEYS
from tap_sfsource.errors import SalesforceError, TransientError
from tap_sfsource.rows.pages import values
from tap_sfsource.sync.column_groups import IDS_A_QUERY, batches, of_ids
from tap_sfsource.sync.deletions import DeletionLog, Deletions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sfsource.verify.counts import Counts, Span
    from tap_sfsource.api.composite import Subrequest, Subresponse
    from tap_sfsource.api.query import QueryPage, RestPage
    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.sync.source import Source


_RECORDS: Final = msgspec.json.Decoder(list[dict[str, Any]])
_MOST_CHANGED: Final = 20_000
"""Rows that have changed since the bookmark, up to which they are told apart by their ids."""

ONE_PAGE: Final = 2_000
"""Rows of a page of REST."""

_LONG_AGO: Final = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)

STAMPS: Final = ("SystemModstamp", "LastModifiedDate", "CreatedDate")


class Row(NamedTuple):
    """What tells whether a row counts."""

    id: str
    deleted: bool
    stamp: datetime.datetime | None
    archived: bool = False
    at: datetime.datetime | None = None

    def is_later(self, as_of: datetime.datetime | None) -> bool:
        """Whether the row has changed since a moment."""
        return self.stamp is not None and as_of is not None and self.stamp >= as_of


class Counted(NamedTuple):
    """Rows that are not deleted, by group, and the last stamp of all rows."""

    rows: int
    latest: datetime.datetime | None
    groups: Counts


class OrgObject:
    """An object.

    Attributes:
        as_of: Rows with a later stamp do not count.
        stamp: The column that tells when a row has changed, if there is one.
        created: The column that tells when a row was created, if there is one.
    """

    def __init__(self, source: Source, as_of: datetime.datetime | None) -> None:
        self.source = source
        self.as_of = as_of
        self._logged: frozenset[str] = frozenset()
        plan = source.plan
        by_api_name = {column.api_name: column for column in source.columns}
        named = next((by_api_name[name] for name in STAMPS if name in by_api_name), None)
        self.stamp: Column | None = plan.replication_key or named
        self.created: Column | None = by_api_name.get("CreatedDate")
        self._id = by_api_name["Id"]
        self._deleted = source.is_deleted

    @property
    def api_name(self) -> str:
        """API name."""
        return self.source.plan.api_name

    @property
    def is_dated(self) -> bool:
        """Whether a row tells if it has changed since the last run: each run reads all rows of an object without a key."""
        if self.source.key is not None:
            return True
        moves = self.stamp is not None and self.stamp.api_name in MOVING_KEYS
        return self.as_of is not None and moves and self.source.has_log

    @property
    def may_return(self) -> bool:
        """Whether a row may have left the recycle bin since the last refresh, which its key does not show."""
        key, state = self.source.key, self.source.state
        until, last = state.bin_until, state.refreshed_at
        hides = key is not None and key not in MOVING_KEYS
        return hides and until is not None and (last is None or last < until)

    def select(self, fields: Sequence[str], conditions: Sequence[str] = (), *, before: bool = False) -> str:
        """The query of the rows that are loaded, or of those that have not changed since."""
        source = self.source
        return select(
            self.api_name,
            fields,
            key=source.key,
            start=source.state.start_date if source.key else None,
            end=self.as_of if before else None,
            nulls=self._key_may_lack,
            conditions=[*source.conditions, *conditions],
        )

    @property
    def _key_may_lack(self) -> bool:
        key = self.source.plan.replication_key
        return key is not None and key.nillable

    @property
    def _alive(self) -> list[str]:
        return ["IsDeleted = false"] if self._deleted is not None else []

    def request(self, query: str, reference_id: str) -> Subrequest:
        """A query for a composite call."""
        return self.source.readers.request(query, reference_id)

    def count_query(self, grouping: Grouping | None, *, before: bool = False) -> str:
        """Counts rows, with the last stamp of all rows, which tells whether any has changed since.

        With `before` it counts the rows that have not changed since, and without groups as every object lets it.
        """
        groups = dict(grouping.soql) if grouping is not None else {}
        if before and grouping is None:
            return self.select(["COUNT()"], self._alive, before=True)
        fields = [*(f"{group} {alias}" for alias, group in groups.items()), "COUNT(Id) total"]
        by = list(groups.values())
        if not before:
            fields += [f"MAX({self.source.key}) latest"] if self.source.key else []
            if self._deleted is not None:
                fields, by = ["IsDeleted", *fields], ["IsDeleted", *by]
        query = self.select(fields, self._alive if before else (), before=before)
        return f"{query} GROUP BY {', '.join(by)}" if by else query

    def counted(self, answer: Subresponse, grouping: Grouping | None) -> Counted:
        """Read the answer to `count_query`. Raises SalesforceError."""
        if not answer.ok:
            raise answer.error()
        page = answer.decode(QUERY_PAGE)
        records = decode(page.records, _RECORDS, "/queryAll")
        if not records and page.totalSize:
            return Counted(page.totalSize, None, {})
        latest, groups = None, Counter[datetime.date | None]()
        for record in records:
            if not record.get("IsDeleted"):
                groups[grouping.group_of(record) if grouping is not None else None] += record["total"]
            if text := record.get("latest"):
                moment = clock.parse(text)
                latest = moment if latest is None else max(latest, moment)
        return Counted(groups.total(), latest, groups)

    def changed(self) -> list[str] | None:
        """Ids of rows that have changed since; None if they are too many to be told by their ids."""
        key = self.source.key
        if key is None or self.as_of is None:
            return []
        query = self.select(["Id"], [f"{key} >= {clock.isoformat(self.as_of)}"])
        first = self.source.readers.first_page(query)
        if first.totalSize > _MOST_CHANGED:
            return None
        layout = self.source.layout([self._id])
        return [row[0] for page in self.source.readers.pages(first) for row in values(page, layout)]

    def count_by_day(self, column: Column, spans: Sequence[Span]) -> Counts:
        """Count the rows that have not changed since by the days of some spans."""
        grouping = Grouping(column)
        groups = ", ".join(grouping.soql.values())
        fields = [*(f"{group} {alias}" for alias, group in grouping.soql.items()), "COUNT(Id) total"]
        query = self.select(fields, [*self._alive, *self._within(column, spans)], before=True)
        found = self.source.readers.first_page(f"{query} GROUP BY {groups}").records
        return {grouping.group_of(record): record["total"] for record in decode(found, _RECORDS, "/queryAll")}

    @staticmethod
    def _within(column: Column | None, spans: Sequence[Span]) -> list[str]:
        if column is None or not spans:
            return []
        name = column.api_name
        parts = [
            f"{name} = null"
            if span is None
            else f"({name} >= {span[0]}T00:00:00Z AND {name} < {span[1]}T00:00:00Z)"
            for span in spans
        ]
        return [f"({' OR '.join(parts)})"]

    def rows(self, column: Column | None = None, spans: Sequence[Span] = ()) -> Iterator[Row]:
        """The rows, of all or of spans of a column's days, those in the recycle bin included."""
        columns = self._telling(column)
        query = self.select([part.api_name for part in columns], self._within(column, spans))
        yield from self._told_in(self.source.readers.first_page(query), columns, column)

    def rows_request(self, reference_id: str) -> Subrequest:
        """Asks for the rows as `rows` does, on one page."""
        query = self.select([column.api_name for column in self._telling()])
        return self.source.readers.request(query, reference_id, ONE_PAGE)

    def rows_of_page(self, answer: Subresponse) -> list[Row] | None:
        """Read the answer to `rows_request`; None if there are more rows. Raises SalesforceError."""
        if not answer.ok:
            raise answer.error()
        first = answer.decode(QUERY_PAGE)
        return list(self._told_in(first, self._telling())) if first.totalSize <= ONE_PAGE else None

    def rows_of(self, ids: Sequence[str], conditions: Sequence[str] = ()) -> Iterator[Row]:
        """The rows of some ids, also of those that do not meet the filter."""
        columns = self._telling()
        for some in batches(ids, IDS_A_QUERY):
            query = of_ids(self.api_name, some, [column.api_name for column in columns], conditions)
            yield from self._told_in(self.source.readers.first_page(query), columns)

    def _telling(self, further: Column | None = None) -> list[Column]:
        found = [column for column in (self._id, self._deleted, self.stamp, further) if column is not None]
        return list({column.api_name: column for column in found}.values())

    def _told_in(
        self, first: QueryPage, columns: Sequence[Column], at: Column | None = None
    ) -> Iterator[Row]:
        layout = self.source.layout(columns)
        names = [column.api_name for column in columns]
        for page in self.source.readers.pages(first):
            for row in values(page, layout):
                told = dict(zip(names, row, strict=True))
                moment = told[at.api_name] if at is not None else None
                yield self._row(told)._replace(at=clock.parse(moment) if moment else None)

    def told_by(self, values: Sequence[Any]) -> Row:
        """What a row's plain values tell, in the order of the columns: no mask and no map has been applied to them."""
        told = {column.api_name: value for column, value in zip(self.source.columns, values, strict=False)}
        return self._row(told)

    def _row(self, told: Mapping[str, Any]) -> Row:
        moment = told.get(self.stamp.api_name) if self.stamp is not None else None
        deleted, archived = bool(told.get("IsDeleted")), bool(told.get("IsArchived"))
        return Row(told["Id"], deleted, clock.parse(moment) if moment else None, archived)

    def whole_request(self, ids: Sequence[str], reference_id: str) -> Subrequest:
        """Asks for all columns of some ids."""
        fields = [*(column.api_name for column in self.source.columns), *self.source.further]
        return self.request(of_ids(self.api_name, ids, fields, self.source.conditions), reference_id)

    def whole_pages(self, ids: Sequence[str], answer: Subresponse | None = None) -> Iterator[RestPage]:
        """All columns of some ids: by the answer to `whole_request`, or asked now."""
        if answer is not None and answer.ok:
            yield from self.source.readers.pages(answer.decode(QUERY_PAGE))
            return
        for page, _ in self.source.rows_by_id(ids):
            yield page

    def logged(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of ids whose deletion the next run hears of. The log is read again for an id that it did not have before."""
        wanted, since = frozenset(ids), self.source.state.log_since
        if since is None or not self.source.has_log:
            return frozenset()
        if not wanted <= self._logged:
            self._logged = frozenset(self._read_log(since).between(since, None).ids)
        return wanted & self._logged

    def ever_logged(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of ids that the log of the last 15 days says are deleted."""
        if not self.source.plan.replicateable:
            return frozenset()
        return frozenset(ids) & frozenset(self._read_log(_LONG_AGO).ids)

    def _read_log(self, since: datetime.datetime) -> Deletions:
        """The deletion log. Raises TapError where the org is in trouble."""
        client = self.source.readers.client
        log = DeletionLog(client, self.api_name, since)
        try:
            (answer,) = client.composite([log.request("deleted")])
            return log.read(answer)
        except TransientError:
            raise
        except SalesforceError:
            return Deletions()
