"""The only place that sends a request to an org: session, retries, limits, composite calls.

What a caller sees is an answer, or an error that trying again would not change. A streamed body that breaks
off midway is the caller's to resume, because only the caller knows what it has already read.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import requests

from tap_sfsource.api.auth.grants import Grant, Token, grant_from
from tap_sfsource.api.charges import Charges, charged_to, inheriting, payer_of
from tap_sfsource.api.composite import Subrequest, Subresponse, decode_answers, pack
from tap_sfsource.api.limits import Limits
from tap_sfsource.api.transport import (
    Bearer,
    SessionEndedError,
    WrongHostError,
    backoff,
    failure_of,
    is_transient,
    session,
    unreached,
)
from tap_sfsource.errors import (
    AuthError,
    ConfigError,
    ConnectionFailedError,
    SalesforceError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tap_sfsource.config import Settings

logger = logging.getLogger("tap-sfsource.client")

_FIRST_CONTACT_SECONDS: Final = 20.0
"""A host that has never answered is more likely misspelt than down."""
_RENEWALS: Final = 2
"""Logins for one request: a session can die between its login and its use, but not again and again."""

_REFUSALS: Final = frozenset({400, 404, 405, 501})
"""Statuses with which an org might refuse a kind of subrequest; which one is not documented."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Client:
    """A pooled, thread-safe connection to one org.

    Attributes:
        settings: The settings that it was made with.
        limits: Calls sent, and what the org says of its limits.
        charges: For whom they were sent.
    """

    def __init__(self, settings: Settings, grant: Grant | None = None) -> None:
        """Make a client; nothing is sent yet.

        Args:
            settings: Hosts, version, timeouts and quota.
            grant: How to log in; by default what the settings ask for.

        Raises:
            ConfigError: The credentials are incomplete or ambiguous, or `ca_file` does not exist.
        """
        self.settings = settings
        self.limits = Limits(
            percent_total=settings.quota_percent_total, percent_per_run=settings.quota_percent_per_run
        )
        self.charges = Charges()
        self._grant = grant or grant_from(settings)
        self._http = session(settings)
        self._login_lock = threading.Lock()
        self._token: Token | None = None
        self._clock: tuple[datetime, float] | None = None
        self._stopped = threading.Event()
        self._version_works = False
        self._composite_works = True
        self._riding: set[str] = set()
        self._alone: set[str] = set()

    @property
    def calls(self) -> int:
        """API calls sent so far; logins are none."""
        return self.limits.calls

    @property
    def instance_url(self) -> str:
        """The org's own host; logs in if nobody has yet."""
        return self._session_token().instance_url

    def data(self, path: str, params: Mapping[str, str] | None = None) -> str:
        """Give the path of a data resource.

        Args:
            path: Path below the API version, such as `/query`.
            params: Query string, to be encoded as a composite wants it.

        Returns:
            A path for `request` or a `Subrequest`.
        """
        base = f"/services/data/v{self.settings.api_version}{path}"
        return f"{base}?{urlencode(params, quote_via=quote)}" if params else base

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request, again as long as it fails for passing reasons.

        Args:
            method: HTTP method.
            path: Path on the instance, as `data` or a `nextRecordsUrl` gives it.
            params: Query string.
            json: Body, sent as JSON.
            headers: Further headers.
            stream: Leave the body unread.

        Returns:
            The answer; its status is below 400.

        Raises:
            SalesforceError: The org answered with an error that a repeat does not change.
            TransientError: It kept answering with a passing error for `retry_seconds`.
            ConnectionFailedError: It was not reached for `retry_seconds`.
            AuthError: The session ended and could not be renewed.
            PermissionDeniedError: The user may not use the API.
            QuotaReachedError: The user's quota or the org's limit is used up.
        """
        call = _Call(
            method, path, params, None if json is None else msgspec.json.encode(json), headers or {}, stream
        )
        started = time.monotonic()
        attempts = renewals = 0
        while True:
            token = self._session_token()
            try:
                return self._send(call, token)
            except SessionEndedError as ended:
                renewals += 1
                if renewals > _RENEWALS:
                    raise AuthError(
                        f"The org refuses a session that it has just opened ({ended}). Check that the user may use "
                        "the API and that no IP restriction applies."
                    ) from None
                self._renew(token)
            except (TransientError, ConnectionFailedError) as failure:
                attempts += 1
                asked = getattr(failure, "retry_after", None)
                pause = backoff(attempts) if asked is None else max(asked, backoff(1))
                patience = float(self.settings.retry_seconds)
                if self._clock is None:
                    patience = min(patience, _FIRST_CONTACT_SECONDS)
                if time.monotonic() + pause > started + patience or isinstance(failure, WrongHostError):
                    raise
                logger.warning("%s Trying again in %.1f s.", failure, pause)
                if self._stopped.wait(pause):
                    raise

    def get_json(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """GET a resource and decode its JSON.

        Args:
            path: See `request`, which also says what is raised.
            params: Query string.

        Returns:
            The decoded body.
        """
        return msgspec.json.decode(self.request("GET", path, params=params).content)

    def composite(self, subrequests: Sequence[Subrequest]) -> list[Subresponse]:
        """Send many small requests in few calls, side by side.

        A subrequest that fails for passing reasons, and every one of a kind that the org refuses inside a
        composite, is sent as a call of its own.

        Args:
            subrequests: What to ask, of any number.

        Returns:
            The answers in the same order; an error is an answer with `ok` false.

        Raises:
            TapError: The whole call failed; see `request`.
        """
        riding = [part for part in subrequests if self._composite_works and part.kind not in self._alone]
        answers: dict[str, Subresponse] = {}
        for given in self.map(self._ride, pack(riding)):
            answers.update((answer.reference_id, answer) for answer in given)
        for kind, parts in self._doubtful(riding, answers).items():
            # One call tells whether the org has no answer, or only none inside a composite.
            probe = self._alone_call(parts[0])
            if probe.ok:
                logger.info("The org does not take %s in a composite call; asking one by one.", kind)
                self._alone.add(kind)
                for part in parts:
                    del answers[part.reference_id]
                answers[probe.reference_id] = probe
        left = [part for part in subrequests if part.reference_id not in answers]
        answers.update((answer.reference_id, answer) for answer in self.map(self._alone_call, left))
        return [answers[part.reference_id] for part in subrequests]

    def map(self, work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """Run calls side by side, at most `max_workers` at a time.

        Args:
            work: What to do with an item; runs in a thread.
            items: The items.

        Returns:
            The results in the items' order. The first error is raised, and work that has not begun is
            dropped.
        """
        workers = min(len(items), self.settings.max_workers)
        if workers <= 1:
            return [work(item) for item in items]
        pool = ThreadPoolExecutor(workers, thread_name_prefix="sfsource-client")
        try:
            return list(pool.map(inheriting(work), items))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def now(self) -> datetime:
        """Give the time by the org's clock, to the second, as its last answer told it.

        Returns:
            An aware UTC time; this machine's before the org has answered.
        """
        clock = self._clock
        if clock is None:
            return datetime.now(UTC)
        told, at = clock
        return told + timedelta(seconds=time.monotonic() - at)

    def close(self) -> None:
        """End pauses between attempts and close the connections."""
        self._stopped.set()
        self._http.close()

    def _session_token(self) -> Token:
        with self._login_lock:
            if self._token is None:
                self._token = self._grant.login(self._http)
            return self._token

    def _renew(self, dead: Token) -> None:
        """Log in again, once for all the threads that met the same dead session."""
        with self._login_lock:
            if self._token is dead:
                logger.info("The session has ended; logging in again.")
                self._token = self._grant.login(self._http)

    def _send(self, call: _Call, token: Token) -> requests.Response:
        self.limits.take()
        self.charges.count()
        try:
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
        except requests.RequestException as error:
            raise unreached(token.instance_url, call.path, error) from None
        self._read_clock(response.headers.get("Date"))
        self.limits.read(response.headers.get("Sforce-Limit-Info"))
        if (
            HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES
            or response.status_code == HTTPStatus.NOT_MODIFIED
        ):
            self._version_works = True
            return response
        if response.status_code == HTTPStatus.NOT_FOUND and not self._version_works:
            self._check_version()
        raise failure_of(response, call.path, self.limits)

    def _check_version(self) -> None:
        """Tell a version that the org does not speak from a resource that it lacks: both are answered by 404.

        Raises:
            ConfigError: The org does not speak the version of the settings.
        """
        self._version_works = True
        spoken = [part["version"] for part in self.get_json("/services/data")]
        version = self.settings.api_version
        if version not in spoken:
            raise ConfigError(
                "api_version",
                f"the org does not speak {version}",
                f"Set it to {spoken[-1]} or one before that.",
            )

    def _read_clock(self, date: str | None) -> None:
        try:
            told = parsedate_to_datetime(date or "").astimezone(UTC)
        except ValueError:
            told = datetime.now(UTC)
        self._clock = (told, time.monotonic())

    def _ride(self, parts: Sequence[Subrequest]) -> list[Subresponse]:
        """Send one composite call; answers that are worth asking again are left out."""
        wanted = [
            {"method": part.method, "url": part.url, "referenceId": part.reference_id}
            | ({"httpHeaders": dict(part.headers)} if part.headers else {})
            for part in parts
        ]
        try:
            with charged_to(payer_of(part.owner for part in parts)):
                response = self.request(
                    "POST", self.data("/composite"), json={"allOrNone": False, "compositeRequest": wanted}
                )
        except TransientError:
            raise
        except SalesforceError as error:
            logger.warning("%s Asking one by one instead of in composite calls.", error)
            self._composite_works = False
            return []
        kinds = {part.reference_id: part.kind for part in parts}
        answers = decode_answers(response.content)
        self._riding.update(kinds[answer.reference_id] for answer in answers if answer.ok)
        # What is left out is asked alone, where a dead session is renewed and a busy server waited for.
        return [
            answer
            for answer in answers
            if answer.status != HTTPStatus.UNAUTHORIZED and not is_transient(answer.status, answer.error_code)
        ]

    def _alone_call(self, part: Subrequest) -> Subresponse:
        try:
            with charged_to(payer_of([part.owner])):
                response = self.request(part.method, part.url, headers=part.headers)
        except SalesforceError as error:
            raw = msgspec.json.encode([{"errorCode": error.error_code, "message": error.message}])
            return Subresponse(part.reference_id, error.status, {}, raw)
        return Subresponse(
            part.reference_id, response.status_code, response.headers, response.content or b"null"
        )

    def _doubtful(
        self, parts: Sequence[Subrequest], answers: Mapping[str, Subresponse]
    ) -> dict[str, list[Subrequest]]:
        """Group the failed subrequests of kinds that have never yet worked inside a composite."""
        doubtful: dict[str, list[Subrequest]] = {}
        for part in parts:
            answer = answers.get(part.reference_id)
            if answer is not None and answer.status in _REFUSALS and part.kind not in self._riding:
                doubtful.setdefault(part.kind, []).append(part)
        return doubtful


@dataclasses.dataclass(frozen=True)
class _Call:
    """One request, apart from the session that it is sent with."""

    method: str
    path: str
    params: Mapping[str, str] | None
    body: bytes | None
    headers: Mapping[str, str]
    stream: bool
