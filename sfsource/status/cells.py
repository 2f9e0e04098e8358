"""What the table and the page show of a run and of a collection, as texts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

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
        found.append(f"{part.partial_rows:,} partial rows")
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
    """What the last run was, in lines."""
    run = health.last
    if run is None:
        return ["There is no record of a run."]
    when = ""
    if run.finished_at is not None:
        took = f", took {duration(run.finished_at - run.started_at)}" if run.started_at else ""
        when = f", ended {moment(run.finished_at)} UTC ({duration(health.now - run.finished_at)} ago{took})"
    lines = [
        f"Last run: {run.status}{when}",
        f"{run.rows:,} rows, {run.deletions:,} deletions, {run.partial_rows:,} partial rows",
    ]
    if run.api_calls is not None:
        left = f", {run.api_calls_left:,} of the day left" if run.api_calls_left is not None else ""
        lines[-1] += f", {run.api_calls:,} API calls{left}"
    return lines
