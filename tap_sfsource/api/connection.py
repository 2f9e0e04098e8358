"""One request to an org at a time: its session, its retries, the limits that it counts against.

A caller gets an answer, or an error that trying again would not change. A streamed body that breaks off is the caller's
to resume, because only the caller knows what it has read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import requests

from tap_sfsource.api.answers import decode
from tap_sfsource.api.auth.credentials import grant_from
from tap_sfsource.api.auth.oauth import PassingRefusalError
from tap_sfsource.api.org_clock import OrgClock
from tap_sfsource.api.transport import (
    Bearer,
    SessionEndedError,
    WrongHostError,
    backoff,
    failure_of,
    session,
    unreached,
)
from tap_sfsource.api.usage import CallsByPayer, Limits
from tap_sfsource.errors import (
    AuthError,
    BrokenOffError,
    ConfigError,
    ConnectionFailedError,
    TapError,
    TransientError,
    UnexpectedAnswerError,
)
from tap_sfsource.hosts import is_resource, may_have_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime, timedelta

    from tap_sfsource.api.auth.grants import Grant, Token
    from tap_sfsource.config import Settings

logger = logging.getLogger("tap-sfsource.client")

_FIRST_CONTACT_SECONDS: Final = 20.0
"""A host that has never answered is more likely misspelt than down."""
_RENEWALS: Final = 2
"""Logins for one request: a session can die between its login and its use, but not again and again."""

_SHOWN: Final = 80
"""Characters of a strange path that are shown."""

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Call:
    """One request, apart from the session that it is sent with.

    Raises:
        UnexpectedAnswerError: Its path, which an answer may have named, leads away from the org's API.
    """

    method: str
    path: str
    params: Mapping[str, str] | None
    body: bytes | None
    headers: Mapping[str, str]
    stream: bool = False

    def __post_init__(self) -> None:
        """Check the path: the session's token goes there."""
        if not is_resource(self.path):
            raise UnexpectedAnswerError(
                HTTPStatus.OK,
                "",
                f"it leads to {self.path[:_SHOWN]!r}, not to a path below /services/",
                "a page",
            )


class _Version(msgspec.Struct):
    version: str


_VERSIONS: Final = msgspec.json.Decoder(list[_Version])


def _unchanged(response: requests.Response) -> requests.Response:
    return response


def _succeeded(response: requests.Response) -> bool:
    status = response.status_code
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES or status == HTTPStatus.NOT_MODIFIED


