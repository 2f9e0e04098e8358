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

    from tap_sfsource.rows.rows import Rows
    from tap_sfsource.singer.stream import SalesforceStream
    from tap_sfsource.sync.run import Output
    from tap_sfsource.sync.steps import Step

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
        mapped = _mapped(stream, stream_map, record)
        if mapped is None:
            continue
        if list(mapped) != kept:
            kept = list(mapped)
            stream.write(_schema(stream_map, kept))
        stream.write(_record(stream_map, mapped, step.rows))
        yield record
    if kept is not None:
        stream._write_schema_message()  # noqa: SLF001 - the SDK's way to write one


def _mapped(stream: SalesforceStream, stream_map: StreamMap, record: dict[str, Any]) -> dict[str, Any] | None:
    """A partial row through a map that expects whole ones: what it makes of nulls is no news.

    Returns:
        The properties that the map could tell, None if it leaves the row out or cannot be asked.
    """
    names = stream_map.transformed_schema["properties"]
    try:
        mapped = stream_map.transform({**dict.fromkeys(stream.schema["properties"]), **record})
    except Exception as error:  # noqa: BLE001 - a user's expression may raise anything
        logger.debug("%s: the stream map cannot do without other properties (%s).", stream.name, error)
        mapped = record
    if mapped is None:
        return None
    told = {
        name: value
        for name, value in mapped.items()
        if name in names and (value is not None or name in record)
    }
    return told if set(stream_map.transformed_key_properties or ()) <= told.keys() else None


def _record(stream_map: StreamMap, record: dict[str, Any], rows: Rows) -> singerlib.RecordMessage:
    return singerlib.RecordMessage(stream=stream_map.stream_alias, record=record, version=rows.version)


def flush_text() -> None:
    """Hand what was printed as text to the byte stream below it, so that order is kept."""
    sys.stdout.flush()
