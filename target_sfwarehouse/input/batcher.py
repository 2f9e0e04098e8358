"""Records that were read and not yet handed to the loader: it decides when they are handed over and committed."""

from __future__ import annotations

import gc
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from target_sfwarehouse.errors import BadRecordError, BadSchemaError, MissingKeyError, SettingsError, shown
from target_sfwarehouse.postgres.schema import DELETED, DELETED_AT, VERSION
from target_sfwarehouse.rows.chunks import CHUNK_ROWS, Buffer
from target_sfwarehouse.rows.decode import RowShape
from target_sfwarehouse.rows.layout import read_schema
from target_sfwarehouse.rows.values import BadValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.errors import InputError
    from target_sfwarehouse.load.files import FileLoad
    from target_sfwarehouse.load.loader import Loader
    from target_sfwarehouse.load.tables import Load
    from target_sfwarehouse.rows.layout import Layout

BUFFERED_BYTES = 16 * 1024 * 1024
"""Input held back, over all streams, for chunks that are not full."""

KEPT_STATES = 256
"""STATE messages kept since the last commit; of more than these every second one is forgotten."""

logger = logging.getLogger("target-sfwarehouse")


class Source(NamedTuple):
    """Where a record comes from: number and text of its input line, and what the message says beside the record."""

    line: int = 0
    text: bytes = b""
    version: int | None = None
    time_extracted: str | None = None


class Report(Protocol):
    """What a person sees of the run."""

    def update(self, lines: int) -> None:
        """Show how many lines were read."""

    def end(self, loads: Mapping[str, Load]) -> None:
        """Show what the run did."""


class Stream:
    """One stream under one SCHEMA: its records become rows here, whichever message or file brought them.

    Attributes:
        keys: Its key properties.
        load: Its table.
        shape: How records become rows.
        buffer: Rows that wait to be handed over.
        versioned: Whether each row has a place for a version.
        partial: Whether its schema has a part of the properties that the stream had before.
    """

    load: Load
    shape: RowShape
    buffer: Buffer

    def __init__(
        self,
        batcher: Batcher,
        name: str,
        schema: Mapping[str, Any],
        keys: Sequence[str],
        bookmarks: Sequence[str],
        source: str,
    ) -> None:
        self.name = name
        self.keys = keys
        # With `_sdc_*` columns each row has a place for a version from the start.
        self.versioned = batcher.settings.add_record_metadata
        self.partial = False
        self._batcher = batcher
        self._schema = schema
        self._bookmarks = bookmarks
        self._source = source

    def open(self) -> None:
        """Make the table fit the schema. Raises BadSchemaError."""
        batcher = self._batcher
        keys = () if batcher.settings.load_method == "append-only" else tuple(self.keys)
        try:
            layout = read_schema(self._schema, keys, self._bookmarks, batcher.settings)
            layout = layout.with_version() if self.versioned else layout
            self.load = batcher.prepare(self.name, layout, self._source)
        except BadSchemaError as error:
            raise BadSchemaError(f"line {batcher.line}, stream '{self.name}': {error}") from None
        own, extras = layout.typed(self.load.rooms)
        self.shape = RowShape(self.name, own, extras)
        self.buffer = batcher.buffer(self.shape)

    def refuse_partial(self, version: int | None) -> None:
        """Raise SettingsError for a partial row where no whole row takes it up, unless it is the tombstone of a row.

        Rows are merged by key only by `upsert`. Anywhere else a row of a few columns would stand for the whole one, and
        the version of a sweep's rows would delete the whole ones.
        """
        method = self._batcher.settings.load_method
        if not self.partial or (method == "upsert" and self.load.table.keys):
            return
        columns = {column.column for column in self.shape.columns}
        if version is None and columns & {*self.load.deletion, DELETED, DELETED_AT}:
            return
        why = "the stream has no key" if method == "upsert" else f"`load_method` is `{method}`"
        raise SettingsError(
            f"line {self._batcher.line}, stream '{self.name}': partial rows cannot be merged into {self.load.table.label}, "
            f"as {why}. Set the tap's `partial_rows` to `whole`."
        )

    def retire(self) -> None:
        """Hand over what is buffered before another SCHEMA takes this one's place."""
        self._batcher.forget(self.buffer)

    def note_version(self, version: int | None) -> None:
        """Make a place for versions if a record carries one and there is none yet."""
        if version is None:
            return
        self.refuse_partial(version)
        if not self.versioned:
            self.retire()
            self.versioned = True
            self.open()

    def extra_values(self, version: int | None, time_extracted: str | None) -> tuple[Any, ...]:
        """Return the values of the shape's extra columns for a record, in their order; empty if there are none."""
        if not self.versioned:
            return ()
        if self.partial and version is not None:
            self.refuse_partial(version)
        self.load.versioned = self.load.versioned or version is not None
        now = datetime.now(UTC)
        known = {
            "_sdc_extracted_at": time_extracted,
            "_sdc_received_at": now.isoformat(),
            "_sdc_batched_at": now.isoformat(),
            "_sdc_sequence": round(now.timestamp() * 1000),
            VERSION: version,
            "_sdc_sync_started_at": self._batcher.started,
        }
        return tuple(known[column.column] for column in self.shape.all_columns[len(self.shape.columns) :])

    def add(self, record: Mapping[str, Any], source: Source) -> None:
        """Take in a record given as a dict: the slow path, with the same result as the fast one.

        Raises BadRecordError for a value that its column cannot hold, or a missing key.
        """
        self.note_version(source.version)
        try:
            row = self.shape.from_record(record)
        except BadValueError as error:
            kind = MissingKeyError if error.missing else BadRecordError
            key = ", ".join(shown(record.get(name)) for name in self.keys if name in record)
            raise kind(
                str(error), line=source.line, stream=self.name, name=error.name, key=key, text=source.text
            ) from None
        buffer = self.buffer
        buffer.add(row, self.extra_values(source.version, source.time_extracted), source.line, source.text)
        buffer.slow = True
        self._batcher.push_full(buffer)


