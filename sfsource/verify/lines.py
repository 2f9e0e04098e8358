"""What the tap would write of a page: its own emitter, stream maps included, into memory."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource.clock import isoformat
from tap_sfsource.rows.pages import ValuesPage, values
from tap_sfsource.singer.emitters import Emitter
from tap_sfsource.singer.output import Output
from tap_sfsource.singer.sdk import LineWriter
from tap_sfsource.sync.events import Kind, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.query import RestPage
    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.singer.stream import SalesforceStream
    from tap_sfsource.sync.query_reader import QueriedPage
    from tap_sfsource.sync.source import Source
    from tap_sfsource.tap import TapSFSource

_AT_ONCE: Final = 2_000
"""Rows that are held at a time: a page of a Bulk job may have far more."""


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
        self.partial_rows = stream.maps.partial_rows
        self.filters = stream.maps.filters

    @property
    def obstacle(self) -> str:
        """Why the lines cannot be compared with a table; empty if they can."""
        maps, own = self._stream.maps, self._stream.primary_keys
        if maps.removed:
            return "a stream map of the tap removes it: deselect it"
        if len(maps.aliases) != 1:
            return "a stream map of the tap writes its rows under several names: give it one"
        message = self.schema_message()
        if list(message["key_properties"]) != list(own) or maps.changes(own):
            return "a stream map of the tap changes its key: leave id to verify it"
        if self._source.plan.is_deleted not in message["schema"]["properties"]:
            return (
                f"a stream map of the tap removes {self._source.plan.is_deleted}: keep it to verify deletions"
            )
        return ""

    def keeps(self, column: Column) -> bool:
        """Whether rows go out with the values of a column as they are, if they go out with it."""
        return column.mask is None and not self._stream.maps.changes([column.property])

    def schema(self) -> bytes:
        """The SCHEMA line."""
        self._output.take()
        self._stream.write_schema()
        return self._output.take()

    def schema_message(self) -> dict[str, Any]:
        """The SCHEMA message."""
        message: dict[str, Any] = json.loads(self.schema())
        return message

    def of_page(self, page: QueriedPage) -> Iterator[tuple[Sequence[Sequence[Any]], bytes]]:
        """The rows of a page of all columns, some at a time: plain values, and the RECORD lines that a run makes of them.

        Contents of files are not among them.
        """
        layout, clock = self._source.whole_layout(), self._source.clock
        rows = values(page, layout)
        while some := list(islice(rows, _AT_ONCE)):
            self._output.take()
            self._emitter.rows(Rows(Kind.WHOLE, ValuesPage(some, len(some), clock), layout))
            yield some, self._output.take()

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
