"""The record of a run as messages of the stream `sync_reports`.

The messages come behind the last STATE: a target that cannot take them has taken everything else by then. They are plain
RECORD lines; neither flattening nor BATCH files nor a stream map of all streams changes them, as whoever asks how a run went
should find the same columns everywhere. Only a map that names the stream does.
"""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
from singer_sdk.mapper import PluginMapper, RemoveRecordTransform

from tap_sfsource.catalog.sync_reports import KEY, MOMENT, RUN_KEY, STREAM, schema_of
from tap_sfsource.errors import ConfigError, one_line
from tap_sfsource.singer.maps import register
from tap_sfsource.singer.output import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from singer_sdk.mapper import StreamMap

    from tap_sfsource.singer.output import Output
    from tap_sfsource.singer.run_record import RunRecord

logger = logging.getLogger("tap-sfsource")

_MAP_SETTINGS: Final = ("stream_map_config", "faker_config")
_MOST_NOTICES: Final = 50
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


class SyncReports:
    """Writes the record of a run when it has ended, however it ends; nothing where no columns of it are selected.

    `record` makes it of what ended the run, None where it is complete.
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        record: Callable[[BaseException | None], RunRecord],
        output: Output,
        config: Mapping[str, Any],
        version: str,
    ) -> None:
        self.run_id = str(uuid.uuid4())
        self._lines = ReportLines(columns, self.run_id, config) if columns else None
        self._columns = columns
        self._record = record
        self._output = output
        self._version = version
        self._begun = time.monotonic()
        self._open = False

    @property
    def aliases(self) -> list[str]:
        """The streams that the records go out under."""
        return self._lines.aliases if self._lines is not None else []

    @property
    def properties(self) -> dict[str, tuple[str, ...]]:
        """The stream's columns by its name, where it is selected."""
        return {STREAM: self._columns} if self._columns else {}

    @contextlib.contextmanager
    def of_run(self) -> Iterator[None]:
        """Write the record at the end of the outermost block; an error of the block is raised behind it."""
        if self._lines is None or self._open:
            yield
            return
        self._open = True
        with Notices() as notices:
            try:
                yield
            except (OutputError, BrokenPipeError):
                raise  # nobody reads on
            except BaseException as error:
                self._write_beside(error, self._lines, notices.texts)
                raise
            self._write(None, self._lines, notices.texts)

    def _write(self, error: BaseException | None, lines: ReportLines, notices: Sequence[str]) -> None:
        record = self._record(error)
        self._output.write(lines.encode([*record.rows(self.run_id, self._begun, notices, self._version)]))

    def _write_beside(self, error: BaseException, lines: ReportLines, notices: Sequence[str]) -> None:
        """Write the record of a run that has failed: what goes wrong with it may not hide why."""
        try:
            self._write(error, lines, notices)
        except (OutputError, BrokenPipeError):
            return
        except Exception as failed:  # noqa: BLE001 - told beside the error of the run
            logger.error("The record of the run is not written: %s", failed)  # noqa: TRY400


class Notices(logging.Handler):
    """Collects the warnings that the log of the tap gets meanwhile."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`; errors are in the rows of their own."""
        text = record.getMessage()
        if record.levelno == logging.WARNING and len(self.texts) < _MOST_NOTICES and text not in self.texts:
            self.texts.append(text)

    def __enter__(self) -> Self:
        logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logger.removeHandler(self)


class ReportLines:
    """Makes messages of rows, through the maps of the settings that name the stream.

    Raises:
        ConfigError: A map cannot be used.
    """

    def __init__(self, columns: tuple[str, ...], run_id: str, config: Mapping[str, Any]) -> None:
        self._columns = columns
        self._schema = {**schema_of(columns), RUN_KEY: run_id}
        self._run_id = run_id
        self._maps = _maps(self._schema, config)

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """The lines of a run.

        Raises:
            ConfigError: A map cannot be applied to a row.
        """
        records = [{name: row.get(name) for name in self._columns} for row in rows]
        moments = [row.get(MOMENT) or rows[-1][MOMENT] for row in rows]
        messages: list[dict[str, Any]] = []
        for part in self._maps:
            schema = {**part.transformed_schema, RUN_KEY: self._run_id}
            keys = list(part.transformed_key_properties or ())
            told = {"stream": part.stream_alias, "schema": schema, "key_properties": keys}
            messages.append({"type": "SCHEMA", **told})
            for record, moment in zip(records, moments, strict=True):
                mapped = _mapped(part, record)
                if mapped is not None:
                    told = {"stream": part.stream_alias, "record": mapped, "time_extracted": moment}
                    messages.append({"type": "RECORD", **told})
        return _encoder.encode_lines(messages)

    @property
    def aliases(self) -> list[str]:
        """The streams that the records go out under."""
        return [part.stream_alias for part in self._maps]


def _maps(schema: dict[str, Any], config: Mapping[str, Any]) -> list[StreamMap]:
    """What the stream maps that name the stream make of it; without one, records go out as they are."""
    shared = {name: config[name] for name in _MAP_SETTINGS if config.get(name)}
    mapper = PluginMapper({**shared, "stream_maps": named(config.get("stream_maps") or {})}, logger)
    register(mapper, config, STREAM, schema, [KEY])
    return [part for part in mapper.stream_maps[STREAM] if not isinstance(part, RemoveRecordTransform)]


def named(maps: Mapping[str, Any]) -> dict[str, Any]:
    """The stream maps that name the stream."""
    return {
        name: given
        for name, given in maps.items()
        if name == STREAM or (isinstance(given, dict) and given.get("__source__") == STREAM)
    }


def _mapped(part: StreamMap, record: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return part.transform(dict(record))
    except Exception as error:  # a user's expression may raise anything
        raise ConfigError(
            "stream_maps",
            f"the map of {STREAM} cannot be applied to a row ({type(error).__name__}: {one_line(str(error))})",
            "Write its expressions so that they hold for every row; nulls occur.",
        ) from error
