"""How many rows each object has, and when they were created."""

from __future__ import annotations

import datetime
import logging
from typing import TYPE_CHECKING, Final

import msgspec

from tap_sfsource import clock
from tap_sfsource.api.query import select
from tap_sfsource.catalog.keys import CREATED
from tap_sfsource.errors import AuthError, QuotaReachedError, TapError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.api.client import Client

logger = logging.getLogger("tap-sfsource.shards")

_EQUAL_SPANS: Final = 240
"""Spans of equal length, where the org does not count by month."""


class _Month(msgspec.Struct):
    y: int
    m: int
    n: int


class _Months(msgspec.Struct):
    records: list[_Month]


class _Row(msgspec.Struct):
    created: str = msgspec.field(name=CREATED)


class _Rows(msgspec.Struct):
    records: list[_Row]


_months = msgspec.json.Decoder(_Months)
_rows = msgspec.json.Decoder(_Rows)


def created_by_month(client: Client, api_name: str, rows: int) -> Sequence[tuple[datetime.datetime, int]]:
    """Spans of time in their order: when each begins, and about how many of an object's rows were created in it.

    An object of which Salesforce cannot count so many rows in one query is taken to have grown evenly.

    Raises:
        TapError: The org tells neither.
    """
    month = f"CALENDAR_YEAR({CREATED}) y, CALENDAR_MONTH({CREATED}) m"
    grouped = f"GROUP BY CALENDAR_YEAR({CREATED}), CALENDAR_MONTH({CREATED})"
    counted = f"SELECT {month}, COUNT(Id) n FROM {api_name} {grouped}"  # noqa: S608 - SOQL, of names that describe gave
    try:
        found = client.get(client.data("/queryAll", {"q": counted}), _months).records
    except (AuthError, QuotaReachedError):
        raise
    except TapError as error:
        logger.info("%s is not counted by month: %s", api_name, error)
        return _evenly(client, api_name, rows)
    months = sorted((datetime.datetime(part.y, part.m, 1, tzinfo=datetime.UTC), part.n) for part in found)
    return [*months]


def _evenly(client: Client, api_name: str, rows: int) -> Sequence[tuple[datetime.datetime, int]]:
    first = _moment(client, select(api_name, [CREATED], order_by=[CREATED], limit=1))
    last = _moment(client, select(api_name, [CREATED], order_by=[f"{CREATED} DESC"], limit=1))
    if first is None or last is None:
        return []
    step = (last - first) / _EQUAL_SPANS
    return [
        ((first + step * number).replace(microsecond=0), rows // _EQUAL_SPANS)
        for number in range(_EQUAL_SPANS)
    ]


def _moment(client: Client, query: str) -> datetime.datetime | None:
    found = client.get(client.data("/queryAll", {"q": query}), _rows).records
    return clock.parse(found[0].created) if found else None
