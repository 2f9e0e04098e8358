"""Which bookmarks of a state are meant, and what is asked of them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sfsource.errors import SfsourceError
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.catalog.patterns import is_pattern, matches
from tap_sfsource.sync.again import full_id, read_ids, read_since
from tap_sfsource.sync.identity import begin_again
from tap_sfsource.sync.state_file import UNREADABLE, bookmarks_of

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    Bookmarks = Mapping[str, dict[str, Any]]

_OBJECTS = {collection: api_name for api_name, collection in COLLECTIONS.items()}


@dataclass(frozen=True)
class Again:
    """What the next run reads of a collection, in words for people."""

    collection: str
    reads: str
    ids: list[str] = field(default_factory=list)


def bookmarks_in(state: Mapping[str, Any]) -> Bookmarks:
    """The bookmarks of a state, to be changed in place. Raises SfsourceError for one that is no JSON object."""
    found = bookmarks_of(state)
    for stream, bookmark in found.items():
        if UNREADABLE in bookmark:
            raise SfsourceError(f"State of {stream}: the bookmark is not a JSON object. Remove it.")
    return found


def named(bookmarks: Bookmarks, names: Sequence[str]) -> list[str]:
    """The streams that the names mean. Raises SfsourceError for a name that means none."""
    known = {stream: _api_name(stream, bookmark) for stream, bookmark in bookmarks.items()}
    streams: dict[str, None] = {}
    for name in names:
        found = [stream for stream, api_name in known.items() if matches([name], api_name, stream)]
        if not found:
            raise SfsourceError(
                f"The state has no bookmark of {name}: if it is selected, the next run reads all its rows."
                f"{_near(name, known)}"
            )
        streams.update(dict.fromkeys(found))
    return list(streams)


def ask_for_all(stream: str, bookmark: dict[str, Any]) -> Again:
    """Have every row of a collection read again."""
    # A shard does not sweep, and the state does not say whether it is one's.
    begin_again(bookmark, sweeps=True, asks_log=True)
    return Again(stream, "every row, and marks those that are gone")


def ask_since(stream: str, bookmark: dict[str, Any], moment: datetime.datetime) -> Again:
    """Have the rows read again that have changed since a moment."""
    try:
        since = read_since(bookmark, moment)
    except (ValueError, TypeError):
        raise SfsourceError(
            f"State of {stream}: a moment of the bookmark is not a date and time such as 2026-01-31T12:00:00Z. Correct it, "
            "or read the whole collection again, without --since."
        ) from None
    told = (
        "every row, as each run does"
        if since is None
        else f"rows and deletions since {since:%Y-%m-%d %H:%M:%SZ}"
    )
    return Again(stream, told)


def ask_for_ids(bookmarks: Bookmarks, streams: Sequence[str], ids: Sequence[tuple[int, str]]) -> list[Again]:
    """Have the rows of some ids read again. Raises SfsourceError for an id that is of none of the collections."""
    wanted: dict[str, list[str]] = {stream: [] for stream in streams}
    prefixes: dict[str, list[str]] = {}
    for stream in streams:
        prefixes.setdefault(str(bookmarks[stream].get("key_prefix") or ""), []).append(stream)
    for line, text in ids:
        record_id = full_id(text)
        if record_id is None:
            raise SfsourceError(
                f"--ids, line {line}: {text!r} is not the id of a row, such as 001Hs00000000AbIAI."
            )
        found_in = [*prefixes.get(record_id[:3], ()), *prefixes.get("", ())]
        if len(found_in) > 1:
            raise SfsourceError(
                f"--ids, line {line}: {text} may be an id of {' or '.join(found_in)}: give --ids for one of them at a time."
            )
        if not found_in:
            raise SfsourceError(
                f"--ids, line {line}: {text} is no id of {' or '.join(streams)}, which begins with "
                f"{' or '.join(sorted(prefixes))}."
            )
        wanted[found_in[0]].append(record_id)
    for stream, found in wanted.items():
        if found:
            read_ids(bookmarks[stream], found)
    return [
        Again(stream, f"{len(found):,} rows by their ids", found) for stream, found in wanted.items() if found
    ]


def _api_name(stream: str, bookmark: Mapping[str, Any]) -> str:
    given = bookmark.get("api_name")
    return given if isinstance(given, str) else _OBJECTS.get(stream, stream)


def _near(name: str, known: Mapping[str, str]) -> str:
    names = {each.lower(): each for pair in known.items() for each in pair}
    found = [] if is_pattern(name) else difflib.get_close_matches(name.lower(), names, 3, 0.6)
    return f" Near names: {', '.join(names[each] for each in found)}." if found else ""
