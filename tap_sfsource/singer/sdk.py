"""The SDK's names that are not meant for plugins, or that differ between its versions: nowhere else are they used.

Works with singer-sdk 0.54 and 0.55.
"""

from __future__ import annotations

import copy
import logging
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException
from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig, SDKBatchMessage, StorageTarget
from singer_sdk.helpers.capabilities import BATCH_CONFIG, PluginCapabilities, TapCapabilities
from singer_sdk.io_base import SingerWriter
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.plugin_base import PluginBase
from singer_sdk.singerlib import SchemaMessage
from singer_sdk.singerlib.json import serialize_json
from singer_sdk.streams.core import TypeConformanceLevel  # type: ignore[attr-defined]
from singer_sdk.tap_base import Tap

from tap_sfsource.errors import TapError
from tap_sfsource.singer.output import Output
from tap_sfsource.sync.state_file import bookmarks_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence
    from types import FrameType

    from singer_sdk.helpers._flattening import FlatteningOptions
    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog, Message

__all__ = [
    "ABORTED",
    "BaseBatchFileEncoding",
    "BatchConfig",
    "LineWriter",
    "SDKBatchMessage",
    "SDKStream",
    "SDKTap",
    "StorageTarget",
]

ABORTED = (AbortedSyncFailedException, AbortedSyncPausedException)
"""Raised to end a dry run that has written enough records."""

CAPABILITIES: list[CapabilitiesEnum] = [
    TapCapabilities.CATALOG,
    TapCapabilities.STATE,
    TapCapabilities.DISCOVER,
    PluginCapabilities.ACTIVATE_VERSION,
    PluginCapabilities.ABOUT,
    PluginCapabilities.STREAM_MAPS,
    PluginCapabilities.FLATTENING,
    PluginCapabilities.BATCH,
    PluginCapabilities.STRUCTURED_LOGGING,
]

_FORMATS = ["jsonl", "parquet"]
"""BATCH formats of the SDK; 0.54 lists them itself."""

_NO_SETTING = "emit_activate_version_messages"
"""0.55 adds this setting with the capability: this tap sends the message when it has to, and no setting changes that."""


class LineWriter(SingerWriter):
    """Writes the SDK's messages where the tap's lines go: a signal parts none of them."""

    def __init__(self) -> None:
        super().__init__()
        self.output = Output()

    def write_message(self, message: Message) -> None:
        """Write a message."""
        self.output.write(f"{self.format_message(message)}\n".encode())

    def serialize_message(self, message: Message) -> str:
        """Serialize a message as the SDK does; a schema is not copied for that, part by part."""
        if not isinstance(message, SchemaMessage):
            return super().serialize_message(message)
        parts = {part.name: getattr(message, part.name) for part in fields(message)}
        return serialize_json({name: part for name, part in parts.items() if part is not None})


