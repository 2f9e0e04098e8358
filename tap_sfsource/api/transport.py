"""What lies between the client and `requests`: the session, its timeouts, and what its failures mean."""

from __future__ import annotations

import os
import random
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from tap_sfsource.api.answers import error_parts
from tap_sfsource.errors import (
    AuthError,
    ConfigError,
    ConnectionFailedError,
    PermissionDeniedError,
    QuotaReachedError,
    SalesforceError,
    TapError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_sfsource.api.usage import Limits
    from tap_sfsource.config import Settings

_CONNECT_SECONDS: Final = 20.0
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_DOUBLINGS: Final = 6

_CA_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

LIMIT_CODE: Final = "REQUEST_LIMIT_EXCEEDED"
"""Code of the daily limit, and of the limit of requests at the same time."""
_NO_API_CODES: Final = frozenset({"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"})
USER_REMEDIES: Final = {
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD": (
        "The user's password has expired. Set a new one, and let the passwords of integration users never expire."
    ),
    "PASSWORD_LOCKOUT": "The user is locked out after too many wrong passwords: unlock it in Setup.",
    "LOGIN_DURING_RESTRICTED_DOMAIN": (
        "The login IP ranges of the user's profile do not have this machine's address: add it."
    ),
    "LOGIN_DURING_RESTRICTED_TIME": "The login hours of the user's profile do not allow this time.",
    "LOGIN_MUST_USE_SECURITY_TOKEN": (
        "Set security_token, or add this machine's address to the org's trusted IP ranges."
    ),
    "ORG_LOCKED": "The org is locked: ask its administrator or Salesforce.",
    "TRIAL_EXPIRED": "The org's trial has ended.",
}
"""What to do about errors of the user or the org as a whole (ExceptionCode of the partner WSDL), which every call gets."""

_TRANSIENT_STATUS: Final = frozenset({406, 408, 420, 429, 502, 503, 504})
_TRANSIENT_CODES: Final = frozenset(
    {"UNKNOWN_EXCEPTION", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW", LIMIT_CODE}
)


class SessionEndedError(TapError):
    """The org no longer takes the session's token."""


class WrongHostError(ConnectionFailedError):
    """The host is not the org's, or cannot be trusted: no repeat changes that."""


class Bearer(AuthBase):
    """Sets the session's token; as an auth object, so that a .netrc file cannot replace it."""

    def __init__(self, access_token: str) -> None:
        self._access_token = access_token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header; see `requests.auth.AuthBase`."""
        request.headers["Authorization"] = f"Bearer {self._access_token}"
        return request


class _Adapter(HTTPAdapter):
    """Gives every request its timeouts and the user's certificates."""

    def __init__(self, timeout: float, ca_file: str | None, connections: int) -> None:
        self._timeout = (_CONNECT_SECONDS, timeout)
        self._ca_file = ca_file
        super().__init__(pool_connections=4, pool_maxsize=connections)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """Send with the timeouts; see `HTTPAdapter.send`."""
        kwargs["timeout"] = self._timeout
        # Here and not on the session: REQUESTS_CA_BUNDLE of the environment would win over the session's.
        kwargs["verify"] = self._ca_file or kwargs.get("verify", True)
        return super().send(request, **kwargs)


def session(settings: Settings) -> requests.Session:
    """The pooled session of a run: it keeps no cookies and gives every request its timeouts.

    Raises:
        ConfigError: The certificates to trust cannot be read.
    """
    _check_certificates(settings.ca_file)
    http = requests.Session()
    adapter = _Adapter(float(settings.request_timeout), settings.ca_file, settings.max_workers)
    http.mount("https://", adapter)
    http.mount("http://", adapter)
    http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    http.headers.update(
        {
            "User-Agent": f"tap-sfsource/{metadata.version('sfsource')}",
            "Accept-Encoding": "gzip",
            "Accept": "application/json",
        }
    )
    return http


def _check_certificates(ca_file: str | None) -> None:
    """Read the file of certificates: the setting's, else those that `requests` takes from the environment."""
    given = {"ca_file": ca_file} if ca_file else {name: os.environ.get(name) for name in _CA_VARIABLES}
    for name, path in given.items():
        if not path or (name in _CA_VARIABLES and Path(path).is_dir()):
            continue
        remedy = "Name a file of PEM certificates."
        if not Path(path).is_file():
            problem = "is no file" if Path(path).exists() else "does not exist"
            raise ConfigError(name, f"{path} {problem}", remedy)
        try:
            ssl.create_default_context(cafile=path)
        except OSError:
            raise ConfigError(name, f"{path} holds no certificates that can be read", remedy) from None


def is_transient(status: int, code: str) -> bool:
    """Whether a later attempt may succeed: a busy or broken server; maintenance pages have a status but no code."""
    if code in _TRANSIENT_CODES or status in _TRANSIENT_STATUS:
        return True
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and not code


def error_of(response: requests.Response) -> tuple[str, str]:
    """The code and the message of an error answer; a page in HTML has its status line for a message."""
    try:
        code, message = error_parts(response.content)
    except requests.RequestException:
        code, message = "", ""
    return code, message or response.reason or "no reason given"


def retry_after(response: requests.Response) -> float | None:
    """Seconds to wait by Retry-After, given as seconds or as a date; None without one."""
    value = response.headers.get("Retry-After", "")
    if value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(moment.tzinfo or UTC)).total_seconds())


