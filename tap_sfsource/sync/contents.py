"""Contents of files: base64 fields, which no query of many rows holds, read one row at a time on request.

A REST query answers such a field with the path of its blob ("sObject Blob Get", REST API guide); each costs an API call.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_sfsource.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.columns import Column

logger = logging.getLogger("tap-sfsource.contents")

_CHUNK = 256 * 1024
_NO_CONTENT = 404


@dataclass
class ContentsReader:
    """Fetches the contents of one SObject's rows.

    Attributes:
        columns: Its base64 fields.
        limit: Bytes of the largest content to read.
        too_large: How many are null because they are larger.
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
        if column.mask is not None and column.mask.kind == "null":
            return None
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