class Batcher:
    """Takes records and states in as they are read, and decides when they are loaded and committed.

    Attributes:
        line: Number of the input line that is being read.
        source: The message that the SDK is transforming.
        started: When the run began, in milliseconds since 1970.
    """

    def __init__(self, settings: Settings, emit: Callable[[bytes], None], report: Report) -> None:
        """Begin without a connection. `emit` writes a STATE's value."""
        self.settings = settings
        self.line = 0
        self.source = Source()
        self._emit = emit
        self._report = report
        self._loader: Loader | None = None
        self._buffers: list[Buffer] = []
        self._rows: dict[str, int] = {}
        self._states: list[tuple[int, bytes]] = []
        self._bytes = 0
        self._held = 0
        self._resting = False
        self._leads = False
        self._since = time.monotonic()
        self.started = round(time.time() * 1000)

    @property
    def loader(self) -> Loader:
        """The loader; the first use connects to the warehouse."""
        if self._loader is None:
            # Imported late: `--version` and `--about` need no driver.
            from target_sfwarehouse.load.loader import Loader  # noqa: PLC0415

            self._loader = Loader(self.settings, self._emit)
        return self._loader

    def prepare(self, stream: str, layout: Layout, source: str) -> Load:
        """Make a stream's table fit its schema, for rows of a source."""
        loader = self.loader
        self.push_all()
        return loader.prepare(stream, layout, source)

    def buffer(self, shape: RowShape) -> Buffer:
        """Return an empty buffer, which `push` empties."""
        buffer = Buffer(shape, self._limit(shape.stream))
        self._buffers.append(buffer)
        return buffer

    def forget(self, buffer: Buffer) -> None:
        """Push a buffer for the last time."""
        self.push(buffer)
        self._buffers.remove(buffer)

    def _limit(self, stream: str) -> int:
        return max(1, min(CHUNK_ROWS, self.settings.batch_size_rows - self._rows.get(stream, 0)))

    def push_full(self, buffer: Buffer) -> None:
        """Hand a buffer's records over if they make a chunk."""
        if buffer.full:
            self.push(buffer)

    def push(self, buffer: Buffer) -> None:
        """Hand a buffer's records over; commit if that makes a batch full.

        Raises the first bad record among those handed over before, if the settings say to stop.
        """
        if not buffer.items:
            return
        stream = buffer.shape.stream
        rows = self._rows[stream] = self._rows.get(stream, 0) + len(buffer.items)
        self._stage(buffer)
        self.check()
        if rows >= self.settings.batch_size_rows:
            self.flush()

    def _lead(self) -> None:
        """Have the last STATE before all rows of a batch emitted before one of them can be committed.

        It may say what only a restart behind these rows needs to know, such as when a first sync began.
        """
        if self._leads:
            return
        self._leads = True
        first = min((buffer.first_line for buffer in self._buffers if buffer.items), default=self.line)
        before = [state for state in self._states if state[0] < first]
        if before:
            del self._states[: len(before)]
            self.loader.lead(before[-1])

    def _stage(self, buffer: Buffer) -> None:
        self._resting = False
        if buffer.items:
            self._lead()
            self.loader.stage(buffer.take(replace_nul=self.settings.sanitize_null_text_characters))
        buffer.limit = self._limit(buffer.shape.stream)

    def push_all(self) -> None:
        """Hand over the records of every stream."""
        self._held = 0
        for buffer in list(self._buffers):
            self.push(buffer)

    def copy_file(self, buffer: Buffer, file: FileLoad) -> None:
        """Have a CSV file copied into the table of a buffer, after the records before it."""
        self.push(buffer)
        self._lead()
        self.loader.copy_file(file)

    def check(self, *, at_end: bool = False) -> None:
        """Raise the first failure of what was handed over if nothing more is to be read, or if this is the end."""
        if self._loader is not None:
            self._loader.check(at_end=at_end)

    def took(self, size: int) -> None:
        """Count bytes of input, and hand over or commit what the limits do not allow to hold."""
        self._report.update(self.line)
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
            self._loader.idle()

    def state(self, text: bytes) -> None:
        """Take a STATE's value in; it goes out when everything before it is committed."""
        self._states.append((self.line, text))
        if len(self._states) > KEPT_STATES:
            del self._states[-2:0:-2]

    def flush(self) -> None:
        """Have everything read so far committed, and the last STATE emitted after that."""
        self._rows.clear()
        if not gc.isenabled():
            gc.collect()
        for buffer in list(self._buffers):
            self._stage(buffer)
        states, self._states, self._leads = self._states, [], False
        self._bytes = self._held = 0
        self._since = time.monotonic()
        if self._loader is not None:
            self._loader.flush(states)
        elif states:
            # Nothing but states came in: there is nothing to wait for.
            self._emit(states[-1][1])

    def settle(self) -> None:
        """Commit everything read so far and wait for it. Raises the first bad record, if the settings say to stop."""
        self.flush()
        if self._loader is not None:
            self._loader.settle()
            self.check()

    def complete(self) -> None:
        """The input has ended well: what `overwrite` brought no record for has none any more."""
        if self.settings.load_method == "overwrite" and self._loader is not None:
            self.settle()
            self._loader.empty(self.line)

    def finish(self) -> None:
        """Commit everything read so far, and report the end of the run.

        It serves after a failure of the input too: no line behind a bad one gets in, and no STATE behind it goes out.
        """
        self.flush()
        if self._loader is not None:
            self._loader.finish()
            self._report.end(self._loader.loads)

    def activate(self, stream: Stream, version: int, names: AbstractSet[str]) -> None:
        """Mark or remove what a version did not bring, after everything before it is committed.

        `names` are those of the streams whose records go to the table. The table stays as it is where nobody can tell
        which rows the version brought, or where one of the rows is in quarantine: the form that it had is not gone.
        """
        if not self.settings.activate_version:
            logger.info("ACTIVATE_VERSION of '%s' ignored, as `activate_version` says", stream.name)
            return
        self.settle()
        load = stream.load
        if load.total.read and not load.versioned:
            logger.warning("ACTIVATE_VERSION of '%s' ignored: its records carry no version", stream.name)
        elif rejected := self.loader.rejected(names, version):
            logger.warning(
                "ACTIVATE_VERSION of '%s' ignored: %s of its records are in quarantine", stream.name, rejected
            )
        else:
            self.loader.activate(load, version, self.line)

    def refuse(self, error: InputError, text: bytes) -> None:
        """Judge a bad record of the input: it goes into quarantine, in order with the records before it, or is raised."""
        from target_sfwarehouse.load.bad_rows import judge  # noqa: PLC0415 - see loader

        def end() -> None:
            raise error

        judge(self.settings, keep=lambda: self.loader.reject(error, error.text or text), end=end)

    def close(self) -> None:
        """Let the connections go as things are."""
        if self._loader is not None:
            self._loader.close()
