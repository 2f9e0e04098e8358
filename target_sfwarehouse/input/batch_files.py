"""BATCH messages: files of records, in the SDK's encodings and in CSV that goes to COPY untouched.

The encoding of a CSV batch: `{"format": "csv", "compression": "gzip" | "zstd" | "none"}`, with optional keys

    columns       property names in the order of the file's columns; without it the header line names them
    header        whether the file has a header line (default true; skipped when `columns` is given)
    quoted_empty  what `""` means: `text` (default) the empty string, `null` NULL, as in Salesforce's CSV

An empty field without quotes is always NULL. Text is UTF-8, quotes inside quotes are doubled.
"""

from __future__ import annotations

import gzip
import io
import logging
import os
import re
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from upath import UPath

from target_sfwarehouse.errors import InputError, SettingsError, TargetError, shown
from target_sfwarehouse.rows.values import cell_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from target_sfwarehouse.config import Settings

logger = logging.getLogger("target-sfwarehouse")

BLOCK = 128 * 1024
COPY_BLOCK = 1024 * 1024
_CELL = re.compile(r'(?:[^",]+|"[^"]*")*')
_TEXT = frozenset({"string"})
UNQUESTIONED = 64 * 1024 * 1024
"""Bytes that any compressed file may have."""

RATIO = 500
"""How many times its compressed size a longer file may have. Rows with hundreds of empty columns come to 150."""

_LOCAL = {"", "file", "local"}
_NO_NAMES = {"", ".", ".."}
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Storage:
    """Where batch files may be, as the settings have it.

    Attributes:
        root: The folder of `batch_config`; None if it names none.
        parameters: What opens that folder, such as credentials.
        anywhere: Whether a message may name any other place, where there is no root.
    """

    root: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    anywhere: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Storage:
        """Read the settings."""
        storage = (settings.batch_config or {}).get("storage") or {}
        anywhere = settings.batch_files_from == "anywhere"
        return cls(storage.get("root"), storage.get("params") or {}, anywhere)

    def path(self, url: str) -> UPath:
        """Find a file of a message: below the root, or of the same name in the root. Raises InputError for another place."""
        if self.root is None:
            if self.anywhere:
                return UPath(url)
            raise InputError(
                f"batch file {url} is not read, because `batch_config` names no storage. Set its root to the tap's, or "
                "`batch_files_from` to `anywhere` if you trust the tap with every file that the target may read"
            )
        root: UPath = UPath(self.root, **self.parameters)
        given = UPath(url)
        local = root.protocol in _LOCAL
        top = (os.path.realpath(root.path) if local else root.path).rstrip("/")
        if given.protocol == root.protocol or (local and given.protocol in _LOCAL):
            place = os.path.realpath(given.path) if local else given.path
            if place.startswith(f"{top}/") and ".." not in given.parts:
                return root / place[len(top) + 1 :]
        path = root / given.name
        if given.name in _NO_NAMES or (local and not os.path.realpath(path.path).startswith(f"{top}/")):
            raise InputError(f"batch file {url} leads out of the storage of `batch_config`")
        return path

    def remove(self, url: str) -> None:
        """Delete a file that is done with; where that fails, somebody else has to."""
        try:
            self.path(url).unlink(missing_ok=True)
        except Exception as error:  # noqa: BLE001 - its rows are loaded, whatever its file system says
            logger.warning("Batch file %s is loaded and cannot be deleted: %s", url, error)


@contextmanager
def open_batch_file(url: str, storage: Storage) -> Iterator[IO[bytes]]:
    """Open a file of a BATCH manifest; what it is compressed by is told by its first bytes.

    The SDK's own jsonl files are gzipped whatever the message says, so the message is not asked.
    """
    try:
        path = storage.path(url)  # held, because the file system of a zip file goes with its last path
        with path.open("rb") as raw:
            start = raw.read(4)
            raw.seek(0)
            if start.startswith((GZIP, ZSTD)):
                packed: Any = gzip.GzipFile(fileobj=raw) if start.startswith(GZIP) else _zstd(raw)
                with packed as file, io.BufferedReader(_Bounded(url, raw, file), BLOCK) as bounded:
                    yield bounded
            else:
                yield raw
    except FileNotFoundError:
        raise InputError(f"batch file {url} is not there") from None
    except TargetError:
        raise
    except ImportError as error:
        raise SettingsError(
            f"batch file {url} is in a storage that needs a library ({error}). For S3 it is an extra: "
            "pip install 'sfsource[s3]'"
        ) from None
    except _damage() as error:
        said = " ".join(str(error).split())
        raise InputError(f"batch file {url} cannot be read: {said or type(error).__name__}") from None


def _damage() -> tuple[type[Exception], ...]:
    """Name what a damaged file or a strange file system raises; asked only when something was raised."""
    zstd = getattr(sys.modules.get("zstandard"), "ZstdError", EOFError)
    return OSError, EOFError, ValueError, zlib.error, zstd


