"""The tap's part of a Bulk read that is its own: downloaded pages to RECORD lines on stdout.

    python -m benchmarks.lines FILE          FILE as `benchmarks.floors download` writes it

No org, no HTTP and no Singer SDK: what is left is what csv.reader over the same pages can be held against.
"""

from __future__ import annotations

import csv
import io
import mmap
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tap_sfsource.catalog import Column
from tap_sfsource.readers.bulk import BulkPage
from tap_sfsource.rows import Rows

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


def pages(path: str) -> Iterator[tuple[list[str], bytes]]:
    """Yield the pages of a file of one or more pages, each with a header line: the header's names, and the rows."""
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        header = data[: data.find(b"\n") + 1]
        names = next(csv.reader([header.decode()]))
        start = len(header)
        while start < len(data):
            # Cells are quoted, so that no row looks like the header.
            stop = data.find(b"\n" + header, start)
            end = len(data) if stop < 0 else stop + 1
            yield names, data[start:end]
            start = end + len(header)


def main(path: str) -> None:
    """Write the lines."""
    rows: Rows | None = None
    for names, page in pages(path):
        rows = rows or Rows("measured", [column(name) for name in names])
        for lines, _ in BulkPage(io.BytesIO(page), _UNTOLD, "", _EXTRACTED).lines(rows):
            sys.stdout.buffer.write(lines)


if __name__ == "__main__":
    main(sys.argv[1])
