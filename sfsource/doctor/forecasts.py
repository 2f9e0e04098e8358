"""What the next run and a day of runs cost, and whether the org's day has room for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sfsource.doctor.findings import Finding
from sfsource.forecast.quotas import passed
from sfsource.forecast.runs import Forecast, RunCost
from sfsource.forecast.show import line_of
from sfsource.forecast.sizes import sizes
from tap_sfsource.check import readable_plans

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping
    from typing import Any

    from tap_sfsource.api.bulk_budget import Limit
    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.discovery import RunPlan


@dataclass(frozen=True)
class Outlook:
    """What is to come.

    Attributes:
        first: Whether the next run is a first sync of everything.
        every: The time from one run of a day to the next.
    """

    run: RunCost
    day: RunCost
    first: bool
    every: datetime.timedelta

    @property
    def title(self) -> str:
        """What the next run is."""
        return "first sync" if self.first else "next run"


def outlook(
    client: Client,
    run_plan: RunPlan,
    planning: int,
    state: Mapping[str, Any] | None,
    every: datetime.timedelta,
) -> Outlook:
    """Count the org's rows, and forecast the next run and a day. Raises TapError."""
    forecast = Forecast(client, run_plan.streams, sizes(client, readable_plans(run_plan)), planning)
    run = forecast.next_run(state)
    return Outlook(run, forecast.day(every), run.first >= run.streams.keys() or not state, every)


def outlook_findings(client: Client, limits: Mapping[str, Limit], seen: Outlook) -> Iterator[Finding]:
    """Whether it fits into the org's day."""
    hours = f"every {seen.every.total_seconds() / 3600:g} h"
    several = (
        "It takes several runs, each of which goes on where the one before stopped. Select less, raise the quota, or let "
        "Bulk read (reader auto)."
    )
    less = "Run less often, select less, or raise refresh_formulas_hours."
    yield _finding(client, limits, seen.title, seen.run, several, one_run=True)
    yield _finding(client, limits, f"a day, {hours}", seen.day, less, one_run=False)
    for stream, note in sorted(seen.run.notes.items()):
        if stream in seen.run.streams:
            yield Finding("forecast", stream, "ok", f"{stream}: {note}")
        else:
            yield Finding("forecast", stream, "warning", note)


def _finding(
    client: Client, limits: Mapping[str, Limit], check: str, run: RunCost, advice: str, *, one_run: bool
) -> Finding:
    told = line_of(run.total)
    reasons = list(passed(run.total, limits, client.settings, one_run=one_run))
    if not reasons:
        return Finding("forecast", check, "ok", told)
    return Finding("forecast", check, "warning", f"{told}. {'. '.join(reasons)}", advice)
