"""The org's clock, as the Date headers of its answers tell it."""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

_WITNESSES: Final = 5
_AGREE: Final = timedelta(minutes=1)
"""Salesforce's servers differ by less; an answer that is further off than this is wrong."""

_FEW: Final = 2


class OrgClock:
    """Reads the time from several answers, so that a wrong header moves nothing; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._origins: deque[datetime] = deque(maxlen=_WITNESSES)
        """When the process's monotonic clock was 0, by each of the last answers."""

    def read(self, date: str | None) -> None:
        """Take a Date header; one that cannot be read tells nothing."""
        try:
            told = parsedate_to_datetime(date or "").astimezone(UTC)
        except ValueError:
            return
        origin = told - timedelta(seconds=time.monotonic())
        with self._lock:
            self._origins.append(origin)

    def ahead(self) -> timedelta | None:
        """How far the org's clock is ahead of this machine's, by most of the answers; None before the first."""
        with self._lock:
            told = sorted(self._origins)
        if not told:
            return None
        return told[len(told) // 2] + timedelta(seconds=time.monotonic()) - datetime.now(UTC)

    def now(self) -> datetime:
        """The time by the last answer if it agrees with those before, else by most of them, in doubt the earlier.

        This machine's clock is asked where there is at most one answer.
        """
        with self._lock:
            told = list(self._origins)
        passed = timedelta(seconds=time.monotonic())
        witnesses = told if len(told) >= _FEW else [*told, datetime.now(UTC) - passed]
        agreed = sorted(witnesses)[(len(witnesses) - 1) // 2]
        last = witnesses[len(told) - 1] if told else agreed
        return (last if abs(last - agreed) <= _AGREE else agreed) + passed
