"""The names that a STATE has given: to streams, and, as marks of a few characters, to their properties."""

from __future__ import annotations

import base64
import functools
import hashlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

logger = logging.getLogger("tap-sfsource.sync")

FORMER = "former"
"""Key of a bookmark: the marks of properties that rows once had."""

_LENGTH = 6
_STREAMS_TOLD = 5


class GivenNames:
    """The names that a whole STATE has given to streams and properties."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        bookmarks = state.get("bookmarks")
        self._bookmarks = bookmarks if isinstance(bookmarks, Mapping) else {}

    @property
    def streams(self) -> dict[str, str]:
        """API name of an object to its stream, where the state tells."""
        return {
            bookmark["api_name"]: stream
            for stream, bookmark in self._bookmarks.items()
            if isinstance(bookmark, Mapping) and isinstance(bookmark.get("api_name"), str)
        }

    def tell_of_others(self, streams: Sequence[str]) -> None:
        """Say that a state is of none of the run's streams: they are read from the start."""
        if self._bookmarks and streams and not any(self._bookmarks.get(stream) for stream in streams):
            logger.warning(
                "The state has bookmarks of %s, and of none of the streams of this run. Reading all rows of %s.",
                ", ".join(sorted(self._bookmarks)[:_STREAMS_TOLD]),
                ", ".join(sorted(streams)[:_STREAMS_TOLD]),
            )

    def emitted(self, stream: str) -> Callable[[str], int] | None:
        """Tell by the name that a property has in a state (`Column.mark`) whether rows have been emitted with it.

        2: every row has it. 1: rows had it, until it was left out: deselected, refused, or made anew with another type.
        None where the state says nothing of the stream's properties.
        """
        bookmark = self._bookmarks.get(stream)
        known, former = _marks(bookmark, "properties"), _marks(bookmark, FORMER)
        if not known | former:
            return None
        return lambda name: 2 if (short := mark(name)) in known else int(short in former)


def _marks(bookmark: object, key: str) -> frozenset[str]:
    marks = bookmark.get(key) if isinstance(bookmark, Mapping) else None
    return marks_in(marks) if isinstance(marks, str) else frozenset()


def marks_in(text: str) -> frozenset[str]:
    """The marks of properties in a text of them."""
    return frozenset(text[at : at + _LENGTH] for at in range(0, len(text), _LENGTH))


@functools.lru_cache(maxsize=4096)
def mark(name: str) -> str:
    """The mark of a property: a digest of its name, field and type (`Column.mark`)."""
    digest = hashlib.sha256(name.encode()).digest()
    return base64.urlsafe_b64encode(digest)[:_LENGTH].decode()
