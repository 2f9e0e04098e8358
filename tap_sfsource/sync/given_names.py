"""Names that a STATE has given: those of streams, and marks of the properties that rows have been emitted with."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_MARK_LENGTH = 6


class GivenNames:
    """The names that a whole STATE has given to streams and properties."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        bookmarks = state.get("bookmarks")
        self._bookmarks = bookmarks if isinstance(bookmarks, Mapping) else {}

    @property
    def streams(self) -> dict[str, str]:
        """API name of an object to its stream, where the state tells."""
        return {
            str(bookmark["api_name"]): stream
            for stream, bookmark in self._bookmarks.items()
            if isinstance(bookmark, Mapping) and bookmark.get("api_name")
        }

    def emitted(self, stream: str) -> Callable[[str], bool]:
        """Tell by the name that a property has in a state (`Column.mark`) whether rows have been emitted with it."""
        bookmark = self._bookmarks.get(stream)
        given = bookmark.get("properties") if isinstance(bookmark, Mapping) else None
        known = marks(given) if isinstance(given, str) else frozenset()
        return lambda name: bool(known) and mark(name) in known


def marks(text: str) -> frozenset[str]:
    """The marks in the text of a bookmark."""
    return frozenset(text[at : at + _MARK_LENGTH] for at in range(0, len(text), _MARK_LENGTH))


def mark(name: str) -> str:
    """Six characters of a digest of a property's name, field and type."""
    digest = hashlib.sha256(name.encode()).digest()
    return base64.urlsafe_b64encode(digest)[:_MARK_LENGTH].decode()
