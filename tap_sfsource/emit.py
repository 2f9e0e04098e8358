"""Writes a step's messages: the quick way as ready-made lines, or the SDK's way, a record at a time.

The quick way serves a stream that nobody maps, flattens or batches. The SDK's way gives the same messages, and is the one
that stream maps, flattening, BATCH and dry runs need.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from singer_sdk import singerlib
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.mapper import StreamMap

    from tap_sfsource.extraction import Step
    from tap_sfsource.rows import Rows
    from tap_sfsource.run import Output
    from tap_sfsource.stream import SalesforceStream

logger = logging.getLogger("tap-sfsource.emit")

_WHOLE = "rows"


def writes_lines(stream: SalesforceStream) -> bool:
    """Whether a stream's rows can go out as ready-made lines."""
    maps = stream.stream_maps
    return (
        stream.ABORT_AT_RECORD_COUNT is None
        and len(maps) == 1
        and type(maps[0]) is SameRecordTransform
        and not maps[0].flattening_enabled
        and maps[0].stream_alias == stream.name
    )


def emit_lines(stream: SalesforceStream, step: Step, output: Output) -> int:
    """Write a step as lines.

    Args:
        stream: The stream.
        step: A step with a page.
        output: Where to write.

    Returns:
        The number of records.
    """
    assert step.page is not None
    assert step.rows is not None
    count = 0
    with _Narrowed(stream, step):
        for lines, number in step.page.lines(step.rows):
            output.write(lines)
            count += number
    return count


def emit_records(stream: SalesforceStream, step: Step) -> Iterator[dict[str, Any]]:
    """Write a step through the SDK, record by record.

    Args:
        stream: The stream.
        step: A step with a page.

    Yields:
        Each record, once it is written.
    """
    assert step.page is not None
    assert step.rows is not None
    stream.set_version(step.rows.version)
    if step.kind == _WHOLE:
        for record in step.page.records(step.rows):
            stream._write_record_message(record)  # noqa: SLF001 - the SDK's way to write one
            yield record
        return
    for stream_map in stream.stream_maps:
        for record in _partial(stream, stream_map, step):
            yield record


def activate(stream: SalesforceStream, version: int) -> None:
    """Write the ACTIVATE_VERSION of a version whose rows have all been written."""
    stream._write_activate_version_message(version)  # noqa: SLF001 - the SDK's way to write one


class _Narrowed:
    """Frames rows that hold some properties only: a SCHEMA of those before them, the stream's own SCHEMA after them."""

    def __init__(self, stream: SalesforceStream, step: Step) -> None:
        self._stream = stream
        self._step = step

    def __enter__(self) -> None:
        rows = self._step.rows
        if self._step.kind != _WHOLE and rows is not None:
            stream_map = self._stream.stream_maps[0]
            self._stream.write(_schema(stream_map, rows.properties))

    def __exit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        if self._step.kind != _WHOLE and exc_type is None:
            self._stream._write_schema_message()  # noqa: SLF001 - the SDK's way to write one


def _schema(stream_map: StreamMap, names: list[str]) -> singerlib.SchemaMessage:
    schema = dict(stream_map.transformed_schema)
    schema["properties"] = {name: part for name, part in schema["properties"].items() if name in names}
    schema.pop("required", None)
    return singerlib.SchemaMessage(stream_map.stream_alias, schema, stream_map.transformed_key_properties)


def _partial(stream: SalesforceStream, stream_map: StreamMap, step: Step) -> Iterator[dict[str, Any]]:
    """Write partial rows through a stream map; a property that the map cannot tell from them is left alone."""
    assert step.page is not None
    assert step.rows is not None
    if isinstance(stream_map, RemoveRecordTransform):
        return
    kept: list[str] | None = None
    for record in step.page.records(step.rows):
        try:
            mapped = stream_map.transform(dict(record))
        except Exception as error:  # noqa: BLE001 - a user's expression may raise anything
            logger.warning(
                "%s: %s of this run cannot pass the stream map of %s, which needs other properties (%s).",
                stream.name,
                step.kind,
                stream_map.stream_alias,
                error,
            )
            break
        if mapped is None:
            continue
        names = [name for name, value in mapped.items() if value is not None or name in record]
        if names != kept:
            stream.write(_schema(stream_map, names))
            kept = names
        stream.write(_record(stream_map, {name: mapped[name] for name in names}, step.rows))
        yield record
    if kept is not None:
        stream._write_schema_message()  # noqa: SLF001 - the SDK's way to write one


def _record(stream_map: StreamMap, record: dict[str, Any], rows: Rows) -> singerlib.RecordMessage:
    return singerlib.RecordMessage(stream=stream_map.stream_alias, record=record, version=rows.version)


def flush_text() -> None:
    """Hand what was printed as text to the byte stream below it, so that order is kept."""
    sys.stdout.flush()