class Connection:
    """A pooled, thread-safe connection to one org, with at most `max_workers` requests in flight.

    Attributes:
        limits: Calls sent, and what the org says of its limits.
        calls_by_payer: How many calls each collection took.
    """

    def __init__(self, settings: Settings, grant: Grant | None = None) -> None:
        """Make a client, with the login that the settings ask for unless a grant is given; nothing is sent yet.

        Raises:
            ConfigError: The credentials are incomplete or ambiguous, or `ca_file` does not exist.
        """
        self.settings = settings
        self.limits = Limits(
            percent_total=settings.quota_percent_total, percent_per_run=settings.quota_percent_per_run
        )
        self.calls_by_payer = CallsByPayer()
        self._grant = grant or grant_from(settings)
        self._http = session(settings)
        self._login_lock = threading.Lock()
        self._permits = threading.BoundedSemaphore(settings.max_workers)
        self._token: Token | None = None
        self._refused: AuthError | None = None
        self._clock = OrgClock()
        # Logins tell the time as well.
        self._http.hooks["response"].append(self._read_clock)
        self._met = False
        self._stopped = threading.Event()
        self._version_works = False

    @property
    def calls(self) -> int:
        """API calls sent so far; logins are none."""
        return self.limits.calls

    @property
    def instance_url(self) -> str:
        """The org's own host; logs in if nobody has yet."""
        return self._session_token().instance_url

    @property
    def org_id(self) -> str:
        """The org's id, 15 characters; empty where the login does not tell it. Logs in if nobody has yet."""
        return self._session_token().org_id

    @property
    def known_org_id(self) -> str:
        """The same where somebody has logged in, else empty."""
        return self._token.org_id if self._token is not None else ""

    def data(self, path: str, params: Mapping[str, str] | None = None) -> str:
        """The path of a data resource such as `/query`, below the API version; the query string as a composite wants it."""
        base = f"/services/data/v{self.settings.api_version}{path}"
        return f"{base}?{urlencode(params, quote_via=quote)}" if params else base

    def get(
        self,
        path: str,
        decoder: msgspec.json.Decoder[_T],
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _T:
        """GET a resource and decode its JSON; see `request` for errors, and `answers.decode`."""
        call = Call("GET", path, params, None, headers or {})
        return self.repeat(call, lambda response: decode(response.content, decoder, path))

    def post(self, path: str, decoder: msgspec.json.Decoder[_T], *, json: Any) -> _T:
        """POST a body, itself JSON, to a resource and decode its JSON; errors as of `get`."""
        call = Call("POST", path, None, msgspec.json.encode(json), {})
        return self.repeat(call, lambda response: decode(response.content, decoder, path))

    def request(self, method: str, path: str, *, json: Any = None) -> requests.Response:
        """Send a request, again as long as it fails for passing reasons; the answer's status is below 400.

        Raises:
            SalesforceError: The org answered with an error that a repeat does not change.
            TransientError: It kept answering with a passing error for `retry_seconds`.
            ConnectionFailedError: It was not reached for `retry_seconds`.
            AuthError: The session ended and could not be renewed.
            PermissionDeniedError: The user may not use the API.
            QuotaReachedError: The user's quota or the org's limit is used up.
        """
        body = None if json is None else msgspec.json.encode(json)
        return self.repeat(Call(method, path, None, body, {}), _unchanged)

    @contextlib.contextmanager
    def stream(
        self, path: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[requests.Response]:
        """GET a resource whose body is read in the block: it counts as in flight until the block ends.

        So the block must do nothing but read, least of all ask for something else.

        Raises:
            BrokenOffError: The body broke off; see `request` for other errors.
        """
        response = self.repeat(Call("GET", path, params, None, headers or {}, stream=True), _unchanged)
        try:
            yield response
        except requests.RequestException as error:
            raise BrokenOffError(
                response.status_code, "", type(error).__name__, urlsplit(path).path
            ) from error
        finally:
            response.close()
            self._permits.release()

    def repeat(self, call: Call, read: Callable[[requests.Response], _T], until: float = float("inf")) -> _T:
        """Send a request and read its answer, again as long as either fails for passing reasons.

        `until` is a moment of `time.monotonic` after which no attempt begins but the first.
        """
        started = time.monotonic()
        attempts = renewals = 0
        while True:
            token = self._session_token()
            try:
                return read(self._send(call, token))
            except SessionEndedError as ended:
                renewals += 1
                if renewals > _RENEWALS:
                    raise self._refuse(
                        AuthError(
                            f"The org refuses a session that it has just opened ({ended}). Check that the user may use "
                            "the API and that no IP restriction applies."
                        )
                    ) from None
                self._renew(token)
            except (TransientError, ConnectionFailedError) as failure:
                attempts += 1
                asked = getattr(failure, "retry_after", None)
                pause = backoff(attempts) if asked is None else max(asked, backoff(1))
                if isinstance(failure, WrongHostError | UnexpectedAnswerError):
                    raise
                self._pause(failure, pause, min(until, started + self._patience(met=self._met)))

    def now(self) -> datetime:
        """The time by the org's clock, to the second; see `OrgClock`."""
        return self._clock.now()

    @property
    def clock_ahead(self) -> timedelta | None:
        """How far the org's clock is ahead of this machine's; None before the first answer, which a refused login is too."""
        return self._clock.ahead()

    def versions(self) -> list[str]:
        """The API versions that the org speaks, oldest first."""
        return [part.version for part in self.get("/services/data", _VERSIONS)]

    def close(self) -> None:
        """End pauses between attempts and close the connections."""
        self._stopped.set()
        self._http.close()

    def _session_token(self) -> Token:
        with self._login_lock:
            if self._refused is not None:
                raise self._refused
            if self._token is None:
                self._token = self._log_in()
            return self._token

    def _refuse(self, error: AuthError) -> AuthError:
        """Keep an error that every further call would get: to ask again costs calls, and may lock the user out."""
        self._refused = self._refused or error
        return self._refused

    def _renew(self, dead: Token) -> None:
        """Log in again, once for all the threads that met the same dead session."""
        with self._login_lock:
            if self._token is dead and self._refused is None:
                logger.info("The session has ended; logging in again.")
                renewed = self._log_in()
                if renewed.org_id != dead.org_id:
                    told = f"The login led to org {dead.org_id} before and leads to {renewed.org_id} now. Run again."
                    raise self._refuse(AuthError(told))
                self._token = renewed

    def _log_in(self) -> Token:
        started = time.monotonic()
        for attempt in itertools.count(1):
            try:
                with self._permits:
                    token = self._grant.login(self._http)
                break
            except (PassingRefusalError, ConnectionFailedError) as failure:
                if isinstance(failure, WrongHostError):
                    raise
                met = self._met or isinstance(failure, PassingRefusalError)
                self._pause(failure, backoff(attempt), started + self._patience(met=met))
            except AuthError as error:
                raise self._refuse(error) from None
        if not self.settings.access_token and not may_have_token(
            token.instance_url, self.settings.login_host, self.settings.trusted_hosts
        ):
            told = (
                f"The login at {self.settings.login_host} leads to {token.instance_url[:_SHOWN]!r}, which is no https "
                "host of Salesforce, so the token is not sent there. If the host is right, name it in trusted_hosts."
            )
            raise self._refuse(AuthError(told))
        return token

    def _patience(self, *, met: bool) -> float:
        """Seconds for which a failure is met with another attempt."""
        patience = float(self.settings.retry_seconds)
        return patience if met else min(patience, _FIRST_CONTACT_SECONDS)

    def _pause(self, failure: TapError, seconds: float, deadline: float) -> None:
        """Wait before another attempt; raise the failure where the deadline comes before, or the run ends."""
        if time.monotonic() + seconds > deadline:
            raise failure
        logger.warning("%s Trying again in %.1f s.", failure, seconds)
        if self._stopped.wait(seconds):
            raise failure

    def _send(self, call: Call, token: Token) -> requests.Response:
        """Send a request once; the permit of a streamed answer is kept for `stream` to give back."""
        keep = False
        self._permits.acquire()
        try:
            self.limits.take()
            self.calls_by_payer.count()
            response = self._http.request(
                call.method,
                token.instance_url + call.path,
                params=call.params,
                data=call.body,
                headers={"Content-Type": "application/json", **call.headers} if call.body else call.headers,
                auth=Bearer(token.access_token),
                stream=call.stream,
                allow_redirects=False,
            )
            if call.stream and not _succeeded(response):
                _ = response.content
            keep = call.stream and _succeeded(response)
        except requests.RequestException as error:
            raise unreached(token.instance_url + urlsplit(call.path).path, error) from None
        finally:
            if not keep:
                self._permits.release()
        self._met = True
        self.limits.read(response.headers.get("Sforce-Limit-Info"))
        if _succeeded(response):
            self._version_works = True
            return response
        if response.status_code == HTTPStatus.NOT_FOUND and not self._version_works:
            self._check_version()
        failure = failure_of(response, call.path, self.limits)
        raise self._refuse(failure) if isinstance(failure, AuthError) else failure

    def _check_version(self) -> None:
        """Tell a version that the org does not speak from a resource that it lacks: both are answered by 404.

        Raises:
            ConfigError: The org does not speak the version of the settings.
        """
        self._version_works = True
        spoken = self.versions()
        version = self.settings.api_version
        if version not in spoken:
            raise ConfigError(
                "api_version",
                f"the org does not speak {version}",
                f"Set it to {spoken[-1]} or one before that.",
            )

    def _read_clock(self, response: requests.Response, *_: object, **__: object) -> None:
        self._clock.read(response.headers.get("Date"))
