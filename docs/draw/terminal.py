"""What a terminal shows, as SVG."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.console import RenderableType

_FONTS = "Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def drawn(shown: RenderableType, title: str, width: int) -> str:
    """A terminal of that many columns, with a title above it."""
    console = Console(
        record=True,
        width=width,
        file=StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(shown)
    return without_fonts(console.export_svg(title=title))


def without_fonts(svg: str) -> str:
    """The picture without the fonts that it would fetch from elsewhere."""
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", _FONTS).replace("font-family: arial", "font-family: sans-serif")
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)
