"""What the user's stream maps and flattening make of a stream's rows."""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import json
import logging
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from singer_sdk.exceptions import MapExpressionError, StreamMapConfigError
from singer_sdk.mapper import PluginMapper, RemoveRecordTransform, SameRecordTransform

from tap_sfsource.errors import ConfigError, TapError, one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from singer_sdk import Stream
    from singer_sdk.mapper import StreamMap

logger = logging.getLogger("tap-sfsource")

_NULL = "__NULL__"
_NAMES = frozenset({"__source__", "__alias__"})
_OPTIONS = frozenset({"__else__"})
"""Keys of all maps that name no stream."""

_TELLING = (MapExpressionError, AttributeError, TypeError)
"""Errors whose text names types and expressions; that of other errors may hold a record's values."""

_SDK_ERRORS = (MapExpressionError, StreamMapConfigError)


class _Message(msgspec.Struct):
    record: dict[str, Any]
    time_extracted: str
    version: int | None = None


class Mapped(NamedTuple):
    """A record after a stream map; `record` is None if the map's filter drops it."""

    stream: str
    record: dict[str, Any] | None
    version: int | None
    time_extracted: datetime


class Maps:
    """The stream maps of one stream.

    Attributes:
        identity: Whether rows go out as they are.
        partial_rows: Whether the maps can take partial rows. A filter or an expression needs all properties; a tombstone
            needs the key, and the property that marks deleted rows.
        signature: Tells these maps from others; empty for none.
        removed: Whether no row of the stream goes out.
        filters: Whether a map leaves rows out.
    """

    def __init__(self, stream: Stream, deleted: str) -> None:
        everything: Sequence[StreamMap] = stream.stream_maps
        self._stream = stream
        self._maps = [part for part in everything if not isinstance(part, RemoveRecordTransform)]
        self._decoder = msgspec.json.Decoder(_Message, float_hook=Decimal)
        self.removed = not self._maps
        self.identity = len(everything) == 1 and all(
            isinstance(part, SameRecordTransform)
            and not part.flattening_enabled
            and part.stream_alias == stream.name
            for part in everything
        )
        definitions = _definitions(stream.name, stream.config.get("stream_maps") or {})
        self.partial_rows = self.identity or (
            all(map(_is_independent, definitions))
            and (bool(definitions) or all(isinstance(part, SameRecordTransform) for part in self._maps))
            and all(part.transformed_key_properties for part in self._maps)
            and all(deleted in part.transformed_schema["properties"] for part in self._maps)
        )
        self.filters = any("__filter__" in definition for definition in definitions)
        self._changed = frozenset(
            name for definition in definitions for name, value in definition.items() if value is not None
        )
        self.signature = "" if self.identity else _signature(definitions, stream.config)

    def schemas(self, properties: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The SCHEMA message of each map for rows with these properties only."""
        for part in self._maps:
            names = self._transformed(part, dict.fromkeys(properties)) or {}
            schema = dict(part.transformed_schema)
            schema["properties"] = {
                name: given for name, given in schema["properties"].items() if name in names
            }
            schema.pop("required", None)
            yield {
                "type": "SCHEMA",
                "stream": part.stream_alias,
                "schema": schema,
                "key_properties": list(part.transformed_key_properties or ()),
            }

    @property
    def aliases(self) -> list[str]:
        """The streams that rows go out under."""
        return [part.stream_alias for part in self._maps]

    def changes(self, properties: Iterable[str]) -> bool:
        """Whether a map has an expression for one of some properties."""
        return not self._changed.isdisjoint(properties)

    def records(self, lines: bytes) -> Iterator[Mapped]:
        """What each map makes of RECORD lines.

        Raises:
            TapError: A map cannot be applied to a row.
        """
        for message in self._decoder.decode_lines(lines):
            extracted = datetime.fromisoformat(message.time_extracted)
            for part in self._maps:
                record = self._transformed(part, message.record)
                yield Mapped(part.stream_alias, record, message.version, extracted)

    def _transformed(self, part: StreamMap, record: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return part.transform(dict(record))
        except Exception as error:  # a user's expression may raise anything
            stream = self._stream
            schema, keys = stream.schema, list(stream.primary_keys)
            place = faulty_part(stream.config, stream.name, schema, keys, error, record)
            told = f": {one_line(str(error))}" if isinstance(error, _TELLING) else ""
            raise TapError(
                f"{stream.name}: its stream map cannot be applied to a row{place} ({type(error).__name__}{told}). Write the "
                "expression in the setting stream_maps so that it holds for every row; nulls occur."
            ) from error


def register(
    mapper: PluginMapper, config: Mapping[str, Any], stream: str, schema: dict[str, Any], keys: list[str]
) -> None:
    """Read the maps of a stream.

    Raises:
        ConfigError: One cannot be used.
    """
    try:
        mapper.register_raw_stream_schema(stream, schema, keys)
    except Exception as error:  # the SDK's own for some mistakes, any other for the rest
        place = faulty_part(config, stream, schema, keys, error)
        told = (
            one_line(str(error)).rstrip(".")
            if isinstance(error, _SDK_ERRORS)
            else "it is not what the SDK takes"
        )
        raise ConfigError(
            "stream_maps", f"the map of {stream} cannot be used{place} ({told})", "Correct it there."
        ) from error


def warn_of_unknown(maps: Mapping[str, Any], streams: Mapping[str, Collection[str]]) -> None:
    """Say which maps and removals mean nothing of what the run reads: what they were to hide goes out.

    `streams` has the properties of each stream.
    """
    for name, given in maps.items():
        if name in _OPTIONS:
            continue
        source = str(given.get("__source__", name)) if isinstance(given, dict) else name
        found = fnmatch.filter(streams, source)
        if not found:
            _warn(f"{source} is no stream that the run reads", source, streams)
            continue
        known = {part for stream in found for part in streams[stream]}
        for part, expression in given.items() if isinstance(given, dict) else ():
            removes = expression is None or expression == _NULL
            if removes and part not in known and not part.startswith("__"):
                _warn(f"{source} has no property {part} to remove", part, known)


def _warn(problem: str, name: str, names: Iterable[str]) -> None:
    near = difflib.get_close_matches(name.lower(), names, 1, 0.75)
    logger.warning("Setting stream_maps: %s.%s", problem, f" Is it {near[0]}?" if near else "")


def faulty_part(
    config: Mapping[str, Any],
    stream: str,
    schema: dict[str, Any],
    keys: list[str],
    error: Exception,
    record: Mapping[str, Any] | None = None,
) -> str:
    """Where in a stream's maps an error comes from: the part that gives the same one by itself, as " at name"; or empty."""
    for name, given in (config.get("stream_maps") or {}).items():
        source = given.get("__source__", name) if isinstance(given, dict) else name
        for part, expression in given.items() if isinstance(given, dict) else ():
            if part == "__source__" or not fnmatch.fnmatch(stream, str(source)):
                continue
            alone = PluginMapper({**config, "stream_maps": {stream: {part: expression}}}, logger)
            try:
                alone.register_raw_stream_schema(stream, schema, keys)
                for transform in alone.stream_maps[stream] if record is not None else ():
                    transform.transform(dict(record or {}))
            except Exception as own:  # noqa: BLE001 - compared
                if (type(own), str(own)) == (type(error), str(error)):
                    return f" at {part}"
    return ""


def check_names(aliases: Mapping[str, Sequence[str]]) -> None:
    """Compare the names under which streams go out; `aliases` has those of each stream.

    Raises:
        ConfigError: Two streams go out under one name: a sweep of one would mark the other's rows as deleted.
    """
    streams: dict[str, str] = {}
    for stream, own in aliases.items():
        for alias in own:
            if (other := streams.setdefault(alias, stream)) != stream:
                raise ConfigError(
                    "stream_maps",
                    f"{other} and {stream} both go out as {alias}",
                    "Give each stream a name of its own.",
                )


def _definitions(stream: str, maps: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The maps of the settings that are about a stream; null removes the stream and is none."""
    return [
        given
        for name, given in maps.items()
        if isinstance(given, dict) and fnmatch.fnmatch(stream, str(given.get("__source__", name)))
    ]


def _is_independent(definition: Mapping[str, Any]) -> bool:
    """Whether a map treats each property by itself: it passes it on or removes it."""
    return all(value is None or value == _NULL for name, value in definition.items() if name not in _NAMES)


def _signature(definitions: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> str:
    shared = {
        name: value
        for name, value in config.items()
        if name.startswith(("stream_map_config", "flattening", "faker"))
    }
    relevant = [definitions, shared]
    return hashlib.sha256(json.dumps(relevant, sort_keys=True, default=str).encode()).hexdigest()[:16]
