"""The names that a STATE has given: to streams, and, as marks of a few characters, to their properties."""

from __future__ import annotations

import base64
import functools
import hashlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger("tap-sfsource.sync")

FORMER = "former"
"""Key of a bookmark: the marks of properties that rows once had."""

NAMES = "names"
"""Key of a bookmark: digests of the names that rows have, or had, whatever their fields."""

_LENGTH = 6
_NAME_LENGTH = 4
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

    def emitted(self, stream: str) -> EmittedColumns | None:
        """The columns that rows of a stream have been emitted with; None where the state does not tell."""
        columns = EmittedColumns(self._bookmarks.get(stream))
        return columns or None


class EmittedColumns:
    """What a bookmark says of columns; see `catalog.given_columns.GivenColumns`."""

    def __init__(self, bookmark: object) -> None:
        texts = bookmark if isinstance(bookmark, Mapping) else {}
        self._known = marks_in(texts.get("properties"))
        self._former = marks_in(texts.get(FORMER))
        self._names = names_in(texts.get(NAMES))

    def __bool__(self) -> bool:
        return bool(self._known or self._former)

    def __call__(self, name: str, /) -> int:
        """2: every row has the column of this `Column.mark`. 1: rows had it. 0: none had."""
        return 2 if (short := mark(name)) in self._known else int(short in self._former)

    def has_name(self, name: str, /) -> bool:
        """Whether rows have, or had, a property of this name. One in 280,000 is taken for one that they had."""
        return bool(self._names) and mark_of_name(name) in self._names


def marks_in(text: object) -> frozenset[str]:
    """The marks of properties in a text of them; none in what is no text."""
    return _cut(text, _LENGTH)


def names_in(text: object) -> frozenset[str]:
    """The marks of names in a text of them; none in what is no text."""
    return _cut(text, _NAME_LENGTH)


def _cut(text: object, length: int) -> frozenset[str]:
    if not isinstance(text, str):
        return frozenset()
    return frozenset(text[at : at + length] for at in range(0, len(text), length))


@functools.lru_cache(maxsize=4096)
def mark(name: str) -> str:
    """The mark of a property: a digest of its name, field and type (`Column.mark`)."""
    digest = hashlib.sha256(name.encode()).digest()
    return base64.urlsafe_b64encode(digest)[:_LENGTH].decode()


@functools.lru_cache(maxsize=4096)
def mark_of_name(name: str) -> str:
    """The mark of a property's name: which one it is need not be told, only that it is given."""
    digest = hashlib.sha256(name.encode()).digest()
    return base64.urlsafe_b64encode(digest)[:_NAME_LENGTH].decode()
