"""How many rows each month has by a date and time of theirs, as Salesforce counts them in one query."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from tap_sfsource import clock
from tap_sfsource.api.answers import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_sfsource.api.query import QueryPage

_SECOND = datetime.timedelta(seconds=1)


class Span(msgspec.Struct):
    """Rows that are likely to lie evenly between two moments."""

    start: datetime.datetime
    end: datetime.datetime
    rows: int


class _Month(msgspec.Struct):
    """Rows of a month, and the first and last of their stamps."""

    earliest: str | None = None
    latest: str | None = None
    total: int = 0


_MONTHS: Final = msgspec.json.Decoder(list[_Month])


def by_month(
    key: str, select: Callable[[Sequence[str]], str], first_page: Callable[[str], QueryPage]
) -> list[Span]:
    """Count rows by the month of the field `key`, in its order; a row without it is in none of them.

    `select` gives the query of the rows for some fields, `first_page` asks a query.

    Raises:
        SalesforceError: Salesforce does not count so many rows in time.
    """
    fields = [f"MIN({key}) earliest", f"MAX({key}) latest", "COUNT(Id) total"]
    text = f"{select(fields)} GROUP BY CALENDAR_YEAR({key}), CALENDAR_MONTH({key})"
    found = decode(first_page(text).records, _MONTHS, "/queryAll")
    return sorted(
        (
            Span(clock.parse(part.earliest), clock.parse(part.latest) + _SECOND, part.total)
            for part in found
            if part.earliest and part.latest
        ),
        key=lambda span: span.start,
    )
