"""The figures of docs/benchmarks.md as bars: the time of others on the same rows, in that of this pair."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

PAGE = Path(__file__).resolve().parent.parent / "benchmarks.md"

_TABLES: Final = {
    "Target alone, first load of 1,000,000 rows of 60 columns": "Target alone",
    "Tap alone, Bulk, 1,000,000 rows of 60 columns": "Taps alone",
    "Org to Postgres, first load of 1,000,000 rows of 60 columns": "Org to Postgres",
}
"""What each table shows, by how the line above it begins."""

_WIDTH, _LEFT, _RIGHT = 880, 390, 110
_BAR, _GAP, _TITLE, _MARGIN = 18, 8, 30, 16
_COLOURS: Final = {"ours": "#1b6ca8", "floor": "#9aa5b1", "peer": "#d9822b"}
_OURS = re.compile(r"tap-sfsource|target-sfwarehouse|the same with BATCH")


def pictures() -> dict[str, str]:
    """Draw the first figure of each row."""
    page = PAGE.read_text()
    return {"benchmarks.svg": _svg({title: _times(page, begins) for title, begins in _TABLES.items()})}


def _times(page: str, begins: str) -> list[tuple[str, float, str]]:
    """Name, times of ours, and what the page says of it, of each row of a table."""
    (table,) = re.findall(rf"^{begins}[^|]*?\n\n((?:\|.*\n)+)", page, re.MULTILINE)
    rows = [re.split(r"(?<!\\)\|", line)[1:3] for line in table.splitlines()[2:]]
    found = []
    for name, cell in rows:
        times = re.match(r"[\d.]+", cell.strip())
        assert times, f"{PAGE.name}: {name} has no figure"
        found.append((name.strip().replace("\\|", "|"), float(times.group()), cell.strip()))
    return [row for row in found if "meltano run" not in row[0]]


def _svg(charts: dict[str, list[tuple[str, float, str]]]) -> str:
    parts: list[str] = []
    top = _MARGIN
    for title, rows in charts.items():
        parts.append(_text(_MARGIN, top + 14, title, "bold"))
        top += _TITLE
        scale = (_WIDTH - _LEFT - _RIGHT) / max(times for _, times, _ in rows)
        for name, times, told in rows:
            length = max(2.0, times * scale)
            side = "floor" if name.startswith("floor") else "ours" if _OURS.match(name) else "peer"
            parts += [
                _text(_LEFT - 8, top + 14, name, anchor="end"),
                f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR}" fill="{_COLOURS[side]}"/>',
                _text(_LEFT + length + 6, top + 14, told),
            ]
            top += _BAR + _GAP
        top += _MARGIN
    parts.append(
        _text(
            _MARGIN,
            top + 4,
            "Time a row, in that of ours. Blue: ours. Orange: others. Grey: what the machine takes at least.",
        )
    )
    top += 22
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}" '
        'font-family="sans-serif" font-size="13">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, weight: str = "normal", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}" text-anchor="{anchor}">{escape(text)}</text>'