def backoff(attempt: int) -> float:
    """Seconds before the next attempt, the first being 1: doubled each time, with jitter so that threads spread out."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(attempt - 1, _DOUBLINGS)) * random.uniform(0.5, 1.0)  # noqa: S311


_REASONS: Final[Mapping[str, str]] = {
    "NameResolutionError": "no such name is known here",
    "NewConnectionError": "it takes no connection",
    "ConnectTimeoutError": "no connection within the time",
}
"""What the library's errors below a ConnectionError mean."""


def unreached(where: str, error: requests.RequestException) -> TapError:
    """Why a request got no answer; `where` is the URL that was asked, without a query string."""
    parts = urlsplit(where)
    host = f"{parts.scheme}://{parts.netloc}"
    if isinstance(error, requests.exceptions.SSLError):
        return WrongHostError(
            f"The certificate of {host} is not trusted. If the network has an authority of its own, "
            "set ca_file."
        )
    if isinstance(error, requests.exceptions.InvalidSchema | requests.exceptions.InvalidURL):
        return ConfigError(
            "HTTPS_PROXY",
            "the proxy of the environment is no URL, or the library for its scheme is missing",
            "Correct it, or install the library, which is PySocks for socks5.",
        )
    return ConnectionFailedError(f"{where} did not answer ({reason_of(error)}).")


def reason_of(error: requests.RequestException) -> str:
    """Why there was no answer, in a few words; the name of the error where they are not known."""
    inner = getattr(error.args[0], "reason", None) if error.args else None
    return _REASONS.get(type(inner).__name__, type(error).__name__)


def moved(response: requests.Response) -> WrongHostError:
    """The error that a host answers with another address: a renamed My Domain, or no host of an API."""
    at = urlsplit(response.url)
    to = urlsplit(urljoin(response.url, response.headers["Location"]))
    if (to.scheme, to.hostname, to.port) == (at.scheme, at.hostname, at.port):
        return WrongHostError(
            f"{at.scheme}://{at.netloc} answers with a redirect to one of its own pages. Check login_url (or "
            "instance_url)."
        )
    port = f":{to.port}" if to.port else ""
    return WrongHostError(
        f"The org has moved to {to.scheme}://{to.hostname}{port}. Set login_url (or instance_url) to its new host."
    )


def failure_of(response: requests.Response, path: str, limits: Limits) -> TapError:
    """The failure that an answer is; `TransientError` and `SessionEndedError` are for the client to heal."""
    path = urlsplit(path).path
    status = response.status_code
    if response.is_redirect:
        return moved(response)
    code, message = error_of(response)
    if status == HTTPStatus.UNAUTHORIZED:
        return SessionEndedError(f"{code}: {message}")
    if refused := _refusal_of_user(code, message):
        return refused
    if code == LIMIT_CODE and status == HTTPStatus.FORBIDDEN and limits.may_be_used_up:
        return QuotaReachedError(
            f"The org's API calls of the day are used up ({code}: {message}). Run again when the day's window has "
            "moved on."
        )
    if is_transient(status, code):
        return TransientError(status, code, message, path, retry_after(response))
    return SalesforceError(status, code, message, path)


def _refusal_of_user(code: str, message: str) -> AuthError | None:
    if code in _NO_API_CODES:
        return PermissionDeniedError(
            f"The user may not use the API ({code}: {message}). Give its profile or a permission set the system "
            'permission "API Enabled"; the org\'s edition must include the API as well.'
        )
    if code in USER_REMEDIES:
        return AuthError(f"Salesforce refuses the user ({code}: {message}). {USER_REMEDIES[code]}")
    return None
