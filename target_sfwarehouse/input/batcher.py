"""What has been read and not yet been handed to the loader, and when it is."""

from __future__ import annotations

import gc
import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from target_sfwarehouse.input.buffers import Buffer
from target_sfwarehouse.load.worker import Worker
from target_sfwarehouse.report import Progress, summary_lines
from target_sfwarehouse.rows.chunks import CHUNK_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.errors import InputError
    from target_sfwarehouse.load.csv_load import CsvLoad
    from target_sfwarehouse.load.flush import Flush
    from target_sfwarehouse.load.loader import Loader
    from target_sfwarehouse.load.loads import Load
    from target_sfwarehouse.postgres.schema import Wanted
    from target_sfwarehouse.rows.decode import RowShape

__all__ = ["Intake", "Source"]

BUFFERED_BYTES = 16 * 1024 * 1024
"""Input held back, over all streams, for chunks that are not full."""

logger = logging.getLogger("target-sfwarehouse")

KEPT_STATES = 256
"""STATE messages kept since the last commit; of more than these every second one is forgotten."""


class Source(NamedTuple):
    """Where a record comes from.

    Attributes:
        line: Number of its input line.
        text: The line.
        version: The message's version.
        time_extracted: The message's time of extraction.
    """

    line: int = 0
    text: bytes = b""
    version: int | None = None
    time_extracted: str | None = None


