"""Bulk pages as BATCH files: Salesforce's own CSV, handed on without touching a row.

The encoding is ``csv`` with what a reader must know: the properties of its columns in order, that Salesforce's header line
comes first, and that a quoted empty field is null. Rows that are no plain Bulk page go out as RECORD messages among the
batches.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig, SDKBatchMessage
from upath import UPath

from tap_sfsource.api.spool import give_name
from tap_sfsource.errors import ConfigError, TapError
from tap_sfsource.rows.pages import BulkRows
from tap_sfsource.rows.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk.helpers._batch import StorageTarget

    from tap_sfsource.sync.steps import Step

FORMAT = "csv"
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
    """

    columns: list[str] = field(default_factory=list)
    header: bool = True
    quoted_empty: str = "null"


def prepare_storage(config: Mapping[str, Any]) -> Path | None:
    """Make sure, before anything is read, that BATCH files can be written.

    Args:
        config: The tap's configuration.

    Returns:
        The folder that they go to, made if it was missing; None if there is none on this machine.

    Raises:
        ConfigError: `batch_config` names a storage that cannot be used.
    """
    if not (batch := config.get(_SETTING)):
        return None
    storage = BatchConfig.from_dict(batch).storage
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
            "Name another storage root, or install what its protocol needs.",
        ) from error
    return folder


def _folder(storage: StorageTarget) -> Path | None:
    """The storage's folder, None if it is none of this machine's; asks for the protocol's library."""
    root = UPath(storage.root, **storage.params)
    return Path(root.path).absolute() if root.fs and root.protocol in _LOCAL else None


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


@dataclass(frozen=True, slots=True)
class BatchFiles:
    """Where the pages of one stream go.

    Attributes:
        stream: The stream.
        storage: The folder or bucket of ``batch_config``.
        compression: ``gzip``, or anything else for none.
    """

    stream: str
    storage: StorageTarget
    compression: str | None = None

    def takes(self, step: Step) -> bool:
        """Whether a step's rows can go as a file: a Bulk page whose columns are just the properties."""
        return type(step.rows) is Rows and isinstance(step.page, BulkRows) and not step.rows.constants

    def save(self, step: Step) -> tuple[SDKBatchMessage, int]:
        """Write a page's file.

        Args:
            step: A step that `takes` says yes to.

        Returns:
            The message that names the file, and the number of its rows.

        Raises:
            TapError: The file cannot be written.
        """
        assert step.rows is not None
        assert isinstance(step.page, BulkRows)
        packed = self.compression == _GZIP
        filename = f"{self.storage.prefix or ''}{self.stream}-{uuid.uuid4()}.csv{'.gz' if packed else ''}"
        with step.page.page.file as page, writing(self.storage):
            if packed or not self._move(page, filename):
                self._copy(page, filename, packed=packed)
        message = SDKBatchMessage(
            stream=self.stream,
            encoding=BulkFileEncoding(
                format=FORMAT, compression=self.compression, columns=step.rows.properties
            ),
            manifest=[self.storage.get_url(filename)],
            version=step.rows.version,
        )
        return message, step.page.page.count

    def _move(self, page: IO[bytes], filename: str) -> bool:
        """Let a page that was spooled beside the batch files become one of them."""
        folder = _folder(self.storage)
        return folder is not None and give_name(page, folder / filename)

    def _copy(self, page: IO[bytes], filename: str, *, packed: bool) -> None:
        page.seek(0)
        with contextlib.ExitStack() as opened:
            file = opened.enter_context(self.storage.open(filename, "wb"))
            if packed:
                file = opened.enter_context(gzip.open(file, "wb", compresslevel=1))
            shutil.copyfileobj(page, file, _BLOCK)
