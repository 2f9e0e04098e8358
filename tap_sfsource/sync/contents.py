"""Contents of files: base64 fields, which no query of many rows holds, read one row at a time on request.

A REST query answers such a field with the path of its blob ("sObject Blob Get", REST API guide); each costs an API call.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_sfsource.errors import SalesforceError
from tap_sfsource.sync import windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.plan import Column
    from tap_sfsource.rows.rows import Rows

logger = logging.getLogger("tap-sfsource.contents")

_CHUNK = 256 * 1024
_NO_CONTENT = 404


@dataclass
class ContentsReader:
    """Fetches the contents of one SObject's rows.

    Attributes:
        client: Sends the requests.
        api_name: The SObject.
        columns: Its base64 fields.
        limit: Bytes of the largest content to read.
        too_large: How many were left null because they are larger.
    """

    client: Client
    api_name: str
    columns: Sequence[Column]
    limit: int
    too_large: int = field(default=0, init=False)

    def values(self, record_id: str) -> list[str | None]:
        """The contents of one row, as base64 text, in the columns' order; None where there is none or it is too large."""
        return [self._content(record_id, column) for column in self.columns]

    def _content(self, record_id: str, column: Column) -> str | None:
        path = self.client.data(f"/sobjects/{self.api_name}/{record_id}/{column.api_name}")
        try:
            with self.client.stream(path) as response:
                content = bytearray()
                for chunk in response.iter_content(_CHUNK):
                    content += chunk
                    if len(content) > self.limit:
                        self.too_large += 1
                        logger.warning(
                            "%s %s: %s is larger than base64_max_bytes (%d) and left null.",
                            self.api_name,
                            record_id,
                            column.api_name,
                            self.limit,
                        )
                        return None
        except SalesforceError as error:
            # Deleted rows have no blob any more.
            if error.status == _NO_CONTENT:
                return None
            raise
        return base64.b64encode(content).decode() if content else None


@dataclass(frozen=True, slots=True)
class ContentsPage:
    """Rows of Ids with their contents, fetched while they are written.

    Attributes:
        ids: Ids of the rows.
        reader: Fetches the contents.
    """

    ids: Sequence[str]
    reader: ContentsReader

    def lines(self, rows: Rows) -> Iterator[tuple[bytes, int]]:
        """A RECORD line a row."""
        for record_id in self.ids:
            values = self.reader.values(record_id)
            yield rows.message([record_id, *values], windows.isoformat(self.reader.client.now())), 1

    def records(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """The same rows as dicts."""
        for record_id in self.ids:
            yield dict(zip(rows.properties, [record_id, *self.reader.values(record_id)], strict=True))
