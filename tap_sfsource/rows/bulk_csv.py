r"""Bulk CSV to RECORD lines: cells are moved, not parsed.

Every cell of a Bulk page is quoted. So the text between two quotes is, in turn, a cell and a separator of cells: a comma, a
line feed, or nothing where a quote inside a value is doubled. One split at the quotes gives the cells. One comparison of the
separators with the expected ones proves the framing. Then the cells go between the keys of the JSON, a few thousand at a
time. Cells whose JSON has no quotes are checked, all columns of a kind at once. Text that is framed otherwise goes through
the csv module.

Rows that go on as CSV are not split: one expression matches a row with just the cells that its columns can have.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import msgspec

from tap_sfsource.api.framing import ROW_START
from tap_sfsource.errors import TapError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_sfsource.rows.layout import FurtherFields, Kind, Layout

# Salesforce's longest text is 131,072 characters; the csv module refuses cells over 128 KiB unless told.
csv.field_size_limit(2**31 - 1)

PART = 64 * 1024
"""Bytes of CSV taken at a time: they and what becomes of them stay in the processor's cache."""

_FEW = 32
"""Cells of a part that are mended in place, which moves all cells behind them: quick for some, not for thousands."""

_TEXT: frozenset[Kind] = frozenset({"text", "datetime"})
"""Kinds whose cells may be anything."""

_QUOTED: frozenset[Kind] = _TEXT | {"decimal"}
"""Kinds whose JSON has quotes."""

_ROW_END = b"\xfe"
"""Stands for the line feed behind a message while text still has line feeds of its own; UTF-8 has no such byte."""

_SHORT_ESCAPES = {0x08: b"\\b", 0x09: b"\\t", 0x0C: b"\\f", 0x0D: b"\\r"}
_ESCAPES = [(b"\\", b"\\\\")] + [
    (bytes([code]), _SHORT_ESCAPES.get(code, b"\\u%04x" % code)) for code in range(0x20) if code != ord("\n")
]
_NULL = b"null"
_NULLS = (_NULL, b"")
_NUMBER = rb"-?+(?:0|[1-9][0-9]*+)"
_CELLS: dict[Kind, bytes] = {
    "boolean": rb"(?:true|false|)",
    "integer": rb"(?:" + _NUMBER + rb"(?:\.0)?|)",
    "number": rb"(?:" + _NUMBER + rb"(?:\.[0-9]++)?(?:E-?+[0-9]++)?|)",
}
_CELLS["decimal"] = _CELLS["number"]
"""The cells of a kind that is no text, as Salesforce writes them."""

_WHOLE = re.compile(rb"-?[0-9]++\.0").fullmatch
_BOOLEANS = (re.compile(rb"[a-z,]*+"), msgspec.json.Decoder(list[bool | None]))
_NUMBERS = (re.compile(rb"[-0-9nul.,]*+"), msgspec.json.Decoder(list[float | None]))
"""Such cells as a JSON array: its characters, among them no exponent and no space, and its values."""

_EMPTY = re.compile(rb':""')
"""An empty cell of a column whose cells are text, between the quotes of its JSON: nothing else looks so, as quotes inside
of a value have a backslash before them. The expression finds it quicker than `bytes.split` does."""


