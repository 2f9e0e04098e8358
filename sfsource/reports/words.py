"""Durations and lists, in the words of a message; and the durations that people write."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_WRITTEN: Final = re.compile(r"(?:\d+(?:\.\d+)?\s*[smhdw]\s*)+", re.IGNORECASE)
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.IGNORECASE)

_SHOWN: Final = 5
"""Names that a list shows."""


def parse_duration(text: str) -> timedelta | None:
    """Read a duration such as 4h, 90m, 2d or 1d12h; None if it is none, or not longer than nothing."""
    if not _WRITTEN.fullmatch(text.strip()):
        return None
    seconds = sum(float(number) * _UNITS[unit.lower()] for number, unit in _PART.findall(text))
    try:
        return timedelta(seconds=seconds) if seconds > 0 else None
    except OverflowError:
        return None


def duration(time: timedelta) -> str:
    """Write a duration in one or two units: 2 d 4 h, 1 h 30 min, 12 min, 5 s."""
    minutes, seconds = divmod(max(0, round(time.total_seconds())), 60)
    if not minutes:
        return f"{seconds} s"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), *(() if days else ((minutes, "min"),)))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def names_in_brief(names: Iterable[str]) -> str:
    """Write a list of names; a long one ends with how many there are more."""
    found = list(names)
    shown = ", ".join(found[:_SHOWN])
    return f"{shown} and {len(found) - _SHOWN} more" if len(found) > _SHOWN else shown
