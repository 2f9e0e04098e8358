"""A forecast as a table, and as JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from sfsource.forecast.cost import Cost
    from sfsource.forecast.runs import RunCost

_TENS = 10
_LEAST = 0.05
_MINUTE = 60


def table_of(run: RunCost, day: RunCost, title: str) -> Table:
    """What each collection costs, the costliest first; collections without rows are one line."""
    table = Table(box=None, pad_edge=False)
    table.add_column("collection", no_wrap=True)
    for heading in (f"{title}: rows", "calls", "Bulk jobs", "MB", "min", "a day: rows", "calls"):
        table.add_column(heading, justify="right")
    shown = [name for name, cost in run.streams.items() if cost.rows or cost.calls or day.streams[name].calls]
    for name in sorted(shown, key=lambda name: (-run.streams[name].calls, -run.streams[name].rows, name)):
        table.add_row(name, *_cells(run.streams[name], day.streams.get(name)))
    rest = len(run.streams) - len(shown)
    if rest:
        table.add_row(f"{rest} without rows", *[""] * 7)
    table.add_row("in calls for several", *_cells(run.shared, day.shared))
    table.add_row("together", *_cells(run.total, day.total), style="bold")
    return table


def as_json(run: RunCost) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "together": _values(run.total),
        "shared": _values(run.shared),
        "collections": [
            {
                "collection": name,
                "first_sync": name in run.first,
                **_values(cost),
                "note": run.notes.get(name, ""),
            }
            for name, cost in sorted(run.streams.items())
        ],
        "not_read": {name: note for name, note in run.notes.items() if name not in run.streams},
    }


def line_of(cost: Cost) -> str:
    """A cost in a line."""
    counts = [(cost.rows, "row"), (cost.calls, "call"), *([(cost.jobs, "Bulk job")] if cost.jobs else [])]
    told = ", ".join(
        f"{number(count)} {thing}{'' if number(count) == '1' else 's'}" for count, thing in counts
    )
    time = f"about {number(cost.seconds / 60)} min" if cost.seconds >= _MINUTE else "less than a minute"
    return f"{told}, {number(cost.megabytes)} MB, {time}"


def number(value: float) -> str:
    """A number as people write it: no more digits than it is worth."""
    return f"{value:,.0f}" if value >= _TENS else f"{value:.1f}".removesuffix(".0")


def _cells(cost: Cost, day: Cost | None) -> list[str]:
    parts = [cost.rows, cost.calls, cost.jobs, cost.megabytes, cost.seconds / 60]
    parts += [day.rows, day.calls] if day is not None else []
    return [number(part) if part >= _LEAST else "" for part in parts]


def _values(cost: Cost) -> dict[str, float]:
    return {
        "rows": round(cost.rows),
        "api_calls": round(cost.calls, 1),
        "bulk_jobs": round(cost.jobs, 1),
        "megabytes": round(cost.megabytes, 2),
        "minutes": round(cost.seconds / 60, 1),
    }
