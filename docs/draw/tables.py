"""The diagrams of docs/erd.md as SVG, for whatever shows no Mermaid: tables in columns, lookups as lines."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = Path(__file__).resolve().parent.parent / "erd.md"

_BOX, _ACROSS, _ROW, _BETWEEN, _MARGIN = 250, 80, 17, 18, 20
_COLOURS: Final = ("#1b6ca8", "#d9822b", "#3f7f4f", "#8a4f9e", "#b3261e", "#00798c", "#7a6a00", "#5b6570")


@dataclass(frozen=True)
class Lookup:
    """A column that leads to a table."""

    parent: str
    child: str
    column: str
    dotted: bool


@dataclass(frozen=True)
class Box:
    """A table on the picture."""

    name: str
    columns: Sequence[str]
    x: int
    y: int

    @property
    def height(self) -> int:
        """Of the box, with its head."""
        return _ROW * (len(self.columns) + 1) + 8

    def row(self, column: str) -> int:
        """Middle of a column's line."""
        return self.y + _ROW * (self.columns.index(column) + 1) + 16


def pictures() -> dict[str, str]:
    """Draw each diagram."""
    diagrams = re.findall(
        r"\(pictures/(\S+)\)\n\n```mermaid\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    return {name: _drawn(diagram) for name, diagram in diagrams}


def _drawn(diagram: str) -> str:
    tables = {
        name: re.findall(r"text (\w+) FK", body)
        for name, body in re.findall(r"^    (\w+) \{\n(.*?)^    \}", diagram, re.MULTILINE | re.DOTALL)
    }
    lines = re.findall(r"^    (\w+) \S\S(--|\.\.)\S\S (\w+) : (\w+)$", diagram, re.MULTILINE)
    lookups = [Lookup(parent, child, column, line == "..") for parent, line, child, column in lines]
    return _svg(_placed(tables, lookups), lookups)


def _placed(tables: dict[str, list[str]], lookups: Sequence[Lookup]) -> dict[str, Box]:
    """Each table to the right of those that it looks up, as far as they do not look up each other."""
    parents: defaultdict[str, set[str]] = defaultdict(set)
    children: defaultdict[str, set[str]] = defaultdict(set)
    for lookup in lookups:
        if lookup.parent != lookup.child:
            parents[lookup.child].add(lookup.parent)
            children[lookup.parent].add(lookup.child)
    ranks: dict[str, int] = {}
    while len(ranks) < len(tables):
        left = [name for name in tables if name not in ranks]
        name = min(left, key=lambda each: (len(parents[each] - ranks.keys()), -len(children[each]), each))
        ranks[name] = max((ranks[each] + 1 for each in parents[name] & ranks.keys()), default=0)
    boxes: dict[str, Box] = {}
    bottoms: defaultdict[int, int] = defaultdict(lambda: _MARGIN)
    for name in sorted(tables, key=lambda each: (ranks[each], -len(children[each]), each)):
        rank = ranks[name]
        boxes[name] = Box(name, tables[name], _MARGIN + rank * (_BOX + _ACROSS), bottoms[rank])
        bottoms[rank] += boxes[name].height + _BETWEEN
    return boxes


def _svg(boxes: dict[str, Box], lookups: Sequence[Lookup]) -> str:
    width = max(box.x for box in boxes.values()) + _BOX + _MARGIN + 30
    height = max(box.y + box.height for box in boxes.values()) + _MARGIN
    led_to = sorted({lookup.parent for lookup in lookups})
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(led_to)}
    parts = [_line(boxes, lookup, colours[lookup.parent]) for lookup in lookups]
    led: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for lookup in lookups:
        led[lookup.child, lookup.column].append(lookup.parent)
    for box in boxes.values():
        colour = colours.get(box.name, "#5b6570")
        parts += [
            f'<rect x="{box.x}" y="{box.y}" width="{_BOX}" height="{box.height}" rx="4" fill="white" stroke="{colour}"/>',
            f'<text x="{box.x + 8}" y="{box.y + 16}" font-weight="bold" fill="{colour}">{box.name}</text>',
            *(_column(box, column, led[box.name, column], colours) for column in box.columns),
        ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def _column(box: Box, column: str, led_to: Sequence[str], colours: dict[str, str]) -> str:
    """A column's line: its name, and the table that it leads to, where that is one."""
    y = box.row(column) + 4
    name = f'<text x="{box.x + 8}" y="{y}">{column}</text>'
    if len(led_to) > 1:
        return name
    return (
        f'{name}<text x="{box.x + _BOX - 8}" y="{y}" text-anchor="end" font-size="10" '
        f'fill="{colours[led_to[0]]}">{led_to[0]}</text>'
    )


def _line(boxes: dict[str, Box], lookup: Lookup, colour: str) -> str:
    """From the head of a table to the column that leads to it."""
    parent, child = boxes[lookup.parent], boxes[lookup.child]
    y, head = child.row(lookup.column), parent.y + 12
    dashes = ' stroke-dasharray="3 3"' if lookup.dotted else ""
    style = f'fill="none" stroke="{colour}" stroke-opacity="0.75"{dashes}'
    if parent is child:
        right = child.x + _BOX
        return f'<path d="M {right} {y} C {right + 26} {y}, {right + 26} {head}, {right} {head}" {style}/>'
    # From the right side of what is to the left; else around both.
    start, bend = (parent.x + _BOX, _ACROSS - 20) if parent.x < child.x else (parent.x, -50)
    bent = f"C {start + bend} {head}, {child.x - abs(bend)} {y}, {child.x} {y}"
    return f'<path d="M {start} {head} {bent}" {style}/>'
