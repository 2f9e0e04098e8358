"""The target's class: what the Singer SDK and Meltano see."""

from __future__ import annotations

import copy
import json
import re
import signal
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk.exceptions import InvalidRecord, MapExpressionError, StreamMapConfigError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TargetCapabilities
from singer_sdk.mapper import SameRecordTransform

from target_sfwarehouse.config import Settings
from target_sfwarehouse.config_file import check_before
from target_sfwarehouse.errors import BadSchemaError, InputError, StoppedError, TargetError
from target_sfwarehouse.masks import hide_anew, redact_logs
from target_sfwarehouse.report import Report
from target_sfwarehouse.sdk import PrivateTarget
from target_sfwarehouse.state_file import StateFile
from target_sfwarehouse.stream_maps import PartialRowError, for_partial_rows, guard, is_custom, redacted
from target_sfwarehouse.terminal import hush

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk.sinks import Sink

    from target_sfwarehouse.input.batcher import Stream
    from target_sfwarehouse.sink import WarehouseSink


SOURCE = "x-source"
"""Keyword of a schema that names whose rows they are, such as an org: `salesforce:00D...`."""

TAP_RUN = "x-run-id"
"""Keyword of a schema: its records are reports of this run of the tap."""

_VERSION = re.compile(rb'"version":\s*([0-9]{1,19})(?![0-9])')


