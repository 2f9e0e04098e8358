"""Every request that the org was sent, with what it cost: API consumption is measured, not guessed."""

import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class Part:
    """A subrequest of a composite call; `soql` is the query that it asks, if any."""

    method: str
    path: str
    sobject: str | None
    status: int
    soql: str = ""


@dataclass
class Entry:
    """One request.

    `cost` is in API calls as the org counts them against `DailyApiRequests`; `time` is the org's clock;
    `received` and `sent` are bytes of bodies.
    """

    time: datetime
    method: str
    path: str
    query: str
    sobject: str | None = None
    status: int = 0
    user: str | None = None
    cost: int = 0
    received: int = 0
    sent: int = 0
    seconds: float = 0.0
    fault: str | None = None
    parts: list[Part] = field(default_factory=list)


class Ledger:
    """The requests of a server's life, oldest first; safe to read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Take a finished request in."""
        with self._lock:
            self._entries.append(entry)

    def clear(self) -> None:
        """Forget everything; the org's limits do not forget."""
        with self._lock:
            self._entries.clear()

    @property
    def calls(self) -> list[Entry]:
        """All requests so far."""
        with self._lock:
            return list(self._entries)

    @property
    def api_calls(self) -> int:
        """Sum of the costs."""
        return sum(entry.cost for entry in self.calls)

    def matching(self, path: str = "", method: str | None = None, sobject: str | None = None) -> list[Entry]:
        """Requests whose path contains `path`, optionally of one method or object."""
        return [
            entry
            for entry in self.calls
            if path in entry.path
            and (method is None or entry.method == method)
            and (sobject is None or entry.sobject == sobject)
        ]

    def summary(self) -> dict[str, Any]:
        """Totals and every call, as JSON values, for the ledger's endpoint."""
        calls = self.calls
        return {
            "requests": len(calls),
            "apiCalls": sum(entry.cost for entry in calls),
            "bytesSent": sum(entry.sent for entry in calls),
            "byStatus": dict(Counter(str(entry.status) for entry in calls)),
            "byObject": dict(Counter(entry.sobject for entry in calls if entry.sobject)),
            "calls": [{**asdict(entry), "time": entry.time.isoformat()} for entry in calls],
        }