def _zstd(raw: IO[bytes]) -> IO[bytes]:
    try:
        import zstandard  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsError(
            "A batch file is compressed by zstd; install the extra that reads it: pip install 'sfsource[zstd]'"
        ) from None
    return io.BufferedReader(_Frames(raw, zstandard.ZstdDecompressor().decompressobj), BLOCK)


class _Bounded(io.RawIOBase):
    """Reads a compressed file as long as that is no bomb, which would fill the memory by a line without an end."""

    def __init__(self, url: str, raw: IO[bytes], file: IO[bytes]) -> None:
        self._url = url
        self._raw = raw
        self._file = file
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        self._size += len(data)
        if self._size > UNQUESTIONED and self._size > RATIO * self._raw.tell():
            raise InputError(
                f"batch file {self._url} is refused: it has more than {UNQUESTIONED >> 20} MiB and is compressed to less "
                f"than a part in {RATIO}, which no rows are. Write it with less compression, or in smaller files"
            )
        buffer[: len(data)] = data
        return len(data)


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
    """Read the records of a Parquet file, a row group at a time."""
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
        storage: Where it may be.
    """

    url: str
    names: tuple[str, ...]
    header: bool = True
    quoted_empty_is_null: bool = False
    storage: Storage = field(default_factory=Storage)

    @classmethod
    def described(cls, url: str, encoding: Mapping[str, Any], storage: Storage) -> CsvFile:
        """Read what a BATCH message's `encoding` says about its files, and the header where that must tell the rest.

        Raises InputError where neither the message nor the file names the columns.
        """
        header = bool(encoding.get("header", True))
        names: Sequence[str | None] = encoding.get("columns") or ()
        if not names:
            if not header:
                raise InputError(f"batch file {url} has no header, and the message does not name its columns")
            whole = cls(url, (), header=False, storage=storage)
            names = next((_cells(text) for _, text in whole.rows()), [])
        if len(set(names)) < len(names) or not names or None in names:
            raise InputError(f"batch file {url} has no usable columns: {shown(list(names))}")
        empty_is_null = encoding.get("quoted_empty", "text") == "null"
        return cls(url, tuple(map(str, names)), header, empty_is_null, storage)

    def copy_options(self, columns: Sequence[str]) -> str:
        """Return the options, in brackets, of the COPY that reads the file, given its columns' quoted names."""
        options = ["FORMAT csv", "NULL ''"]
        if self.header:
            options.append("HEADER true")
        if self.quoted_empty_is_null:
            options.append(f"FORCE_NULL ({', '.join(columns)})")
        return f"({', '.join(options)})"

    def blocks(self) -> Iterator[bytes]:
        """Yield the file, decompressed."""
        with open_batch_file(self.url, self.storage) as file:
            while block := file.read(COPY_BLOCK):
                yield block

    def rows(self) -> Iterator[tuple[int, str]]:
        """Yield the number of the line where each row ends, and the row's text. Raises InputError for a row that is cut."""
        kept: list[str] = []
        quotes = number = 0
        with open_batch_file(self.url, self.storage) as file:
            for number, line in enumerate(io.TextIOWrapper(file, "utf-8", newline=""), start=1):
                kept.append(line)
                quotes += line.count('"')
                if quotes % 2 == 0:
                    if number > len(kept) or not self.header:
                        yield number, "".join(kept)
                    kept.clear()
        if kept:
            raise self._error(number, "the file ends within quotes")

    def records(self, declared: Mapping[str, frozenset[str]]) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
        """Yield the rows as records such as a RECORD message has: line number, text, record.

        `declared` has the JSON types of the properties; a cell of another kind stays text. No row goes out before the
        whole file has been looked at: raises InputError for a row that is cut, or has more or fewer cells than columns.
        """
        for number, text in self.rows():
            cells = _cells(text, empty_is_null=self.quoted_empty_is_null)
            if len(cells) != len(self.names):
                raise self._error(number, f"{len(cells)} fields for {len(self.names)} columns")
        for number, text in self.rows():
            cells = _cells(text, empty_is_null=self.quoted_empty_is_null)
            yield (
                number,
                text.encode(),
                {
                    name: None if cell is None else cell_value(cell, declared.get(name, _TEXT))
                    for name, cell in zip(self.names, cells, strict=True)
                },
            )

    def _error(self, number: int, reason: str) -> InputError:
        return InputError(f"batch file {self.url}, line {number}: {reason}")


def _cells(text: str, *, empty_is_null: bool = False) -> list[str | None]:
    """Parse a row as COPY does: an empty cell without quotes is NULL, one in quotes only if asked."""
    text = text.rstrip("\r\n")
    cells: list[str | None] = []
    end = -1
    while end < len(text):
        match = _CELL.match(text, end + 1)
        assert match is not None
        raw, end = match[0], match.end()
        if '"' not in raw:
            cells.append(raw or None)
            continue
        # What stands between quotes is at the odd places; nothing between two of them is a quote that was doubled.
        parts = raw.split('"')
        parts[2:-1:2] = [part or '"' for part in parts[2:-1:2]]
        value = "".join(parts)
        cells.append(None if empty_is_null and not value else value)
    return cells
