"""Where rows begin and end in Bulk CSV: every cell is quoted, and rows end with a line feed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

ROW_START = re.compile(rb'\n"[^",\n]')
r"""Inside a cell a quote is doubled, and behind the quote that ends one comes a comma or a line feed: so a single quote
behind a line feed that is followed by anything else begins a row."""


def last_row_start(data: bytes, since: int = 0) -> int:
    """Where the last row begins that has a row before it; 0 if no row can be told to end from `since` on.

    The data begins with a row, and its end may be cut off anywhere.
    """
    end = len(data)
    while (found := data.rfind(b'\n"', since, end)) >= 0:
        if ROW_START.match(data, found):
            return found + 1
        end = found + 1
    return 0


def last_row_end(data: bytes, since: int = 0) -> int:
    """The index behind the last line feed from `since` on that ends a row, 0 for none; the first cell may be null.

    The data begins with a row. A line feed ends a row if the quotes before it are even in number.
    """
    end = data.rfind(b'"\n', since)
    quotes = data.count(b'"', 0, end + 1) if end >= 0 else 0
    while end >= 0:
        if quotes % 2 == 0:
            return end + 2
        earlier = data.rfind(b'"\n', since, end)
        if earlier < 0:
            return 0
        quotes -= data.count(b'"', earlier + 1, end + 1)
        end = earlier
    return 0


def blocks(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Whole rows of a file of CSV, about `size` bytes at a time; what is left at its end comes as it is."""
    rest = b""
    while chunk := file.read(size):
        # A row of many blocks is searched once: what is left of the blocks before has no other row's start, or only its end.
        since = max(0, len(rest) - 2)
        data = rest + chunk
        cut = last_row_start(data, since) or last_row_end(data, since)
        data, rest = data[:cut], data[cut:]
        if data:
            yield data
    if rest:
        yield rest
