"""The fault plan: what goes wrong, where and when.

A rule pairs conditions (method, path, object, n-th match, probability) with an action. In a test:

    server.faults.add(Status(503), path="*/query*", nth=2)
    server.faults.add(Drop("body"), path="*/results", times=1)
    server.faults.add(EndSession(), path="*/results", nth=3)
    server.faults.add(Replace('"12.5"', '"#Error!"'), path="*/results")

Actions do what a real cause would do: `EndSession` ends the session in the org, `UseUp` uses the limit up, and
the answer follows from that; `Status` carries the body which Salesforce sends with that status.
"""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

_HTML = "<html><head><title>Error</title></head><body><h1>{title}</h1></body></html>"
_BODIES: dict[int, tuple[str, str]] = {
    400: ("QUERY_TIMEOUT", "Your query request was running for too long."),
    403: ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    429: ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
    500: (
        "UNKNOWN_EXCEPTION",
        "An unexpected error occurred. Please include this ErrorId if you contact support: 1234567890-12345",
    ),
    503: (
        "SERVER_UNAVAILABLE",
        "Your organization's server is temporarily unavailable. Please try again later.",
    ),
}
_HTML_TITLES = {406: "Not Acceptable", 420: "Enhance Your Calm", 502: "Bad Gateway", 504: "Gateway Timeout"}
_TOKEN_WORDS = {
    "unknown_error": "retry your request",
    "invalid_grant": "token request is already being processed",
    "server_error": "the authentication server met an unexpected error",
    "temporarily_unavailable": "the authentication server is temporarily unavailable",
}


@dataclass(frozen=True)
class Action:
    """Something that goes wrong."""


@dataclass(frozen=True)
class Status(Action):
    """Answer with this status and Salesforce's body for it; `code` and `message` say another body.

    406, 420, 502 and 504 come from the edge and have an HTML body; `location` is where a 3xx points.
    """

    status: int
    code: str | None = None
    message: str | None = None
    html: str | None = None
    retry_after: int | None = None
    location: str | None = None

    def error(self) -> tuple[str, str] | None:
        """Error code and message, or None where the body is HTML."""
        if self.html is not None or (self.status in _HTML_TITLES and self.code is None):
            return None
        code, message = _BODIES.get(self.status, ("UNKNOWN_EXCEPTION", "An unexpected error occurred."))
        return self.code or code, message if self.message is None else self.message

    def page(self) -> str:
        """The HTML body."""
        return _HTML.format(title=_HTML_TITLES.get(self.status, "Error")) if self.html is None else self.html


@dataclass(frozen=True)
class TokenRefusal(Action):
    """The token endpoint refuses for a while, with 400 and Salesforce's words for the error; `description` says others.

    Issues of clients in wide use have the first two. The words of the others are not recorded.
    """

    error: str = "unknown_error"
    description: str | None = None

    def words(self) -> str:
        """The error's description."""
        return _TOKEN_WORDS.get(self.error, "") if self.description is None else self.description


@dataclass(frozen=True)
class Drop(Action):
    """Cut the connection.

    `request`: before anything is done; `response`: the work is done, no byte is answered; `body`: half of the
    body is sent; `end`: all of it is sent, then the connection is cut instead of kept alive.
    """

    when: Literal["request", "response", "body", "end"] = "request"


@dataclass(frozen=True)
class Slow(Action):
    """Send the body at this speed."""

    bytes_per_second: int


@dataclass(frozen=True)
class Latency(Action):
    """Wait this long (seconds) before the answer."""

    seconds: float


@dataclass(frozen=True)
class EndSession(Action):
    """The caller's session ends in the org before the call is served: 401 INVALID_SESSION_ID follows.

    `code` and `message` have this one call refused in other words, as some orgs do: INVALID_AUTH_HEADER or
    INVALID_JWT_FORMAT (seen in an issue of a connector; the messages are not).
    """

    code: str | None = None
    message: str = "INVALID_HEADER_TYPE"


@dataclass(frozen=True)
class ShortPage(Action):
    """A query page, or a page of Bulk results, holds at most this many rows."""

    rows: int


@dataclass(frozen=True)
class LostRows(Action):
    """A page of Bulk results lacks its last rows; Sforce-NumberOfRecords counts them all the same."""

    rows: int = 1


@dataclass(frozen=True)
class CutBody(Action):
    """The body ends at this byte, or so many bytes before its end if negative; Content-Length agrees with what is sent."""

    at: int

    def spoil(self, body: bytes) -> bytes:
        """What is left."""
        return body[: self.at]


