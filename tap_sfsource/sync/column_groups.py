"""Rows whose columns one query cannot hold (``QUERY_TOO_COMPLICATED``): groups of columns, joined by Id.

A first query reads the first group. For each of its pages, further queries read the other columns of the page's Ids.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tap_sfsource.api.answers import decode
from tap_sfsource.api.query import RestPage, select
from tap_sfsource.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_sfsource.sync.readers import Readers

_T = TypeVar("_T")

logger = logging.getLogger("tap-sfsource.scan")

TOO_COMPLICATED = "QUERY_TOO_COMPLICATED"
IDS_A_QUERY = 500
"""A query of so many ids is about 11,000 characters long."""

_Row = dict[str, msgspec.Raw]
_RECORDS = msgspec.json.Decoder(list[_Row])


def batches(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """Yield the items in order, so many at a time."""
    return (items[at : at + size] for at in range(0, len(items), size))


def of_ids(
    api_name: str, ids: Sequence[str], fields: Sequence[str], conditions: Sequence[str] = (), key: str = "Id"
) -> str:
    """The query of the rows with some ids as their `key`. Ids are letters and digits, so none needs an escape."""
    listed = ", ".join(f"'{record_id}'" for record_id in ids)
    return select(api_name, fields, conditions=[f"{key} IN ({listed})", *conditions])


def grouped_pages(
    readers: Readers,
    api_name: str,
    fields: Sequence[str],
    key: str | None,
    query: Callable[[Sequence[str]], str],
) -> Iterator[RestPage]:
    """Yield the pages of a query of too many fields, with all of them.

    A row that is deleted for good between two queries is not on its page. The query, whose SOQL for some fields `query`
    gives, is ordered by `key`, None for Id.

    Raises:
        SalesforceError: Even one column at a time is refused.
    """
    leading = [name for name in ("Id", key) if name]
    units = _units([name for name in fields if name not in leading])
    size = min(readers.most_fields.get(api_name, len(fields)), len(units))
    while True:
        groups = [[name for unit in part for name in unit] for part in batches(units, max(size, 1))]
        try:
            first = readers.first_page(query([*leading, *(groups[0] if groups else [])]))
            pages = readers.pages(first, key or "Id")
            page = next(pages)
            joined = _joined(readers, api_name, groups[1:], page)
        except SalesforceError as error:
            if error.error_code != TOO_COMPLICATED or size <= 1:
                raise
            size = -(-size // 2)
            readers.most_fields[api_name] = size
            continue
        break
    logger.info("%s: its columns are read in %d groups.", api_name, len(groups))
    yield joined
    for page in pages:
        yield _joined(readers, api_name, groups[1:], page)


def _units(fields: Sequence[str]) -> list[list[str]]:
    """Fields that a query must not part: those behind the same lookup."""
    units: dict[str, list[str]] = {}
    for name in fields:
        lookup, dot, _ = name.partition(".")
        units.setdefault(lookup + dot, []).append(name)
    return list(units.values())


def _joined(readers: Readers, api_name: str, groups: Sequence[Sequence[str]], page: RestPage) -> RestPage:
    rows = _by_id(page)
    for group in groups:
        found: dict[str, _Row] = {}
        for ids in batches(list(rows), IDS_A_QUERY):
            first = readers.first_page(of_ids(api_name, ids, ["Id", *group]))
            for part in readers.pages(first):
                found |= _by_id(part)
        rows = {record_id: row | found[record_id] for record_id, row in rows.items() if record_id in found}
    records = msgspec.Raw(msgspec.json.encode(list(rows.values())))
    return RestPage(records, page.extracted, page.last, len(rows))


def _by_id(page: RestPage) -> dict[str, _Row]:
    rows = decode(page.records, _RECORDS, "/queryAll")
    return {msgspec.json.decode(row["Id"], type=str): row for row in rows}
