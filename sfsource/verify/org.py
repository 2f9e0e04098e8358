"""An object of the org as verify reads it: counts, ids, rows, and what has become of a row that is not there."""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from tap_sfsource import clock
from tap_sfsource.api.answers import decode
from tap_sfsource.api.query import QUERY_PAGE, select
from tap_sfsource.catalog.plan import MOVING_KEYS
from tap_sfsource.errors import SalesforceError
from tap_sfsource.rows.pages import values
from tap_sfsource.sync.column_groups import IDS_A_QUERY, batches, of_ids
from tap_sfsource.sync.deletions import DeletionLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.composite import Subrequest, Subresponse
    from tap_sfsource.api.query import QueryPage, RestPage
    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.sync.source import Source


_RECORDS: Final = msgspec.json.Decoder(list[dict[str, Any]])
_MOST_CHANGED: Final = 20_000
"""Rows that have changed since the bookmark, up to which they are told apart by their ids."""

ONE_PAGE: Final = 2_000
"""Rows of a page of REST."""

Days = tuple[datetime.date, datetime.date]
"""A span of days, without the last one."""

STAMPS: Final = ("SystemModstamp", "LastModifiedDate", "CreatedDate")


class Row(NamedTuple):
    """What tells whether a row counts."""

    id: str
    deleted: bool
    stamp: datetime.datetime | None
    archived: bool = False


class Counted(NamedTuple):
    """Rows that are not deleted, and the last stamp of all rows."""

    rows: int
    latest: datetime.datetime | None


