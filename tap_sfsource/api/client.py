"""The client of an org: single requests, and many small ones in few composite calls."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from tap_sfsource.api.answers import decode
from tap_sfsource.api.composite import COMPOSITE_ANSWERS, Subrequest, Subresponse, answers_of, pack
from tap_sfsource.api.connection import Call, Connection
from tap_sfsource.api.transport import is_transient
from tap_sfsource.api.usage import paid_by, payer_of, same_payer
from tap_sfsource.errors import SalesforceError, TransientError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import requests

    from tap_sfsource.config import Settings

logger = logging.getLogger("tap-sfsource.client")

_REFUSALS: Final = frozenset({400, 404, 405, 501})
"""Statuses with which an org might refuse a kind of subrequest; which one is not documented."""


class _Organization(msgspec.Struct):
    Id: str


class _Organizations(msgspec.Struct):
    records: list[_Organization]


_ORGANIZATION: Final = msgspec.json.Decoder(_Organizations)

_RAW: Final = msgspec.json.Decoder(msgspec.Raw)

_APART_SECONDS: Final = 60.0
"""How long a composite call is tried before its parts are asked one by one."""

_NEVER: Final = float("inf")

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Client(Connection):
    """A connection that also sends composite calls, and learns what the org refuses inside them."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._asked_org: str | None = None
        self._composite_works = True
        self._works_inside: set[str] = set()
        self._alone: set[str] = set()

    @property
    def org_id(self) -> str:
        """The org's id, 15 characters; the org is asked where the login does not tell it. Empty if neither does."""
        told = super().org_id
        if not told and self._asked_org is None:
            self._asked_org = self._ask_org()
        return told or self._asked_org or ""

    @property
    def known_org_id(self) -> str:
        """The same as far as it is known by now, else empty."""
        return super().known_org_id or self._asked_org or ""

    def _ask_org(self) -> str:
        """An access token that is a JWT names no org."""
        try:
            found = self.get(self.data("/query", {"q": "SELECT Id FROM Organization"}), _ORGANIZATION).records
        except TransientError:
            raise
        except SalesforceError as error:
            logger.warning(
                "Neither the login nor the org tells which org it is, so another one is not noticed. %s",
                error,
            )
            return ""
        return found[0].Id[:15] if found else ""

    def composite(self, subrequests: Sequence[Subrequest]) -> list[Subresponse]:
        """Send any number of small requests in few calls, side by side; answers come in the same order.

        A refused subrequest is an answer with `ok` false.

        A subrequest that fails for passing reasons, and every one of a kind that the org refuses inside a
        composite, is sent as a call of its own. So is every part of a call that keeps failing: one of them may be why.

        Raises:
            TapError: The whole call failed; see `request`.
        """
        deadline = time.monotonic() + self.settings.retry_seconds
        inside = [part for part in subrequests if self._composite_works and part.kind not in self._alone]
        answers: dict[str, Subresponse] = {}
        patience: dict[str, float] = {}
        calls = pack(inside)
        for parts, given in zip(calls, self.map(self._composite_call, calls), strict=True):
            answers.update((answer.reference_id, answer) for answer in given or ())
            if given is None:
                # What has failed together until now has no new patience alone, so that an outage lasts no longer.
                patience.update((part.reference_id, deadline) for part in parts)
            elif any(part.is_query and part.reference_id in answers for part in parts):
                # A query that fails beside others that are answered is likely to fail each time.
                soon = time.monotonic() + _APART_SECONDS
                patience.update((part.reference_id, soon) for part in parts if part.is_query)
        for kind, parts in self._doubtful(inside, answers).items():
            # One call tells whether the org has no answer, or only none inside a composite.
            probe = self._alone_call(parts[0])
            if probe.ok:
                logger.info("The org does not take %s in a composite call; asking one by one.", kind)
                self._alone.add(kind)
                for part in parts:
                    del answers[part.reference_id]
                answers[probe.reference_id] = probe
        left = [part for part in subrequests if part.reference_id not in answers]
        asked = self.map(lambda part: self._alone_call(part, patience.get(part.reference_id, _NEVER)), left)
        answers.update((answer.reference_id, answer) for answer in asked)
        return [answers[part.reference_id] for part in subrequests]

    def map(self, work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """Run work for each item in threads, results in the items' order; after an error no further work begins."""
        workers = min(len(items), self.settings.max_workers)
        if workers <= 1:
            return [work(item) for item in items]
        pool = ThreadPoolExecutor(workers, thread_name_prefix="sfsource-client")
        try:
            return list(pool.map(same_payer(work), items))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _composite_call(self, parts: Sequence[Subrequest]) -> list[Subresponse] | None:
        """Send one composite call; it gives no answer for a subrequest that is worth asking again.

        None: the call keeps failing, and its parts have to be asked one by one.
        """
        wanted = [
            {"method": part.method, "url": part.url, "referenceId": part.reference_id}
            | ({"httpHeaders": dict(part.headers)} if part.headers else {})
            for part in parts
        ]
        try:
            with paid_by(payer_of(part.owner for part in parts)):
                path = self.data("/composite")
                body = msgspec.json.encode({"allOrNone": False, "compositeRequest": wanted})
                until = time.monotonic() + min(_APART_SECONDS, self.settings.retry_seconds / 2)
                answered = self.repeat(
                    Call("POST", path, None, body, {}),
                    lambda response: decode(response.content, COMPOSITE_ANSWERS, path),
                    until if len(parts) > 1 else _NEVER,
                )
        except TransientError as error:
            if len(parts) == 1:
                raise
            logger.warning("%s Asking its %d parts one by one.", error, len(parts))
            return None
        except SalesforceError as error:
            logger.warning("%s Asking one by one instead of in composite calls.", error)
            self._composite_works = False
            return []
        kinds = {part.reference_id: part.kind for part in parts}
        answers = answers_of(parts, answered)
        self._works_inside.update(kinds[answer.reference_id] for answer in answers if answer.ok)
        # The others are asked alone, where a dead session is renewed and a busy server waited for.
        return [
            answer
            for answer in answers
            if answer.status != HTTPStatus.UNAUTHORIZED and not is_transient(answer.status, answer.error_code)
        ]

    def _alone_call(self, part: Subrequest, until: float = _NEVER) -> Subresponse:
        call = Call(part.method, part.url, None, None, part.headers)
        try:
            with paid_by(payer_of([part.owner])):
                return self.repeat(call, lambda response: _answer_to(part, response), until)
        except SalesforceError as error:
            raw = msgspec.json.encode([{"errorCode": error.error_code, "message": error.message}])
            unread = error if isinstance(error, UnreadableError) else None
            return Subresponse(part.reference_id, part.path, error.status, {}, raw, unread)

    def _doubtful(
        self, parts: Sequence[Subrequest], answers: Mapping[str, Subresponse]
    ) -> dict[str, list[Subrequest]]:
        """Group the failed subrequests of kinds that have never yet worked inside a composite."""
        doubtful: dict[str, list[Subrequest]] = {}
        for part in parts:
            answer = answers.get(part.reference_id)
            if answer is not None and answer.status in _REFUSALS and part.kind not in self._works_inside:
                doubtful.setdefault(part.kind, []).append(part)
        return doubtful


def _answer_to(part: Subrequest, response: requests.Response) -> Subresponse:
    raw = bytes(decode(response.content or b"null", _RAW, part.path, response.status_code))
    return Subresponse(part.reference_id, part.path, response.status_code, response.headers, raw)
