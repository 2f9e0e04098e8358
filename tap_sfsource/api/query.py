"""Queries: the SOQL that the tap sends, and the pages of ``/query`` and ``/queryAll``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from tap_sfsource.api.answers import decode
from tap_sfsource.clock import isoformat
from tap_sfsource.errors import UnexpectedAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tap_sfsource.api.client import Client


def select(
    api_name: str,
    fields: Sequence[str],
    *,
    key: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    nulls: bool = False,
    conditions: Sequence[str] = (),
    order_by: Sequence[str] = (),
    limit: int | None = None,
) -> str:
    """A query for fields of an SObject: one line of SOQL, whose answer has the fields as its columns in this order.

    It reads rows whose `key` is from `start` up to, and without, `end`; with `nulls` also those without the key.
    """
    where = list(conditions)
    span = [f"{key} >= {isoformat(start)}"] if key and start is not None else []
    if key and end is not None:
        span.append(f"{key} < {isoformat(end)}")
    where += [f"(({' AND '.join(span)}) OR {key} = null)"] if nulls and span else span
    text = f"SELECT {', '.join(fields)} FROM {api_name}"  # noqa: S608 - SOQL, of names that describe gave
    if where:
        text += f" WHERE {' AND '.join(where)}"
    if order_by:
        text += f" ORDER BY {', '.join(order_by)}"
    if limit is not None:
        text += f" LIMIT {limit}"
    return text


class QueryPage(msgspec.Struct):
    """An answer of ``/query``: the raw records, the size of the whole result, and where the next page is."""

    records: msgspec.Raw
    totalSize: int  # noqa: N815 - Salesforce's name
    done: bool
    nextRecordsUrl: str | None = None  # noqa: N815 - Salesforce's name


QUERY_PAGE: Final = msgspec.json.Decoder(QueryPage)


def page_size_header(rows: int) -> dict[str, str]:
    """The header that asks for pages of so many rows; Salesforce takes it as a hint."""
    return {"Sforce-Query-Options": f"batchSize={rows}"}


@dataclass(frozen=True, slots=True)
class RestPage:
    """One page of a query.

    Attributes:
        records: The raw JSON array of its records.
        extracted: When Salesforce answered, RFC 3339.
        last: Value of the ordering field in the last record, as Salesforce wrote it.
    """

    records: msgspec.Raw
    extracted: str
    last: str | None
    count: int


class RestReader:
    """Follows the cursor of a query that is ordered by the field `key`, an API name."""

    def __init__(self, client: Client, page_size: int, key: str) -> None:
        self._client = client
        self._page_size = page_size
        row = msgspec.defstruct("Row", [("key", str | None, None)], rename={"key": key})
        self._keys: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]

    def pages(self, first: QueryPage) -> Iterator[RestPage]:
        """Yield the page of a query's first answer, then those to which its cursor leads."""
        page, path = first, self._client.data("/query")
        read = 0
        while True:
            rows = decode(page.records, self._keys, path)
            last = rows[-1].key if rows else None
            read += len(rows)
            if page.done and read < first.totalSize:
                problem = f"it is the last page, and {read} of {first.totalSize} rows have come"
                raise UnexpectedAnswerError(200, "", problem, urlsplit(path).path)
            yield RestPage(page.records, isoformat(self._client.now()), last, len(rows))
            if page.done:
                return
            if not page.nextRecordsUrl:
                raise UnexpectedAnswerError(
                    200, "", "it names no next page although it is not the last", urlsplit(path).path
                )
            path = page.nextRecordsUrl
            page = self._client.get(path, QUERY_PAGE, headers=page_size_header(self._page_size))
