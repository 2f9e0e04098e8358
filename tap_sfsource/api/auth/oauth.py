"""The OAuth token endpoint: one form in, a token or a refusal in plain words out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import requests

from tap_sfsource.api.answers import decode
from tap_sfsource.api.transport import USER_REMEDIES, WrongHostError, moved, reason_of, unreached
from tap_sfsource.errors import AuthError, ConfigError, ConnectionFailedError, UnreadableError
from tap_sfsource.hosts import LOGIN_HOSTS

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN_PATH: Final = "/services/oauth2/token"  # noqa: S105 - a path, not a secret
_ANSWER: Final = msgspec.json.Decoder(dict[str, Any])
_REMEDIES: Final = {
    **USER_REMEDIES,
    "invalid_client_id": (
        "The org does not know this client_id. A new app takes some minutes to become known."
    ),
    "invalid_client": "Check client_id and client_secret; the secret may have been rotated.",
    "invalid_app_access": (
        "An administrator has to allow the user (by profile or permission set) to use the app."
    ),
    "invalid_grant": (
        "Check that the credentials are complete and current, that the app allows this flow, and that the user may "
        "use it."
    ),
    "unsupported_grant_type": (
        "Switch this flow on in the app's settings, or use another kind of credentials."
    ),
    "inactive_user": "The user is not active: activate it or use another one.",
    "inactive_org": "The org is locked or closed.",
    "INVALID_LOGIN": "Check username, password and security_token; changing the password renews the token.",
    "INVALID_OPERATION": (
        "The org does not allow the SOAP login: use client credentials or the JWT bearer grant."
    ),
}
_IP_WORDS: Final = "ip restricted"
"""What OAuth says with the code of wrong credentials."""

_BUSY: Final = frozenset({406, 408, 420, 429})
"""What Salesforce's edge answers, in HTML, when it wants to be asked later."""

_WRONG_PLACE: Final = frozenset({"invalid_grant", "invalid_client", "invalid_client_id", "INVALID_LOGIN"})
"""Answers that credentials of another environment get as well."""


_PASSING: Final = frozenset(
    {"unknown_error", "server_error", "temporarily_unavailable", "SERVER_UNAVAILABLE"}
)
_PASSING_WORDS: Final = ("already being processed", "retry your request")
"""Refusals that pass have codes of others as well: only their words tell."""


class GrantRefusedError(AuthError):
    """The login host refused these credentials.

    Attributes:
        code: OAuth's `error`, or SOAP's exception code.
        description: Salesforce's own words.
    """

    def __init__(self, code: str, text: str, description: str = "") -> None:
        super().__init__(text)
        self.code, self.description = code, description


class PassingRefusalError(GrantRefusedError):
    """The login host refused for a reason that passes within seconds."""


def post_form(http: requests.Session, login_host: str, form: dict[str, str]) -> dict[str, Any]:
    """Ask the token endpoint; the answer holds an `access_token`. See `post` for further errors.

    Raises:
        GrantRefusedError: Salesforce refused.
        AuthError: The host is no login host.
    """
    return _answer(login_host, post(http, login_host, _TOKEN_PATH, form))


def post(
    http: requests.Session,
    login_host: str,
    path: str,
    body: bytes | dict[str, str],
    headers: Mapping[str, str] | None = None,
    busy_from: int = requests.codes.internal_server_error,
) -> requests.Response:
    """Send credentials to the login host, once; a redirect is never followed.

    Statuses from `busy_from` on say that the host is busy.

    Raises:
        ConnectionFailedError: It cannot be reached, or is busy.
        WrongHostError: It answers with another address, or its certificate is not trusted.
        ConfigError: The environment's proxy cannot be used.
    """
    try:
        response = http.post(login_host + path, data=body, headers=headers, allow_redirects=False)
    except requests.RequestException as error:
        # A token that was rotated in an answer that never came is gone: only a plain repeat can tell.
        unanswered = unreached(login_host, error)
        if isinstance(unanswered, WrongHostError | ConfigError):
            raise unanswered from None
        raise _unreachable(login_host, reason_of(error)) from None
    if response.is_redirect:
        raise moved(response)
    status = response.status_code
    if status in _BUSY or status >= busy_from:
        raise _unreachable(login_host, f"it answers {status}")
    return response


def _unreachable(login_host: str, reason: str) -> ConnectionFailedError:
    return ConnectionFailedError(
        f"The login host {login_host} cannot be reached ({reason}). Check login_url, the network and any proxy."
    )


def _answer(login_host: str, response: requests.Response) -> dict[str, Any]:
    try:
        body = decode(response.content, _ANSWER, _TOKEN_PATH, response.status_code)
    except UnreadableError:
        raise no_login_host(login_host, f"{response.status_code} and no JSON") from None
    if response.ok and "access_token" in body:
        return body
    raise refusal(
        login_host, str(body.get("error", response.status_code)), str(body.get("error_description", ""))
    )


def no_login_host(login_host: str, answered: str) -> AuthError:
    """The error that the host's answer is not that of a login host."""
    return AuthError(f"{login_host} is not a Salesforce login host: it answered {answered}. Check login_url.")


def refusal(login_host: str, code: str, description: str) -> GrantRefusedError:
    """Why a login was refused and what to do about it; `code` is OAuth's `error`, or SOAP's exception code."""
    text = f"Salesforce refused the login at {login_host} ({code}: {description or 'no reason given'}). "
    if code in _PASSING or any(words in description for words in _PASSING_WORDS):
        return PassingRefusalError(code, f"{text}That passes: run again.", description)
    if _IP_WORDS in description.lower():
        text += (
            "The app's policy or the user's profile does not allow this machine's address: add it to the login IP ranges, or "
            "relax the app's IP restrictions."
        )
        return GrantRefusedError(code, text, description)
    text += _REMEDIES.get(code, "Check the credentials and the app's settings.")
    if code in _WRONG_PLACE:
        text += _other_environment(login_host)
    return GrantRefusedError(code, text, description)


def _other_environment(login_host: str) -> str:
    if login_host == LOGIN_HOSTS["production"]:
        return (
            " If they are a sandbox's credentials, set environment to sandbox (or login_url to the "
            "sandbox's My Domain)."
        )
    if login_host == LOGIN_HOSTS["sandbox"]:
        return (
            " If they are a production org's credentials, set environment to production (or login_url to "
            "its My Domain)."
        )
    return (
        " The credentials may also belong to another environment: a sandbox and its production org have hosts and "
        "credentials of their own; check login_url."
    )
