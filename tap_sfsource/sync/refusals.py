"""Objects that refuse a query for all of their rows although describe calls them queryable: how they answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tap_sfsource.errors import RefusedError, one_line

if TYPE_CHECKING:
    from tap_sfsource.api.composite import Subresponse

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

MAY_PASS: Final = frozenset({"EXTERNAL_OBJECT_EXCEPTION", "MALFORMED_QUERY", "UNKNOWN_EXCEPTION"})
"""Codes of passing trouble that are also the answer to each query of some objects. The words do not tell which: they are in
the language of the user."""


def refusal(api_name: str, answer: Subresponse) -> RefusedError | None:
    """The error that says so, None if an answer is another error."""
    error = answer.error("")
    if error.error_code not in _REFUSES and not _FILTER_WANTED.search(error.message):
        return None
    told = one_line(error.message)
    return RefusedError(api_name, f"Salesforce does not give all of its rows ({error.error_code}: {told})")
