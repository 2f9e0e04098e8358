"""What the table and the page show of a run and of a collection, as texts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sfsource.output import counted
from sfsource.reports.words import duration, names_in_brief

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sfsource.reports.health import Collection, Health, Trouble

HEAD: Final = ("collection", "outcome", "last run", "rows", "deletions", "behind", "remarks")
NUMBERS: Final = frozenset({"rows", "deletions"})


def moment(at: datetime | None) -> str:
    """A moment of UTC, to the minute."""
    return at.strftime("%Y-%m-%d %H:%M") if at is not None else "never"


def cells(part: Collection, when: str) -> tuple[str, ...]:
    """The row of a collection, in the order of HEAD; `when` is its last run."""
    behind = duration(timedelta(seconds=part.behind)) if part.behind is not None else "never read"
    return (
        part.name,
        part.outcome,
        when,
        f"{part.rows:,}",
        f"{part.deletions:,}",
        behind,
        "; ".join(remarks(part)),
    )


def remarks(part: Collection) -> list[str]:
    """What else there is to say of a collection, in brief."""
    found = []
    if part.silent is not None:
        found.append(f"no change for {part.silent} d")
    if part.rejected:
        found.append(f"{part.rejected:,} rejected")
    if part.partial_rows:
        found.append(counted(part.partial_rows, "partial row"))
    if part.new_columns:
        found.append(f"new: {names_in_brief(part.new_columns)}")
    if part.vanished_columns:
        found.append(f"gone: {names_in_brief(part.vanished_columns)}")
    return found


def level(part: Collection, troubles: Sequence[Trouble]) -> str:
    """How a collection looks: bad, odd or well."""
    if any(trouble.collection == part.name for trouble in troubles):
        return "bad"
    return "odd" if part.outcome in {"skipped", "deselected"} or part.rejected else "well"


def run_lines(health: Health) -> list[str]:
    """Where the tables are, and what the last run was, in lines."""
    places = [health.place] if health.place else []
    run = health.last
    if run is None:
        return places
    when = ""
    if run.finished_at is not None:
        took = f", took {duration(run.finished_at - run.started_at)}" if run.started_at else ""
        when = f", ended {moment(run.finished_at)} UTC ({duration(health.now - run.finished_at)} ago{took})"
    counts = [
        counted(run.rows, "row"),
        counted(run.deletions, "deletion"),
        counted(run.partial_rows, "partial row"),
    ]
    if run.api_calls is not None:
        counts.append(counted(run.api_calls, "API call"))
    if run.api_calls is not None and run.api_calls_left is not None:
        counts.append(f"{run.api_calls_left:,} of the day left")
    return [*places, f"Last run: {run.status}{when}", ", ".join(counts)]
