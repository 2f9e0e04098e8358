"""Where the pictures are, and when one has grown old."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "pictures"


_VARIES = (
    # Seconds.
    r"(?<![\d,.])()\d+\.\d(?= s$| *$)",
    # Calls: a Bulk job is polled once more where the machine is slow.
    r"^(\w+ +[\d,]+ +\d+ +\d+ +)\d+(?= +Bulk)",
    r"(deletions, )\d+(?= API calls)",
    r"(API calls \()\d+",
    # The page at which the bar was seen.
    r"(\] \d/\d tasks: )\d+(?=,\d{3} of)",
)
"""What another run on another machine may say in another way."""


def words(svg: str) -> list[str]:
    """The words of a picture, whatever draws it, in order, with a `?` for what varies."""
    drawing = re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)
    text = unescape("\n".join(re.findall(r">([^<]+)<", drawing))).replace("\xa0", " ")
    for pattern in _VARIES:
        text = re.sub(pattern, r"\1?", text, flags=re.MULTILINE)
    return text.split()


def same(old: str, new: str) -> bool:
    """Whether two pictures say the same."""
    return words(old) == words(new)
