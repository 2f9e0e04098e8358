r"""Bulk CSV to RECORD lines: cells are moved, not parsed.

Every cell of a Bulk page is quoted. So the text between two quotes is, in turn, a cell and what separates cells: a comma, a
line feed, or nothing where a quote inside a value is doubled. One split at the quotes and one comparison of the
separators with those that rows of this width must have tell that the text is what it seems to be; then its cells go between
the keys of the JSON, a few thousand at a time. Only those whose JSON has no quotes are looked at, a column at a time. Text
that is built otherwise goes through the csv module.
"""

from __future__ import annotations

import csv
import decimal
import io
import re
from typing import TYPE_CHECKING

import msgspec

from tap_sfsource.api.bulk import ROW_START
from tap_sfsource.errors import TapError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_sfsource.rows.rows import Kind, Rows

__all__ = ["CsvLines", "plain"]

# Salesforce's longest text is 131,072 characters; the csv module refuses cells over 128 KiB unless told.
csv.field_size_limit(2**31 - 1)

PART = 64 * 1024
"""Bytes of CSV taken at a time: they and what becomes of them stay in the processor's cache."""

_FEW = 32
"""Cells of a part that are mended in place, which moves what is behind them: quick for some, not for thousands."""

_QUOTED: frozenset[Kind] = frozenset({"text", "datetime"})
"""Kinds whose JSON has quotes."""

_ROW_END = b"\xfe"
"""Stands for the line feed behind a message while text still has line feeds of its own; UTF-8 has no such byte."""

_SHORT_ESCAPES = {0x08: b"\\b", 0x09: b"\\t", 0x0C: b"\\f", 0x0D: b"\\r"}
_ESCAPES = [(b"\\", b"\\\\")] + [
    (bytes([code]), _SHORT_ESCAPES.get(code, b"\\u%04x" % code)) for code in range(0x20) if code != ord("\n")
]
_NULL = b"null"
_EMPTY = re.compile(rb':""')
"""An empty cell of a column whose cells are text, between the quotes of its JSON: nothing else looks so, as quotes inside
of a value have a backslash before them. The expression finds it quicker than `bytes.split` does."""


def plain(number: bytes) -> bytes:
    """Write a decimal without an exponent, such as Java writes for very small and very large doubles."""
    return format(decimal.Decimal(number.decode()), "f").encode() if b"E" in number.upper() else number