class Intake:
    """Takes records and states in as they are read, and decides when they are loaded and committed."""

    def __init__(self, settings: Settings, emit: Callable[[bytes], None]) -> None:
        self.settings = settings
        self.line = 0
        self.source = Source()
        self._emit = emit
        self._worker: Worker | None = None
        self._loader: Loader | None = None
        self._buffers: list[Buffer] = []
        self._rows: dict[int, int] = {}
        self._states: list[tuple[int, bytes]] = []
        self._bytes = 0
        self._held = 0
        self._resting = False
        self._began = self._since = time.monotonic()
        self.progress = Progress()

    @property
    def loader(self) -> Loader:
        """The loader; the first use connects to the warehouse.

        Raises:
            SettingsError: The settings do not say how to connect.
            WarehouseError: The warehouse cannot be reached.
        """
        if self._loader is None:
            # Imported late: `--version` and `--about` need no driver.
            from target_sfwarehouse.load.loader import Loader  # noqa: PLC0415
            from target_sfwarehouse.load.session import Lanes  # noqa: PLC0415
            from target_sfwarehouse.postgres.capabilities import begin, detect  # noqa: PLC0415
            from target_sfwarehouse.postgres.connect import connector  # noqa: PLC0415

            connect = connector(self.settings)
            first = connect()
            engine = detect(first)
            lanes: Lanes[Flush] = Lanes(begin(first, engine), lambda: begin(connect(), engine))
            self._loader = Loader(lanes, engine, self.settings, self._emit)
        return self._loader

    @property
    def worker(self) -> Worker:
        """The thread that the loader runs on."""
        if self._worker is None:
            from target_sfwarehouse.postgres.connect import explained  # noqa: PLC0415 - see loader

            self._worker = Worker(explained)
        return self._worker

    def prepare(self, stream: str, wanted: Wanted) -> Load:
        """Make a stream's table fit its schema.

        Args:
            stream: The stream.
            wanted: What its SCHEMA asks.

        Returns:
            The table's load.
        """
        loader = self.loader
        self.push_all()
        return self.worker.call(loader.prepare, stream, wanted)

    def buffer(self, load: Load, shape: RowShape) -> Buffer:
        """Return an empty buffer for a table.

        Args:
            load: The table.
            shape: How records become rows.

        Returns:
            The buffer, which `push` empties.
        """
        buffer = Buffer(load, shape, self._limit(load))
        self._buffers.append(buffer)
        return buffer

    def forget(self, buffer: Buffer) -> None:
        """Push a buffer for the last time.

        Args:
            buffer: The buffer.
        """
        self.push(buffer)
        self._buffers.remove(buffer)

    def _limit(self, load: Load) -> int:
        return max(1, min(CHUNK_ROWS, self.settings.batch_size_rows - self._rows.get(id(load), 0)))

    def push(self, buffer: Buffer) -> None:
        """Hand a buffer's records to the loader; commits if that makes a batch full.

        Args:
            buffer: The buffer.

        Raises:
            InputError: A record handed over before does not fit and the settings say to stop.
        """
        if not buffer.items:
            return
        count = len(buffer.items)
        load = buffer.load
        self._resting = False
        self.worker.submit(
            self.loader.stage, buffer.take(replace_nul=self.settings.sanitize_null_text_characters)
        )
        rows = self._rows[id(load)] = self._rows.get(id(load), 0) + count
        buffer.limit = self._limit(load)
        self.check()
        if rows >= self.settings.batch_size_rows:
            self.flush()

    def push_all(self) -> None:
        """Hand over the records of every stream."""
        self._held = 0
        for buffer in list(self._buffers):
            self.push(buffer)

    def copy_file(self, buffer: Buffer, batch: CsvLoad) -> None:
        """Have a CSV file copied into a table, after the records before it.

        Args:
            buffer: The stream's buffer.
            batch: The file.
        """
        self.push(buffer)
        self.worker.submit(self.loader.copy_file, batch)

    def check(self) -> None:
        """Raise what is wrong with a record handed over before.

        Raises:
            InputError: The record does not fit and the settings say to stop.
        """
        if self._loader is not None and self._loader.failure is not None:
            raise self._loader.failure

    def took(self, size: int) -> None:
        """Count input, and hand over or commit what the limits do not allow to hold.

        Args:
            size: Bytes read.
        """
        self.progress.update(self.line)
        self._bytes += size
        self._held += size
        late = time.monotonic() - self._since > self.settings.batch_wait_limit_seconds
        if self._bytes >= self.settings.batch_size_bytes or late:
            self.flush()
        elif self._held >= BUFFERED_BYTES:
            self.push_all()

    def idle(self) -> None:
        """Nothing came for a while: leave the server no statement that waits for more."""
        self.took(0)
        if self._loader is not None and not self._resting:
            self._resting = True
            self.worker.submit(self._loader.end_copy)

    def state(self, text: bytes) -> None:
        """Take a STATE in; it goes out when everything before it is committed.

        Args:
            text: JSON text of its value.
        """
        self._states.append((self.line, text))
        if len(self._states) > KEPT_STATES:
            del self._states[-2:0:-2]

    def flush(self) -> None:
        """Have everything read so far committed, and the last STATE emitted after that."""
        self._rows.clear()
        if not gc.isenabled():
            gc.collect()
        for buffer in list(self._buffers):
            if buffer.items:
                self.worker.submit(
                    self.loader.stage, buffer.take(replace_nul=self.settings.sanitize_null_text_characters)
                )
            buffer.limit = self._limit(buffer.load)
        states, self._states = self._states, []
        self._bytes = self._held = 0
        self._since = time.monotonic()
        if self._loader is None:
            # Nothing but states came in: there is nothing to wait for.
            if states:
                self._emit(states[-1][1])
            return
        self.worker.submit(self._loader.flush, states)

    def settle(self) -> None:
        """Commit everything read so far and wait for it.

        Raises:
            InputError: A record did not fit; everything before it is committed.
        """
        self.flush()
        if self._loader is not None:
            self.worker.call(self._loader.settle)
            self.check()

    def finish(self) -> None:
        """Commit everything read so far, vouch for it, and write the end of the run.

        What was read before the input failed is saved like this too: the loader vouches for no line after a bad one.
        """
        self.flush()
        self.progress.clear()
        if self._loader is None:
            return
        self.worker.call(self._loader.finish)
        loads = self._loader.loads
        counted = ((name, load.counts) for name, load in loads.items())
        for line in summary_lines(counted, time.monotonic() - self._began):
            logger.info("%s", line)

    def activate_version(self, load: Load, version: int) -> None:
        """Mark what a version did not bring; the caller has settled what was read before.

        Args:
            load: The table.
            version: The version.
        """
        self.worker.call(self.loader.activate_version, load, version)

    def reject(self, error: InputError, text: bytes) -> None:
        """Put a line into quarantine, in order with the records before it.

        Args:
            error: What is wrong with it.
            text: The line.
        """
        self.worker.submit(self.loader.reject, error, text)

    def close(self) -> None:
        """Let the connection go as things are."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        if self._loader is not None:
            self._loader.close()
