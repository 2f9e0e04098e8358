"""Bulk pages as BATCH files: Salesforce's own CSV, handed on without touching a row.

The encoding is ``csv`` with what a reader must know: the properties of its columns in order, that there is no header
line, and that a quoted empty field is null. Rows that are no plain Bulk page go out as RECORD messages among the batches.
"""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from singer_sdk.helpers._batch import BaseBatchFileEncoding, SDKBatchMessage

from tap_sfsource.readers.bulk import BulkPage
from tap_sfsource.rows import Rows

if TYPE_CHECKING:
    from singer_sdk.helpers._batch import StorageTarget

    from tap_sfsource.steps import Step

FORMAT = "csv"


@dataclass(slots=True)
class BulkFileEncoding(BaseBatchFileEncoding):
    """The encoding of a Bulk page as a file.

    Attributes:
        columns: Properties of the columns, in order.
        header: Whether the first line is a header.
        quoted_empty: What ``""`` means.
    """

    columns: list[str] = field(default_factory=list)
    header: bool = False
    quoted_empty: str = "null"


@dataclass(frozen=True, slots=True)
class BatchFiles:
    """Where the pages of one stream go.

    Attributes:
        stream: The stream.
        storage: The folder or bucket of ``batch_config``.
    """

    stream: str
    storage: StorageTarget

    def takes(self, step: Step) -> bool:
        """Whether a step's rows can go as a file: a Bulk page whose columns are just the properties."""
        return type(step.rows) is Rows and isinstance(step.page, BulkPage) and not step.rows.constants

    def save(self, step: Step) -> tuple[SDKBatchMessage, int]:
        """Write a page's file.

        Args:
            step: A step that `takes` says yes to.

        Returns:
            The message that names the file, and the number of its rows.
        """
        assert step.rows is not None
        assert isinstance(step.page, BulkPage)
        filename = f"{self.storage.prefix or ''}{self.stream}-{uuid.uuid4()}.csv"
        with step.page.file as page, self.storage.open(filename, "wb") as file:
            shutil.copyfileobj(page, file, 1024 * 1024)
        message = SDKBatchMessage(
            stream=self.stream,
            encoding=BulkFileEncoding(format=FORMAT, columns=step.rows.properties),
            manifest=[self.storage.get_url(filename)],
            version=step.rows.version,
        )
        return message, step.page.count
