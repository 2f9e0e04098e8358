"""What is read again on request: changes of a bookmark between two runs, and the ids that a bookmark asks for.

``reread`` of a bookmark has ids with a space between two, as Meltano merges states key by key. Empty means none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource import clock

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping, MutableMapping

REREAD: Final = "reread"

_ID: Final = re.compile("[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_SUFFIXES: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHORT: Final = 15
_LATER: Final = ("replication_key_value", "deleted_until", "swept_until")
"""Moments that go back with the bookmark."""


def read_since(bookmark: MutableMapping[str, Any], moment: datetime.datetime) -> datetime.datetime | None:
    """Put the bookmark back, and give the moment from which rows are read: never a later one than now.

    It is not before the first sync's setting `start_date`, as older rows are not loaded. None: there is no bookmark.
    """
    given = bookmark.get("replication_key_value")
    if given is None:
        return None
    start = bookmark.get("start_date")
    moment = max(moment, clock.parse(start)) if start else moment
    for key in _LATER:
        if bookmark.get(key) is not None and clock.parse(bookmark[key]) > moment:
            bookmark[key] = clock.isoformat(moment)
    if bookmark["replication_key_value"] != given:
        # A job is of the bookmark that it names.
        bookmark.pop("jobs", None)
    return clock.parse(bookmark["replication_key_value"])


def read_ids(bookmark: MutableMapping[str, Any], ids: Iterable[str]) -> int:
    """Have the next run read some rows, beside those that it was asked for before; gives how many there are now."""
    wanted = dict.fromkeys([*ids_to_read(bookmark), *ids])
    bookmark[REREAD] = " ".join(wanted)
    return len(wanted)


def ids_to_read(bookmark: Mapping[str, Any]) -> list[str]:
    """The ids that a bookmark asks for."""
    text = bookmark.get(REREAD)
    return text.split() if isinstance(text, str) else []


def full_id(text: str) -> str | None:
    """An Id in the 18 characters by which the API answers; None if the text is no Id."""
    if not _ID.fullmatch(text):
        return None
    short = text[:_SHORT]
    parts = (short[at : at + 5] for at in range(0, _SHORT, 5))
    full = short + "".join(
        _SUFFIXES[sum(letter.isupper() << place for place, letter in enumerate(part))] for part in parts
    )
    return full if text in {short, full} else None
