"""One collection on both sides: which rows differ, and how."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sfsource.verify.counts import Unit, grouping_for, within
from sfsource.verify.findings import Difference, Kind, Outcome
from sfsource.verify.org import ONE_PAGE, Row
from tap_sfsource import clock
from tap_sfsource.sync.again import full_id
from tap_sfsource.sync.column_groups import batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sfsource.verify.counts import Counts, Grouping, Span
    from sfsource.verify.held import Held
    from sfsource.verify.lines import Lines
    from sfsource.verify.org import Counted, OrgObject
    from sfsource.verify.table import Table
    from tap_sfsource.api.composite import Subresponse
    from tap_sfsource.catalog.columns import Column

AT_ONCE: Final = 200
MOST_LOOKED_AT: Final = 10_000
"""Rows of a collection that are looked at one by one."""

_DAYS_A_QUERY: Final = 1_800
"""A query has at most 2,000 groups."""

_SPANS_A_QUERY: Final = 50


@dataclass
class Collection:
    """A collection.

    Attributes:
        views_all: Tells whether the user sees all rows, so that none can be hidden.
        moving: Properties whose values change without a stamp.
        masked: Properties with a mask, whose values are never told.
        show_values: Whether differing values are told.
        can_group: Whether the org groups the object's rows.
        suspected: Spans of groups whose counts differ; of all rows where they were not grouped.
    """

    org: OrgObject
    table: Table
    lines: Lines
    outcome: Outcome
    views_all: Callable[[], bool]
    moving: frozenset[str]
    masked: frozenset[str] = frozenset()
    show_values: bool = False
    can_group: bool = True
    suspected: list[tuple[Grouping | None, list[Span]]] = field(default_factory=list)
    _days: dict[str, Counts] = field(default_factory=dict)
    _remarks: list[str] = field(default_factory=list)
    changed: list[str] | None = field(default_factory=list)
    """Ids of rows that have changed since the bookmark; None if they are too many."""

    @property
    def stamp(self) -> str:
        """The property that tells when a row has changed, if the table has it."""
        return self._property(self.org.source.plan.replication_key)

    @property
    def created(self) -> str:
        """The property that tells when a row was created, if the table has it."""
        return self._property(self.org.created)

    def _property(self, column: Column | None) -> str:
        """The property of a column whose values the table has as they are; empty if it has not."""
        if column is None or not self.lines.keeps(column) or not self.table.has(column.property):
            return ""
        return column.property

    def confine(self) -> str:
        """Leave the rows of other shards out; why it cannot be done, else empty."""
        part = self.org.source.plan.own.part
        if part and not self.created:
            return "rows of other shards cannot be told from its own without created_date: verify with a whole catalog"
        edges = {sign: clock.parse(edge) for _, sign, edge in map(str.split, part)}
        if part:
            self.table.confine(self.created, edges.get(">="), edges.get("<"))
        return ""

    @property
    def has_all_rows(self) -> bool:
        """Whether each row of the org goes out, so that rows can be counted."""
        return not self.lines.filters

    @property
    def marks_gone(self) -> bool:
        """Whether a repair can mark rows that are gone."""
        return self.lines.partial_rows and not self.table.keeps_versions

    @property
    def is_small(self) -> bool:
        """Whether its rows here are one page: their ids cost no more than a count."""
        return (self.outcome.warehouse_rows or 0) <= ONE_PAGE

    def count_here(self) -> int:
        """Count the warehouse's rows that are to be compared."""
        return self.table.count(self.stamp, self.org.as_of, self.changed or ())

    def begin_again(self) -> None:
        """Forget what was found."""
        self.outcome.differences.clear()
        self.outcome.notes = [note for note in self.outcome.notes if note not in self._remarks]
        self._remarks.clear()
        self.outcome.compared, self.outcome.unchecked = 0, ""
        self.suspected.clear()
        self._days, self.changed = {}, []

    def _remark(self, note: str) -> None:
        if note not in self._remarks:
            self._remarks.append(note)
            self.outcome.notes.append(note)

    def look_at_keys(self) -> None:
        """Look at what the table tells by itself: keys with several rows, and such that are no ids."""
        if nameless := self.table.nameless():
            self._remark(f"{nameless:,} rows have no id, so no run has written them: delete them")
            self.outcome.add([Difference(Kind.NO_ID, "")])
        self.look_at([*self.table.doubled(), *self.table.strange()])

    def by_id(self, rows: Sequence[Row]) -> None:
        """Compare ids and stamps with all rows of the org."""
        self.table.begin_seeing()
        self.table.see(rows, self.org.as_of)
        self.outcome.org_rows, self.outcome.warehouse_rows = self.table.seen()
        self.look_at([*self.table.unseen(), *self.table.unlike(self.stamp)])

    def groupings(self) -> list[Grouping]:
        """By what rows are counted: by when they were created, and by when they have changed."""
        if not self.can_group:
            return []
        columns = {
            column.api_name: column
            for column in (self.org.created, self.org.source.plan.replication_key)
            if column is not None and self._property(column)
        }
        if not self._days:
            self._days = {name: self._by_day(column) for name, column in columns.items()}
        return [grouping_for(column, self._days[name]) for name, column in columns.items()]

    def _by_day(self, column: Column) -> Counts:
        return self.table.count_by_day(column.property, self.stamp, self.org.as_of, self.changed or ())

    def count_again(self) -> None:
        """Count the warehouse's rows again, without those that have changed since."""
        self.changed = self.org.changed()
        self._days = {}
        self.outcome.warehouse_rows = self.count_here()

    def compare_counts(self, counted: Sequence[tuple[Grouping | None, Counted]]) -> None:
        """Note where counts differ."""
        self.outcome.org_rows = counted[0][1].rows
        for grouping, found in counted:
            if grouping is None:
                if found.rows != self.outcome.warehouse_rows:
                    self.suspected.append((None, []))
                continue
            days = self._days[grouping.column.api_name]
            if spans := grouping.spans(found.groups, grouping.counted(days)):
                self.suspected.append((grouping, spans))

    def by_count(self) -> None:
        """Find the rows by which counts differ: by week, by day, by id."""
        suspects: dict[str, None] = {}
        for grouping, spans in self.suspected:
            column = grouping.column if grouping is not None else None
            for some in batches(self._to_days(grouping, spans), _SPANS_A_QUERY) if grouping else [()]:
                suspects |= dict.fromkeys(self._suspects_within(column, some))
                if len(suspects) > MOST_LOOKED_AT:
                    break
        self.look_at(suspects)

    def _to_days(self, grouping: Grouping | None, spans: Sequence[Span]) -> list[Span]:
        """The days that differ, where whole weeks were counted."""
        if grouping is None or grouping.unit is Unit.DAY:
            return list(spans)
        days = self._days[grouping.column.api_name]
        by_day = replace(grouping, unit=Unit.DAY)
        found: list[Span] = []
        for some in _few_days(spans):
            there = self.org.count_by_day(grouping.column, some)
            found += by_day.spans(there, within(days, some))
        return found

    def _suspects_within(self, column: Column | None, spans: Sequence[Span]) -> list[str]:
        name = column.property if column is not None else ""
        # Of a table that has lost far more than is looked at, not every id is read.
        rows = islice(
            self.org.rows(column, spans), 2 * self.table.count_within(name, spans) + 2 * MOST_LOOKED_AT
        )
        self.table.begin_seeing()
        while some := list(islice(rows, ONE_PAGE)):
            self.table.see(some, self.org.as_of)
        return [*self.table.unseen(name, spans), *self.table.unlike(self.stamp, name)]

    def by_value(self) -> None:
        """Compare every row with what the tap would write."""
        suspects: dict[str, None] = {}
        source = self.org.source
        source.led = True
        query = source.every_row("verify", source.columns, source.further)
        source.look(query)
        self.table.begin_seeing()
        for page, _ in query.pages():
            for values, lines in self.lines.of_page(page) if page is not None else ():
                found = self._suspects_of(values, lines)
                if len(suspects) <= MOST_LOOKED_AT:
                    suspects |= found
        suspects |= dict.fromkeys(self.table.unseen())
        self.look_at(suspects)

    def _suspects_of(self, values: Sequence[Sequence[Any]], lines: bytes) -> dict[str, None]:
        """Rows of a page that do not look the same in the warehouse."""
        rows = {row.id: row for row in map(self.org.told_by, values)}
        suspects: dict[str, None] = {}
        self.table.stage(lines)
        matches = [match for match in self.table.matches() if not rows[match.id].deleted]
        self.table.see([rows[match.id] for match in matches], self.org.as_of)
        for match in matches:
            if rows[match.id].is_later(self.org.as_of):
                continue
            self.outcome.compared += 1
            if match.alive != 1 or match.found != 1 or match.differs:
                suspects[match.id] = None
        return suspects

    def look_at(self, suspects: Iterable[str], *, strict: bool = False) -> None:
        """Look at rows one by one, and note those that differ. `strict`: also those that have changed since."""
        ids = [*dict.fromkeys(suspects)]
        for some in batches(ids[:MOST_LOOKED_AT], AT_ONCE):
            self.judge(some, self.table.hold(some), None, strict=strict)
        if len(ids) > MOST_LOOKED_AT:
            self._remark(
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
        asked = [key for key in ids if self.may_be_id(key)]
        # How many rows there are does not depend on what has changed since.
        doubled = {key: Difference(Kind.DOUBLED, key) for key in ids if held.count(key) > 1}
        found: list[Difference] = [
            Difference(Kind.NO_ID, key) for key in ids if not self.may_be_id(key) and held.alive(key)
        ]
        absent = dict.fromkeys(asked)
        for page in self.org.whole_pages(asked, answer) if asked else ():
            for values, lines in self.lines.of_page(page):
                rows = {row.id: row for row in map(self.org.told_by, values)}
                self.table.stage(lines)
                for match in self.table.matches(held.name):
                    row = rows[match.id]
                    absent.pop(row.id, None)
                    if row.is_later(self.org.as_of) and not strict:
                        continue
                    self.outcome.compared += counted
                    difference = self._difference(row, held, match.differs)
                    if difference is not None:
                        found.append(difference)
        found += self._gone([record_id for record_id in absent if held.alive(record_id)], strict=strict)
        if found and not self.org.is_dated:
            why = "nothing tells whether it has changed since the last run"
            found = [replace(part, accepted=part.accepted or why) for part in found]
            self.outcome.unchecked = (
                "rows differ, and nothing tells whether they have changed since the last run"
            )
        self.outcome.add([*doubled.values(), *(part for part in found if part.id not in doubled)])

    def may_be_id(self, key: str) -> bool:
        """Whether a key of the table can be an id of the object."""
        return key.startswith(self.org.source.plan.key_prefix or "") and full_id(key) == key

    def _difference(self, row: Row, held: Held, differs: tuple[str, ...]) -> Difference | None:
        if row.deleted:
            unmarked = held.alive(row.id) and not self.org.logged([row.id])
            return Difference(Kind.IN_BIN, row.id) if unmarked else None
        if held.count(row.id) == 1 and held.alive(row.id):
            return self._differing_values(row, held, differs) if differs else None
        kind = Kind.MARKED if held.count(row.id) else Kind.MISSING
        why = "it has left the recycle bin without a new stamp, and a run reads that once a day"
        returned = kind is Kind.MARKED and self.org.may_return
        return Difference(kind, row.id, archived=row.archived, accepted=why if returned else "")

    def _differing_values(self, row: Row, held: Held, differs: tuple[str, ...]) -> Difference:
        # The warehouse may still have a plain value of before the mask.
        open_ = [name for name in differs if name not in self.masked]
        shown = self.table.values(held.name, row.id, open_) if self.show_values and open_ else {}
        if self.moving.issuperset(differs):
            why = "their values change without a stamp, and are read again on a schedule"
            return Difference(Kind.STALE, row.id, differs, shown, accepted=why)
        return Difference(Kind.DIFFERS, row.id, differs, shown, archived=row.archived)

    def _gone(self, ids: Sequence[str], *, strict: bool) -> list[Difference]:
        """Rows of the warehouse that the org does not give, but for deletions that the next run hears of."""
        if not strict and ids:
            logged = self.org.logged(ids)
            ids = [record_id for record_id in ids if record_id not in logged]
        if not ids:
            return []
        source, there = self.org.source, dict[str, Row]()
        part = source.plan.own.part
        if part:
            # A row that is not of this shard's time is another's, whatever the warehouse has.
            here = {row.id for row in self.org.rows_of(ids, part)}
            others = {row.id for row in self.org.rows_of(ids)} - here
            ids = [record_id for record_id in ids if record_id not in others]
        if source.conditions or self.lines.filters:
            there = {row.id: row for row in self.org.rows_of(ids, part)}
        left = [record_id for record_id in ids if record_id not in there]
        certain = self.org.ever_logged(left) if left else frozenset()
        accepted = ""
        if source.readers.settings.deletes == "soft":
            accepted = "the setting deletes is soft, which does not see deletions for good"
        found = []
        for record_id in ids:
            if (row := there.get(record_id)) is not None:
                if not row.is_later(self.org.as_of):
                    why = "a row that leaves the filter stays as it was"
                    found.append(Difference(Kind.FILTERED, record_id, accepted=why))
                continue
            kind = Kind.GONE if record_id in certain or self.views_all() else Kind.HIDDEN
            found.append(Difference(kind, record_id, accepted=accepted))
        return found


def _few_days(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """The spans, so many at a time that a query can count them by day."""
    some: list[Span] = []
    days = 0
    for span in spans:
        for piece in [None] if span is None else _pieces(*span):
            more = (piece[1] - piece[0]).days if piece is not None else 1
            if some and (days + more > _DAYS_A_QUERY or len(some) == _SPANS_A_QUERY):
                yield some
                some, days = [], 0
            some.append(piece)
            days += more
    if some:
        yield some


def _pieces(first: datetime.date, end: datetime.date) -> Iterator[tuple[datetime.date, datetime.date]]:
    while first < end:
        last = min(end, first + datetime.timedelta(days=_DAYS_A_QUERY))
        yield first, last
        first = last