class BulkCsv:
    """Makes RECORD lines of one layout's CSV, about `part` bytes at a time."""

    def __init__(self, layout: Layout, part: int = PART) -> None:
        self._layout = layout
        self._part = part
        self._width = layout.width
        self._separators = [b","] * (self._width - 1) + [b"\n"]
        self._plain_row = self._row(rb'[^"]*+')
        self._any_row = self._row(rb'[^"]*+(?:""[^"]*+)*+')
        self._quotes = [
            b'"' if kind in _QUOTED or place in layout.masks.places else b""
            for place, kind in enumerate(layout.kinds)
        ]
        self._bare = [(place, kind) for place, kind in enumerate(layout.kinds) if kind not in _TEXT]
        head = msgspec.json.encode(layout.envelope)[:-1] + b',"record":{'
        self._keys = [
            (b"," if place else head) + msgspec.json.encode(column.property) + b":"
            for place, column in enumerate(layout.columns)
        ]
        self._tail = b"".join(
            b"," + msgspec.json.encode(name) + b":" + msgspec.json.encode(value)
            for name, value in layout.constants.items()
        )

    def lines(self, block: bytes, extracted: str) -> tuple[bytes, int]:
        """The RECORD lines of a block of whole rows, and how many they are.

        The block has no header, line feeds between rows, and every cell in quotes.

        Raises:
            TapError: The block is cut off, or holds a row or a value that the query cannot give.
        """
        end = self._tail + b'},"time_extracted":"' + extracted.encode() + b'"}' + _ROW_END
        pattern = self._pattern(end)
        out: list[bytes] = []
        count = 0
        for part in self._parts(block):
            pieces = self._pieces(part)
            if pieces is None:
                messages = [self._layout.message(row, extracted) for row in self._parsed(part)]
                out.append(self._layout.encoded(messages))
                count += len(messages)
            else:
                count += len(pieces) // (2 * self._width)
                out.append(self._joined(pieces, pattern, end))
        return b"".join(out), count

    def verified(self, block: bytes) -> int:
        """How many rows a block has that goes on as it is; raises as `lines` does."""
        count = 0
        for part in self._parts(block):
            rows = at = 0
            while at < len(part) and (row := self._plain_row(part, at) or self._any_row(part, at)):
                at = row.end()
                rows += 1
            count += rows if at == len(part) else sum(1 for _ in self._parsed(part))
        return count

    def values(self, block: bytes) -> Iterator[list[Any]]:
        """JSON values of each row in the columns' order; raises as `lines` does."""
        for part in self._parts(block):
            yield from self._parsed(part)

    def _parts(self, block: bytes) -> Iterator[bytes]:
        """Parts of whole rows of valid text, each of about the same size."""
        if not block.endswith((b'"\n', b'"')):
            raise self._cut_off()
        start = 0
        while start < len(block):
            found = ROW_START.search(block, start + self._part)
            stop = found.start() + 1 if found else len(block)
            part = block[start:stop]
            try:
                part.isascii() or part.decode()
            except UnicodeDecodeError:
                raise TapError(
                    f"{self._layout.stream}: a Bulk page holds text that is no UTF-8. Run again."
                ) from None
            yield part
            start = stop

    def _row(self, text: bytes) -> Callable[[bytes, int], re.Match[bytes] | None]:
        """Matches a row of the layout; `text` is the expression of the cells that may hold any text."""
        cells = [_CELLS.get(kind, text) for kind in self._layout.kinds]
        cells += [text] * (self._width - len(cells))
        return re.compile(b'"' + b'","'.join(cells) + rb'"(?:\n|\Z)').match

    def _pieces(self, part: bytes) -> list[bytes] | None:
        """Split rows at their quotes; None if they are framed otherwise.

        Cells, as JSON text without quotes, are at the odd places, and their separators at the even ones, the first and the
        last among them.
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
        """Join, in place, the cells that were split at doubled quotes."""
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
        """Join such cells into a new list: `pieces` begins with a row's first cell."""
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
        """The text before each cell of a row; before the first cell it begins with the end of the row above."""
        closes = (self._quotes[-1] + end, *self._quotes)
        return [
            close + key + quote for close, key, quote in zip(closes, self._keys, self._quotes, strict=False)
        ]

    def _joined(self, pieces: list[bytes], pattern: list[bytes], end: bytes) -> bytes:
        """Put keys in place of the separators, and `end` behind each row's last cell."""
        if self._layout.further is not None:
            pieces = self._without_further(pieces, self._layout.further)
        width = len(self._keys)
        self._unquote(pieces, width)
        for place in self._layout.masks.places:
            cells = slice(2 * place + 1, None, 2 * width)
            pieces[cells] = self._layout.masks.cells(place, pieces[cells])
        between = pattern * (len(pieces) // (2 * width))
        between[0] = self._keys[0] + self._quotes[0]
        between.append(self._quotes[-1] + end)
        pieces[::2] = between
        return _finished(b"".join(pieces))

    def _without_further(self, pieces: list[bytes], further: FurtherFields) -> list[bytes]:
        """Show all cells to the reader of the further fields, and take those fields out."""
        cells = pieces[1::2]
        further.see_cells(cells)
        for place in range(self._width - 1, len(self._keys) - 1, -1):
            del cells[place :: place + 1]
        own = [b""] * (2 * len(cells) + 1)
        own[1::2] = cells
        return own

    def _unquote(self, pieces: list[bytes], width: int) -> None:
        """Verify the cells that are no text, and write nulls; but for nulls there is hardly ever a change.

        All columns of a kind are verified at once: a part has few rows.
        """
        booleans: list[bytes] = []
        numbers: list[bytes] = []
        fractions = False
        for place, kind in self._bare:
            cells = slice(2 * place + 1, None, 2 * width)
            column = pieces[cells]
            if not all(column):
                column = [cell or _NULL for cell in column]
                if kind not in _QUOTED:  # those become null behind their keys
                    pieces[cells] = column
            text = b",".join(column)
            if kind == "integer" and b"." in text:
                pieces[cells] = column = [cell[:-2] if _WHOLE(cell) else cell for cell in column]
                text = b",".join(column)
                fractions = fractions or b"." in text
            (booleans if kind == "boolean" else numbers).append(text)
        count = len(pieces) // (2 * width)
        usual = _are_usual(booleans, count, *_BOOLEANS) and _are_usual(numbers, count, *_NUMBERS)
        if fractions or not usual:
            self._write_exactly(pieces, width)

    def _write_exactly(self, pieces: list[bytes], width: int) -> None:
        """Write each cell by itself: one has an exponent, or is none that its column can have."""
        for place, _ in self._bare:
            cells = slice(2 * place + 1, None, 2 * width)
            pieces[cells] = [
                cell if cell in _NULLS else self._layout.written(place, cell.decode())
                for cell in pieces[cells]
            ]

    def _parsed(self, text: bytes) -> Iterator[list[Any]]:
        """The rows of text that the csv module has to read."""
        further = self._layout.further
        try:
            for cells in csv.reader(io.StringIO(text.decode(), newline=""), strict=True):
                values = self._layout.cell_values(cells)
                if further is not None:
                    further.see_cells([msgspec.json.encode(cell)[1:-1] for cell in cells])
                yield values
        except csv.Error:
            raise self._cut_off() from None

    def _cut_off(self) -> TapError:
        return TapError(f"{self._layout.stream}: a Bulk page ends inside a quoted value. Run again.")


def _are_usual(
    columns: list[bytes], rows: int, characters: re.Pattern[bytes], decoder: msgspec.json.Decoder[list[Any]]
) -> bool:
    """Whether columns of so many cells with commas between are nothing but JSON of a kind."""
    text = b",".join(columns)
    try:
        values = decoder.decode(b"[" + text + b"]") if characters.fullmatch(text) else ()
    except msgspec.DecodeError:
        return False
    return len(values) == rows * len(columns)


def _finished(text: bytes) -> bytes:
    """Write what could not be written before a row's cells were joined: nulls where text is quoted, line feeds."""
    text = b":null".join(_EMPTY.split(text))
    if b"\n" in text:
        text = text.replace(b"\n", b"\\n")
    return text.replace(_ROW_END, b"\n")
