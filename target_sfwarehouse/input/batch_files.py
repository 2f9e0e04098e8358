"""BATCH messages: files of records, in the SDK's encodings and in CSV that goes to COPY untouched.

The encoding of a CSV batch: `{"format": "csv", "compression": "gzip" | "zstd" | "none"}`, with optional keys

    columns       property names in the order of the file's columns; without it the header line names them
    header        whether the file has a header line (default true; skipped when `columns` is given)
    quoted_empty  what `""` means: `text` (default) the empty string, `null` NULL, as in Salesforce's CSV

An empty field without quotes is always NULL. Text is UTF-8, quotes inside quotes are doubled.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import IO, TYPE_CHECKING, Any, cast

from upath import UPath

from target_sfwarehouse.errors import InputError, SettingsError, TargetError, shown, without_secrets
from target_sfwarehouse.rows.layout import load_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from singer_sdk.helpers._batch import StorageTarget

__all__ = ["CsvFile", "open_batch_file", "parquet_records"]

BLOCK = 128 * 1024
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@contextmanager
def open_batch_file(url: str, storage: StorageTarget | None = None) -> Iterator[IO[bytes]]:
    """Open a file of a BATCH manifest; what it is compressed by is told by its first bytes.

    The SDK's own jsonl files are gzipped whatever the message says, so the message is not asked.

    Args:
        url: A local path, or a URL that fsspec knows.
        storage: Where `batch_config` says that files are; by default the URL says it.

    Yields:
        The decompressed file.

    Raises:
        InputError: The file is not there, or cannot be read: also while it is.
        SettingsError: It is compressed by zstd and the extra for that is missing.
    """
    try:
        path = UPath(storage.root, **storage.params) / UPath(url).name if storage else UPath(url)
        with path.open("rb") as raw:
            start = raw.read(4)
            raw.seek(0)
            if start.startswith(GZIP):
                with gzip.open(raw) as file:
                    yield cast("IO[bytes]", file)
            elif start.startswith(ZSTD):
                with _zstd(raw) as file:
                    yield file
            else:
                yield raw
    except FileNotFoundError:
        raise InputError(f"batch file {url} is not there") from None
    except TargetError:
        raise
    except _damage() as error:
        said = " ".join(without_secrets(str(error)).split())
        raise InputError(f"batch file {url} cannot be read: {said or type(error).__name__}") from None


def _damage() -> tuple[type[Exception], ...]:
    """Name what a damaged file or a strange file system raises; asked only when something was raised."""
    zstd = getattr(sys.modules.get("zstandard"), "ZstdError", EOFError)
    return OSError, EOFError, ValueError, ImportError, zlib.error, csv.Error, zstd


def _zstd(raw: IO[bytes]) -> IO[bytes]:
    try:
        import zstandard  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsError(
            "A batch file is compressed by zstd; install the extra that reads it: pip install 'sfsource[zstd]'"
        ) from None
    return io.BufferedReader(_Frames(raw, zstandard.ZstdDecompressor().decompressobj), BLOCK)


class _Frames(io.RawIOBase):
    """Reads a zstd file of one or more frames; the library's own reader takes one that is cut off for whole."""

    def __init__(self, raw: IO[bytes], decompressor: Callable[[], Any]) -> None:
        self._raw = raw
        self._decompressor = decompressor
        self._frame: Any = None
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            data = self._frame.unused_data if self._frame is not None and self._frame.eof else b""
            data = data or self._raw.read(BLOCK)
            if not data:
                if self._frame is not None and not self._frame.eof:
                    raise EOFError("it ends in the middle of a zstd frame")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._decompressor()
            self._ready = memoryview(self._frame.decompress(data))
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count


