"""When an object's rows were created."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from tap_sfsource import clock
from tap_sfsource.api.months import Span, by_month
from tap_sfsource.api.query import QUERY_PAGE, QueryPage, RestReader, select
from tap_sfsource.catalog.keys import CREATED
from tap_sfsource.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.plan import SObjectPlan

logger = logging.getLogger("tap-sfsource.shards")

_EQUAL_SPANS: Final = 240
"""Spans of equal length, where the org does not count by month."""


def created_by_month(client: Client, plan: SObjectPlan, rows: int) -> Sequence[Span]:
    """Spans of time in their order, each with about how many of an object's rows were created in it.

    An object of which Salesforce cannot count so many rows in one query is taken to have grown evenly.

    Raises:
        TapError: The org tells neither.
    """

    def ask(fields: Sequence[str]) -> str:
        return select(plan.api_name, fields, conditions=plan.own.conditions)

    def first_page(query: str) -> QueryPage:
        return client.get(client.data("/queryAll", {"q": query}), QUERY_PAGE)

    try:
        return by_month(CREATED, ask, first_page)
    except SalesforceError as error:
        logger.info("%s is not counted by month: %s", plan.api_name, error)
    pages = RestReader(client, 1, CREATED)
    edges = [
        next(pages.pages(first_page(f"{ask([CREATED])} ORDER BY {CREATED} {order} LIMIT 1"))).last
        for order in ("ASC", "DESC")
    ]
    first, last = (clock.parse(edge) if edge else None for edge in edges)
    if first is None or last is None:
        return []
    step = (last - first) / _EQUAL_SPANS
    starts = [clock.to_second(first + step * number) for number in range(_EQUAL_SPANS)]
    return [Span(start, start + step, rows // _EQUAL_SPANS) for start in starts]
