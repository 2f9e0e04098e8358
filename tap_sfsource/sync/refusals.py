"""Objects that refuse a query for all of their rows although describe calls them queryable: how they are known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

from tap_sfsource.errors import RefusedError, SalesforceError, TapError, one_line

if TYPE_CHECKING:
    import datetime

    from tap_sfsource.api.composite import Subresponse
    from tap_sfsource.sync.state import StreamState

_REFUSES: Final = frozenset(
    {
        "BIG_OBJECT_UNSUPPORTED_OPERATION",
        "DATACLOUD_API_DISABLED_EXCEPTION",
        "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION",
        "ID_REQUIRED",
        "INVALID_TYPE_FOR_OPERATION",
    }
)

_FILTER_WANTED = re.compile(
    r"implementation restriction|reified column|requires? a filter|must be specified in your query",
    re.IGNORECASE,
)
"""The same, where the code is MALFORMED_QUERY, which other queries are answered with as well."""

_MAY_PASS: Final = frozenset({"EXTERNAL_OBJECT_EXCEPTION", "MALFORMED_QUERY", "UNKNOWN_EXCEPTION"})
"""Codes of passing trouble that are also the answer to each query of some objects. The words do not tell which: they are in
the language of the user."""


def refusal(api_name: str, answer: Subresponse) -> RefusedError | None:
    """The error that says so, None if an answer is another error."""
    error = answer.error("")
    if error.error_code not in _REFUSES and not _FILTER_WANTED.search(error.message):
        return None
    told = one_line(error.message)
    return RefusedError(api_name, f"Salesforce does not give all of its rows ({error.error_code}: {told})")


def raise_refused(state: StreamState, api_name: str, error: Exception, now: datetime.datetime) -> NoReturn:
    """Raise the error of an object's first requests; a refusal is noted, and one that lasts is told as one.

    Raises:
        RefusedError: The object is left out.
        TapError: It fails.
    """
    if state.knows_properties:
        # It has answered before: to leave it out now would lose changes in silence.
        raise TapError(str(error)) if isinstance(error, RefusedError) else error
    if isinstance(error, RefusedError) and not state.refused(now):
        state.refuse(now, error.reason, lasting=True)
    elif isinstance(error, SalesforceError) and error.error_code in _MAY_PASS:
        reason = f"Salesforce answers its query with {error.error_code} in each run"
        if state.refuse(now, reason, lasting=False):
            raise RefusedError(api_name, reason) from error
    raise error
