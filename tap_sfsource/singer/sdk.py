"""The names of the Singer SDK that it does not publish: all that the tap uses of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from singer_sdk import Stream


def write_message(stream: Stream, message: Any) -> None:
    """Write a message through the tap's writer."""
    stream._tap.write_message(message)  # noqa: SLF001


def write_schema(stream: Stream) -> None:
    """Write the SCHEMA messages of a stream: one for each of its stream maps."""
    stream._write_schema_message()  # noqa: SLF001


def write_activate_version(stream: Stream, version: int) -> None:
    """Write the ACTIVATE_VERSION messages of a stream."""
    stream._write_activate_version_message(version)  # noqa: SLF001


def write_state(stream: Stream) -> None:
    """Write the STATE of the whole tap."""
    stream._tap.state_writer.write_state(stream.tap_state)  # noqa: SLF001


def check_record_limit(stream: Stream, records: int) -> None:
    """End a dry run that has written enough records."""
    stream._check_max_record_limit(records)  # noqa: SLF001
