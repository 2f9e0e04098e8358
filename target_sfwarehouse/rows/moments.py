"""Dates and times: ISO 8601 goes to the server, as it means the same there for every role, day and setting.

Postgres reads much more: `01/02/2024` by the role's DateStyle, `now` and `tomorrow` by its clock. What stands here with four
digits of a year first has one meaning; whether there is such a day, the server says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from target_sfwarehouse.errors import shown
from target_sfwarehouse.postgres.iso_8601 import MOMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

_ONE = re.compile(MOMENT, re.ASCII | re.IGNORECASE)
_SHAPE = re.compile(rf'"{MOMENT}?",'.encode(), re.IGNORECASE)
_AROUND = re.compile(r'[][{}(),"]')
_BOUNDS = frozenset({"empty", "infinity", "-infinity", "null"})
_SAME_DIGIT = bytes.maketrans(b"123456789", b"000000000")

MOST_SHAPES = 64
"""Shapes of one chunk: each is looked for in what the ones before it left over."""

_encoder = msgspec.json.Encoder()


def checked(text: str) -> str:
    """Give a date or time back. Raises ValueError for what is not of ISO 8601."""
    if _ONE.fullmatch(text) is None:
        raise ValueError(
            f"{shown(text)} is no date or time of ISO 8601, such as 2026-03-09 or 2026-03-09T10:11:12.000Z"
        )
    return text


def checked_within(text: str) -> str:
    """Give a range or an array of dates and times back. Raises ValueError for what is not of ISO 8601."""
    for part in _AROUND.split(text):
        if (bound := part.strip().lower()) and bound not in _BOUNDS:
            checked(bound)
    return text


def are_moments(values: Sequence[Any]) -> bool:
    """Tell whether all of many values are None, empty, or of ISO 8601.

    A value is a string or the JSON of one. False is for what has to be looked at one by one; it may be right.
    """
    left = _encoder.encode(values)[1:-1].translate(_SAME_DIGIT) + b","
    # Dates of one source look alike but for their digits: there are few shapes, and each goes out at once.
    for _ in range(MOST_SHAPES):
        start = left.find(b'"')
        if start < 0:
            return not left.replace(b"null,", b"").strip(b",")
        shape = left[start : left.find(b'",', start) + 2]
        if not _SHAPE.fullmatch(shape):
            return False
        left = left.replace(shape, b"")
    return False
