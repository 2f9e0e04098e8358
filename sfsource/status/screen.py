"""The status on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from sfsource.reports.words import duration
from sfsource.status.cells import HEAD, NUMBERS, cells, level, run_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from sfsource.reports.health import Health, Trouble

_GAP: Final = 2
_REMARKS: Final = 30
"""Columns that remarks need."""

_STYLES: Final = {"bad": "red", "odd": "yellow", "well": ""}


def screen(
    health: Health, troubles: Sequence[Trouble], *, width: int, worst_first: bool = False
) -> RenderableType:
    """The last run, what is not well, and a table of the collections.

    `worst_first` puts what is not well where a small terminal still shows it. Where `width` has no room for the remarks, they
    are lines below the table.
    """
    levels = {part.name: level(part, troubles) for part in health.collections}
    parts = list(health.collections)
    if worst_first:
        parts.sort(key=lambda part: [*_STYLES].index(levels[part.name]))
    rows = []
    for part in parts:
        when = f"{duration(health.now - part.last_run)} ago" if part.last_run else "never"
        rows.append((part.name, cells(part, when)))
    used = sum(
        max(map(len, column)) + _GAP
        for column in list(zip(HEAD, *(row for _, row in rows), strict=True))[:-1]
    )
    has_room = width - used >= _REMARKS
    shown = HEAD if has_room else HEAD[:-1]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in shown:
        table.add_column(name, justify="right" if name in NUMBERS else "left", no_wrap=name != "remarks")
    for name, row in rows:
        table.add_row(*map(Text, row[: len(shown)]), style=_STYLES[levels[name]])
    below = [] if has_room else [Text(f"{name}: {row[-1]}") for name, row in rows if row[-1]]
    told = [Text(trouble.text, style="red") for trouble in troubles] or [Text("All is well.", style="green")]
    lines = [Text(line) for line in run_lines(health)]
    return Group(*lines, *told, table, *below) if worst_first else Group(table, *below, *lines, *told)
