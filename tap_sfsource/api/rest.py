"""Reads a query page by page through ``/query`` and ``/queryAll``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tap_sfsource import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_sfsource.api.client import Client


class QueryPage(msgspec.Struct):
    """A page of ``/query``: the raw records, the size of the whole result, and where the next page is."""

    records: msgspec.Raw = msgspec.Raw(b"null")
    totalSize: int = 0  # noqa: N815 - Salesforce's name
    done: bool = True
    nextRecordsUrl: str | None = None  # noqa: N815 - Salesforce's name


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
        count: Rows of the page.
        last: Value of the ordering field in the last row, as Salesforce wrote it.
    """

    body: msgspec.Raw
    extracted: str
    last: str | None = None
    count: int = 0


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
        extracted = clock.isoformat(self._client.now())
        rows = self._keys.decode(page.records)
        return RestPage(page.records, extracted, rows[-1].key if rows else None, len(rows))  # type: ignore[attr-defined]
