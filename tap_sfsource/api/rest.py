"""Reads a query page by page through ``/query`` and ``/queryAll``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tap_sfsource.rows.rows import QueryPage
from tap_sfsource.sync import windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_sfsource.api.client import Client
    from tap_sfsource.rows.rows import Rows

_page_decoder = msgspec.json.Decoder(QueryPage)


def page_of(body: bytes | msgspec.Raw) -> QueryPage:
    """Decode an answer of ``/query``, its records still raw."""
    return _page_decoder.decode(body)


def page_size_header(rows: int) -> dict[str, str]:
    """The header that asks for pages of so many rows; Salesforce takes it as a hint."""
    return {"Sforce-Query-Options": f"batchSize={rows}"}


@dataclass(frozen=True, slots=True)
class RestPage:
    """One page of an answer.

    Attributes:
        body: The raw JSON array of records.
        extracted: When Salesforce answered, RFC 3339.
        last: Value of the ordering field in the last row, as Salesforce wrote it.
    """

    body: msgspec.Raw
    extracted: str
    last: str | None = None

    def lines(self, rows: Rows) -> Iterator[tuple[bytes, int]]:
        """RECORD lines of the page, in one chunk."""
        yield rows.json_lines(self.body, self.extracted)

    def records(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """The page's rows as dicts."""
        yield from rows.json_records(self.body)


class RestReader:
    """Follows a query's cursor.

    Args:
        client: Sends the requests.
        page_size: Rows a page to ask for.
        key: API name of the field by which the query is ordered.
    """

    def __init__(self, client: Client, page_size: int, key: str) -> None:
        self._client = client
        self._page_size = page_size
        row = msgspec.defstruct("Row", [("key", str | None, None)], rename={"key": key})
        self._keys = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]

    def pages(self, first: QueryPage) -> Iterator[RestPage]:
        """Yield the pages of a query.

        Args:
            first: The query's first answer.

        Yields:
            The first page, then the ones that its cursor leads to.
        """
        page = first
        while True:
            yield self._page(page)
            if page.done or not page.nextRecordsUrl:
                return
            response = self._client.request(
                "GET", page.nextRecordsUrl, headers=page_size_header(self._page_size)
            )
            page = page_of(response.content)

    def _page(self, page: QueryPage) -> RestPage:
        extracted = windows.isoformat(self._client.now())
        rows = self._keys.decode(page.records)
        return RestPage(page.records, extracted, rows[-1].key if rows else None)  # type: ignore[attr-defined]
