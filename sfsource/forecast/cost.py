"""What one query costs: calls, Bulk jobs, megabytes and time."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tap_sfsource.api.bulk import likely_seconds, poll_moments
from tap_sfsource.api.bulk_budget import result_megabytes
from tap_sfsource.api.composite import QUERIES
from tap_sfsource.sync.children import ChildrenReader
from tap_sfsource.sync.column_groups import IDS_A_QUERY
from tap_sfsource.sync.readers import PAGE_BYTES, SMALLEST_PAGE
from tap_sfsource.sync.split import SplitReader

if TYPE_CHECKING:
    from tap_sfsource.sync.query_reader import QueryReader

LISTED_PAGE_ROWS: Final = 100_000
"""Rows of a page of Bulk results that Salesforce lists; nobody documents it."""

_LISTED_AT_ONCE: Final = 5
_PATIENCE: Final = 2.0
"""A job takes about twice what it takes at best."""

_LONG_TEXT_BYTES: Final = 10_000
"""What a row with a long text takes about."""

CALL_SECONDS: Final = 0.4
"""A call with a page of rows, or without."""

_JOB_SECONDS: Final = 10.0
"""A job waits in the queue before it begins."""

_CELL_SECONDS: Final = 20e-6 / 60
"""Reading and loading: docs/benchmarks.md has 20 µs for a row of 60 columns."""

_MEGABYTE_SECONDS: Final = 1 / 20
"""Downloading at 20 MB/s."""


@dataclass(frozen=True)
class Cost:
    """What something costs, or several things together.

    Attributes:
        jobs: Bulk jobs.
        bulk_megabytes: Those of the megabytes that count against the day's Bulk results.
    """

    rows: float = 0.0
    calls: float = 0.0
    jobs: float = 0.0
    megabytes: float = 0.0
    bulk_megabytes: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.rows + other.rows,
            self.calls + other.calls,
            self.jobs + other.jobs,
            self.megabytes + other.megabytes,
            self.bulk_megabytes + other.bulk_megabytes,
            self.seconds + other.seconds,
        )

    def times(self, often: float) -> Cost:
        """The cost of doing it so often."""
        return Cost(
            often * self.rows,
            often * self.calls,
            often * self.jobs,
            often * self.megabytes,
            often * self.bulk_megabytes,
            often * self.seconds,
        )


def calls(number: float) -> Cost:
    """The cost of calls without rows."""
    return Cost(calls=number, seconds=number * CALL_SECONDS)


def query_cost(query: QueryReader, rows: float, parents: int = 0, *, asks: bool = True) -> Cost:
    """What a query of so many rows costs, beside the first look, which shares a call with others.

    `parents` is how many rows the object has by whose ids they are read, if it is read so. `asks` tells whether the org may
    be asked where a large one is cut; otherwise its parts are taken to be even.
    """
    if isinstance(query, ChildrenReader):
        return _size(query, rows) + calls(_children_calls(query, rows, parents))
    if query.bulk_at_once():
        return _bulk(query, rows, asks=asks)
    look, page = query.look_rows, query.readers.settings.page_size
    further = 0
    if look is not None and rows >= look:
        page = max(1, min(page, PAGE_BYTES // _row_bytes(query)))
        # It is looked at once more, with pages that its rows fit on; or read in steps of Id.
        further = 1
    if query.bulk_after_look(math.ceil(rows), one_page=rows <= page):
        return calls(further) + _bulk(query, rows, asks=asks)
    if further and page < SMALLEST_PAGE:
        return _size(query, rows) + calls(rows // page + 1)
    return _size(query, rows) + calls(further + max(0, math.ceil(rows / page) - 1))


def _bulk(query: QueryReader, rows: float, *, asks: bool) -> Cost:
    """The jobs of a query. To know where a large one is cut costs a call, which the run makes as well."""
    cost = Cost()
    parts = [math.ceil(rows)]
    most = query.readers.settings.split_rows
    if isinstance(query, SplitReader) and query.key is not None and rows > most:
        cut = (
            [part.count or 0 for part in query.cut(math.ceil(rows))] if asks else _even(math.ceil(rows), most)
        )
        # Then it looks for what has changed since the first job.
        cost += calls(2 if cut else 1)
        parts = cut or parts
    for part in parts:
        done = _PATIENCE * likely_seconds(part)
        polls = 1 + sum(1 for _ in itertools.takewhile(lambda at, done=done: at < done, poll_moments(part)))  # type: ignore[misc]
        cost += calls(1 + polls + _page_calls(query, part))
    size = _size(query, rows)
    seconds = _JOB_SECONDS + likely_seconds(math.ceil(rows))
    waits = Cost(jobs=len(parts), bulk_megabytes=size.megabytes, seconds=seconds)
    return cost + size + waits


def _even(rows: int, most: int) -> list[int]:
    number = math.ceil(rows / most)
    return [rows // number] * number


def _page_calls(query: QueryReader, rows: int) -> int:
    settings = query.readers.settings
    if settings.download_connections == 1 or rows <= settings.bulk_page_size:
        return math.ceil(rows / settings.bulk_page_size)
    listed = math.ceil(rows / LISTED_PAGE_ROWS)
    lists = math.ceil(listed / _LISTED_AT_ONCE)
    return lists + (listed if listed > 1 else math.ceil(rows / settings.bulk_page_size))


def _children_calls(query: QueryReader, rows: float, parents: int) -> int:
    page = query.readers.settings.page_size
    lists = math.ceil(parents / IDS_A_QUERY)
    further = max(0, math.ceil(rows / page) - lists) if lists else 0
    return max(1, math.ceil(parents / page)) + math.ceil(lists / QUERIES) + further


def _size(query: QueryReader, rows: float) -> Cost:
    cells = rows * len(query.fields)
    megabytes = result_megabytes(rows, len(query.fields))
    seconds = cells * _CELL_SECONDS + megabytes * _MEGABYTE_SECONDS
    return Cost(rows=rows, megabytes=megabytes, seconds=seconds)


def _row_bytes(query: QueryReader) -> int:
    """What a row with a long text takes as JSON."""
    return _LONG_TEXT_BYTES + int(result_megabytes(1_000_000, 3 * len(query.fields)))
