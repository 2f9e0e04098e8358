"""SOQL that the tap sends; the only place that spells a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_sfsource.clock import isoformat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def select(
    api_name: str,
    fields: Sequence[str],
    *,
    key: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    conditions: Sequence[str] = (),
    order_by: Sequence[str] = (),
    limit: int | None = None,
) -> str:
    """A query for some fields of an SObject.

    Args:
        api_name: The SObject's API name.
        fields: API names of the fields, in the order of the answer's columns.
        key: API name of the replication key that the window is about.
        window: The span of the key to read; None reads every row.
        conditions: Further conditions, each to hold.
        order_by: Fields to order by, ascending.
        limit: The most rows to answer with, None for all.

    Returns:
        The SOQL text, on one line.
    """
    where = list(conditions)
    if key and start is not None:
        where.append(f"{key} >= {isoformat(start)}")
    if key and end is not None:
        where.append(f"{key} < {isoformat(end)}")
    text = f"SELECT {', '.join(fields)} FROM {api_name}"  # noqa: S608 - SOQL, of names that describe gave
    if where:
        text += f" WHERE {' AND '.join(where)}"
    if order_by:
        text += f" ORDER BY {', '.join(order_by)}"
    if limit is not None:
        text += f" LIMIT {limit}"
    return text


def id_in(ids: Sequence[str]) -> str:
    """The condition that the Id is one of these; ids are letters and digits, so none needs an escape."""
    quoted = ", ".join(f"'{record_id}'" for record_id in ids)
    return f"Id IN ({quoted})"
