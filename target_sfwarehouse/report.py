"""What a person sees of a run: progress on a terminal, and a summary at the end."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, TextIO

from target_sfwarehouse.terminal import SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_sfwarehouse.load.audit import Counts
    from target_sfwarehouse.load.tables import Load

EVERY = 0.5
"""Seconds between two updates of the line."""

logger = logging.getLogger("target-sfwarehouse")


class Report:
    """One line on a terminal that counts records, where stderr is a terminal; and a summary in the log."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._started = self._last = time.monotonic()
        self._width = 0

    def update(self, lines: int) -> None:
        """Show how many lines of input were read."""
        if not self._shown or (now := time.monotonic()) - self._last < EVERY:
            return
        self._last = now
        text = f"{lines:,} lines read, {lines / (now - self._started):,.0f} a second"
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0

    def end(self, loads: Mapping[str, Load]) -> None:
        """Say what the run did, table by table."""
        self.clear()
        counted = ((load.table.name, load.total) for load in loads.values())
        for line in summary_lines(counted, time.monotonic() - self._started):
            logger.info("%s", line, extra=SHOWN)


def summary_lines(counted: Iterable[tuple[str, Counts]], seconds: float) -> list[str]:
    """Say what a run did: one line a table that got records, given its name and counters, and one for the whole."""
    lines = []
    read = 0
    for table, counts in counted:
        read += counts.read
        parts = (
            ("inserted", counts.inserted),
            ("updated", counts.updated),
            ("unchanged", counts.unchanged),
            ("marked deleted", counts.marked_deleted),
            ("rejected", counts.rejected),
        )
        said = ", ".join(f"{number:,} {what}" for what, number in parts if number)
        if said:
            lines.append(f"{table}: {said}")
    return [*lines, f"{read:,} records in {seconds:.1f} s"]
