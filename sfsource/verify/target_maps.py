"""What the target's own stream maps and flattening make of a stream, as far as it can still be compared."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_OTHERS: Final = "__else__"
_SOURCE: Final = "__source__"


def changed_by(config: Mapping[str, Any], stream: str, message: Mapping[str, Any]) -> frozenset[str] | None:
    """The properties whose values the target's settings change or remove; None if they change which rows a table has."""
    properties: Mapping[str, Any] = message["schema"]["properties"]
    changed: set[str] = set()
    maps: Mapping[str, Any] = config.get("stream_maps") or {}
    found = [
        given
        for name, given in maps.items()
        if name != _OTHERS
        and fnmatchcase(stream, str(given.get(_SOURCE) or name) if isinstance(given, dict) else name)
    ]
    if (not found and _OTHERS in maps) or len(found) > 1:
        return None
    for given in found:
        if not isinstance(given, dict):
            return None
        names = {name for name in given if name != _SOURCE}
        if any(name.startswith("__") for name in names) or names & {
            *message["key_properties"],
            *_marks(properties),
        }:
            return None
        changed |= names
    if config.get("flattening_enabled"):
        changed |= {name for name, schema in properties.items() if "object" in (schema.get("type") or ())}
    return frozenset(changed)


def _marks(properties: Mapping[str, Any]) -> set[str]:
    return {name for name, schema in properties.items() if schema.get("x-soft-delete")}
