"""Salesforce record ids: 15 case-sensitive characters, or 18 with a checksum of their case."""

from __future__ import annotations

import re
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING

from salesforce_simulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

# In ASCII order, so that ids sort in the order in which they were given out.
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
# Pod and reserved characters, as they follow the key prefix in every id of one org.
POD = "Hs000"


@lru_cache(maxsize=1 << 16)
def _check_character(chunk: str) -> str:
    return _CHECK[sum(1 << place for place, char in enumerate(chunk) if "A" <= char <= "Z")]


def to_18(record_id: str) -> str:
    """The 18-character form of a 15-character id (an 18-character id gets its checksum set right)."""
    head = record_id[:15]
    return head + _check_character(head[:5]) + _check_character(head[5:10]) + _check_character(head[10:15])


def is_id(text: str) -> bool:
    """Whether the text has the shape of an id; an 18-character one must have the right checksum, in any case."""
    if not _SHAPE.fullmatch(text):
        return False
    return len(text) == 15 or to_18(text)[15:] == text[15:].upper()


def parse_id(value: object) -> str:
    """The 18-character form of an id.

    Raises:
        ApiError: `MALFORMED_ID`.
    """
    if isinstance(value, str) and is_id(value):
        return to_18(value)
    raise ApiError("MALFORMED_ID", f"malformed id {value}")


def custom_prefixes() -> Iterator[str]:
    """Key prefixes of custom objects, in order: `a00` to `azz`, then (what no source says) `b00` and so on."""
    for letter in "abc":
        for first in DIGITS:
            for second in DIGITS:
                yield f"{letter}{first}{second}"


def make_id(key_prefix: str, number: int) -> str:
    """The 18-character id of the number-th record (from 1) under a key prefix."""
    digits = []
    for _ in range(7):
        number, digit = divmod(number, 62)
        digits.append(DIGITS[digit])
    if number:
        raise OverflowError("a key prefix holds 62**7 ids")
    return to_18(key_prefix + POD + "".join(reversed(digits)))


def id_run(key_prefix: str, first: int) -> Iterator[str]:
    """Ids from the first number on, without end; cheaper a piece than `make_id`."""
    number = first
    while True:
        high, low = divmod(number, 3844)
        head = make_id(key_prefix, number)[:13]
        fixed = _check_character(head[:5]) + _check_character(head[5:10])
        for place in range(low, 3844):
            tail = DIGITS[place // 62] + DIGITS[place % 62]
            yield head + tail + fixed + _check_character(head[10:] + tail)
        number = (high + 1) * 3844


def random_id(key_prefix: str) -> str:
    """The 18-character id of something that is no record, such as a Bulk job: one of many enough never to come twice."""
    return make_id(key_prefix, secrets.randbelow(62**7))
