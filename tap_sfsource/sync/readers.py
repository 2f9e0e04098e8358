"""The readers and limits that the queries of a run share, and how much of a long row is asked for at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tap_sfsource.api.composite import Subrequest
from tap_sfsource.api.query import QUERY_PAGE, RestPage, RestReader, page_size_header
from tap_sfsource.errors import LeftForLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.bulk import BulkReader
    from tap_sfsource.api.bulk_budget import BulkBudget
    from tap_sfsource.api.client import Client
    from tap_sfsource.api.query import QueryPage
    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.config import Settings

SMALLEST_PAGE: Final = 200
"""Rows that Salesforce puts on a page at least (SOAP API guide, "QueryOptions")."""

PAGE_BYTES: Final = 8 * 1024 * 1024
"""Of a page of long rows; several such pages, each in several forms, are in memory at the same time."""

_LOOK_BYTES: Final = 2 * 1024 * 1024
"""Of a first look at long rows, several of which ride in one call."""

_CALLS_FOR_BULK: Final = 100
"""Calls in which REST may read what Bulk has no room for. More rows wait: all at once they would use up the day's calls."""

_LONG: Final = 32_768
"""Characters of a text that is longer than the descriptions of standard objects."""


def longest_row(columns: Sequence[Column]) -> int:
    """Characters that the long texts of a row can have, by its describe; 0 if it has none."""
    lengths = (int(column.schema.get("maxLength") or 0) for column in columns)
    return sum(length for length in lengths if length > _LONG)


def rows_at_once(columns: Sequence[Column], most: int, size: int = _LOOK_BYTES) -> int:
    """How many rows are sure to fit into a size, `most` where no long text can make them large."""
    longest = longest_row(columns)
    return max(1, min(most, size // longest)) if longest else most


@dataclass(frozen=True, slots=True)
class Readers:
    """The readers and limits that the queries of a run share.

    Attributes:
        most_fields: API name of an SObject to the most fields that a query of it may have, where that is known.
    """

    client: Client
    bulk: BulkReader
    budget: BulkBudget
    settings: Settings
    most_fields: dict[str, int] = field(default_factory=dict)

    def first_page(self, query: str) -> QueryPage:
        """The first page of a query by REST, in a composite call: some queries are longer than a URL may be."""
        answer = self.client.composite([self.request(query, "query")])[0]
        if not answer.ok:
            raise answer.error("/queryAll")
        return answer.decode(QUERY_PAGE)

    def request(self, query: str, reference_id: str, page_rows: int | None = None) -> Subrequest:
        """The request for a query's first page; `page_rows` are asked for in place of the setting's."""
        url = self.client.data("/queryAll", {"q": query})
        return Subrequest("GET", url, reference_id, page_size_header(page_rows or self.settings.page_size))

    def fits_rest(self, rows: int) -> bool:
        """Whether the run's quota of API calls lets it read so many rows by REST."""
        left = self.client.limits.left
        return left is None or rows <= left * self.settings.page_size

    def check_room(self, rows: int | None, full: str, *, resumed: bool) -> None:
        """Make sure that REST has room for so many rows of a query, None if they are too many for one.

        `full` says why Bulk has none, empty if it was not asked. `resumed`: a later run goes on where this one stops.

        Raises:
            LeftForLaterError: It has none.
        """
        told = "its rows" if rows is None else f"{rows:,} rows"
        few = rows is not None and rows <= _CALLS_FOR_BULK * self.settings.page_size and self.fits_rest(rows)
        if full and not few:
            raise LeftForLaterError(told, f"{full}, and REST would take too many calls. Run again later.")
        if not resumed and rows is not None and not self.fits_rest(rows):
            # Each run would read the same rows again, up to its quota.
            raise LeftForLaterError(
                told,
                "REST takes more API calls than the quota leaves to this run. Run again later, or let Bulk read them.",
            )

    def pages(self, first: QueryPage, key: str = "Id", page_rows: int | None = None) -> Iterator[RestPage]:
        """The pages of a query by REST, from its first one on; `key` is the field that it is ordered by."""
        return RestReader(self.client, page_rows or self.settings.page_size, key).pages(first)
