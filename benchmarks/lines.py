"""The tap's part of a Bulk read that is its own: downloaded pages to RECORD lines on stdout.

    python -m benchmarks.lines FILE          FILE as `benchmarks.floors download` writes it

No org, no HTTP and no Singer SDK: what is left is what csv.reader over the same pages can be held against.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from tap_sfsource.api.bulk import BulkPage
from tap_sfsource.catalog.columns import Column
from tap_sfsource.rows.layout import Layout
from tap_sfsource.rows.pages import lines

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXTRACTED = "2026-03-02T09:00:00Z"
_STANDARD = {"IsDeleted": "boolean", "CreatedDate": "datetime", "LastModifiedDate": "datetime"}
_STANDARD |= {"SystemModstamp": "datetime"}
_UNTOLD = -1


def column(api_name: str) -> Column:
    """The column of a field of a measured object, whose own fields are named for their types."""
    sf_type = _STANDARD.get(api_name) or (api_name.partition("_")[0].lower() if "_" in api_name else "string")
    return Column(api_name, api_name.lower(), sf_type, {})


class _Section(io.RawIOBase):
    """The next bytes of a file, so many of them, as a file of its own."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """Read as much as is left and at most so much."""
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def pages(path: str) -> Iterator[tuple[list[str], IO[bytes]]]:
    """Yield the pages of a downloaded file: the names in its header line, and the rows as the tap has them spooled."""
    sizes = Path(f"{path}.sizes").read_text(encoding="utf-8").split()
    with Path(path).open("rb") as file:
        for size in sizes:
            header = file.readline()
            rows = cast("IO[bytes]", _Section(file, int(size) - len(header)))
            yield next(csv.reader([header.decode()])), rows


def main(path: str) -> None:
    """Write the lines."""
    layout: Layout | None = None
    for names, page in pages(path):
        layout = layout or Layout("measured", [column(name) for name in names])
        for chunk, _ in lines(BulkPage(page, _UNTOLD, "", _EXTRACTED), layout):
            sys.stdout.buffer.write(chunk)


if __name__ == "__main__":
    main(sys.argv[1])
