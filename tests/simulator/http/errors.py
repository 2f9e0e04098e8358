"""Salesforce's error bodies: arrays for the data APIs, an object for OAuth.

Codes and messages as recorded from orgs; clients must go by `errorCode`.
"""

from collections.abc import Sequence


class ApiError(Exception):
    """An error of a data API: `[{"message": ..., "errorCode": ...}]`."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def body(self) -> list[dict[str, object]]:
        """The JSON body."""
        error: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            error["fields"] = list(self.fields)
        return [error]


class OAuthError(Exception):
    """An error of the token endpoint: `{"error": ..., "error_description": ...}`, HTTP 400."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.status = status
        self.error = error
        self.description = description

    def body(self) -> dict[str, str]:
        """The JSON body."""
        return {"error": self.error, "error_description": self.description}


def not_found() -> ApiError:
    """No such resource, object, version or row for this user."""
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")


def invalid_session() -> ApiError:
    """The token is missing, expired or revoked."""
    return ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")


def method_not_allowed(method: str, allowed: Sequence[str]) -> ApiError:
    """The resource exists but not with this HTTP method."""
    return ApiError(
        405, "METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed. Allowed are {','.join(sorted(allowed))}"
    )


def request_limit_exceeded() -> ApiError:
    """The org's API requests of the rolling day are used up."""
    return ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def api_disabled_for_user() -> ApiError:
    """The user's profile lacks "API Enabled"."""
    return ApiError(403, "API_CURRENTLY_DISABLED", "API is disabled for this User")


def api_disabled_for_org() -> ApiError:
    """The org's edition has no API."""
    return ApiError(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.")