@dataclass(frozen=True)
class Replace(Action):
    """The body has another text where the first `old` stood; `"\\udcff"` in `new` is the byte 0xFF, which no UTF-8 has."""

    old: str
    new: str

    def spoil(self, body: bytes) -> bytes:
        """The body with the other text in it."""
        return body.replace(self.old.encode(), self.new.encode("utf-8", "surrogateescape"), 1)


@dataclass(frozen=True)
class HtmlPage(Action):
    """Answer 200 with an HTML page, as a proxy or an edge in trouble does."""

    title: str = "We are down for maintenance"

    def page(self) -> bytes:
        """The body."""
        return _HTML.format(title=self.title).encode()


@dataclass(frozen=True)
class Locator(Action):
    """The Sforce-Locator header has this value instead, or is missing where none is given."""

    value: str | None = None


@dataclass(frozen=True)
class WrongDate(Action):
    """The Date header is so many seconds off, as where a proxy writes its own."""

    seconds: float


@dataclass(frozen=True)
class ExpireCursors(Action):
    """All query cursors are gone, as after two days: INVALID_QUERY_LOCATOR follows."""


@dataclass(frozen=True)
class StallJob(Action):
    """The Bulk job being created stays InProgress for good."""


JOB_FAILURES = (
    "Failed to write query result",
    "Cannot serialize value for 'Description' in CSV format",
    "Foreign Key Relationships not supported",
    "Retried more than fifteen times",
    "Unexpected exception encountered when query data with fields 'Id'",
    "InternalServerError : Error encountered when retrieving the query result",
)
"""Messages of failed jobs as issues of connectors have them, for `FailJob("", message)`."""


@dataclass(frozen=True)
class FailJob(Action):
    """The Bulk job being created ends Failed with this error; an empty code leaves the message alone."""

    code: str = "QUERY_TIMEOUT"
    message: str = "Your query request was running for too long."


@dataclass(frozen=True)
class AbortJob(Action):
    """The Bulk job being created ends Aborted, as when an administrator aborts it."""


@dataclass(frozen=True)
class UseUp(Action):
    """A daily limit is used up from this call on: `DailyApiRequests`, `DailyBulkV2QueryJobs` and so on."""

    limit: str = "DailyApiRequests"


@dataclass
class Rule:
    """When an action happens; conditions that are None do not matter.

    Attributes:
        action: What happens.
        method: HTTP method.
        path: Pattern of the path, with `*`.
        sobject: Object that the call is about (also for query locators and Bulk jobs).
        nth: Only the n-th call that meets the conditions above, counted from 1; or several of them.
        times: At most so many calls.
        probability: Share of the calls, drawn with `seed`.
    """

    action: Action
    method: str | None = None
    path: str = "*"
    sobject: str | None = None
    nth: int | Sequence[int] | None = None
    times: int | None = None
    probability: float | None = None
    seed: int = 0
    seen: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def fires(self, method: str, path: str, sobject: str | None) -> bool:
        """Whether the action happens on this call; counts it."""
        if not self._meets(method, path, sobject):
            return False
        self.seen += 1
        wanted = (self.nth,) if isinstance(self.nth, int) else self.nth
        if wanted is not None and self.seen not in wanted:
            return False
        spent = self.times is not None and self.fired >= self.times
        if spent or (self.probability is not None and self._random.random() >= self.probability):
            return False
        self.fired += 1
        return True

    def _meets(self, method: str, path: str, sobject: str | None) -> bool:
        if self.method is not None and self.method != method:
            return False
        if self.sobject is not None and (sobject is None or self.sobject.lower() != sobject.lower()):
            return False
        return fnmatchcase(path, self.path)


class Faults:
    """The rules of a server; they can be added and cleared while it runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def add(self, action: Action, **conditions: Any) -> Rule:
        """Add a rule; `conditions` are the fields of `Rule`. The rule tells how often it fired."""
        return self.add_rule(Rule(action, **conditions))

    def add_rule(self, rule: Rule) -> Rule:
        """Add a rule."""
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._rules.clear()

    def of(self, method: str, path: str, sobject: str | None) -> list[Action]:
        """The actions that happen on this call."""
        with self._lock:
            return [rule.action for rule in self._rules if rule.fires(method, path, sobject)]


ACTIONS: dict[str, type[Action]] = {kind.__name__: kind for kind in Action.__subclasses__()}
