"""Load the files of a BATCH message."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.exceptions import InvalidRecord

from target_sfwarehouse.errors import BadRecordError, InputError, shown
from target_sfwarehouse.input.batch_files import CsvFile, open_batch_file, parquet_records
from target_sfwarehouse.input.batcher import Source
from target_sfwarehouse.load.csv_load import CsvLoad
from target_sfwarehouse.postgres.references import dereferenced
from target_sfwarehouse.postgres.types import declared_types
from target_sfwarehouse.rows.layout import load_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from singer_sdk.helpers._batch import BatchConfig

    from target_sfwarehouse.input.batcher import Intake
    from target_sfwarehouse.sink import WarehouseSink

__all__ = ["BatchReader"]

FORMATS = ("jsonl", "parquet", "csv")


class BatchReader:
    """Reads the records that one BATCH message names."""

    def __init__(
        self,
        message: dict[str, Any],
        intake: Intake,
        config: BatchConfig | None,
        schema: Mapping[str, Any],
    ) -> None:
        """Read the message.

        Args:
            message: The BATCH message.
            intake: Takes the records.
            config: Says where files are, if the settings do.
            schema: The stream's schema, as its SCHEMA message has it.

        Raises:
            KeyError: The message lacks a part.
            InputError: The format is not known.
        """
        self._intake = intake
        self._declared = {
            name: declared_types(dereferenced(given, schema)) for name, given in schema["properties"].items()
        }
        self._line = intake.line
        self._stream: str = message["stream"]
        self._encoding: dict[str, Any] = message["encoding"]
        self._files: list[str] = message["manifest"]
        self._storage = config.storage if config else None
        version = message.get("version")
        self._version = version if isinstance(version, int) else None
        if self._encoding["format"] not in FORMATS:
            raise self._error(
                f"batch format {shown(self._encoding['format'])} is none of {', '.join(FORMATS)}"
            )

    def _error(self, reason: str) -> InputError:
        return InputError(reason, line=self._line, stream=self._stream)

    def load(self, sink: WarehouseSink) -> None:
        """Load the files into a sink whose records need no transformation, and commit.

        Args:
            sink: The stream's sink.

        Raises:
            InputError: A file or a record cannot be used.
        """
        if self._version is not None and not sink.versioned:
            sink.enable_version()
        for url in self._files:
            with self._located():
                if self._encoding["format"] == "csv":
                    self._load_csv(url, sink)
                elif self._encoding["format"] == "jsonl":
                    self._load_lines(url, sink)
                else:
                    self._load_slowly(sink, self._records(url))
        self._intake.flush()

    @contextmanager
    def _located(self) -> Iterator[None]:
        """Say of what is wrong with a file which message named it."""
        try:
            yield
        except BadRecordError:
            raise
        except InputError as error:
            raise error if error.line else self._error(error.reason) from None

    def load_by_sdk(self, process: Callable[[dict[str, Any]], None]) -> None:
        """Load the files by way of the SDK's stream maps, flattening or validation, and commit.

        Args:
            process: Takes a RECORD message.

        Raises:
            InputError: A file or a record cannot be used.
        """
        for url in self._files:
            with self._located():
                for text, record in self._records(url):
                    self._take(text, partial(self._process, process, text, record))
        self._intake.flush()

    def _process(
        self, process: Callable[[dict[str, Any]], None], text: bytes, record: Callable[[], dict[str, Any]]
    ) -> None:
        self._intake.source = Source(self._line, text, self._version)
        message = {"type": "RECORD", "stream": self._stream, "record": record(), "version": self._version}
        process(message)

    def _records(self, url: str) -> Iterator[tuple[bytes, Callable[[], dict[str, Any]]]]:
        """Yield the records of a file of any format: text, and a function that makes the record or raises."""
        kind = self._encoding["format"]
        if kind == "csv":
            described = CsvFile.described(url, self._encoding, self._storage)
            for number, text, fields in described.rows():
                yield text, partial(self._record_of, described, number, fields)
            return
        with open_batch_file(url, self._storage) as file:
            if kind == "parquet":
                for record in parquet_records(file):
                    yield json.dumps(record, default=str).encode(), partial(dict, record)
                return
            for text in file:
                if text.strip():
                    yield text, partial(self._parsed, url, text)

    def _record_of(self, file: CsvFile, number: int, fields: list[str | None]) -> dict[str, Any]:
        try:
            return file.record(fields, self._declared)
        except ValueError as error:
            raise self._bad(f"batch file {file.url}, line {number}: {error}") from None

    def _parsed(self, url: str, text: bytes) -> dict[str, Any]:
        try:
            record = load_json(text)
        except ValueError:
            raise self._bad(f"batch file {url} has a line that is no JSON: {shown(text[:80])}") from None
        except RecursionError:
            raise self._bad(f"batch file {url} has a line that is nested too deeply") from None
        if not isinstance(record, dict):
            raise self._bad(f"batch file {url} has a line that is no object")
        return record

    def _bad(self, reason: str) -> BadRecordError:
        return BadRecordError(reason, line=self._line, stream=self._stream)

    def _load_lines(self, url: str, sink: WarehouseSink) -> None:
        """Load jsonl by the typed decoder; what it refuses takes the slow path."""
        decoder, buffer = sink.shape.record, sink.buffer
        if decoder is None:
            self._load_slowly(sink, self._records(url))
            return
        # Items of this file are got back from its lines, not from RECORD lines as before and after.
        self._intake.push(buffer)
        recover, buffer.recover = buffer.recover, decoder.decode
        try:
            self._decode_lines(url, sink, decoder.decode)
            self._intake.push(buffer)
        finally:
            buffer.recover = recover

    def _decode_lines(self, url: str, sink: WarehouseSink, decode: Callable[[bytes], Any]) -> None:
        buffer = sink.buffer
        extra = sink.extra_values(self._version, None)
        with open_batch_file(url, self._storage) as file:
            for text in file:
                try:
                    item = decode(text)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    if text.strip():
                        self._add_slowly(sink, text, partial(self._parsed, url, text))
                    continue
                buffer.add(item, extra, self._line, text)
                if buffer.full:
                    self._intake.push(buffer)

    def _load_slowly(
        self, sink: WarehouseSink, records: Iterator[tuple[bytes, Callable[[], dict[str, Any]]]]
    ) -> None:
        for text, record in records:
            self._add_slowly(sink, text, record)

    def _add_slowly(self, sink: WarehouseSink, text: bytes, record: Callable[[], dict[str, Any]]) -> None:
        self._take(text, lambda: sink.add(record(), Source(self._line, text, self._version)))

    def _take(self, text: bytes, add: Callable[[], None]) -> None:
        """Take a record in; a bad one goes to quarantine if the settings say so."""
        try:
            add()
        except (BadRecordError, InvalidRecord) as error:
            bad = error if isinstance(error, BadRecordError) else self._bad(str(error))
            if self._intake.settings.on_bad_record != "quarantine":
                raise bad from None
            self._intake.reject(bad, text)

    def _load_csv(self, url: str, sink: WarehouseSink) -> None:
        """Hand a CSV file to COPY as it is; row by row where values have to be converted."""
        file = CsvFile.described(url, self._encoding, self._storage)
        columns = {column.name: column for column in sink.shape.columns}
        if unknown := [name for name in file.names if name not in columns]:
            raise self._error(
                f"batch file {url} has column {shown(unknown[0])}, which is no property of the SCHEMA"
            )
        if absent := [
            column.name for column in sink.shape.columns if column.key and column.name not in file.names
        ]:
            raise self._error(f"batch file {url} lacks the key property {shown(absent[0])}")
        if any(columns[name].type.family == "bytes" for name in file.names):
            self._load_slowly(sink, self._records(url))
            return
        extras = sink.extra_values(self._version, None)
        batch = CsvLoad(sink.load, sink.shape, file, extras, self._declared, self._line)
        self._intake.copy_file(sink.buffer, batch)
