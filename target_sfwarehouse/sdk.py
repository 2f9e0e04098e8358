"""The names of the SDK that begin with an underscore, all in one place: a release may change them without a word.

The rest of the target uses the methods and hooks that these classes give. tests/target/test_sdk.py uses each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from singer_sdk import Target
from singer_sdk.sinks import Sink

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from target_sfwarehouse.input.batcher import Batcher


class PrivateTarget(Target):
    """What the target needs of the SDK's own, and what a sink needs of the target."""

    batcher: Batcher
    bookmarks: dict[str, tuple[str, ...]]
    source: str

    def on_signal(self, number: int) -> None:
        """Act on SIGTERM or SIGINT."""
        raise NotImplementedError

    def before_validation(self, config: Mapping[str, Any]) -> None:
        """See the settings before a message may quote one."""
        raise NotImplementedError

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's settings."""
        super().append_builtin_config(config_jsonschema)
        _repair(config_jsonschema["properties"].get("stream_maps"))

    def active_sinks(self) -> dict[str, Any]:
        """The sink of each stream, which may be changed."""
        return cast("dict[str, Any]", self._sinks_active)

    def register_schema(self, message: dict[str, Any]) -> None:
        """Register the stream maps of a SCHEMA message, and get the sinks of its streams."""
        self._process_schema_message(message)

    def process_mapped(self, message: dict[str, Any]) -> None:
        """Map, flatten and validate a RECORD message, and give it to its sinks."""
        self._process_record_message(message)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        self.before_validation(self.config)
        return super()._validate_config(raise_errors=raise_errors)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        del frame
        self.on_signal(signum)


def _repair(schema: Any) -> None:
    """Take text out of the alternatives of a schema: the SDK's `__else__` has one, on which the validator breaks."""
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _repair(part)
    if isinstance(schema, dict) and "anyOf" in schema:
        schema["anyOf"] = [part for part in schema["anyOf"] if isinstance(part, dict)]


class PrivateSink(Sink):
    """What the sink needs of the SDK's own."""

    kept_metadata: tuple[str, ...] = ()
    """Properties named `_sdc_*` that stay where the SDK removes them for want of `add_record_metadata`."""

    def _remove_sdc_metadata_from_schema(self) -> None:
        kept = self._kept(self.schema["properties"])
        super()._remove_sdc_metadata_from_schema()
        self.schema["properties"].update(kept)

    def _remove_sdc_metadata_from_record(self, record: dict[str, Any]) -> None:
        kept = self._kept(record)
        super()._remove_sdc_metadata_from_record(record)
        record.update(kept)

    def _kept(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: values[name] for name in self.kept_metadata if values.get(name) is not None}

    def _validate_and_parse(self, record: dict[str, Any]) -> dict[str, Any]:
        """Leave dates as they are: Postgres reads them, and knows years that Python does not.

        A bad record is told once; the SDK would log a traceback with its values before.
        """
        if self._validator is not None:
            self._validator.validate(record)
        return record

    def _singer_validate_message(self, record: dict[str, Any]) -> None:
        """Leave missing keys to `process_record`, which knows the line."""
