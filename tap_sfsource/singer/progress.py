"""Progress of a run, on stderr: one line that renews itself on a terminal, a log line now and then elsewhere.

In a pipe with a target both halves may want the terminal's last line. So the tap's line is short, and it is wiped before the
tap writes anything else.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

from tap_sfsource.terminal import SHOWN, WIPE

logger = logging.getLogger("tap-sfsource")

_BAR_SECONDS = 0.2
_LINE_SECONDS = 30.0
_BAR_WIDTH = 20


class Progress:
    """Shows how far a run of some streams is.

    The style is ``bar``, ``lines``, ``none``, or ``auto``: a bar on a terminal, lines elsewhere.
    """

    def __init__(self, style: str, streams: int, to: TextIO | None = None) -> None:
        self._to = to or sys.stderr
        if style == "auto":
            style = "bar" if self._to.isatty() else "lines"
        self._style = style
        self._streams = streams
        self._finished = 0
        self._shown = False
        self._last = time.monotonic()

    def rows(self, stream: str, rows: int, total: int | None) -> None:
        """Show a stream's rows so far, of a total where it is known."""
        now = time.monotonic()
        pause = _BAR_SECONDS if self._style == "bar" else _LINE_SECONDS
        if self._style == "none" or now - self._last < pause:
            return
        self._last = now
        many = f"{rows:,} of {total:,}" if total and total >= rows else f"{rows:,}"
        if self._style == "bar":
            done = _BAR_WIDTH * self._finished // max(1, self._streams)
            bar = "#" * done + "." * (_BAR_WIDTH - done)
            self._to.write(f"{WIPE}[{bar}] {self._finished}/{self._streams} {stream}: {many} rows")
            self._to.flush()
            self._shown = True
        else:
            logger.info("%s: %s rows so far.", stream, many, extra=SHOWN)

    @property
    def on_terminal(self) -> bool:
        """Whether a person looks at it."""
        return self._to.isatty()

    def over(self, text: str) -> str:
        """A text that begins where a bar may stand, of this half or of the target."""
        return WIPE + text if self.on_terminal else text

    def finished(self) -> None:
        """Count a stream that is done."""
        self._finished += 1

    def wipe(self) -> None:
        """Take the bar off the screen."""
        if self._shown:
            self._to.write(WIPE)
            self._to.flush()
            self._shown = False