class OrgObject:
    """An object.

    Attributes:
        as_of: Rows with a later stamp do not count.
        stamp: The column that tells when a row has changed, if there is one.
        created: The column by which rows are counted by day.
    """

    def __init__(self, source: Source, as_of: datetime.datetime | None) -> None:
        self.source = source
        self.as_of = as_of
        self._log: frozenset[str] | None = None
        plan = source.plan
        by_api_name = {column.api_name: column for column in source.columns}
        named = next((by_api_name[name] for name in STAMPS if name in by_api_name), None)
        self.stamp: Column | None = plan.replication_key or named
        self.created: Column | None = by_api_name.get("CreatedDate") or plan.replication_key
        self._id = by_api_name["Id"]
        self._deleted = source.is_deleted
        self._archived = by_api_name.get("IsArchived")

    @property
    def api_name(self) -> str:
        """API name."""
        return self.source.plan.api_name

    @property
    def is_dated(self) -> bool:
        """Whether a row tells if it has changed since the last run: each run reads all rows of an object without a key."""
        if self.source.key is not None:
            return True
        return self.stamp is not None and self.stamp.api_name in MOVING_KEYS and self.source.has_log

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

    def count_query(self) -> str:
        """Counts rows by IsDeleted, with the last stamp: it tells whether any has changed since."""
        fields = ["COUNT(Id) total", *([f"MAX({self.source.key}) latest"] if self.source.key else [])]
        if self._deleted is None:
            return self.select(fields)
        return self.select(["IsDeleted", *fields]) + " GROUP BY IsDeleted"

    def counted(self, answer: Subresponse) -> Counted:
        """Read the answer to `count_query`. Raises SalesforceError."""
        if not answer.ok:
            raise answer.error()
        rows, latest = 0, None
        for record in decode(answer.decode(QUERY_PAGE).records, _RECORDS, "/queryAll"):
            if not record.get("IsDeleted"):
                rows += record["total"]
            if text := record.get("latest"):
                moment = clock.parse(text)
                latest = moment if latest is None else max(latest, moment)
        return Counted(rows, latest)

    def count_before(self) -> str:
        """Counts the rows that have not changed since."""
        return self.select(["COUNT()"], self._alive, before=True)

    def total(self, answer: Subresponse) -> int:
        """Read the answer to `count_before`. Raises SalesforceError."""
        if not answer.ok:
            raise answer.error()
        return answer.decode(QUERY_PAGE).totalSize

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

    def count_by(self, unit: str, spans: Sequence[Days] = ()) -> dict[str, int]:
        """Count the rows that have not changed since by `month` or `day`, as 2026-01 or 2026-01-31."""
        assert self.created is not None
        name = self.created.api_name
        group = f"DAY_ONLY({name})" if unit == "day" else f"CALENDAR_YEAR({name}), CALENDAR_MONTH({name})"
        fields = (
            [f"DAY_ONLY({name}) day", "COUNT(Id) total"]
            if unit == "day"
            else [f"CALENDAR_YEAR({name}) year", f"CALENDAR_MONTH({name}) month", "COUNT(Id) total"]
        )
        query = self.select(fields, [*self._alive, *self._within(spans)], before=True) + f" GROUP BY {group}"
        found = {}
        for record in self._records(query):
            if unit == "day" and record.get("day"):
                found[record["day"]] = record["total"]
            elif record.get("year"):
                found[f"{record['year']:04}-{record['month']:02}"] = record["total"]
        return found

    def _within(self, spans: Sequence[Days]) -> list[str]:
        if not spans or self.created is None:
            return []
        name = self.created.api_name
        parts = [f"({name} >= {first}T00:00:00Z AND {name} < {end}T00:00:00Z)" for first, end in spans]
        return [f"({' OR '.join(parts)})"]

    def rows(self, spans: Sequence[Days] = ()) -> Iterator[Row]:
        """The rows, of all or of spans of days, those in the recycle bin included."""
        fields = [column.api_name for column in self._telling]
        yield from self._told(self.select(fields, self._within(spans)))

    def rows_request(self, reference_id: str) -> Subrequest:
        """Asks for the rows as `rows` does, on one page."""
        query = self.select([column.api_name for column in self._telling])
        return self.source.readers.request(query, reference_id, ONE_PAGE)

    def rows_of_page(self, answer: Subresponse) -> list[Row] | None:
        """Read the answer to `rows_request`; None if there are more rows. Raises SalesforceError."""
        if not answer.ok:
            raise answer.error()
        first = answer.decode(QUERY_PAGE)
        return list(self._told_in(first)) if first.totalSize <= ONE_PAGE else None

    def rows_of(self, ids: Sequence[str], *, filtered: bool = True) -> Iterator[Row]:
        """The rows of some ids, also of those that do not meet the filter."""
        conditions = self.source.conditions if filtered else ()
        fields = [column.api_name for column in self._telling]
        for some in batches(ids, IDS_A_QUERY):
            yield from self._told(of_ids(self.api_name, some, fields, conditions))

    @property
    def _telling(self) -> list[Column]:
        found = [column for column in (self._id, self._deleted, self.stamp) if column is not None]
        return list({column.api_name: column for column in found}.values())

    def _told(self, query: str) -> Iterator[Row]:
        yield from self._told_in(self.source.readers.first_page(query))

    def _told_in(self, first: QueryPage) -> Iterator[Row]:
        columns = self._telling
        layout = self.source.layout(columns)
        names = [column.api_name for column in columns]
        stamp = self.stamp.api_name if self.stamp is not None else ""
        for page in self.source.readers.pages(first):
            for row in values(page, layout):
                told = dict(zip(names, row, strict=True))
                moment = told.get(stamp)
                yield Row(told["Id"], bool(told.get("IsDeleted")), clock.parse(moment) if moment else None)

    def rows_written(self, lines: bytes) -> Iterator[Row]:
        """What the RECORD lines of the tap tell of their rows."""
        for line in lines.splitlines():
            row = self._written.decode(line).record
            stamp = row.stamp
            yield Row(row.id, bool(row.deleted), clock.parse(stamp) if stamp else None, bool(row.archived))

    @functools.cached_property
    def _written(self) -> msgspec.json.Decoder[Any]:
        """Decodes of RECORD lines what is told of their rows; what no column has is null."""
        columns = {"id": self._id, "deleted": self._deleted, "stamp": self.stamp, "archived": self._archived}
        rename = {name: column.property if column else f"no {name}" for name, column in columns.items()}
        kinds = {"id": str, "deleted": bool | None, "stamp": str | None, "archived": bool | None}
        fields: list[Any] = [(name, kind, None) for name, kind in kinds.items()]
        record = msgspec.defstruct("Record", fields, rename=rename)
        return msgspec.json.Decoder(msgspec.defstruct("Message", [("record", record)]))

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

    def logged(self) -> frozenset[str]:
        """Ids of the deletions that the next run will hear of; none where there is no log."""
        if self._log is None:
            self._log = self._read_log() if self.source.has_log else frozenset()
        return self._log

    def _read_log(self) -> frozenset[str]:
        since = self.source.state.log_since
        if since is None:
            return frozenset()
        client = self.source.readers.client
        log = DeletionLog(client, self.api_name, since)
        try:
            (answer,) = client.composite([log.request("deleted")])
            return frozenset(log.read(answer).between(since, None).ids)
        except SalesforceError:
            return frozenset()

    def ever_logged(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of ids that the log of the last 15 days says are deleted."""
        if not self.source.plan.replicateable:
            return frozenset()
        client = self.source.readers.client
        log = DeletionLog(client, self.api_name, datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
        try:
            (answer,) = client.composite([log.request("deleted")])
            return frozenset(log.read(answer).ids).intersection(ids)
        except SalesforceError:
            return frozenset()

    def _records(self, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = decode(
            self.source.readers.first_page(query).records, _RECORDS, "/queryAll"
        )
        return found
