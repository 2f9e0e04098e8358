"""Standard output for whole lines, between which a signal may end the run but within which it may not."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator


class OutputError(Exception):
    """Standard output takes no more: nobody reads it, or its disk is full. This ends the run, not one collection."""


class Output:
    """Writes lines to standard output."""

    def __init__(self) -> None:
        self._busy = False
        self._ending: SystemExit | None = None

    def write(self, lines: bytes) -> None:
        """Write whole lines, after the text that was printed before.

        Raises:
            OutputError: Standard output takes no more.
            SystemExit: The run was told to end while the lines were being written.
        """
        with self.undivided():
            try:
                sys.stdout.flush()
                raw = getattr(sys.stdout, "buffer", None)
                if raw is None:
                    sys.stdout.write(
                        lines.decode()
                    )  # a text stream of somebody who runs the tap in their own process
                else:
                    _write_whole(raw, lines)
                    raw.flush()
            except BrokenPipeError:
                raise
            except OSError as error:
                raise OutputError(f"The tap's output cannot be written ({error.strerror}).") from error

    @contextlib.contextmanager
    def undivided(self) -> Iterator[None]:
        """What is done within is done whole before a signal ends the run.

        Raises:
            SystemExit: The run was told to end meanwhile.
        """
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self._ending is not None:
            raise self._ending

    def end(self, ending: SystemExit) -> None:
        """End the run now, or behind what may not be divided; when told twice, now.

        Raises:
            SystemExit: The ending.
        """
        if self._busy and self._ending is None:
            self._ending = ending
            return
        self._ending = ending
        raise ending


def _write_whole(raw: BinaryIO, lines: bytes) -> None:
    """Write all of the lines: with PYTHONUNBUFFERED, a write ends early where a signal comes."""
    rest = memoryview(lines)
    while rest:
        written: int | None = raw.write(rest)
        if written is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        rest = rest[written:]
