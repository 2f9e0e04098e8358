"""The org's clock, which tests move."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """An aware moment as whole milliseconds since the epoch (exact, also before 1970)."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """Milliseconds since the epoch as an aware UTC moment."""
    return EPOCH + timedelta(milliseconds=milliseconds)


class Clock:
    """Time as the org sees it: real time plus an offset from `start` on, or standing still until advanced."""

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        self._lock = threading.Lock()
        self._offset = timedelta()
        self._standing: datetime | None = None
        if start is not None:
            self._offset = start.astimezone(UTC) - datetime.now(UTC)
        if frozen:
            self._standing = start.astimezone(UTC) if start is not None else datetime.now(UTC)

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        with self._lock:
            return self._now()

    def now_ms(self) -> int:
        """The present moment in milliseconds since the epoch."""
        return to_ms(self.now())

    def advance(self, **delta: float) -> datetime:
        """Move forward, e.g. `advance(hours=3)`; gives the new moment."""
        with self._lock:
            step = timedelta(**delta)
            if self._standing is not None:
                self._standing += step
            else:
                self._offset += step
            return self._now()

    def freeze(self, at: datetime | None = None) -> datetime:
        """Stand still, at the present or at the given moment."""
        with self._lock:
            self._standing = at.astimezone(UTC) if at is not None else self._now()
            return self._standing

    def resume(self) -> None:
        """Run with real time again, from the moment that it shows."""
        with self._lock:
            if self._standing is not None:
                self._offset = self._standing - datetime.now(UTC)
                self._standing = None

    def _now(self) -> datetime:
        return self._standing if self._standing is not None else datetime.now(UTC) + self._offset
