"""What a person sees of a run: progress on a terminal, and a summary at the end."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_sfwarehouse.load.audit import Counts

__all__ = ["Progress", "summary_lines"]

EVERY = 0.5
"""Seconds between two updates of the line."""


class Progress:
    """One line on a terminal that counts records; nothing where stderr is no terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._started = time.monotonic()
        self._last = self._started
        self._width = 0

    def update(self, lines: int) -> None:
        """Show how far the run is.

        Args:
            lines: Lines of input read.
        """
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


def summary_lines(counted: Iterable[tuple[str, Counts]], seconds: float) -> list[str]:
    """Say what a run did.

    Args:
        counted: Table name and counters of each stream.
        seconds: How long the run took.

    Returns:
        One line a stream that brought records, and one for the whole.
    """
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
