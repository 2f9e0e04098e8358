"""The org's daily limits: counted over the last 24 hours of the org's clock."""

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta

_DAY = timedelta(hours=24)

# Those of an Enterprise Edition org with some users (guide: "Salesforce Developer Limits").
DEFAULTS = {
    "DailyApiRequests": 100_000,
    "DailyBulkApiBatches": 15_000,
    "DailyBulkV2QueryJobs": 10_000,
    "DailyBulkV2QueryFileStorageMB": 976_562,
    "DailyAsyncApexExecutions": 250_000,
    "DailyStreamingApiEvents": 10_000,
    "DataStorageMB": 10_240,
    "FileStorageMB": 10_240,
    "HourlyODataCallout": 1_000,
    "SingleEmail": 5_000,
}


class Limits:
    """Limits and what is used of them.

    Attributes:
        maxima: Limit by name; tests set it.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._uses: dict[str, deque[tuple[datetime, float]]] = defaultdict(deque)
        self.maxima = dict(DEFAULTS)

    def used(self, name: str) -> float:
        """What the last 24 hours used."""
        with self._lock:
            return self._sum(name)

    def remaining(self, name: str) -> float:
        """What is left of it, never below zero."""
        return max(0.0, self.maxima[name] - self.used(name))

    def use(self, name: str, amount: float = 1) -> bool:
        """Take `amount` of a limit; False, and nothing is taken, if that much is not left."""
        with self._lock:
            if self._sum(name) + amount > self.maxima[name]:
                return False
            self._uses[name].append((self._now(), amount))
            return True

    def use_up(self, name: str) -> None:
        """Take all that is left."""
        self.use(name, self.remaining(name))

    def api_usage(self) -> str:
        """The value of the Sforce-Limit-Info header."""
        return f"api-usage={int(self.used('DailyApiRequests'))}/{self.maxima['DailyApiRequests']}"

    def _sum(self, name: str) -> float:
        uses = self._uses[name]
        oldest = self._now() - _DAY
        while uses and uses[0][0] <= oldest:
            uses.popleft()
        return sum(amount for _, amount in uses)
