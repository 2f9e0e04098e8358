"""Load the files of a BATCH message."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.exceptions import InvalidRecord

from target_sfwarehouse.errors import BadRecordError, InputError, said, shown
from target_sfwarehouse.input.batch_files import CsvFile, Storage, open_batch_file, parquet_records
from target_sfwarehouse.input.batcher import Source
from target_sfwarehouse.load.files import FileLoad
from target_sfwarehouse.masks import file_secrets, hide
from target_sfwarehouse.rows.layout import json_types
from target_sfwarehouse.rows.values import load_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from target_sfwarehouse.input.batcher import Batcher, Stream

FORMATS = ("jsonl", "parquet", "csv")


class BatchReader:
    """Reads the records that one BATCH message names."""

    def __init__(self, message: Mapping[str, Any], batcher: Batcher, schema: Mapping[str, Any]) -> None:
        """Read the message; `schema` is that of its stream's SCHEMA message.

        Raises KeyError where the message lacks a part, and InputError for a format that is not known.
        """
        self._batcher = batcher
        self._declared = json_types(schema)
        self._line = batcher.line
        self._stream: str = message["stream"]
        self._encoding: dict[str, Any] = message["encoding"]
        self._files: list[str] = message["manifest"]
        if not isinstance(self._files, list) or not all(isinstance(url, str) for url in self._files):
            raise self._error("the `manifest` of the BATCH is no list of files' names")
        hide(*(secret for url in self._files for secret in file_secrets(url)))
        self._storage = Storage.of(batcher.settings)
        version = message.get("version")
        self._version = version if isinstance(version, int) else None
        if self._encoding["format"] not in FORMATS:
            raise self._error(
                f"batch format {shown(self._encoding['format'])} is none of {', '.join(FORMATS)}"
            )

    def _error(self, reason: str) -> InputError:
        return InputError(reason, line=self._line, stream=self._stream)

    def load(self, stream: Stream) -> None:
        """Load the files into a stream whose records need no transformation, and commit."""
        stream.note_version(self._version)
        for url in self._files:
            with self._located():
                if self._encoding["format"] == "csv":
                    self._load_csv(url, stream)
                elif self._encoding["format"] == "jsonl":
                    self._load_lines(url, stream)
                else:
                    self._load_records(stream, self._records(url))
        self._finish()

    def _finish(self) -> None:
        """Commit; files are deleted if the settings say so, once the tap's next STATE is out: until then it may read anew."""
        if self._batcher.settings.delete_batch_files:
            for url in self._files:
                self._batcher.loader.when_safe(self._line, partial(self._storage.remove, url))
        self._batcher.flush()

    @contextmanager
    def _located(self) -> Iterator[None]:
        """Add the message's line to an error of a file."""
        try:
            yield
        except BadRecordError:
            raise
        except InputError as error:
            raise error if error.line else self._error(error.reason) from None

    def load_mapped(self, process: Callable[[dict[str, Any]], None], hidden: bytes | None) -> None:
        """Load the files by `process`, which maps, flattens or validates a RECORD message, and commit.

        The quarantine keeps `hidden` of a row that cannot be read, where a map may hide its values.
        """
        for url in self._files:
            with self._located():
                for text, record in self._records(url):
                    self._take(hidden or text, partial(self._process, process, text, record))
        self._finish()

    def _process(
        self, process: Callable[[dict[str, Any]], None], text: bytes, record: Callable[[], dict[str, Any]]
    ) -> None:
        self._batcher.source = Source(self._line, text, self._version)
        message = {"type": "RECORD", "stream": self._stream, "record": record(), "version": self._version}
        process(message)

    def _records(self, url: str) -> Iterator[tuple[bytes, Callable[[], dict[str, Any]]]]:
        """Yield the records of a file of any format: text, and a function that makes the record or raises."""
        kind = self._encoding["format"]
        if kind == "csv":
            for _, text, row in self._csv_file(url).records(self._declared):
                yield text, partial(dict, row)
            return
        with open_batch_file(url, self._storage) as file:
            if kind == "parquet":
                for record in parquet_records(file):
                    yield json.dumps(record, default=str).encode(), partial(dict, record)
                return
            for text in file:
                if text.strip():
                    yield text, partial(self._parsed, url, text)

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

    def _load_lines(self, url: str, stream: Stream) -> None:
        """Load jsonl by the typed decoder; a line that it refuses takes the slow path."""
        decoder, buffer = stream.shape.record, stream.buffer
        if decoder is None:
            self._load_records(stream, self._records(url))
            return
        # Items of this file are got back from its lines, not from RECORD lines as before and after.
        self._batcher.push(buffer)
        recover, buffer.recover = buffer.recover, decoder.decode
        try:
            self._decode_lines(url, stream, decoder.decode)
            self._batcher.push(buffer)
        finally:
            buffer.recover = recover

    def _decode_lines(self, url: str, stream: Stream, decode: Callable[[bytes], Any]) -> None:
        extra = stream.extra_values(self._version, None)
        with open_batch_file(url, self._storage) as file:
            for text in file:
                try:
                    item = decode(text)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    if text.strip():
                        self._add(stream, text, partial(self._parsed, url, text))
                    continue
                stream.buffer.add(item, extra, self._line, text)
                self._batcher.push_full(stream.buffer)

    def _load_records(
        self, stream: Stream, records: Iterator[tuple[bytes, Callable[[], dict[str, Any]]]]
    ) -> None:
        for text, record in records:
            self._add(stream, text, record)

    def _add(self, stream: Stream, text: bytes, record: Callable[[], dict[str, Any]]) -> None:
        self._take(text, lambda: stream.add(record(), Source(self._line, text, self._version)))

    def _take(self, text: bytes, add: Callable[[], None]) -> None:
        """Take a record in; a bad one is judged."""
        try:
            add()
        except BadRecordError as error:
            self._batcher.refuse(error, text)
        except InvalidRecord as error:
            self._batcher.refuse(self._bad(said(error)), self._batcher.source.text)

    def _load_csv(self, url: str, stream: Stream) -> None:
        """Hand a CSV file to COPY as it is; row by row where values have to be converted."""
        file = self._csv_file(url)
        columns = {column.name: column for column in stream.shape.columns}
        if absent := [name for name, column in columns.items() if column.key and name not in file.names]:
            raise self._error(f"batch file {url} lacks the key property {shown(absent[0])}")
        if any(name not in columns or columns[name].type.family == "bytes" for name in file.names):
            self._load_records(stream, self._records(url))
            return
        extras = stream.extra_values(self._version, None)
        iso_dates = self._encoding.get("dates") == "iso8601"
        self._batcher.copy_file(
            stream.buffer, FileLoad(stream.shape, file, extras, self._declared, self._line, iso_dates)
        )

    def _csv_file(self, url: str) -> CsvFile:
        file = CsvFile.described(url, self._encoding, self._storage)
        if unknown := [name for name in file.names if name not in self._declared]:
            raise self._error(
                f"batch file {url} has column {shown(unknown[0])}, which is no property of the SCHEMA"
            )
        return file