class SDKTap(Tap):
    """The SDK's tap; what a subclass changes in it has a public name here."""

    message_writer_class = LineWriter

    capabilities: ClassVar[list[CapabilitiesEnum]] = CAPABILITIES  # type: ignore[misc, unused-ignore]

    def checked(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Check the configuration before the SDK does, whose messages show values, and give it in the settings' types."""
        return dict(config)

    def terminate(self, signum: int) -> None:
        """End by a signal."""
        raise NotImplementedError

    def catalog_of_run(self) -> Catalog:
        """What the run reads, as a catalog."""
        raise NotImplementedError

    @property
    def input_catalog(self) -> Catalog | None:
        """The catalog of the run, made once."""
        if self._input_catalog is None:
            self._input_catalog = self.catalog_of_run()
        return self._input_catalog

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the state in.

        Raises:
            TapError: The state has no bookmarks by stream.
        """
        super().load_state({"bookmarks": bookmarks_of(state)})

    def sync_all(self) -> None:  # type: ignore[misc, unused-ignore]
        """Sync all streams; the tap itself writes the state."""
        self._state_writer = _Silent()  # type: ignore[assignment, unused-ignore]
        super().sync_all()

    def prepare_maps(self) -> None:
        """Read the stream maps of the configuration, and no schema of a stream."""
        PluginBase.setup_mapper(self)
        if self.mapper.default_mapper_type is SameRecordTransform:
            self.mapper.default_mapper_type = _SameRecords

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's settings; `batch_config` also takes csv, which hands Bulk pages on as they are."""
        batch_config = copy.deepcopy(BATCH_CONFIG["properties"]["batch_config"])
        batch_config["properties"]["encoding"]["properties"]["format"].setdefault("enum", [*_FORMATS]).append(
            "csv"
        )
        config_jsonschema["properties"].setdefault("batch_config", batch_config)
        super().append_builtin_config(config_jsonschema)
        _repair(config_jsonschema["properties"].get("stream_maps", {}))
        config_jsonschema["properties"].pop(_NO_SETTING, None)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        if raise_errors:
            self._config = self.checked(self._config)
        return super()._validate_config(raise_errors=raise_errors)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.terminate(signum)


class _SameRecords(SameRecordTransform):
    """No map: the stream's schema is used as it is. The SDK's class copies it."""

    def __init__(
        self,
        stream_alias: str,
        raw_schema: dict[str, Any],
        key_properties: Sequence[str] | None,
        flattening_options: FlatteningOptions | None,
    ) -> None:
        shared = {} if flattening_options is None else raw_schema
        super().__init__(stream_alias, shared, key_properties, flattening_options)
        if flattening_options is None:
            self.raw_schema = self.transformed_schema = raw_schema


class _Silent:
    """Writes no STATE where the SDK would: it repeats the state that it was given, and copies each one."""

    def write_state(self, state: object) -> None:
        """Write nothing."""


def _repair(schema: Any) -> None:
    """Take text out of the alternatives of a schema: the SDK's `__else__` has one, on which the validator breaks."""
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _repair(part)
    if isinstance(schema, dict) and "anyOf" in schema:
        schema["anyOf"] = [part for part in schema["anyOf"] if isinstance(part, dict)]


class SDKStream(Stream):
    """The SDK's stream; what a subclass changes in it, or uses of it, has a public name here."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log, but for errors that the command line tells: the SDK calls them unhandled."""
        if not isinstance(sys.exc_info()[1], TapError):
            super().log(message, *args, level=level, **kwargs)

    def emit(self, config: BatchConfig | None) -> None:
        """Write the stream's rows as RECORD messages, or with a configuration as files and BATCH messages."""
        raise NotImplementedError

    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Never asked for: `emit` writes the rows."""
        raise NotImplementedError

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take the run's catalog, which is made of the streams' own plans: only what it selects is news."""
        self._tap_input_catalog = catalog

    def write_message(self, message: Any) -> None:
        """Write a message through the tap's writer."""
        self._tap.write_message(message)

    def change_schema(self, schema: dict[str, Any], keys: list[str]) -> None:
        """Take another schema in the middle of a run; no SCHEMA is written."""
        self._schema = schema
        self._tap.mapper.register_raw_stream_schema(self.name, schema, keys)
        self._stream_maps = []

    def write_schema(self) -> None:
        """Write the SCHEMA messages: one for each stream map."""
        self._write_schema_message()

    def write_activate_version(self, version: int) -> None:
        """Write the ACTIVATE_VERSION messages."""
        self._write_activate_version_message(version)

    def check_record_limit(self, records: int) -> None:
        """End a dry run that has written enough records."""
        self._check_max_record_limit(records)

    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:  # noqa: ARG002
        self.emit(batch_config)

    def _sync_records(
        self,
        context: Context | None = None,  # noqa: ARG002
        *,
        write_messages: bool = True,  # noqa: ARG002
    ) -> Generator[dict[str, Any], Any, Any]:
        self.emit(None)
        yield from ()
