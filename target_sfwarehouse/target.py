"""The target's class: what the Singer SDK and Meltano see."""

from __future__ import annotations

import copy
import difflib
import json
import signal
import sys
from typing import TYPE_CHECKING, Any, ClassVar, cast

from singer_sdk import Target
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TargetCapabilities
from singer_sdk.mapper import SameRecordTransform

from target_sfwarehouse.config import CONFIG_JSONSCHEMA, Settings
from target_sfwarehouse.errors import StoppedError, TargetError, without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from singer_sdk.sinks import Sink

    from target_sfwarehouse.sink import WarehouseSink

__all__ = ["TargetSFWarehouse"]


class TargetSFWarehouse(Target):
    """Loads Singer streams into tables of a schema in Postgres: upserts by key, as fast as COPY goes."""

    name = "target-sfwarehouse"
    package_name = "sfsource"
    config_jsonschema: ClassVar[dict[str, Any]] = CONFIG_JSONSCHEMA
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.TARGET_SCHEMA,
        TargetCapabilities.HARD_DELETE,
        TargetCapabilities.VALIDATE_RECORDS,
    ]

    def __init__(self, **options: Any) -> None:
        """Read the settings; nothing is connected before the first SCHEMA.

        Args:
            **options: As the SDK's `Target` takes them.

        Raises:
            SettingsError: The settings contradict each other.
        """
        # Imported late: `--version` and `--about` need neither msgspec nor the sinks.
        from target_sfwarehouse.input.batcher import Intake  # noqa: PLC0415
        from target_sfwarehouse.input.reader import FastReader  # noqa: PLC0415

        super().__init__(**options)
        self._warn_of_unknown_settings()
        self._stop_signal: int | None = None
        self.bookmarks: dict[str, tuple[str, ...]] = {}
        self._seen: dict[tuple[str, str, tuple[str, ...]], WarehouseSink] = {}
        self.max_parallelism = 1
        self.intake = Intake(Settings.from_config(self.config), _emit)
        self.message_reader = FastReader(self)

    def _warn_of_unknown_settings(self) -> None:
        schema = copy.deepcopy(self.config_jsonschema)
        self.append_builtin_config(schema)
        known = schema["properties"]
        for name in sorted(self.config.keys() - known.keys()):
            nearest = next(iter(difflib.get_close_matches(name, known, 1)), "")
            hint = f" Is it {nearest}?" if nearest else ""
            self.logger.warning("There is no setting %s; it is ignored.%s", name, hint)

    def stopped_by(self) -> int | None:
        """Return the signal that told the run to stop, if one did."""
        return self._stop_signal

    def idle(self) -> None:
        """Commit what was read if it has waited for long enough."""
        self.intake.idle()

    def get_sink_class(self, stream_name: str) -> type[Sink]:
        """Return the sink's class.

        Args:
            stream_name: Not used: all streams have the same.

        Returns:
            The class.
        """
        del stream_name
        from target_sfwarehouse.sink import WarehouseSink  # noqa: PLC0415 - see __init__

        return WarehouseSink

    def get_sink(
        self,
        stream_name: str,
        *,
        record: dict[str, Any] | None = None,
        schema: dict[str, Any] | None = None,
        key_properties: Sequence[str] | None = None,
    ) -> WarehouseSink:
        """Return the sink of a stream; one that a schema had before is taken up again.

        Taps that send partial rows alternate between a narrow SCHEMA and the full one.

        Args:
            stream_name: The stream.
            record: Not used.
            schema: A new schema, if one came.
            key_properties: Its key.

        Returns:
            The sink.
        """
        del record
        active = cast("WarehouseSink | None", self._sinks_active.get(stream_name))
        if schema is None:
            return cast("WarehouseSink", self._sinks_active[stream_name])
        name = (stream_name, json.dumps(schema, default=str), tuple(key_properties or ()))
        known = self._seen.get(name)
        if known is not None and known is active:
            return active
        if active is not None:
            active.retire()
        if known is None:
            known = self._seen[name] = cast(
                "WarehouseSink", self.add_sink(stream_name, schema, key_properties)
            )
        else:
            self._sinks_active[stream_name] = known
        known.open()
        return known

    def plain_sink(self, stream: str) -> WarehouseSink | None:
        """Return the sink of a stream whose records go into the table as they come.

        Args:
            stream: The stream.

        Returns:
            The sink; None if it is not known or its records have to be mapped, flattened or validated.
        """
        if self.intake.settings.validate_records:
            return None
        maps = self.mapper.stream_maps.get(stream, [])
        if len(maps) != 1 or type(maps[0]) is not SameRecordTransform or maps[0].flattening_enabled:
            return None
        return cast("WarehouseSink | None", self._sinks_active.get(maps[0].stream_alias))

    def note_schema(self, message: dict[str, Any]) -> None:
        """Remember the bookmark properties of a SCHEMA message, for `indexes`.

        Args:
            message: The message.
        """
        properties = message.get("bookmark_properties") or ()
        self.bookmarks[message.get("stream", "")] = (
            (properties,) if isinstance(properties, str) else tuple(properties)
        )

    def activate_version(self, stream: str, version: int) -> None:
        """Act on an ACTIVATE_VERSION message.

        Args:
            stream: The stream.
            version: The version that is complete.

        Raises:
            KeyError: No SCHEMA has announced the stream.
        """
        for stream_map in self.mapper.stream_maps[stream]:
            self._sinks_active[stream_map.stream_alias].activate_version(version)

    def take_batch(self, message: dict[str, Any]) -> None:
        """Act on a BATCH message: load the records of its files, then commit.

        Args:
            message: The message.

        Raises:
            KeyError: No SCHEMA has announced the stream.
            InputError: A file cannot be used.
        """
        from target_sfwarehouse.input.batches import BatchReader  # noqa: PLC0415 - see __init__

        stream = message["stream"]
        maps = self.mapper.stream_maps[stream]
        config = self._sinks_active[maps[0].stream_alias].batch_config
        batch = BatchReader(message, self.intake, config, maps[0].raw_schema)
        plain = self.plain_sink(stream)
        if plain is not None:
            batch.load(plain)
        else:
            batch.load_by_sdk(self._process_record_message)

    def process_endofpipe(self) -> None:
        """Commit everything, emit the last STATE and write the summary.

        Raises:
            InputError: A record among the last ones did not fit.
        """
        self.intake.finish()
        super().process_endofpipe()
        self.intake.check()
        self.intake.close()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop reading; the reader commits what it has. A second signal ends the process at once."""
        del frame
        if self._stop_signal is not None:
            signal.signal(signum, signal.SIG_DFL)
            signal.raise_signal(signum)
        self._stop_signal = signum

    @classmethod
    def invoke(cls, **options: Any) -> None:
        """Run the command line; what goes wrong is one line and a non-zero exit.

        Args:
            **options: As the SDK parses them.
        """
        try:
            super().invoke(**options)
        except StoppedError as error:
            cls.logger.error("%s", error)  # noqa: TRY400 - one line is enough
            sys.exit(128 + error.signum)
        except TargetError as error:
            cls.logger.error("%s", without_secrets(str(error)))  # noqa: TRY400
            sys.exit(1)


def _emit(state: bytes) -> None:
    """Write a STATE's value, as the SDK's targets do: JSON on a line of its own."""
    sys.stdout.write(state.decode() + "\n")
    sys.stdout.flush()
