"""The org's daily limits, each over a rolling 24 hours on the org's clock."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock

_DAY_MS = 86_400_000


@dataclass(slots=True)
class Limit:
    """One limit; `used` counts what `spend` took in the last 24 hours of the clock."""

    name: str
    maximum: int
    clock: Clock
    _spent: deque[tuple[int, int]] = field(default_factory=deque)
    _total: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def spend(self, amount: int = 1) -> int:
        """Take some; gives what is used now. Whether that is too much is for the caller to say."""
        with self._lock:
            now = self.clock.now_ms()
            self._spent.append((now, amount))
            self._total += amount
            return self._drop_old(now)

    @property
    def used(self) -> int:
        """What was spent in the last 24 hours."""
        with self._lock:
            return self._drop_old(self.clock.now_ms())

    @property
    def remaining(self) -> int:
        """What is left, never below 0."""
        return max(0, self.maximum - self.used)

    def _drop_old(self, now: int) -> int:
        while self._spent and self._spent[0][0] <= now - _DAY_MS:
            self._total -= self._spent.popleft()[1]
        return self._total


class Limits:
    """The limits that a client of the API meets, by the names of `GET /limits`."""

    def __init__(self, clock: Clock) -> None:
        self.daily_api_requests = Limit("DailyApiRequests", 100_000, clock)
        self.daily_bulk_v2_query_jobs = Limit("DailyBulkV2QueryJobs", 10_000, clock)
        self.daily_bulk_v2_query_storage_mb = Limit("DailyBulkV2QueryFileStorageMB", 976_562, clock)
        self.daily_bulk_batches = Limit("DailyBulkApiBatches", 15_000, clock)

    def all(self) -> dict[str, Limit]:
        """Every limit by its name."""
        return {limit.name: limit for limit in vars(self).values()}
