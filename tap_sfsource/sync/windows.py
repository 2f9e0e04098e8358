"""Time windows over a replication key, half open: from its start up to, and without, its end.

Salesforce's stamps have one-second precision (SOAP API guide, "System Fields"), so edges are whole seconds and a start is
always inclusive: a row of the same second may have become visible after the last look.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from tap_sfsource.clock import to_second

_SECOND = datetime.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of a replication key.

    Attributes:
        start: The first second inside, or None for the beginning of time.
        end: The first second outside, or None for no bound.
    """

    start: datetime.datetime | None = None
    end: datetime.datetime | None = None

    def halves(self, earliest: datetime.datetime) -> tuple[Window, Window] | None:
        """Split the window in the middle, for a query that is too large; None if it has no end or is a second long.

        The earliest stamp in the org stands for the start of a window that has none.
        """
        if self.end is None:
            return None
        start = self.start or earliest
        middle = to_second(start + (self.end - start) / 2)
        if middle <= start or middle >= self.end:
            return None
        return Window(self.start, middle), Window(middle, self.end)


def ceiling(now: datetime.datetime) -> datetime.datetime:
    """The first second that a query sent now need not ask for."""
    return to_second(now) + _SECOND


def watermark(
    now: datetime.datetime, latest_date_covered: datetime.datetime | None, lookback: datetime.timedelta
) -> datetime.datetime:
    """The stamp before which every row is sure to be visible.

    A transaction that commits late shows rows stamped in the past. Salesforce names the start of the oldest
    transaction still open (``latestDateCovered`` of getDeleted and getUpdated, SOAP API guide, "Data Replication API");
    where an SObject has no such call, a lookback has to do.

    It is in whole seconds. The clock and Salesforce's own mark are read before the query is sent.
    """
    if latest_date_covered is not None:
        return to_second(min(now, latest_date_covered))
    return to_second(now - lookback)
