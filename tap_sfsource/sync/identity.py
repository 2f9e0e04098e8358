"""What a bookmark is of: it is forgotten where that has changed, and the rows that it told of are left to a sweep."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource.sync import known_columns
from tap_sfsource.sync.given_names import FORMER, NAMES, mark

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

_ORG_ID: Final = re.compile("(00D[A-Za-z0-9]{12})(?:[A-Za-z0-9]{3})?")
_FILTER: Final = "filter"
_KEPT: Final = ("org", "key_prefix", "api_name", _FILTER)
_MOMENTS: Final = (
    "replication_key_value",
    "deleted_until",
    "refreshed_at",
    "swept_until",
    "begun_at",
    "bin_until",
    "refused_since",
    "refused_until",
)
_LOGGED: Final = ("deleted_until", "begun_at", "replication_key_value")
"""Keys that tell up to when deletions are known, the first that there is."""
_OF_ROWS: Final = frozenset({"replication_key_value", "begun_at", "properties", "jobs"})
"""Keys of which a bookmark has one before a row has been emitted."""


def is_org(text: str) -> bool:
    """Whether a text is the id of an org."""
    return bool(_ORG_ID.fullmatch(text))


def other_org(bookmark: Mapping[str, Any], org: str) -> str:
    """The id of the org that a bookmark is of, if it is another than this one; else empty."""
    named = _ORG_ID.fullmatch(str(bookmark.get("org") or org))
    return named[1] if org and named and named[1] != org else ""


def begin_in(bookmark: MutableMapping[str, Any], org: str) -> None:
    """Compare a bookmark with the org's id, empty if unknown; forget a bookmark of another org."""
    if not org:
        return
    if other_org(bookmark, org):
        _forget(bookmark)
    bookmark["org"] = org


def begin_as(bookmark: MutableMapping[str, Any], key_prefix: str | None) -> None:
    """Compare a bookmark with an SObject's Id prefix, None if unknown; forget a bookmark of another object."""
    if not key_prefix:
        return
    if bookmark.get("key_prefix", key_prefix) != key_prefix:
        _forget(bookmark)
    bookmark["key_prefix"] = key_prefix


def begin_filtered(bookmark: MutableMapping[str, Any], condition: str, *, sweeps: bool = True) -> bool:
    """Compare a bookmark with the condition that rows have to meet; forget a bookmark of another one, and tell so.

    With `sweeps` the rows that it told of are left to a sweep. Without, the
    deletion log goes on where it was read to: nothing else would tell which of them are gone.
    """
    wanted, given = mark(condition) if condition else "", str(bookmark.get(_FILTER) or "")
    changed = given != wanted and any(bookmark.get(key) is not None for key in _OF_ROWS)
    if changed:
        begin_again(bookmark, sweeps=sweeps, asks_log=not sweeps)
    if wanted or given:
        bookmark[_FILTER] = wanted
    return changed


def begin_again(bookmark: MutableMapping[str, Any], *, sweeps: bool, asks_log: bool) -> None:
    """Have every row read again, with a sweep, or with the deletion log from where it was read to. What it is of stays."""
    logged = next((bookmark[key] for key in _LOGGED if bookmark.get(key)), None)
    _forget(bookmark, _KEPT)
    bookmark["sweep_due"] = sweeps
    if logged and asks_log:
        bookmark["deleted_until"] = logged


def _forget(bookmark: MutableMapping[str, Any], kept: Sequence[str] = ()) -> None:
    """Keep nothing else of a bookmark, but the names once given to properties: the table's columns stay.

    A moment that is left out would come back where Meltano merges an older state.
    """
    known_columns.forget(bookmark)
    left: dict[str, Any] = {key: bookmark[key] for key in (*kept, FORMER, NAMES) if key in bookmark}
    left |= {key: None for key in _MOMENTS if key in bookmark}
    bookmark.clear()
    bookmark.update(left, sweep_due=True)
