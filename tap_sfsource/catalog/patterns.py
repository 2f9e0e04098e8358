"""Names with wildcards, by which settings and catalogs mean objects and properties."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_WILDCARDS: Final = "*?["


def matches(patterns: Iterable[str], api_name: str, stream_name: str) -> bool:
    """Whether one of the patterns (`*`, `?`, any case of letters) means an object."""
    names = (api_name.lower(), stream_name.lower())
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns for name in names)


def is_pattern(text: str) -> bool:
    """Whether a name has wildcards."""
    return any(sign in text for sign in _WILDCARDS)
