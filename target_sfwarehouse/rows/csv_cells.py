"""Cells of a CSV file that goes to COPY as it is: those that the server might read in another way are looked at first."""

from __future__ import annotations

import csv
import io
import sys
from typing import TYPE_CHECKING

from target_sfwarehouse.rows import moments
from target_sfwarehouse.rows.decode import NUL, UncheckedError, values_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from target_sfwarehouse.rows.decode import RowShape


class CellCheck:
    """Looks at some columns of a file while its blocks go by."""

    def __init__(self, shape: RowShape, names: Sequence[str], *, header: bool, dates: bool) -> None:
        """Take the property of each column of the file, and whether its dates have to be looked at."""
        columns = [{column.name: column for column in shape.columns}[name] for name in names]
        self._width = len(names)
        self._header = header
        self._moments = [place for place, column in enumerate(columns) if dates and column.type.is_moment]
        self._one_by_one = any(column.type.holds_moments for column in columns)
        # Unlike `jsonb`, the type takes a NUL, which nobody can read out of it.
        self._takes_nul = any(column.type.name == "json" for column in columns)

    def checked(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the blocks. Raises UncheckedError for a file whose rows have to be looked at one by one."""
        if self._one_by_one:
            raise UncheckedError
        if not self._moments and not self._takes_nul:
            yield from blocks
            return
        csv.field_size_limit(sys.maxsize)
        rest = b""
        for block in blocks:
            rows, rest = _whole_rows(rest + block)
            self._check(rows)
            yield block
        self._check(rest)

    def _check(self, data: bytes) -> None:
        if self._takes_nul and NUL in data:
            raise UncheckedError
        if not self._moments:
            return
        try:
            rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
        except (UnicodeDecodeError, csv.Error):
            raise UncheckedError from None
        if self._header and rows:
            self._header = False
            del rows[0]
        # A quote in the middle of a cell means another thing to COPY: that shows in the number of cells.
        if rows and set(map(len, rows)) != {self._width}:
            raise UncheckedError
        if not moments.are_moments(values_at(rows, self._moments)):
            raise UncheckedError


def _whole_rows(data: bytes) -> tuple[bytes, bytes]:
    """Cut data behind its last whole row: a newline that has an even number of quotes before it."""
    quotes, end = data.count(b'"'), len(data)
    while (newline := data.rfind(b"\n", 0, end)) >= 0:
        quotes -= data.count(b'"', newline, end)
        if quotes % 2 == 0:
            return data[: newline + 1], data[newline + 1 :]
        end = newline
    return b"", data
