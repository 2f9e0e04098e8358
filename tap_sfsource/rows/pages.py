"""Pages of rows: those of the API, and what `Rows` makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tap_sfsource.errors import TapError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_sfsource.api.bulk import BulkPage
    from tap_sfsource.api.query import RestPage
    from tap_sfsource.rows.rows import Rows


class Page(Protocol):
    """Rows that arrived together."""

    def lines(self, rows: Rows) -> Iterator[tuple[bytes, int]]:
        """RECORD lines in chunks, each with its number of lines."""
        ...  # pragma: no cover

    def records(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """The same rows as dicts."""
        ...  # pragma: no cover


@dataclass(frozen=True, slots=True)
class QueryRows:
    """A page of a query."""

    page: RestPage

    def lines(self, rows: Rows) -> Iterator[tuple[bytes, int]]:
        """See `Page.lines`."""
        yield rows.json_lines(self.page.records, self.page.extracted)

    def records(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """See `Page.records`."""
        yield from rows.json_records(self.page.records)


@dataclass(frozen=True, slots=True)
class BulkRows:
    """A page of a Bulk job's results."""

    page: BulkPage

    def lines(self, rows: Rows) -> Iterator[tuple[bytes, int]]:
        """See `Page.lines`.

        Raises:
            TapError: The page has not as many rows as Salesforce says.
        """
        read = 0
        for block in self.page.blocks():
            lines, count = rows.csv_lines(block, self.page.extracted)
            read += count
            yield lines, count
        if self.page.count >= 0 and self.page.count != read:
            raise TapError(f"{rows.stream}: a Bulk page of {self.page.count} rows has {read}. Run again.")

    def records(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """See `Page.records`."""
        for block in self.page.blocks():
            yield from rows.csv_records(block)