class CsvLines:
    """Makes RECORD lines of one stream's CSV.

    Args:
        rows: The stream's rows; their quick way is this one, and their other way serves text that it cannot take.
        part: Bytes to take at a time, about.
    """

    def __init__(self, rows: Rows, part: int = PART) -> None:
        self._rows = rows
        self._part = part
        self._width = len(rows.kinds) + rows.further
        self._separators = [b","] * (self._width - 1) + [b"\n"]
        self._quotes = [b'"' if kind in _QUOTED else b"" for kind in rows.kinds]
        self._bare = [index for index, quote in enumerate(self._quotes) if not quote]
        self._whole = {index for index, kind in enumerate(rows.kinds) if kind == "integer"}
        self._numbers = {index for index, kind in enumerate(rows.kinds) if kind in {"integer", "number"}}
        head = msgspec.json.encode(rows.envelope)[:-1] + b',"record":{'
        self._keys = [
            (b"," if index else head) + msgspec.json.encode(column.property) + b":"
            for index, column in enumerate(rows.columns)
        ]
        self._tail = b"".join(
            b"," + msgspec.json.encode(name) + b":" + msgspec.json.encode(value)
            for name, value in rows.constants.items()
        )

    def lines(self, block: bytes, extracted: str) -> tuple[bytes, int]:
        """Make the lines of a block of whole rows.

        Args:
            block: CSV without a header: line feeds between rows, every cell quoted.
            extracted: The time at which Salesforce answered, RFC 3339.

        Returns:
            The lines, each with its newline, and how many they are.

        Raises:
            TapError: A row has too few or too many cells, or the block ends inside of one.
        """
        if block and not block.endswith((b'"\n', b'"')):
            raise self._cut_off()
        end = self._tail + b'},"time_extracted":"' + extracted.encode() + b'"}' + _ROW_END
        pattern = self._pattern(end)
        out: list[bytes] = []
        count = 0
        for part in _parts(block, self._part):
            pieces = self._pieces(part)
            if pieces is None:
                slow = self._slow(part, extracted)
                out += slow
                count += len(slow)
            else:
                count += len(pieces) // (2 * self._width)
                out.append(self._joined(pieces, pattern, end))
        return b"".join(out), count

    def _pieces(self, part: bytes) -> list[bytes] | None:
        """Take rows apart at their quotes.

        Returns:
            Cells, as JSON text without quotes, at the odd places, and what separates them at the even ones, the first and
            the last among them; None if the rows are built otherwise.
        """
        for raw, escape in _ESCAPES:
            if raw in part:
                part = part.replace(raw, escape)
        pieces = part.split(b'"')
        if pieces[-1] == b"":
            pieces[-1] = b"\n"  # the last row of a page may end without a line feed
        separators = pieces[2::2]
        if pieces[0] or not len(pieces) % 2:
            return None
        rows, rest = divmod(len(separators), self._width)
        if not rest and separators == self._separators * rows:
            return pieces
        return self._put_together(pieces, separators)

    def _put_together(self, pieces: list[bytes], separators: list[bytes]) -> list[bytes] | None:
        """Mend, in place, the cells with doubled quotes, at which they were split as well."""
        width, wanted = self._width, self._separators
        row, few = 0, _FEW
        while row < len(separators):
            found = separators[row : row + width]
            if found == wanted:
                row += width
                continue
            if b"" not in found:
                return None
            if not few:
                rest = self._rebuilt(pieces[2 * row + 1 :], separators[row:])
                return None if rest is None else pieces[: 2 * row + 1] + rest
            few -= 1
            begin = end = row + found.index(b"")
            while end < len(separators) and not separators[end]:
                end += 1
            cell = slice(2 * begin + 1, 2 * end + 2)
            pieces[cell] = [b'\\"'.join(pieces[cell][::2])]
            del separators[begin:end]
        return pieces

    def _rebuilt(self, pieces: list[bytes], separators: list[bytes]) -> list[bytes] | None:
        """Mend cells by making a new list: `pieces` begins with a row's first cell."""
        width, wanted, end = self._width, self._separators, len(separators)
        whole: list[bytes] = []
        row = 0
        while row < end:
            if separators[row : row + width] == wanted:
                whole += pieces[2 * row : 2 * (row + width)]
                row += width
                continue
            for separator in wanted:
                stop = row
                while stop < end and not separators[stop]:
                    stop += 1
                if stop == end or separators[stop] != separator:
                    return None
                whole.append(
                    pieces[row * 2] if stop == row else b'\\"'.join(pieces[2 * row : 2 * stop + 1 : 2])
                )
                whole.append(separator)
                row = stop + 1
        return whole

    def _pattern(self, end: bytes) -> list[bytes]:
        """What stands before each cell of a row; before the first is the end of the row above."""
        closes = (self._quotes[-1] + end, *self._quotes)
        return [
            close + key + quote for close, key, quote in zip(closes, self._keys, self._quotes, strict=False)
        ]

    def _joined(self, pieces: list[bytes], pattern: list[bytes], end: bytes) -> bytes:
        """Put keys between cells, in place of what separated them, and `end` behind each row's last one."""
        if self._rows.further:
            pieces = self._without_further(pieces)
        width = len(self._keys)
        for index in self._bare:
            pieces[2 * index + 1 :: 2 * width] = self._unquoted(index, pieces[2 * index + 1 :: 2 * width])
        between = pattern * (len(pieces) // (2 * width))
        between[0] = self._keys[0] + self._quotes[0]
        between.append(self._quotes[-1] + end)
        pieces[::2] = between
        return _finished(b"".join(pieces))

    def _without_further(self, pieces: list[bytes]) -> list[bytes]:
        """Show all cells to who waits for further fields, and take those fields out."""
        cells = pieces[1::2]
        self._rows.passing(cells)
        for place in range(self._width - 1, len(self._keys) - 1, -1):
            del cells[place :: place + 1]
        own = [b""] * (2 * len(cells) + 1)
        own[1::2] = cells
        return own

    def _unquoted(self, index: int, column: list[bytes]) -> list[bytes]:
        """Write cells whose JSON has no quotes; but for nulls there is hardly ever anything to do."""
        if not all(column):
            column = [cell or _NULL for cell in column]
        if index in self._numbers:
            digits = b" ".join(column)
            if b"E" in digits:
                column = [plain(cell) for cell in column]
            if index in self._whole and b"." in digits:
                column = [cell.removesuffix(b".0") for cell in column]
        return column

    def _slow(self, text: bytes, extracted: str) -> list[bytes]:
        """Lines of rows that the csv module has to read."""
        rows, lines = self._rows, []
        try:
            for cells in csv.reader(io.StringIO(text.decode(), newline=""), strict=True):
                values = rows.cell_values(cells)
                rows.passing([msgspec.json.encode(cell)[1:-1] for cell in cells])
                lines.append(rows.message(values, extracted))
        except csv.Error:
            raise self._cut_off() from None
        return lines

    def _cut_off(self) -> TapError:
        return TapError(f"{self._rows.stream}: a Bulk page ends inside a quoted value.")


def _parts(block: bytes, size: int) -> Iterator[bytes]:
    """Cut a block into parts of whole rows, each of that size or somewhat more."""
    start = 0
    while start < len(block):
        found = ROW_START.search(block, start + size)
        stop = found.start() + 1 if found else len(block)
        yield block[start:stop]
        start = stop


def _finished(text: bytes) -> bytes:
    """Write what could not be written before a row's cells were joined: nulls where text is quoted, line feeds."""
    text = b":null".join(_EMPTY.split(text))
    if b"\n" in text:
        text = text.replace(b"\n", b"\\n")
    return text.replace(_ROW_END, b"\n")
