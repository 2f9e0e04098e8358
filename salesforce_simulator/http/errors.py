"""Salesforce's error bodies: arrays for the data APIs, an object for OAuth.

Codes and messages as recorded from orgs; clients must go by `errorCode`.
"""

from collections.abc import Sequence

from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.messages import Reply, json_reply

# A refusal of the org's core is a 400 but for these.
_STATUS = {
    "NOT_FOUND": 404,
    "UNKNOWN_EXCEPTION": 500,
    "ENTITY_IS_DELETED": 404,
    "INSUFFICIENT_ACCESS": 403,
    "INSUFFICIENT_ACCESS_OR_READONLY": 400,
}
# Recorded with a list of fields although none is at fault.
_WITH_FIELDS = frozenset({"DELETE_FAILED"})


class HttpError(ApiError):
    """A refusal that has a status of its own: `[{"message": ..., "errorCode": ...}]`."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(error_code, message)
        self.status = status


class OAuthError(Exception):
    """An error of the token endpoint: `{"error": ..., "error_description": ...}`, HTTP 400."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.status = status
        self.error = error
        self.description = description

    def reply(self) -> Reply:
        """The answer."""
        return json_reply({"error": self.error, "error_description": self.description}, self.status)


class PageError(Exception):
    """A page of HTML that an edge or a proxy puts in the place of a whole answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode())
        self.reply = reply


def error_reply(error: ApiError) -> Reply:
    """The answer to a refused call of a data API."""
    status = error.status if isinstance(error, HttpError) else _STATUS.get(error.error_code, 400)
    return error_body(status, error.error_code, error.message, error.fields)


def error_body(status: int, code: str, message: str, fields: Sequence[str] = ()) -> Reply:
    """An answer with the one error that it names."""
    body: dict[str, object] = {"message": message, "errorCode": code}
    if fields or code in _WITH_FIELDS:
        body["fields"] = list(fields)
    return json_reply([body], status)


def not_found() -> HttpError:
    """No such resource, object, version or row for this user."""
    return HttpError(404, "NOT_FOUND", "The requested resource does not exist")


def invalid_session() -> HttpError:
    """The token is missing, expired or revoked."""
    return HttpError(401, "INVALID_SESSION_ID", "Session expired or invalid")


def method_not_allowed(method: str, allowed: Sequence[str]) -> HttpError:
    """The resource exists but not with this HTTP method."""
    return HttpError(
        405,
        "METHOD_NOT_ALLOWED",
        f"HTTP Method '{method}' not allowed. Allowed are {','.join(sorted(allowed))}",
    )


def request_limit_exceeded() -> HttpError:
    """The org's API requests of the rolling day are used up."""
    return HttpError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def api_disabled_for_user() -> HttpError:
    """The user's profile lacks "API Enabled"."""
    return HttpError(403, "API_CURRENTLY_DISABLED", "API is disabled for this User")


def unexpected(error_id: str) -> HttpError:
    """Something went wrong inside; the id leads support to it."""
    return HttpError(
        500,
        "UNKNOWN_EXCEPTION",
        f"An unexpected error occurred. Please include this ErrorId if you contact support: {error_id}",
    )
