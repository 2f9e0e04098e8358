"""Pages to RECORD lines: the one way of every row, whoever emits it. A page is verified here before its last row leaves."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_sfsource.api.bulk import UNKNOWN_COUNT, BulkPage
from tap_sfsource.api.query import RestPage
from tap_sfsource.errors import TapError
from tap_sfsource.rows.bulk_csv import BulkCsv
from tap_sfsource.rows.json_rows import JsonRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tap_sfsource.rows.layout import Layout

_SMALL = 1024 * 1024
"""Bytes of a Bulk page whose lines are kept until all of it is verified."""

_AT_ONCE = 500

_json_rows = functools.lru_cache(maxsize=16)(JsonRows)
_bulk_csv = functools.lru_cache(maxsize=16)(BulkCsv)


@dataclass(frozen=True, slots=True)
class ValuesPage:
    """Rows that no query answered: JSON values in the columns' order.

    Attributes:
        clock: Gives the RFC 3339 time at which Salesforce told a row.
        at_once: Rows in a chunk: few where they are large.
    """

    rows: Iterable[Sequence[Any]]
    count: int
    clock: Callable[[], str]
    at_once: int = _AT_ONCE


Page = BulkPage | RestPage | ValuesPage


def lines(page: Page, layout: Layout) -> Iterator[tuple[bytes, int]]:
    """RECORD lines of a page in chunks, each with its number of lines.

    Raises:
        TapError: The page has not as many rows as Salesforce says, is cut off, or holds a value that describe rules out.
            No row of the chunk at fault, nor of a later one, has left.
    """
    match page:
        case BulkPage():
            yield from _bulk_lines(page, layout)
        case RestPage() if page.count == 0 and bytes(page.records) == b"[]":
            return
        case RestPage():
            yield _json_rows(layout).lines(page.records, page.extracted)
        case ValuesPage():
            yield from _values_lines(page, layout)


def values(page: BulkPage | RestPage, layout: Layout) -> Iterator[list[Any]]:
    """Plain JSON values of each row of a page in the columns' order, before masks; raises as `lines` does."""
    if isinstance(page, RestPage):
        yield from _json_rows(layout).values(page.records)
        return
    read = 0
    with page.file:
        for block in page.blocks():
            for row in _bulk_csv(layout).values(block):
                read += 1
                yield row
    _check_count(page, layout, read)


def verify(page: BulkPage, layout: Layout) -> int:
    """Count and verify the rows of a page that goes on as a file, and rewind it; raises as `lines` does."""
    assert layout.as_sent, layout.stream
    begin = page.file.tell()
    csv = _bulk_csv(layout)
    read = sum(csv.verified(block) for block in page.blocks())
    _check_count(page, layout, read)
    page.file.seek(begin)
    return read


def _bulk_lines(page: BulkPage, layout: Layout) -> Iterator[tuple[bytes, int]]:
    """A small page leaves once it is verified as a whole, a large one block by block; the last waits for the count."""
    csv = _bulk_csv(layout)
    read = size = 0
    held: list[tuple[bytes, int]] = []
    with page.file:
        for block in page.blocks():
            if size > _SMALL:
                yield from held
                held.clear()
            held.append(csv.lines(block, page.extracted))
            read += held[-1][1]
            size += len(block)
    _check_count(page, layout, read)
    yield from held


def _values_lines(page: ValuesPage, layout: Layout) -> Iterator[tuple[bytes, int]]:
    held = []
    for row in page.rows:
        held.append(layout.message(row, page.clock()))
        if len(held) == page.at_once:
            yield layout.encoded(held), len(held)
            held = []
    if held:
        yield layout.encoded(held), len(held)


def _check_count(page: BulkPage, layout: Layout, read: int) -> None:
    if page.count not in {read, UNKNOWN_COUNT}:
        raise TapError(f"{layout.stream}: a Bulk page of {page.count} rows has {read}. Run again.")
