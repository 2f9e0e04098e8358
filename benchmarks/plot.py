"""Results as a picture: one bar a contestant, rows a second on a logarithmic scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contest import Result, Score

_WIDTH, _LEFT, _RIGHT = 900, 330, 120
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
        fastest, slowest = (choose(score.rate for score in scores) for choose in (max, min))
        low = math.floor(math.log10(slowest))
        scale = (_WIDTH - _LEFT - _RIGHT) / max(math.log10(fastest) - low, 1e-9)
        for score in scores:
            length = max(2.0, (math.log10(score.rate) - low) * scale)
            colour = _COLOURS[_side(score, scores[0])]
            parts += [
                _text(_LEFT - 8, top + 14, score.name, anchor="end"),
                f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>',
                _text(_LEFT + length + 6, top + 14, f"{score.rate:,.0f}/s"),
            ]
            top += _BAR + _GAP
        top += _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}" '
        'font-family="sans-serif" font-size="13">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def _side(score: Score, ours: Score) -> str:
    if score.name.startswith("floor"):
        return "floor"
    return "ours" if score is ours else "peer"


def _text(x: float, y: float, text: str, weight: str = "normal", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}" text-anchor="{anchor}">{escape(text)}</text>'
