"""The keys of one stream's bookmark: times and texts, read and written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tap_sfsource import clock
from tap_sfsource.errors import TapError

if TYPE_CHECKING:
    import datetime
    from collections.abc import MutableMapping


class Moment:
    """A time that a bookmark keeps under the attribute's name."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = name

    def __get__(self, state: BookmarkKeys, owner: type | None = None) -> datetime.datetime | None:
        return state.moment(self._key)

    def __set__(self, state: BookmarkKeys, moment: datetime.datetime) -> None:
        state.keep_moment(self._key, moment)


class Text:
    """A text that a bookmark keeps under the attribute's name, once there is one; else empty."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = name

    def __get__(self, state: BookmarkKeys, owner: type | None = None) -> str:
        return state.text(self._key)

    def __set__(self, state: BookmarkKeys, text: str) -> None:
        state.keep_text(self._key, text)


class BookmarkKeys:
    """Reads and writes a bookmark, the SDK's writable dict, by its keys; errors name the stream."""

    def __init__(self, stream: str, bookmark: MutableMapping[str, Any]) -> None:
        self._stream = stream
        self._bookmark = bookmark

    def keep_moment(self, key: str, moment: datetime.datetime) -> None:
        """Write a time under a key."""
        self._bookmark[key] = clock.isoformat(moment)

    def keep_text(self, key: str, text: str) -> None:
        """Write a text under a key; an empty one only over another."""
        if text or key in self._bookmark:
            self._bookmark[key] = text

    def text(self, key: str) -> str:
        """The text under a key."""
        return str(self._bookmark.get(key) or "")

    def moment(self, key: str) -> datetime.datetime | None:
        """The time under a key."""
        text = self._bookmark.get(key)
        if text is None:
            return None
        try:
            return clock.parse(text)
        except (TypeError, ValueError):
            raise TapError(
                f"State of {self._stream}: {key} {text!r} is not a date. Write it like 2024-01-31T00:00:00Z, or remove it "
                "to read the stream from the start."
            ) from None

    def unreadable(self, key: str, value: object, problem: str) -> TapError:
        """The error of a key whose value is not what it has to be."""
        return TapError(f"State of {self._stream}: {key} {json.dumps(value, ensure_ascii=False)} {problem}")
