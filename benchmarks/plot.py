"""Results as a picture: one bar a contestant on a logarithmic scale, rows a second or, where no rows move, seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from benchmarks import loaders, readers, startup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contest import Result, Score

_WIDTH, _LEFT, _RIGHT = 1000, 430, 130
_BAR, _GAP, _TITLE, _MARGIN = 18, 6, 34, 16
_COLOURS = {"ours": "#1b6ca8", "floor": "#9aa5b1", "peer": "#d9822b"}


def svg(results: Sequence[Result]) -> str:
    """Draw the contests below one another.

    Args:
        results: The contests; those that nobody finished are left out.

    Returns:
        An SVG document.
    """
    parts: list[str] = []
    top = _MARGIN
    for result in results:
        scores = [score for score in result.scores if score.walls]
        if not scores:
            continue
        parts.append(_text(_MARGIN, top + 16, f"{result.name}: {result.question}", "bold"))
        top += _TITLE
        values = [score.rate if score.rows > 1 else score.wall for score in scores]
        unit = "rows/s" if scores[0].rows > 1 else "s"
        low = math.floor(math.log10(min(values)))
        scale = (_WIDTH - _LEFT - _RIGHT) / max(math.log10(max(values)) - low, 1e-9)
        for score, value in zip(scores, values, strict=True):
            length = max(2.0, (math.log10(value) - low) * scale)
            colour = _COLOURS[_side(score, scores[0])]
            figure = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
            parts += [
                _text(_LEFT - 8, top + 14, score.name, anchor="end"),
                f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>',
                _text(_LEFT + length + 6, top + 14, f"{figure} {unit}"),
            ]
            top += _BAR + _GAP
        top += _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}" '
        'font-family="sans-serif" font-size="13">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def _side(score: Score, ours: Score) -> str:
    if score.name.startswith("floor") or score.name == startup.IMPORT:
        return "floor"
    own = score is ours or any(name in score.name for name in (readers.OURS, loaders.OURS))
    return "ours" if own else "peer"


def _text(x: float, y: float, text: str, weight: str = "normal", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}" text-anchor="{anchor}">{escape(text)}</text>'
