"""Files that BATCH messages name: Bulk pages as they are, or records by one of the SDK's encoders.

The encoding ``csv`` of a Bulk page says what a reader must know: the properties of its columns in order, that Salesforce's
header line comes first, and that a quoted empty field is null.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import tempfile
import uuid
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from singer_sdk.batch import Batcher
from upath import UPath

from tap_sfsource.api.spool import give_name
from tap_sfsource.errors import ConfigError, TapError
from tap_sfsource.singer.sdk import BaseBatchFileEncoding, BatchConfig, SDKBatchMessage, StorageTarget

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk import Stream

    from tap_sfsource.api.bulk import BulkPage
    from tap_sfsource.rows.layout import Layout
    from tap_sfsource.singer.maps import Mapped

FORMAT = "csv"
_PARQUET = "parquet"
_SETTING = "batch_config"
_GZIP = "gzip"
_LOCAL = {"", "file", "local"}
_BLOCK = 1024 * 1024


@dataclass(slots=True)
class BulkFileEncoding(BaseBatchFileEncoding):
    """The encoding of a Bulk page as a file.

    Attributes:
        columns: Properties of the columns, in order.
        header: Whether the first line is a header.
        quoted_empty: What ``""`` means.
        dates: How dates and times are written.
    """

    columns: list[str] = field(default_factory=list)
    header: bool = True
    quoted_empty: str = "null"
    dates: str = "iso8601"


def prepare_storage(config: Mapping[str, Any]) -> Path | None:
    """Make sure, before anything is read, that BATCH files can be written.

    Gives the folder that they go to, made if it was missing; None if there is none on this machine.

    Raises:
        ConfigError: `batch_config` names a storage that cannot be used.
    """
    if not (batch := config.get(_SETTING)):
        return None
    files = BatchConfig.from_dict(batch)
    storage = files.storage
    if files.encoding.format == _PARQUET and find_spec("pyarrow") is None:
        raise ConfigError(
            _SETTING,
            f"files cannot be written to {storage.root} as {_PARQUET}",
            f"Install the extra: pip install 'sfsource[{_PARQUET}]'.",
        )
    try:
        folder = _folder(storage)
        if folder is not None:
            # A prefix may name a folder of its own, as it may in a bucket.
            (folder / f"{storage.prefix or ''}x").parent.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(f"{folder} may not be written to")
    except (OSError, ValueError, ImportError) as error:
        raise ConfigError(
            _SETTING,
            f"files cannot be written to {storage.root} ({_reason(error)})",
            "For S3 install the extra: pip install 'sfsource[s3]'."
            if isinstance(error, ImportError)
            else "Name another storage root.",
        ) from error
    return folder


def _folder(storage: StorageTarget) -> Path | None:
    """The storage's folder, None if it is none of this machine's; asks for the protocol's library."""
    root = UPath(storage.root, **storage.params)
    return Path(root.path).absolute() if root.fs and root.protocol in _LOCAL else None


class PrivateStorage(StorageTarget):
    """A storage whose files on this machine only their user may read."""

    @classmethod
    def of(cls, storage: StorageTarget) -> PrivateStorage:
        """The same storage."""
        return cls(storage.root, storage.prefix, storage.params)

    @contextlib.contextmanager
    def open(self, filename: str, mode: str = "rb") -> Iterator[IO[Any]]:
        """Open a file; one that is written gets its name when it is whole. The SDK would let all users read it."""
        folder = _folder(self)
        if folder is None or "w" not in mode:
            with super().open(filename, mode) as file:
                yield file
            return
        path = folder / filename
        handle, new = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, mode) as file:
                yield file
            Path(new).rename(path)
        except BaseException:
            Path(new).unlink()
            raise


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


@contextlib.contextmanager
def writing(storage: StorageTarget) -> Iterator[None]:
    """Frame what writes files of a storage.

    Raises:
        TapError: Its disk is full, or it failed in another way.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # a message found nobody to read it
    except OSError as error:
        raise TapError(
            f"A batch file cannot be written to {storage.root} ({_reason(error)}). Free space there, or name "
            f"another storage root in {_SETTING}."
        ) from error


class PageFiles:
    """Bulk pages as files in the storage of ``batch_config``, of which each gets a BATCH message."""

    def __init__(self, stream: str, config: BatchConfig) -> None:
        self._stream = stream
        self._storage = PrivateStorage.of(config.storage)
        self._compression = config.encoding.compression

    def save(self, page: BulkPage, layout: Layout) -> SDKBatchMessage:
        """Write a verified page's file, and give the message that names it.

        Raises:
            TapError: The file cannot be written.
        """
        packed = self._compression == _GZIP
        name = f"{self._storage.prefix or ''}{self._stream}-{uuid.uuid4()}.csv{'.gz' if packed else ''}"
        with writing(self._storage):
            if packed or not self._move(page.file, name):
                self._copy(page.file, name, packed=packed)
        encoding = BulkFileEncoding(format=FORMAT, compression=self._compression, columns=layout.properties)
        manifest = [self._storage.get_url(name)]
        return SDKBatchMessage(self._stream, encoding, manifest, layout.version)

    def _move(self, page: IO[bytes], filename: str) -> bool:
        """Let a page that was spooled beside the batch files become one of them."""
        folder = _folder(self._storage)
        return folder is not None and give_name(page, folder / filename)

    def _copy(self, page: IO[bytes], filename: str, *, packed: bool) -> None:
        page.seek(0)
        with contextlib.ExitStack() as opened:
            file = opened.enter_context(self._storage.open(filename, "wb"))
            if packed:
                file = opened.enter_context(gzip.open(file, "wb", compresslevel=1))
            shutil.copyfileobj(page, file, _BLOCK)


class RecordFiles:
    """Records as files of the SDK's encoders, `batch_size` records a file."""

    def __init__(self, stream: Stream, config: BatchConfig) -> None:
        self._tap = stream.tap_name
        self._batch_config = replace(config, storage=PrivateStorage.of(config.storage))
        self._held: dict[str, list[dict[str, Any]]] = {}
        self._held_version: int | None = None

    @property
    def holds(self) -> bool:
        """Whether records wait for their file."""
        return any(self._held.values())

    def add(self, mapped: Mapped) -> Iterator[SDKBatchMessage]:
        """Take a record; yields the messages of files that are full.

        Raises:
            TapError: A file cannot be written.
        """
        if mapped.record is None:
            return
        if mapped.version != self._held_version:
            yield from self.flush()
            self._held_version = mapped.version
        held = self._held.setdefault(mapped.stream, [])
        held.append(mapped.record)
        if len(held) >= self._batch_config.batch_size:
            yield from self._written(mapped.stream)

    def flush(self) -> Iterator[SDKBatchMessage]:
        """Write the records that wait; raises as `add` does."""
        for stream in list(self._held):
            yield from self._written(stream)

    def _written(self, stream: str) -> Iterator[SDKBatchMessage]:
        records = self._held.pop(stream)
        with writing(self._batch_config.storage):
            batcher = Batcher(tap_name=self._tap, stream_name=stream, batch_config=self._batch_config)
            manifests = list(batcher.get_batches(records=iter(records)))
        for manifest in manifests:
            yield SDKBatchMessage(stream, self._batch_config.encoding, manifest, self._held_version)
