"""The machines that serve the org: its instance, and the edge that its clients reach first.

What goes wrong with them is a state of theirs on the org's clock, and the refusals follow from it:

    server.instance.maintain(timedelta(hours=1))                  503 SERVER_UNAVAILABLE
    server.instance.maintain(timedelta(hours=1), read_only=True)  changes and Bulk jobs are refused, reading goes on
    server.instance.restart(timedelta(seconds=30))                connections are cut; the edge answers 502 until it is up
    server.instance.move(timedelta(minutes=2))                    the edge answers 420, then 406 to old connections
    server.instance.requests_per_minute = 100                     the edge answers 429 to the client that asks too often
    server.instance.long_requests = 5                             403 REQUEST_LIMIT_EXCEEDED beside so many long ones
    server.org.fail_database(timedelta(seconds=30))               500 UNKNOWN_EXCEPTION

How sure that is. Knowledge article 000116783: maintenance is HTTP 503. Help, "Read-Only Mode": no API writes and no Bulk
reads; Winter '18 release notes have the error code; its HTTP status is not documented, 400 is that of other refused
changes. Article 000389067: 25 calls that run for 20 seconds are a production org's limit. Clients' reports have 502 with
the edge's HTML page, 420 with its page "We are setting things up" or with no body, 406 with no body, each for a moment and
without a known cause: that they come of a move between instances is a guess from the page's text. No source says when 429
comes.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from salesforce_simulator.http.errors import HttpError
from salesforce_simulator.http.messages import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from salesforce_simulator.clock import Clock

LONG_REQUEST = timedelta(seconds=20)
_MINUTE = timedelta(minutes=1)
_WRITES = ("/sobjects", "/composite/sobjects", "/jobs/", "/job")
_PAGE = (
    '<!doctype html><html lang="en-US"><head><meta charset="UTF-8"><title>{title}</title></head><body><h3>{text}</h3>'
    '<p>If it takes too long, please contact support or visit our <a href="https://status.salesforce.com/">status page'
    "</a> for more information.</p><footer><p>Salesforce Edge:</p></footer></body></html>"
)
_SETTING_UP = (
    "We are setting things up. This process can take a few minutes. This page will auto-refresh when ready."
)


@dataclass(frozen=True)
class _Window:
    start: datetime
    end: datetime
    read_only: bool = False

    def holds(self, now: datetime) -> bool:
        return self.start <= now < self.end


@dataclass
class Instance:
    """The state of the machines; safe to use from any thread.

    Attributes:
        requests_per_minute: Requests that the edge takes from a client in a minute of the org's clock; None: any number.
        long_requests: Requests that may have run for 20 seconds at a time; one more is then refused.
        cut_connections: Cuts every connection that is open; the server sets it.
    """

    clock: "Clock"
    requests_per_minute: int | None = None
    long_requests: int = 25
    cut_connections: "Callable[[], None]" = field(default=lambda: None)
    _maintenance: list[_Window] = field(default_factory=list)
    _restarted: datetime | None = None
    _moved: datetime | None = None
    _running: dict[int, datetime] = field(default_factory=dict)
    _asked: dict[str, deque[datetime]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def maintain(
        self, duration: timedelta, *, begins_in: timedelta = timedelta(0), read_only: bool = False
    ) -> None:
        """Plan a maintenance window."""
        start = self.clock.now() + begins_in
        with self._lock:
            self._maintenance.append(_Window(start, start + duration, read_only))

    def restart(self, duration: timedelta = timedelta(0)) -> None:
        """Stop the application server now and have it back after that time."""
        self._restarted = self.clock.now() + duration
        self.cut_connections()

    def move(self, duration: timedelta) -> None:
        """Move the org to another instance; the edge finds it there after that time."""
        self._moved = self.clock.now() + duration

    def recover(self) -> None:
        """Everything runs again, and nothing is planned."""
        with self._lock:
            self._maintenance.clear()
            self._asked.clear()
        self._restarted = self._moved = self.requests_per_minute = None
        self.long_requests = 25

    def begin(self, request: int) -> None:
        """Note that a request has come in; `request` is a number of its own."""
        with self._lock:
            self._running[request] = self.clock.now()

    def end(self, request: int) -> None:
        """Note that it is over, its answer's last byte included."""
        with self._lock:
            self._running.pop(request, None)

    def at_the_edge(self, client: str, connected: datetime) -> Reply | None:
        """What the edge answers a client's address by itself; None where it passes the request on."""
        now = self.clock.now()
        if (wait := self._too_often(client, now)) is not None:
            return _edge(429, "Too Many Requests", "Too many requests", {"Retry-After": str(wait)})
        if self._moved is not None and now < self._moved:
            return _edge(420, "Please wait", _SETTING_UP)
        if self._moved is not None and connected < self._moved:
            return _edge(406, headers={"Connection": "close"})
        if self._restarted is not None and now < self._restarted:
            return _edge(502, "Error Page", "Bad Gateway")
        return None

    def check(self, method: str, path: str) -> None:
        """Refuse a call that the instance does not serve now.

        Raises:
            HttpError: `SERVER_UNAVAILABLE`, `INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE`.
        """
        now = self.clock.now()
        with self._lock:
            windows = [window for window in self._maintenance if window.holds(now)]
        if any(not window.read_only for window in windows):
            raise HttpError(
                503, "SERVER_UNAVAILABLE", "Server is down for maintenance. Please try again later."
            )
        if windows and method not in ("GET", "HEAD") and any(part in path for part in _WRITES):
            raise HttpError(
                400,
                "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
                "Updates can't be made during maintenance. Try again when maintenance is complete.",
            )

    def check_concurrency(self) -> None:
        """Refuse a call beside too many that run for long already.

        Raises:
            HttpError: `REQUEST_LIMIT_EXCEEDED`.
        """
        now = self.clock.now()
        with self._lock:
            long = sum(now >= begun + LONG_REQUEST for begun in self._running.values())
        if long >= self.long_requests:
            raise HttpError(
                403,
                "REQUEST_LIMIT_EXCEEDED",
                "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
            )

    def _too_often(self, client: str, now: datetime) -> int | None:
        """Seconds to wait for a client that asked too often; None otherwise."""
        if self.requests_per_minute is None:
            return None
        with self._lock:
            asked = self._asked.setdefault(client, deque())
            while asked and asked[0] <= now - _MINUTE:
                asked.popleft()
            if len(asked) < self.requests_per_minute:
                asked.append(now)
                return None
            first = asked[0] if asked else now
            return int((first + _MINUTE - now).total_seconds()) + 1


def down_for_maintenance() -> Reply:
    """What a login gets during maintenance: a page, for no API answers it."""
    return _edge(503, "Down for Maintenance", "We are down for maintenance.")


def _edge(status: int, title: str = "", text: str = "", headers: dict[str, str] | None = None) -> Reply:
    page = _PAGE.format(title=title, text=text).encode() if text else b""
    told = {"Server": "sfdcedge", **(headers or {})}
    return Reply(status, page, told, "text/html;charset=UTF-8" if page else "")
