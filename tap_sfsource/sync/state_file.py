"""The bookmarks in a state that a user gives, in each of the forms in which states are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tap_sfsource.errors import TapError

if TYPE_CHECKING:
    from collections.abc import Mapping

UNREADABLE: Final = "unreadable"
"""Key under which a bookmark is kept that is no JSON object."""


def bookmarks_of(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The bookmarks of a state by stream. A bookmark that is no object is put into one: it fails its stream later.

    Meltano prints a state as ``{"singer_state": ...}``; a line of the tap's output is ``{"type": "STATE", "value": ...}``.

    Raises:
        TapError: The state has no bookmarks by stream.
    """
    for wrapper in ("value", "singer_state"):
        if "bookmarks" not in state and wrapper in state:
            state = _object_in(state, wrapper)
    if "singer_state" in state:
        raise _unusable('it has "bookmarks" beside "singer_state"')
    if not state:
        return {}
    if "bookmarks" not in state:
        raise _unusable('it has no "bookmarks"')
    bookmarks = _object_in(state, "bookmarks")
    return {
        stream: given if isinstance(given, dict) else {UNREADABLE: given}
        for stream, given in bookmarks.items()
    }


def _object_in(state: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = state[key]
    if not isinstance(value, dict):
        raise _unusable(f"its {key} {'are' if key == 'bookmarks' else 'is'} no JSON object")
    return value


def _unusable(problem: str) -> TapError:
    return TapError(
        f"The state cannot be used: {problem}. Give the last STATE that the tap wrote, or none to read all rows."
    )
