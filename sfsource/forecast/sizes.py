"""How many rows objects have, and how many of them change in a day, in few calls."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tap_sfsource.api.composite import Subrequest
from tap_sfsource.api.query import QUERY_PAGE, select
from tap_sfsource.api.record_counts import record_counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.plan import SObjectPlan

_SPAN: Final = datetime.timedelta(days=7)
_YEAR: Final = 365


@dataclass(frozen=True)
class Size:
    """An object's rows.

    Attributes:
        rows: Those that a first sync reads.
        counted: What the org's own approximate count says of all of them; None if it does not say.
        daily: Those that change in a day, averaged over a week.
        guessed: Whether the org did not count the changes in time, so that they are a guess.
        parents: Rows of the object by whose ids they are read; 0 for none.
    """

    rows: int
    counted: int | None
    daily: float = 0.0
    guessed: bool = False
    parents: int = 0


def sizes(client: Client, plans: Sequence[SObjectPlan]) -> dict[str, Size]:
    """The sizes by stream name. A query that runs out of time costs its call and gives no number."""
    parents = [plan.parents.api_name for plan in plans if plan.parents]
    counts = record_counts(client, {*(plan.api_name for plan in plans), *parents})
    worth = [plan for plan in plans if counts.get(plan.api_name, 1)]
    changed = _counted(client, [plan for plan in worth if plan.replication_key], since=client.now() - _SPAN)
    exact = _counted(client, [plan for plan in worth if _needs_exact(plan, client, counts)])
    found = {}
    for plan in plans:
        counted = counts.get(plan.api_name)
        rows = exact.get(plan.stream_name, counted or 0)
        known = changed.get(plan.stream_name)
        found[plan.stream_name] = Size(
            rows,
            counted,
            known / _SPAN.days if known is not None else rows / _YEAR,
            guessed=known is None and plan.replication_key is not None and rows > 0,
            parents=counts.get(plan.parents.api_name, 0) if plan.parents else 0,
        )
    return found


def _needs_exact(plan: SObjectPlan, client: Client, counts: Mapping[str, int]) -> bool:
    """Whether the org's count, which has no deleted rows, does not say by which reader the rows are read."""
    if plan.parents is not None:
        return False
    counted = counts.get(plan.api_name)
    if counted is None or plan.own.conditions or (plan.own.start and plan.replication_key):
        return True
    threshold = client.settings.bulk_threshold
    return client.settings.reader == "auto" and threshold / 2 <= counted <= threshold


def _counted(
    client: Client, plans: Iterable[SObjectPlan], since: datetime.datetime | None = None
) -> dict[str, int]:
    """The rows of a first sync, deleted ones included, or those that have changed since; of those that answer in time."""
    asked = []
    for place, plan in enumerate(plans):
        key, own = plan.replication_key, plan.own
        start = max((part for part in (own.start, since) if part), default=None)
        query = select(
            plan.api_name,
            ["COUNT()"],
            key=key.api_name if key else None,
            start=start,
            end=own.end,
            conditions=own.conditions,
        )
        asked.append((plan, Subrequest("GET", client.data("/queryAll", {"q": query}), f"count_{place}")))
    answers = client.composite([request for _, request in asked])
    return {
        plan.stream_name: answer.decode(QUERY_PAGE).totalSize
        for (plan, _), answer in zip(asked, answers, strict=True)
        if answer.ok
    }