def parquet_records(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Read the records of a Parquet file, a row group at a time.

    Args:
        file: The file, seekable.

    Yields:
        Records.

    Raises:
        SettingsError: The extra that reads Parquet is missing.
    """
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsError(
            "A batch file is Parquet; install the extra that reads it: pip install 'sfsource[parquet]'"
        ) from None
    for batch in parquet.ParquetFile(file).iter_batches(batch_size=2000):
        yield from batch.to_pylist()


@dataclass(frozen=True)
class CsvFile:
    """One CSV file of a BATCH manifest.

    Attributes:
        url: Where it is.
        names: Property of each of its columns.
        header: Whether its first line is a header.
        quoted_empty_is_null: Whether `""` means NULL.
        storage: Where `batch_config` says that files are.
    """

    url: str
    names: tuple[str, ...]
    header: bool = True
    quoted_empty_is_null: bool = False
    storage: StorageTarget | None = None

    @classmethod
    def described(cls, url: str, encoding: dict[str, Any], storage: StorageTarget | None) -> CsvFile:
        """Read what a BATCH message says about its files, and the header where that must tell the rest.

        Args:
            url: The file.
            encoding: The message's encoding.
            storage: As for `open_batch_file`.

        Returns:
            The description.

        Raises:
            InputError: Neither the message nor the file names the columns.
        """
        header = bool(encoding.get("header", True))
        names: Sequence[str] = encoding.get("columns") or ()
        if not names:
            if not header:
                raise InputError(f"batch file {url} has no header, and the message does not name its columns")
            with open_batch_file(url, storage) as file:
                names = next(csv.reader(io.TextIOWrapper(file, "utf-8", newline="")), [])
        if len(set(names)) < len(names) or not names:
            raise InputError(f"batch file {url} has no usable columns: {shown(list(names))}")
        empty_is_null = encoding.get("quoted_empty", "text") == "null"
        return cls(url, tuple(names), header, empty_is_null, storage)

    def copy_options(self, columns: Sequence[str]) -> str:
        """Return the options of the COPY that reads the file.

        Args:
            columns: Quoted names of its columns.

        Returns:
            SQL in brackets.
        """
        options = ["FORMAT csv", "NULL ''"]
        if self.header:
            options.append("HEADER true")
        if self.quoted_empty_is_null:
            options.append(f"FORCE_NULL ({', '.join(columns)})")
        return f"({', '.join(options)})"

    def rows(self) -> Iterator[tuple[int, bytes, list[str | None]]]:
        """Read the file row by row: for rows that must be transformed, or one of which COPY refuses.

        Yields:
            Line number where a row ends, its text, and its fields; NULL as None.
        """
        with open_batch_file(self.url, self.storage) as file:
            text = _Kept(io.TextIOWrapper(file, "utf-8", newline=""))
            for number, fields in enumerate(_fields(text, quoted_empty_is_null=self.quoted_empty_is_null)):
                line = text.take()
                if number == 0 and self.header:
                    continue
                yield text.number, line.encode(), fields

    def record(self, fields: Sequence[str | None], declared: Mapping[str, frozenset[str]]) -> dict[str, Any]:
        """Turn the fields of a row into a record such as a RECORD message has.

        Args:
            fields: The fields.
            declared: JSON types of the properties, as `types.declared_types` tells them.

        Returns:
            The record; a field that is not of the declared kind stays text.

        Raises:
            ValueError: There are more or fewer fields than columns.
        """
        if len(fields) != len(self.names):
            raise ValueError(f"{len(fields)} fields for {len(self.names)} columns")
        return {
            name: None if field is None else _value(field, declared.get(name, frozenset({"string"})))
            for name, field in zip(self.names, fields, strict=True)
        }


def _value(field: str, declared: frozenset[str]) -> Any:
    try:
        if not declared or declared & {"object", "array"}:
            return load_json(field.encode())
        if declared == {"boolean"}:
            return {"true": True, "false": False}.get(field, field)
        if declared == {"integer"}:
            return int(field)
        return Decimal(field) if declared == {"number"} else field
    except (ValueError, InvalidOperation):
        return field


class _Kept:
    """Lines of a text, of which the ones read last can be had again."""

    def __init__(self, lines: IO[str]) -> None:
        self.lines = lines
        self.number = 0
        self.kept: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.number += 1
            self.kept.append(line)
            yield line

    def take(self) -> str:
        """Return the lines read since the last call."""
        kept = "".join(self.kept)
        self.kept.clear()
        return kept


def _fields(lines: _Kept, *, quoted_empty_is_null: bool) -> Iterator[list[str | None]]:
    """Parse CSV as COPY does: an unquoted empty field is NULL, a quoted one only if asked.

    Python's reader before 3.12 does not tell the two apart, so empty fields of a row are looked at once more.
    """
    csv.field_size_limit(sys.maxsize)
    for row in csv.reader(lines):
        if quoted_empty_is_null or "" not in row:
            yield [field or None if quoted_empty_is_null else field for field in row]
            continue
        yield _nulls_told_apart("".join(lines.kept).rstrip("\r\n"), row)


def _nulls_told_apart(text: str, row: list[str]) -> list[str | None]:
    """Return a row with None where a field was empty and not quoted."""
    fields: list[str | None] = []
    position = 0
    for value in row:
        quoted = text.startswith('"', position)
        fields.append(value if value or quoted else None)
        length = len(value) + (value.count('"') + 2 if quoted else 0)
        position += length + 1
    return fields
