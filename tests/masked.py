"""What masks must make of values: worked out here, without the tap."""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

SALT = "a salt of the tests, and of nothing else"

MASKED = ("Contact.*Name", "Account.*Extra__c")
"""Fields that histories mask: some are numbers, or dates, or want the same column."""


def is_masked(sobject: str, field: str) -> bool:
    """Whether a field is one of MASKED."""
    return any(fnmatchcase(f"{sobject}.{field}", pattern) for pattern in MASKED)


def hashed(value: Any) -> str | None:
    """The hash of a value, as REST and Bulk give it."""
    return None if value in (None, "") else hashed_text(text_of(value))


def hashed_text(text: str) -> str:
    """The hash of a text."""
    return hmac.new(SALT.encode(), text.encode(), hashlib.sha256).hexdigest()


def text_of(value: Any) -> str:
    """A value's text: that of a number has no zeros at its end."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        return format(Decimal(str(value)).normalize() + 0, "f")
    return str(value).replace("+0000", "Z")


def masked(kind: str, value: Any) -> Any:
    """What a mask makes of a value."""
    return hashed(value) if kind == "hash" else None if kind == "null" else value
