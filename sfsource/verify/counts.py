"""Rows of a large collection counted by day or week, so that both sides tell where they differ by one query each."""

from __future__ import annotations

import datetime
import enum
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_sfsource.catalog.columns import Column

    Counts = Mapping["datetime.date | None", int]
    """Rows by the first day of their group; None where they have no date."""

    Span = tuple[datetime.date, datetime.date] | None
    """Days, without the last one; None for the rows that have no date."""

_MOST_GROUPS: Final = 1_600
"""A query has at most 2,000 groups, and rows in the recycle bin have groups of their own."""

_DAYS: Final = {"day": datetime.timedelta(days=1), "week": datetime.timedelta(days=7)}


class Unit(enum.StrEnum):
    """By what rows are counted. The weeks of a year begin with its first day, as WEEK_IN_YEAR has them."""

    DAY = "day"
    WEEK = "week"

    def first_day(self, day: datetime.date | None) -> datetime.date | None:
        """The first day of a day's group."""
        if self is Unit.DAY or day is None:
            return day
        return day - datetime.timedelta(days=(day.timetuple().tm_yday - 1) % 7)


@dataclass(frozen=True)
class Grouping:
    """Groups of rows by a column of times."""

    column: Column
    unit: Unit = Unit.DAY

    @property
    def soql(self) -> dict[str, str]:
        """What a query is grouped by, each with its alias."""
        name = self.column.api_name
        if self.unit is Unit.DAY:
            return {"day": f"DAY_ONLY({name})"}
        return {"year": f"CALENDAR_YEAR({name})", "week": f"WEEK_IN_YEAR({name})"}

    def group_of(self, record: Mapping[str, Any]) -> datetime.date | None:
        """The first day of the group that an AggregateResult is of."""
        if self.unit is Unit.DAY:
            return datetime.date.fromisoformat(record["day"]) if record.get("day") else None
        if not record.get("year"):
            return None
        weeks = int(record["week"]) - 1
        return datetime.date(record["year"], 1, 1) + weeks * _DAYS["week"]

    def counted(self, days: Counts) -> Counts:
        """Counts by day as counts by group."""
        found: Counter[datetime.date | None] = Counter()
        for day, rows in days.items():
            found[self.unit.first_day(day)] += rows
        return found

    def spans(self, there: Counts, here: Counts) -> list[Span]:
        """Spans of the groups whose counts differ; neighbours are one."""
        groups = {group for group in there.keys() | here.keys() if there.get(group, 0) != here.get(group, 0)}
        spans: list[Span] = [None] if None in groups else []
        for first in sorted(group for group in groups if group is not None):
            end = first + _DAYS[self.unit.value]
            if self.unit is Unit.WEEK and end.year != first.year:
                end = datetime.date(end.year, 1, 1)
            last = spans[-1] if spans else None
            if last is not None and last[1] == first:
                spans[-1] = (last[0], end)
            else:
                spans.append((first, end))
        return spans


def grouping_for(column: Column, days: Counts) -> Grouping:
    """The finest groups of a column that one query can count, given the warehouse's days."""
    return Grouping(column, Unit.DAY if len(days) <= _MOST_GROUPS else Unit.WEEK)


def within(days: Counts, spans: Iterable[Span]) -> Counts:
    """The counts of the days of some spans."""
    wanted = list(spans)
    return {
        day: rows
        for day, rows in days.items()
        if any(
            (day is None) if span is None else day is not None and span[0] <= day < span[1] for span in wanted
        )
    }
