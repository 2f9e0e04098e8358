"""Errors that reach a person: each says what is wrong, where, and what to do.

The command line prints a `TapError` as one line without a traceback and ends with a non-zero status.
Salesforce's own errors are told apart by their `errorCode`, never by their message.
"""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")


def one_line(text: str) -> str:
    """The text without line breaks: Salesforce's messages have some, and an error is one line of the log."""
    return " ".join(text.split())


def json_kind(value: object) -> str:
    """What a value is, in JSON's words."""
    if value is None:
        return "null"
    kinds = {bool: "true or false", str: "text", list: "an array", dict: "an object"}
    return kinds.get(type(value), "a number")


class TapError(Exception):
    """Base of the errors whose text is meant for the person who runs the tap."""


class ConfigError(TapError):
    """A setting, catalog or file that the tap cannot work with."""

    def __init__(self, setting: str, problem: str, remedy: str) -> None:
        """Name the setting (or several, joined by " and "), its problem as a clause and the remedy as a sentence."""
        super().__init__(f"Setting {setting}: {problem}. {remedy}")
        self.setting, self.problem, self.remedy = setting, problem, remedy


class CatalogError(TapError):
    """A catalog file that does not hold what a Singer catalog holds."""


class AuthError(TapError):
    """Salesforce refused the login, or the user as such: no other call of the run would be answered."""


class PermissionDeniedError(AuthError):
    """The user may log in but not use the API."""


class QuotaReachedError(TapError):
    """The share of the org's daily API calls that the run may use is used up."""


class BulkFullError(TapError):
    """No further Bulk job fits into the day, or into the share of it that the run may use. The text is a clause."""


class LeftForLaterError(TapError):
    """Rows that no quota has room for now: the object is not complete, and a later run reads them."""

    def __init__(self, rows: str, reason: str) -> None:
        """Say how many rows wait, and why, as a clause."""
        super().__init__(f"{rows} are left for a later run: {reason}")


class ConnectionFailedError(TapError):
    """The org could not be reached, or kept failing, until the retry deadline passed."""


class DiscoveryError(TapError):
    """The discovery that made the run's catalog failed: the run would read nothing.

    Attributes:
        code: What `code_of` told of the error.
    """

    def __init__(self, told: str, code: str) -> None:
        super().__init__(told)
        self.code = code


class IncompleteError(TapError):
    """A run ended with streams that are not read to their end."""


class RefusedError(TapError):
    """An object does not answer a query for all of its rows, and describe does not tell it: no fault of the run.

    Attributes:
        reason: Why, as a clause.
    """

    def __init__(self, api_name: str, reason: str) -> None:
        super().__init__(f"{api_name} is left out: {reason}")
        self.reason = reason


class SalesforceError(TapError):
    """An error answer of the org that trying again does not change.

    Attributes:
        error_code: Salesforce's `errorCode`, empty if the answer has none.
        path: Path of the request, without its query string.
    """

    def __init__(self, status: int, error_code: str, message: str, path: str) -> None:
        super().__init__(
            f"Salesforce answered {status} {error_code or '(no code)'} for {path}: {one_line(message)}"
        )
        self.status = status
        self.error_code = error_code
        self.message = message
        self.path = path


class FilterError(TapError):
    """Salesforce refuses a query for the condition that the setting `filters` has for its object."""

    def __init__(self, api_name: str, error: SalesforceError) -> None:
        super().__init__(
            f"Setting filters: Salesforce refuses the condition of {api_name} "
            f"({error.error_code}: {one_line(error.message)}). Correct it, and run again."
        )


class TransientError(SalesforceError):
    """An error answer that a later attempt may not meet: a busy row, a busy server, a maintenance page.

    Attributes:
        retry_after: Seconds that the answer asks to wait, or None.
    """

    def __init__(
        self, status: int, error_code: str, message: str, path: str, retry_after: float | None = None
    ) -> None:
        super().__init__(status, error_code, message, path)
        self.retry_after = retry_after


class BrokenOffError(TransientError):
    """The connection was cut in the middle of a body that was streamed."""


class UnreadableError(TransientError):
    """An answer that is no JSON although its status says success: a page of a proxy or of maintenance."""

    def __str__(self) -> str:
        return (
            f"Salesforce's answer {self.status} for {self.path} cannot be read ({self.message}). Run again; if it stays, "
            "see what stands between here and Salesforce, such as a proxy."
        )


class UnexpectedAnswerError(UnreadableError):
    """An answer whose JSON has another shape than Salesforce's; asking again does not change that."""


def code_of(error: BaseException) -> str:
    """An error as one word, for machines: Salesforce's `errorCode`, else the name of the error's kind.

    A kind is named by its class in this module: `QuotaReachedError` is `quota_reached`.
    """
    if isinstance(error, SalesforceError):
        return error.error_code or f"http_{error.status}"
    if isinstance(error, SystemExit):
        return "terminated"
    if isinstance(error, DiscoveryError):
        return error.code
    if not isinstance(error, TapError):
        return "unexpected"
    kind = next(part for part in type(error).__mro__ if part.__module__ == __name__)
    return _WORD.sub("_", kind.__name__.removesuffix("Error")).lower()
