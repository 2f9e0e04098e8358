"""What a bookmark is told of the columns that rows are emitted with; `given_names` reads it when the next run is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_sfsource.catalog.columns import MASKED, name_in
from tap_sfsource.sync.given_names import FORMER, NAMES, mark, mark_of_name, marks_in, names_in

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping, Sequence

_KNOWN = "properties"


def know(bookmark: MutableMapping[str, Any], properties: Sequence[str]) -> None:
    """Note that every row has just these properties, each by its `Column.mark`."""
    before = marks_in(bookmark.get(_KNOWN))
    marks = frozenset(map(mark, properties))
    # A masked column had its name too.
    plain = frozenset(mark(name.partition(MASKED)[0]) for name in properties if MASKED in name)
    _note_former(bookmark, before - marks | plain)
    bookmark[_KNOWN] = "".join(sorted(marks))
    _note_names(bookmark, (name for name in properties if mark(name) not in before))


def forget(bookmark: MutableMapping[str, Any]) -> None:
    """Know of no column of every row; those that rows had keep their names."""
    _note_former(bookmark, marks_in(bookmark.pop(_KNOWN, None)))


def gain_names(bookmark: MutableMapping[str, Any], properties: Iterable[str]) -> None:
    """Note which of the properties rows have or had, in a state from before it kept names."""
    given = marks_in(bookmark.get(_KNOWN)) | marks_in(bookmark.get(FORMER))
    if given and NAMES not in bookmark:
        plain = ((name, name.partition(MASKED)[0]) for name in properties)
        _note_names(
            bookmark, (name for name, bare in plain if not given.isdisjoint({mark(name), mark(bare)}))
        )


def _note_former(bookmark: MutableMapping[str, Any], marks: frozenset[str]) -> None:
    if former := marks_in(bookmark.get(FORMER)) | marks:
        bookmark[FORMER] = "".join(sorted(former))


def _note_names(bookmark: MutableMapping[str, Any], properties: Iterable[str]) -> None:
    names = names_in(bookmark.get(NAMES))
    new = {mark_of_name(name) for each in properties if (name := name_in(each))}
    if not new <= names:
        bookmark[NAMES] = "".join(sorted(names | new))
