"""Rows of a window that no longer fit into one query: in steps of Id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.query import RestPage
    from tap_sfsource.sync.readers import Readers


class Select(Protocol):
    """Gives the SOQL of a window's query."""

    def __call__(self, *, conditions: Sequence[str], order_by: Sequence[str], limit: int) -> str:
        """The query, with further conditions."""
        ...  # pragma: no cover


def pages_by_id(readers: Readers, select: Select, step: int) -> Iterator[RestPage]:
    """Yield a window's pages, so many rows a query, where its time cannot be split any further."""
    after = ""
    while True:
        conditions = [f"Id > '{after}'"] if after else []
        first = readers.first_page(select(conditions=conditions, order_by=["Id"], limit=step))
        for page in readers.pages(first):
            yield page
            after = page.last or after
        if first.totalSize < step:
            return
