"""Read the input in large blocks, and stop between two of them when a signal says so."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 1024 * 1024
WAKE_BYTES = 512


class Run(Protocol):
    """What the input asks of the run."""

    def stopped_by(self) -> int | None:
        """Return the signal that told the run to stop, if one did."""

    def idle(self) -> None:
        """Called each second in which nothing comes."""


@contextmanager
def blocks(source: Any, running: Run) -> Iterator[Iterator[bytes]]:
    """Yield the blocks of an input; a signal ends them between two blocks."""
    binary = getattr(source, "buffer", source)
    try:
        descriptor = binary.fileno()
    except (AttributeError, OSError):
        yield _encoded(source)
        return
    with suppress(OSError, AttributeError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, BLOCK)
    waker, wake = os.pipe()
    os.set_blocking(wake, False)
    in_main = threading.current_thread() is threading.main_thread()
    previous = signal.set_wakeup_fd(wake, warn_on_full_buffer=False) if in_main else -1
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    poll.register(waker, select.POLLIN)

    def read() -> Iterator[bytes]:
        while running.stopped_by() is None:
            ready = {found for found, _ in poll.poll(1000)}
            if waker in ready:
                os.read(waker, WAKE_BYTES)
            if running.stopped_by() is not None:
                return
            if descriptor not in ready:
                running.idle()
                continue
            block = os.read(descriptor, BLOCK)
            if not block:
                return
            yield block

    try:
        yield read()
    finally:
        if in_main:
            signal.set_wakeup_fd(previous)
        os.close(waker)
        os.close(wake)


def _encoded(source: Any) -> Iterator[bytes]:
    """Yield the blocks of an input that has no file descriptor, such as a string in a test."""
    while block := source.read(BLOCK):
        yield block.encode() if isinstance(block, str) else block
