"""One collection on both sides: which rows differ, and how."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from sfsource.verify.findings import Difference, Kind, Outcome
from sfsource.verify.org import ONE_PAGE
from tap_sfsource.sync.again import full_id
from tap_sfsource.sync.column_groups import batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sfsource.verify.lines import Lines
    from sfsource.verify.org import Days, OrgObject, Row
    from sfsource.verify.table import Held, Table
    from tap_sfsource.api.composite import Subresponse
    from tap_sfsource.catalog.columns import Column

AT_ONCE: Final = 200
MOST_LOOKED_AT: Final = 10_000
"""Rows of a collection that are looked at one by one."""

_DAYS_A_QUERY: Final = 1_800
"""A query has at most 2,000 groups."""

_SPANS_A_QUERY: Final = 50

_ONE_DAY: Final = datetime.timedelta(days=1)


@dataclass
class Collection:
    """A collection.

    Attributes:
        views_all: Tells whether the user sees all rows, so that none can be hidden.
        moving: Properties whose values change without a stamp.
        show_values: Whether differing values are told.
    """

    org: OrgObject
    table: Table
    lines: Lines
    outcome: Outcome
    views_all: Callable[[], bool]
    moving: frozenset[str]
    show_values: bool = False
    changed: list[str] | None = field(default_factory=list)
    """Ids of rows that have changed since the bookmark; None if they are too many."""

    @property
    def stamp(self) -> str:
        """The property that tells when a row has changed, if the table has it."""
        return self._property(self.org.source.plan.replication_key)

    @property
    def created(self) -> str:
        """The property by which rows are counted by day, if the table has it."""
        return self._property(self.org.created)

    def _property(self, column: Column | None) -> str:
        return column.property if column is not None and self.table.has(column.property) else ""

    def count_here(self) -> int:
        """Count the warehouse's rows that are to be compared."""
        return self.table.count(self.stamp, self.org.as_of, self.changed or ())

    @property
    def is_small(self) -> bool:
        """Whether its rows here are one page: their ids cost no more than a count."""
        return (self.outcome.warehouse_rows or 0) <= ONE_PAGE

    def look_at_keys(self) -> None:
        """Look at what the table tells by itself: keys with several rows, and such that are no ids."""
        self.look_at([*self.table.doubled(), *self.table.strange()])

    def by_id(self, rows: Sequence[Row]) -> None:
        """Compare ids and stamps with all rows of the org."""
        here = self.table.stamps(self.stamp)
        later = {row.id for row in rows if self._is_later(row)}
        there = {row.id: row for row in rows if not row.deleted}
        self.outcome.org_rows = len(there.keys() - later)
        self.outcome.warehouse_rows = len(here.keys() - later)
        suspects = [key for key in here if key not in there]
        suspects += [
            key
            for key, row in there.items()
            if key not in later and (key not in here or (self.stamp and here[key] != row.stamp))
        ]
        self.look_at(suspects)

    def by_count(self) -> None:
        """Find the rows by which counts differ: by month, by day, by id."""
        suspects: dict[str, None] = {}
        for spans in batches(self._days(), _SPANS_A_QUERY) if self.created else [()]:
            here = self.table.ids(self.created, spans)
            # Of a table that has lost far more than is looked at, not every id is read.
            most = 2 * len(here) + 2 * MOST_LOOKED_AT
            there = {row.id: row for row in islice(self.org.rows(spans), most)}
            alive = {row.id for row in there.values() if not row.deleted}
            wanted = {record_id for record_id in alive if not self._is_later(there[record_id])}
            suspects |= dict.fromkeys(sorted(here - alive))
            suspects |= dict.fromkeys(sorted(wanted - here))
            if len(suspects) > MOST_LOOKED_AT:
                break
        self.look_at(suspects)

    def _days(self) -> list[Days]:
        """Spans of days whose counts differ."""
        org, as_of, but = self.org, self.org.as_of, self.changed or ()
        months = self._differing(
            org.count_by("month"), self.table.count_by("month", self.created, self.stamp, as_of, but)
        )
        here = self.table.count_by("day", self.created, self.stamp, as_of, but) if months else {}
        spans: list[Days] = []
        for first, end in _together(months):
            found = org.count_by("day", [(first, end)])
            within = {day: rows for day, rows in here.items() if first.isoformat() <= day < end.isoformat()}
            for day in map(datetime.date.fromisoformat, self._differing(found, within)):
                if spans and spans[-1][1] == day:
                    spans[-1] = (spans[-1][0], day + _ONE_DAY)
                else:
                    spans.append((day, day + _ONE_DAY))
        return spans

    @staticmethod
    def _differing(there: dict[str, int], here: dict[str, int]) -> list[str]:
        return sorted(part for part in there.keys() | here.keys() if there.get(part) != here.get(part))

    def by_value(self) -> None:
        """Compare every row with what the tap would write."""
        suspects: dict[str, None] = {}
        source = self.org.source
        source.led = True
        query = source.every_row("verify", source.columns, source.further)
        source.look(query)
        self.table.begin_seeing()
        for page, _ in query.pages():
            if page is not None:
                suspects |= self._suspects_of(self.lines.of_page(page))
        suspects |= dict.fromkeys(self.table.unseen())
        self.look_at(suspects)

    def _suspects_of(self, lines: bytes) -> dict[str, None]:
        """Rows of a page that do not look the same in the warehouse."""
        rows = {row.id: row for row in self.org.rows_written(lines)}
        self.table.see([row.id for row in rows.values() if not row.deleted])
        suspects: dict[str, None] = {}
        with self.table.connection.transaction():
            self.table.stage(lines)
            for match in self.table.matches():
                row = rows[match.id]
                if row.deleted or self._is_later(row):
                    continue
                self.outcome.compared += 1
                if match.alive != 1 or match.found != 1 or match.differs:
                    suspects[match.id] = None
        return suspects

    def look_at(self, suspects: Iterable[str], *, strict: bool = False) -> None:
        """Look at rows one by one, and note those that differ. `strict`: also those that have changed since."""
        ids = [*dict.fromkeys(suspects)]
        for some in batches(ids[:MOST_LOOKED_AT], AT_ONCE):
            with self.table.connection.transaction():
                held = self.table.hold(some)
                self.judge(some, held, None, strict=strict)
        if len(ids) > MOST_LOOKED_AT:
            self.outcome.notes.append(
                f"more than {MOST_LOOKED_AT:,} rows may differ: read the collection again (sfsource resync)"
            )

    def judge(
        self,
        ids: Sequence[str],
        held: Held,
        answer: Subresponse | None,
        *,
        strict: bool = False,
        counted: bool = False,
    ) -> None:
        """Compare rows that were held before with the org's: what changed meanwhile is later than the bookmark."""
        asked = [record_id for record_id in ids if full_id(record_id) == record_id]
        found: list[Difference] = [
            Difference(Kind.NO_ID, record_id)
            for record_id in ids
            if record_id not in set(asked) and held.alive(record_id)
        ]
        absent = dict.fromkeys(asked)
        for page in self.org.whole_pages(asked, answer) if asked else ():
            lines = self.lines.of_page(page)
            rows = {row.id: row for row in self.org.rows_written(lines)}
            self.table.stage(lines)
            for match in self.table.matches(held.name):
                row = rows[match.id]
                absent.pop(row.id, None)
                if self._is_later(row) and not strict:
                    continue
                self.outcome.compared += counted
                difference = self._difference(row, held, match.differs)
                if difference is not None:
                    found.append(difference)
        found += self._gone([record_id for record_id in absent if held.alive(record_id)], strict=strict)
        if found and not self.org.is_dated:
            why = "nothing tells whether it has changed since the last run"
            found = [replace(part, accepted=part.accepted or why) for part in found]
            self.outcome.unchecked = f"rows differ, and {why}".replace("whether it has", "whether they have")
        self.outcome.add(found)

    def _is_later(self, row: Row) -> bool:
        return row.stamp is not None and self.org.as_of is not None and row.stamp >= self.org.as_of

    def _difference(self, row: Row, held: Held, differs: tuple[str, ...]) -> Difference | None:
        if row.deleted:
            unmarked = held.alive(row.id) and row.id not in self.org.logged()
            return Difference(Kind.IN_BIN, row.id) if unmarked else None
        if held.count(row.id) == 1 and held.alive(row.id):
            return self._differing_values(row, held, differs) if differs else None
        kind = {0: Kind.MISSING, 1: Kind.MARKED}.get(held.count(row.id), Kind.DOUBLED)
        return Difference(kind, row.id, archived=row.archived)

    def _differing_values(self, row: Row, held: Held, differs: tuple[str, ...]) -> Difference:
        shown = self.table.values(held.name, row.id, differs) if self.show_values else {}
        if self.moving.issuperset(differs):
            why = "their values change without a stamp, and are read again on a schedule"
            return Difference(Kind.STALE, row.id, differs, shown, accepted=why)
        return Difference(Kind.DIFFERS, row.id, differs, shown, archived=row.archived)

    def _gone(self, ids: Sequence[str], *, strict: bool) -> list[Difference]:
        """Rows of the warehouse that the org does not give, but for deletions that the next run hears of."""
        if not strict and ids:
            ids = [record_id for record_id in ids if record_id not in self.org.logged()]
        if not ids:
            return []
        source = self.org.source
        there = {row.id: row for row in self.org.rows_of(ids, filtered=False)} if source.conditions else {}
        left = [record_id for record_id in ids if record_id not in there]
        certain = self.org.ever_logged(left) if left else frozenset()
        accepted = ""
        if source.readers.settings.deletes == "soft":
            accepted = "the setting deletes is soft, which does not see deletions for good"
        found = []
        for record_id in ids:
            if (row := there.get(record_id)) is not None:
                if not self._is_later(row):
                    why = "a row that leaves the filter stays as it was"
                    found.append(Difference(Kind.FILTERED, record_id, accepted=why))
                continue
            kind = Kind.GONE if record_id in certain or self.views_all() else Kind.HIDDEN
            found.append(Difference(kind, record_id, accepted=accepted))
        return found


def _together(months: Sequence[str]) -> list[Days]:
    """Spans of days that hold these months, in order: few enough days for a query that counts by day."""
    spans: list[Days] = []
    for month in months:
        first = datetime.date.fromisoformat(f"{month}-01")
        end = (first + 31 * _ONE_DAY).replace(day=1)
        if spans and (end - spans[-1][0]).days <= _DAYS_A_QUERY:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((first, end))
    return spans
