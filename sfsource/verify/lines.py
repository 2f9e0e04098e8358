"""What the tap would write of a page: its own emitter, stream maps included, into memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tap_sfsource.clock import isoformat
from tap_sfsource.rows.pages import ValuesPage
from tap_sfsource.singer.emitters import Emitter
from tap_sfsource.singer.output import Output
from tap_sfsource.singer.sdk import LineWriter
from tap_sfsource.sync.events import Kind, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.api.query import RestPage
    from tap_sfsource.singer.stream import SalesforceStream
    from tap_sfsource.sync.query_reader import QueriedPage
    from tap_sfsource.sync.source import Source
    from tap_sfsource.tap import TapSFSource


class Captured(Output):
    """Keeps lines in place of writing them."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[bytes] = []

    def write(self, lines: bytes) -> None:
        """Keep lines."""
        self._kept.append(lines)

    def take(self) -> bytes:
        """Give the lines since the last call."""
        kept, self._kept = b"".join(self._kept), []
        return kept


def captured(tap: TapSFSource) -> Captured:
    """Have a tap write its messages into memory."""
    output = Captured()
    assert isinstance(tap.message_writer, LineWriter)
    tap.message_writer.output = output
    return output


class Lines:
    """The lines of one stream."""

    def __init__(self, stream: SalesforceStream, source: Source, output: Captured) -> None:
        self._stream = stream
        self._source = source
        self._output = output
        self._emitter = Emitter(stream, stream.maps, output, source.plan.is_deleted)

    def schema(self) -> bytes:
        """The SCHEMA line."""
        self._output.take()
        self._stream.write_schema()
        return self._output.take()

    def schema_message(self) -> dict[str, Any]:
        """The SCHEMA message."""
        message: dict[str, Any] = json.loads(self.schema())
        return message

    def of_page(self, page: QueriedPage) -> bytes:
        """The RECORD lines of a page of all columns, without the contents of files."""
        self._output.take()
        self._emitter.rows(Rows(Kind.WHOLE, page, self._source.whole_layout()))
        return self._output.take()

    def to_write(self, page: RestPage) -> bytes:
        """The RECORD lines of a page as a run writes them."""
        self._emitter.rows(self._source.whole_rows(page, self._source.whole_layout()))
        return self._output.take()

    def tombstones(self, ids: Sequence[str]) -> bytes:
        """The lines that mark rows as deleted."""
        source = self._source
        layout = source.layout([source.id], {source.plan.is_deleted: True})
        told = isoformat(source.readers.client.now())
        page = ValuesPage([[record_id] for record_id in ids], len(ids), lambda: told)
        self._emitter.rows(Rows(Kind.TOMBSTONES, page, layout))
        return self._output.take()
