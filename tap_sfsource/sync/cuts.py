"""Where a window of many rows is cut, so that each part has about so many rows at most."""

from __future__ import annotations

import datetime
import itertools
import logging
from typing import TYPE_CHECKING

from tap_sfsource import clock
from tap_sfsource.api.months import Span, by_month
from tap_sfsource.errors import SalesforceError
from tap_sfsource.sync.parts import Part
from tap_sfsource.sync.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.sync.query_reader import QueryReader

logger = logging.getLogger("tap-sfsource.scan")


def cut(query: QueryReader, count: int, most: int) -> list[Part]:
    """Cut a query's window into parts of about so many rows at most; `count` is about how many it has.

    By a count of each month, where Salesforce counts so many rows in time; else evenly over the time since the first row.
    """

    def ask(fields: Sequence[str]) -> str:
        return query.query(query.window, ordered=False, fields=fields)

    assert query.key is not None
    try:
        spans = by_month(query.key, ask, query.readers.first_page)
    except SalesforceError as error:
        logger.info("%s: its rows are not counted by month (%s).", query.api_name, error)
        first = _first(query)
        end = query.window.end
        spans = [Span(first, end, count)] if first is not None and end is not None else []
    return _parts(query.window, spans, most)


def _first(query: QueryReader) -> datetime.datetime | None:
    """The stamp of the first row."""
    key = query.key
    assert key is not None
    text = query.query(query.window, ordered=True, fields=[key], limit=1, nulls=False)
    pages = query.readers.pages(query.readers.first_page(text), key)
    last = next(pages).last
    return clock.parse(last) if last else None


def _parts(window: Window, spans: Sequence[Span], most: int) -> list[Part]:
    """Parts that follow each other from the window's start to its end; none where there is nothing to cut."""
    parts: list[Part] = []
    start, rows = window.start, 0
    for piece in _pieces(spans, most):
        within = (start is None or piece.start > start) and (window.end is None or piece.start < window.end)
        if rows and rows + piece.rows > most and within:
            parts.append(Part(Window(start, piece.start), count=rows))
            start, rows = piece.start, 0
        rows += piece.rows
    return [*parts, Part(Window(start, window.end), count=rows)] if parts else []


def _pieces(spans: Sequence[Span], most: int) -> Iterator[Span]:
    """The spans, those of too many rows in pieces of whole seconds."""
    for span in spans:
        seconds = int((span.end - span.start).total_seconds())
        number = max(1, min(-(-span.rows // most), seconds))
        edges = [span.start + datetime.timedelta(seconds=seconds * at // number) for at in range(number + 1)]
        for start, end in itertools.pairwise(edges):
            yield Span(start, end, -(-span.rows // number))
