"""Readers: REST and Bulk API 2.0 behind one notion, an iterator of pages of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_sfsource.rows.rows import Rows


class Page(Protocol):
    """Rows that arrived together and that a bookmark can stand behind."""

    def lines(self, rows: Rows) -> Iterator[tuple[bytes, int]]:
        """RECORD lines in chunks, each with its number of lines."""
        ...  # pragma: no cover

    def records(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """The same rows as dicts."""
        ...  # pragma: no cover
