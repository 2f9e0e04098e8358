"""Columns that describe lists and a query is refused for: which one an error names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tap_sfsource.errors import SalesforceError

INVALID_FIELD: Final = "INVALID_FIELD"
_UNREADABLE = re.compile(r"No such column '(\w+)' on entity '(\w+)'")
_UNUSABLE = re.compile(r"[Ff]ield '?(\w+)'? can ?not be (filtered|sorted)")


class Refused(NamedTuple):
    """A column that a query is refused for.

    Attributes:
        use: What the query may not do with it: read, filter or sort.
        entity: API name of its object, which is `Name` behind a lookup; empty where the error does not tell.
    """

    name: str
    use: str
    entity: str = ""


def refused_column(error: SalesforceError) -> Refused | None:
    """The column that an error is about, None if it is about something else. Only the message names it."""
    if match := _UNUSABLE.search(error.message):
        return Refused(match[1], {"filtered": "filter", "sorted": "sort"}[match[2]])
    if error.error_code == INVALID_FIELD and (match := _UNREADABLE.search(error.message)):
        return Refused(match[1], "read", match[2])
    return None
