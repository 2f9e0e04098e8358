"""Rows of a window that no longer fit into one query: in steps of Id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_sfsource.api.query import select

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.query import RestPage
    from tap_sfsource.sync.readers import Readers
    from tap_sfsource.sync.windows import Window


def pages_by_id(
    readers: Readers,
    api_name: str,
    fields: Sequence[str],
    key: str | None,
    window: Window,
    step: int,
    *,
    nulls: bool = False,
) -> Iterator[RestPage]:
    """Yield a window's pages, so many rows a query, where its time cannot be split any further."""
    after = ""
    while True:
        query = select(
            api_name,
            fields,
            key=key,
            start=window.start,
            end=window.end,
            nulls=nulls,
            conditions=[f"Id > '{after}'"] if after else [],
            order_by=["Id"],
            limit=step,
        )
        first = readers.first_page(query)
        for page in readers.pages(first):
            yield page
            after = page.last or after
        if first.totalSize < step:
            return
