"""Emitters: the rows and versions of one stream as Singer messages.

Every emitter writes the lines that `rows.pages` makes and verifies. Partial rows are framed here, for all emitters: a SCHEMA
of their properties before them, the stream's own SCHEMA after them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tap_sfsource.api.bulk import BulkPage
from tap_sfsource.rows.pages import lines, verify
from tap_sfsource.singer.batch_files import FORMAT, PageFiles, RecordFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_sfsource.singer.maps import Maps
    from tap_sfsource.singer.output import Output
    from tap_sfsource.singer.sdk import BatchConfig, SDKStream
    from tap_sfsource.sync.events import Rows

_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


class Written(NamedTuple):
    """How many rows were written, and how many of them are marked as deleted."""

    rows: int
    marked: int


class Emitter:
    """Writes the rows of one stream as RECORD lines: as they are, or through the user's stream maps.

    Attributes:
        partial_rows: Whether the emitter can carry partial rows.
        holds: Whether rows wait for `flush`; the state may not move past them.
    """

    holds = False

    def __init__(self, stream: SDKStream, maps: Maps, output: Output, deleted: str) -> None:
        self._stream = stream
        self._maps = maps
        self._output = output
        self._mark = f'"{deleted}":true'.encode()
        self._marked, self._counts = 0, False
        self.partial_rows = maps.partial_rows

    def rows(self, event: Rows, *, count_marks: bool = False) -> Written:
        """Write rows; where asked, count those that are marked as deleted.

        Raises:
            TapError: A row cannot be written; rows before it may have been.
        """
        self._marked, self._counts = 0, count_marks
        count = self._framed(event) if event.kind.partial else self._write(event)
        return Written(count, self._marked)

    def activate(self, version: int) -> None:
        """Activate a table version whose rows have all been written; a row that cannot be written ends the stream."""
        self.flush()
        self._stream.write_activate_version(version)

    def flush(self) -> None:
        """Write the rows that wait."""

    def _framed(self, event: Rows) -> int:
        assert self.partial_rows, self._stream.name
        self.flush()
        self._messages(self._maps.schemas(event.layout.properties))
        count = self._write(event)
        self._stream.write_schema()
        return count

    def _write(self, event: Rows) -> int:
        total = 0
        for chunk, count in self._lines(event):
            if self._maps.identity:
                self._output.write(chunk)
            else:
                self._messages(self._mapped(chunk))
            total += count
        return total

    def _lines(self, event: Rows) -> Iterator[tuple[bytes, int]]:
        """The verified lines of an event."""
        for chunk, count in lines(event.page, event.layout):
            self._marked += chunk.count(self._mark) if self._counts else 0
            yield chunk, count

    def _messages(self, messages: Iterator[dict[str, Any]]) -> None:
        if encoded := _encoder.encode_lines(list(messages)):
            self._output.write(encoded)

    def _mapped(self, chunk: bytes) -> Iterator[dict[str, Any]]:
        for mapped in self._maps.records(chunk):
            if mapped.record is None:
                continue
            message: dict[str, Any] = {
                "type": "RECORD",
                "stream": mapped.stream,
                "record": mapped.record,
                "time_extracted": mapped.time_extracted,
            }
            if mapped.version is not None:
                message["version"] = mapped.version
            yield message


class BatchEmitter(Emitter):
    """Writes rows as files that BATCH messages name.

    With ``csv`` a Bulk page goes on as its file, as long as nothing changes its rows: no map, and no mask. Rows of
    other pages then go out as RECORD lines. With other encodings, and with stream maps, whole rows are written by the
    SDK's encoders.
    """

    def __init__(
        self, stream: SDKStream, maps: Maps, output: Output, deleted: str, config: BatchConfig
    ) -> None:
        super().__init__(stream, maps, output, deleted)
        self._pages = maps.identity and config.encoding.format == FORMAT
        self._page_files = PageFiles(stream.name, config)
        self._record_files = RecordFiles(stream, config)

    @property
    def holds(self) -> bool:  # type: ignore[override]
        """Whether records wait for their file."""
        return self._record_files.holds

    def flush(self) -> None:
        """Write the file of the records that wait."""
        for message in self._record_files.flush():
            self._stream.write_message(message)

    def _write(self, event: Rows) -> int:
        if not self._pages:
            return super()._write(event) if event.kind.partial else self._recorded(event)
        page, layout = event.page, event.layout
        if not isinstance(page, BulkPage) or not layout.as_sent:
            return super()._write(event)
        with page.file:
            count = verify(page, layout)
            self._stream.write_message(self._page_files.save(page, layout))
        return count

    def _recorded(self, event: Rows) -> int:
        total = 0
        for chunk, count in self._lines(event):
            for mapped in self._maps.records(chunk):
                for message in self._record_files.add(mapped):
                    self._stream.write_message(message)
            total += count
        return total
