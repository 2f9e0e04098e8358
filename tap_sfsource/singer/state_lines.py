"""STATE lines: each a whole state, and no more of them than a restart needs.

A state has a bookmark for each stream, so a line for each change would grow with the square of the streams. A stream without
news moves its bookmark only: a restart that asks it again loses nothing, so that alone is worth no line but the last.
Where first syncs begin, one line says so for all of them before their first rows.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_sfsource.singer.output import Output
    from tap_sfsource.sync.events import Checkpoint

_SMALL = 500_000
"""Bytes of a line above which lines come more seldom: at the default, they stay below 100 KB a second."""


class StateLines:
    """Writes the state of the run, which checkpoints move.

    Rows may wait so many seconds for a STATE; 0 writes one at each checkpoint behind rows.
    """

    def __init__(self, state: Mapping[str, Any], output: Output, seconds: int) -> None:
        self._state = state
        self._output = output
        self._seconds = seconds
        self._last = b""
        self._due = time.monotonic() + seconds
        self._rows = False
        self._moved = False

    def rows_written(self) -> None:
        """Rows are out: a restart would read them again until a STATE covers them."""
        self._rows = True

    def move(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Apply checkpoints, all of them or none: a signal in between would leave a state that is not true."""
        with self._output.undivided():
            self._moved = True
            for checkpoint in checkpoints:
                checkpoint.apply()

    def need(self) -> None:
        """Write the state, as a restart needs it: a large one when it is due, as it would be that large at each need."""
        self._rows = True
        if len(self._last) <= _SMALL:
            self.write()
        else:
            self.offer()

    def offer(self) -> None:
        """Write the state if rows have waited for it long enough."""
        if self._rows and time.monotonic() >= self._due:
            self.write()

    def write_moved(self) -> None:
        """Write the state of a run that ends too early, if a checkpoint has moved it: before, it may be half prepared."""
        if self._moved:
            self.write()

    def write(self) -> None:
        """Write the state, unless the last line says the same."""
        line = msgspec.json.encode({"type": "STATE", "value": self._state}) + b"\n"
        if line != self._last:
            self._output.write(line)
        self._last, self._rows = line, False
        self._due = time.monotonic() + self._seconds * max(1.0, len(line) / _SMALL)
