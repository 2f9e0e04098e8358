"""Subrequests of a `/composite` call: what they hold and how they are packed.

A composite takes 25 subrequests, 5 of them queries, and counts as one API call (REST API guide, "Composite").
"""

from __future__ import annotations

import dataclasses
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from tap_sfsource.api.answers import decode, error_parts
from tap_sfsource.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_T = TypeVar("_T")

SIZE: Final = 25
QUERIES: Final = 5
_AFTER_VERSION: Final = 4
"""`/services/data/vNN.0/resource` has its resource at this place."""


@dataclasses.dataclass(frozen=True)
class Subrequest:
    """A request inside a composite call.

    Attributes:
        url: Path with its query string, as `Client.data` gives it.
        reference_id: Name of the subrequest, unique in its call: letters, digits and underscores.
        headers: Headers of its own, such as If-Modified-Since.
        owner: The stream for which it is asked, empty if for none in particular.
    """

    method: str
    url: str
    reference_id: str
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    owner: str = ""

    @property
    def path(self) -> str:
        """The URL without its query string."""
        return urlsplit(self.url).path

    @property
    def kind(self) -> str:
        """The resource asked: `query`, `queryAll`, `describe`, `deleted` and so on."""
        words = self.path.strip("/").split("/")[_AFTER_VERSION - 1 :]
        return words[2] if len(words) > 2 and words[0] == "sobjects" else words[0]  # noqa: PLR2004

    @property
    def is_query(self) -> bool:
        """Whether it counts towards the queries that a composite may hold."""
        return self.kind in {"query", "queryAll"}


@dataclasses.dataclass(frozen=True)
class Subresponse:
    """The answer to one subrequest.

    Attributes:
        raw: Its body as JSON bytes, `null` for an answer without one; an array of errors if `ok` is false.
        failure: Why there is no answer that could be read.
    """

    reference_id: str
    path: str
    status: int
    headers: Mapping[str, str]
    raw: bytes
    failure: SalesforceError | None = None

    def decode(self, decoder: msgspec.json.Decoder[_T]) -> _T:
        """Decode the body; see `answers.decode` for errors."""
        return decode(self.raw, decoder, self.path, self.status)

    @property
    def ok(self) -> bool:
        """Whether the subrequest was answered (304 Not Modified included)."""
        return self.failure is None and self.status < HTTPStatus.BAD_REQUEST

    @property
    def error_code(self) -> str:
        """Salesforce's `errorCode`, empty without one."""
        return "" if self.ok else error_parts(self.raw)[0]

    def error(self, path: str = "") -> SalesforceError:
        """The answer as the error that it is; `path` is named in place of the subrequest's."""
        if self.failure is not None:
            return self.failure
        return SalesforceError(self.status, *error_parts(self.raw), path or self.path)


def pack(subrequests: Sequence[Subrequest]) -> list[list[Subrequest]]:
    """Deal subrequests out to as few calls as the limits allow, evenly, because a call runs them one by one."""
    queries = [part for part in subrequests if part.is_query]
    others = [part for part in subrequests if not part.is_query]
    count = max(-(-len(queries) // QUERIES), -(-len(subrequests) // SIZE))
    calls: list[list[Subrequest]] = [[] for _ in range(count)]
    for place, part in enumerate(queries):
        calls[place % count].append(part)
    for part in others:
        min(calls, key=len).append(part)
    # A call runs its parts in order: a watermark must be read before the rows that it is about.
    return [sorted(call, key=lambda part: part.is_query) for call in calls]


def answers_of(parts: Sequence[Subrequest], answers: CompositeAnswers) -> list[Subresponse]:
    """The answers to the subrequests of a call, their bodies undecoded."""
    asked = {part.reference_id: part for part in parts}
    return [
        Subresponse(
            part.referenceId,
            asked[part.referenceId].path,
            part.httpStatusCode,
            part.httpHeaders or {},
            bytes(part.body),
        )
        for part in answers.compositeResponse
        if part.referenceId in asked
    ]


class _Answer(msgspec.Struct):
    referenceId: str  # noqa: N815 - Salesforce's name
    httpStatusCode: int  # noqa: N815
    body: msgspec.Raw = msgspec.Raw(b"null")
    httpHeaders: dict[str, str] | None = None  # noqa: N815


class CompositeAnswers(msgspec.Struct):
    """The answer of a composite call."""

    compositeResponse: list[_Answer]  # noqa: N815


COMPOSITE_ANSWERS: Final = msgspec.json.Decoder(CompositeAnswers)