class TargetSFWarehouse(PrivateTarget):
    """Loads Singer streams into tables of a schema in Postgres: upserts by key, as fast as COPY goes."""

    name = "target-sfwarehouse"
    package_name = "sfsource"
    config_jsonschema: ClassVar[dict[str, Any]] = Settings.json_schema()
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
    state_file: ClassVar[StateFile | None] = None

    def __init__(self, **options: Any) -> None:
        """Read the settings; nothing is connected before the first SCHEMA. Raises SettingsError."""
        # Imported late: `--version` and `--about` need neither msgspec nor the sinks.
        from target_sfwarehouse.input.batcher import Batcher  # noqa: PLC0415
        from target_sfwarehouse.input.reader import FastReader  # noqa: PLC0415

        super().__init__(**options)
        self._warn_of_unknown_settings()
        self._stop_signal: int | None = None
        self.bookmarks = {}
        self.source = ""
        self._schemas: dict[str, dict[str, Any]] = {}
        self._properties: defaultdict[str, set[str]] = defaultdict(set)
        self._seen: dict[tuple[str, str, tuple[str, ...], str], WarehouseSink] = {}
        self.max_parallelism = 1
        self.batcher = Batcher(Settings.from_config(self.config), self._emit, Report())
        self.message_reader = FastReader(self)

    def before_validation(self, config: Mapping[str, Any]) -> None:
        """Keep what is secret out of messages, those of the validation included. Raises SettingsError."""
        hide_anew(*Settings.secret_values(config))
        Settings.check_choices(config)

    def _warn_of_unknown_settings(self) -> None:
        schema = copy.deepcopy(self.config_jsonschema)
        self.append_builtin_config(schema)
        for name, nearest in Settings.unknown(self.config, schema["properties"]).items():
            hint = f" Is it {nearest}?" if nearest else ""
            self.logger.warning("There is no setting %s; it is ignored.%s", name, hint)

    def stopped_by(self) -> int | None:
        """Return the signal that told the run to stop, if one did."""
        return self._stop_signal

    def idle(self) -> None:
        """Commit what was read if it has waited for long enough."""
        self.batcher.idle()

    def get_sink_class(self, stream_name: str) -> type[Sink]:
        """Return the sink's class, the same for all streams."""
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
        """
        del record
        sinks: dict[str, WarehouseSink] = self.active_sinks()
        if schema is None:
            return sinks[stream_name]
        active = sinks.get(stream_name)
        name = (stream_name, json.dumps(schema, default=str), tuple(key_properties or ()), self.source)
        known = self._seen.get(name)
        if known is not None and known is active:
            return active
        if active is not None:
            active.stream.retire()
        if known is None:
            self.add_sink(stream_name, schema, key_properties)
            known = self._seen[name] = sinks[stream_name]
        else:
            sinks[stream_name] = known
        known.stream.open()
        return known

    def plain_stream(self, name: str) -> Stream | None:
        """Return a stream whose records go into the table as they come.

        None if it is not known or its records have to be mapped, flattened or validated.
        """
        if self.batcher.settings.validate_records:
            return None
        maps = self.mapper.stream_maps.get(name, [])
        if len(maps) != 1 or type(maps[0]) is not SameRecordTransform or maps[0].flattening_enabled:
            return None
        sink = self.active_sinks().get(maps[0].stream_alias)
        return sink.stream if sink is not None else None

    def take_schema(self, message: dict[str, Any]) -> None:
        """Act on a SCHEMA message. Raises BadSchemaError, and InputError for partial rows that no map can carry."""
        bookmarks = message.get("bookmark_properties") or ()
        name = message.get("stream", "")
        self.bookmarks[name] = (bookmarks,) if isinstance(bookmarks, str) else tuple(bookmarks)
        line = self.batcher.line
        maps = self.mapper.stream_maps_dict
        try:
            # The SDK's maps change the schema that they are given.
            schema = self._schemas[name] = copy.deepcopy(message.get("schema") or {})
            # Taken here: a map makes a schema of its own, without keywords beside the properties.
            source = schema.get(SOURCE)
            self.source = source if isinstance(source, str) else ""
            properties = set(schema.get("properties") or ())
            known = self._properties[name]
            keys = message.get("key_properties") or ()
            self.mapper.stream_maps_dict = for_partial_rows(maps, name, properties, known, keys)
            self.register_schema(message)
            for stream_map in self.mapper.stream_maps[name]:
                if (sink := self.active_sinks().get(stream_map.stream_alias)) is not None:
                    sink.stream.partial = bool(known - properties)
                    sink.stream.refuse_partial(None)
                    if isinstance(run := schema.get(TAP_RUN), str):
                        self.batcher.loader.note_run(run, stream_map.stream_alias)
            known |= properties
        except PartialRowError as error:
            raise InputError(str(error), line=line, stream=name) from None
        except (StreamMapConfigError, MapExpressionError) as error:
            raise BadSchemaError(f"line {line}, stream '{name}': {error}") from None
        finally:
            self.mapper.stream_maps_dict = maps
        for stream_map in self.mapper.stream_maps[name]:
            guard(stream_map, name, self.batcher)

    def take_record(self, message: dict[str, Any]) -> None:
        """Map, flatten and validate a RECORD message, and take the result in."""
        from target_sfwarehouse.rows.values import stalls  # noqa: PLC0415 - see __init__

        stream = message["stream"]
        if self._hides_values(stream):
            source = self.batcher.source
            self.batcher.source = source._replace(text=redacted(stream, source.version))
        try:
            if stalls(message["record"]):
                raise OverflowError
            self.process_mapped(message)
        except ArithmeticError:
            # Such as a `multipleOf` of a number with more digits than Python's decimals keep.
            raise InvalidRecord(
                "it has a number too large to be mapped or validated", message["record"]
            ) from None

    def kept(self, stream: str | None, line: bytes) -> bytes:
        """Return what people may see of an input line: no values that a map of its stream may hide."""
        if stream is None or not self._hides_values(stream):
            return line
        version = _VERSION.search(line)
        return redacted(stream, int(version[1]) if version else None)

    def _hides_values(self, stream: str) -> bool:
        """Whether a map of the settings changes the stream's records."""
        return any(map(is_custom, self.mapper.stream_maps.get(stream, ())))

    def activate_version(self, stream: str, version: int) -> None:
        """Act on an ACTIVATE_VERSION message. Raises KeyError where no SCHEMA has announced the stream."""
        for stream_map in self.mapper.stream_maps[stream]:
            alias = stream_map.stream_alias
            sources = {
                name
                for name, stream_maps in self.mapper.stream_maps.items()
                if any(other.stream_alias == alias for other in stream_maps)
            }
            self.batcher.activate(self.active_sinks()[alias].stream, version, {alias, *sources})

    def take_batch(self, message: dict[str, Any]) -> None:
        """Load the records of a BATCH message's files, then commit.

        Raises KeyError where no SCHEMA has announced the stream, and InputError for a file that cannot be used.
        """
        from target_sfwarehouse.input.batches import BatchReader  # noqa: PLC0415 - see __init__

        stream = message["stream"]
        batch = BatchReader(message, self.batcher, self._schemas[stream])
        plain = self.plain_stream(stream)
        if plain is not None:
            batch.load(plain)
        else:
            hidden = redacted(stream, message.get("version")) if self._hides_values(stream) else None
            batch.load_mapped(self.take_record, hidden)

    def process_endofpipe(self) -> None:
        """Commit everything, emit the last STATE and write the summary. Raises InputError for a bad record."""
        self.batcher.complete()
        self.batcher.finish()
        self.drain_all()  # a later SDK counts records when it drains a sink, and logs the counts before `clean_up`
        for sink in self.active_sinks().values():
            sink.count()
        super().process_endofpipe()
        self.batcher.check(at_end=True)
        self.batcher.close()

    def on_signal(self, number: int) -> None:
        """Stop reading; the reader commits what it has. A second signal ends the process at once."""
        if self._stop_signal is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._stop_signal = number

    @classmethod
    def invoke(cls, *, state_file: Path | None = None, **options: Any) -> None:
        """Run the command line; an error is one line and a non-zero exit."""
        hush(cls.name)
        redact_logs()
        try:
            cls.state_file = None if state_file is None else StateFile(state_file)
            super().invoke(**options)
        except StoppedError as error:
            cls.logger.error("%s", error)  # noqa: TRY400 - one line is enough
            sys.exit(128 + error.signum)
        except TargetError as error:
            cls.logger.error("%s", error)  # noqa: TRY400
            sys.exit(1)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Give the command line, with --state-file."""
        command = super().get_singer_command()
        check_before(next(option for option in command.params if option.name == "config"))
        command.params.append(
            click.Option(
                ["--state-file"],
                type=click.Path(path_type=Path),
                help="Also keep the last STATE in this file, which is whole at any moment.",
            )
        )
        return command

    def _emit(self, state: bytes) -> None:
        """Write a STATE's value, as the SDK's targets do: JSON on a line of its own; and to the file of --state-file."""
        if self.state_file is not None:
            self.state_file.write(state)
        sys.stdout.write(state.decode() + "\n")
        sys.stdout.flush()
