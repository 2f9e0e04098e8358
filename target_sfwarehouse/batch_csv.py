"""Write CSV batch files, for any SDK tap.

The class is registered under `singer_sdk.batch_encoders`, so that `batch_config: {encoding: {format: csv}}` works
where this package is installed beside the tap.
"""

from __future__ import annotations

import gzip
import json
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from singer_sdk.batch import BaseBatcher

if TYPE_CHECKING:
    from collections.abc import Iterator


class CSVBatcher(BaseBatcher):
    """Writes records as CSV that COPY reads: NULL is an empty field, text is always quoted."""

    def get_batches(self, records: Iterator[dict[str, Any]]) -> Iterator[list[str]]:
        """Write files of `batch_size` records."""
        storage = self.batch_config.storage
        compressed = self.batch_config.encoding.compression == "gzip"
        name = f"{storage.prefix or ''}{self.tap_name}--{self.stream_name}-{uuid4()}"
        rows = iter(records)
        for number, first in enumerate(rows, start=1):
            batch = list(chain((first,), islice(rows, self.batch_config.batch_size - 1)))
            names = list(dict.fromkeys(chain.from_iterable(batch)))
            lines = [_line(names), *(_line([record.get(name) for name in names]) for record in batch)]
            filename = f"{name}-{number}.csv" + (".gz" if compressed else "")
            data = "".join(lines).encode()
            with storage.open(filename, "wb") as file:
                file.write(gzip.compress(data, compresslevel=1) if compressed else data)
            yield [storage.get_url(filename)]


def _line(values: list[Any]) -> str:
    return ",".join(map(_field, values)) + "\n"


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    if not isinstance(value, str | dict | list):
        text = text.strip('"')
    return '"' + text.replace('"', '""') + '"'
