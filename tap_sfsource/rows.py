"""Rows of Salesforce, as JSON or as Bulk CSV, turned into Singer RECORD lines or records.

Both readers end here, so that a row is the same bytes whichever of them fetched it: text as UTF-8 with JSON's
short escapes, an int without the ``.0`` that Salesforce sometimes adds, a decimal with its digits untouched, a datetime
with ``Z`` for its zone, null for an empty CSV cell.
"""

from __future__ import annotations

import csv
import decimal
import io
import operator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tap_sfsource.errors import TapError
from tap_sfsource.field_types import TEXT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tap_sfsource.catalog import Column

Kind = Literal["text", "boolean", "integer", "number", "datetime"]

_KINDS: dict[str, Kind] = {
    "boolean": "boolean",
    "int": "integer",
    "long": "integer",
    "double": "number",
    "currency": "number",
    "percent": "number",
    "datetime": "datetime",
}
# Salesforce's longest text is 131,072 characters; the csv module refuses cells over 128 KiB unless told.
csv.field_size_limit(2**31 - 1)

_SHORT_ESCAPES = {0x08: b"\\b", 0x09: b"\\t", 0x0A: b"\\n", 0x0C: b"\\f", 0x0D: b"\\r"}
_QUOTED: frozenset[Kind] = frozenset({"text", "datetime"})
"""Kinds whose JSON has quotes."""

_ALL_BUT_CONTROLS = bytes(range(0x20, 0x100)) + b"\n"  # LF ends a row
_NULL = msgspec.Raw(b"null")


# What REST answers for any other type can be a number, a boolean or a structure: see anyType and types yet unknown.
_ALWAYS_TEXT = TEXT_TYPES | {"date", "time", "base64"}


def kind_of(sf_type: str) -> Kind:
    """The kind of JSON value that a describe's field type gives; text for a type that is not known."""
    return _KINDS.get(sf_type, "text")


class QueryPage(msgspec.Struct):
    """A page of ``/query``: the raw records, the size of the whole result, and where the next page is."""

    records: msgspec.Raw = _NULL
    totalSize: int = 0  # noqa: N815 - Salesforce's name
    done: bool = True
    nextRecordsUrl: str | None = None  # noqa: N815 - Salesforce's name


class Rows:
    """Turns one stream's pages into RECORD lines or records.

    Args:
        stream: The Singer stream's name.
        columns: The columns in the order in which the query asks for them.
        constants: Properties with one value for each row, such as ``is_deleted`` of an SObject without IsDeleted.
        version: The table version that the records belong to, where an ACTIVATE_VERSION will follow.
        further: How many further fields the query asks for, which are no columns of these rows.
    """

    def __init__(
        self,
        stream: str,
        columns: Sequence[Column],
        constants: Mapping[str, Any] | None = None,
        version: int | None = None,
        further: int = 0,
    ) -> None:
        self.stream = stream
        self.further = further
        self.version = version
        self.columns = tuple(columns)
        self.kinds = tuple(kind_of(column.sf_type) for column in columns)
        self.constants = dict(constants or {})
        self.envelope: dict[str, Any] = {"type": "RECORD", "stream": stream}
        if version is not None:
            self.envelope["version"] = version
        self._constant_values = tuple(self.constants.values())
        names = [f"f{index}" for index in range(len(self.columns))]
        decoded = {
            "text": Any,
            "boolean": bool | None,
            "integer": Any,
            "number": msgspec.Raw,
            "datetime": str | None,
        }
        self.source = msgspec.defstruct(
            "Source",
            [(name, decoded[kind], None) for name, kind in zip(names, self.kinds, strict=True)],
            rename={name: column.api_name for name, column in zip(names, self.columns, strict=True)},
            gc=False,
        )
        constant_names = [f"c{index}" for index in range(len(self.constants))]
        self._target = msgspec.defstruct(
            "Target",
            [(name, Any) for name in [*names, *constant_names]],
            rename=dict(
                zip(
                    [*names, *constant_names],
                    [*(column.property for column in self.columns), *self.constants],
                    strict=True,
                )
            ),
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(list[self.source])  # type: ignore[name-defined]
        self._encoder = msgspec.json.Encoder(decimal_format="number")
        self._fixups = [
            (index, kind)
            for index, kind in enumerate(self.kinds)
            if kind in {"integer", "number", "datetime"} or self.columns[index].sf_type not in _ALWAYS_TEXT
        ]
        self._csv = _CsvLines(self)

    def json_lines(self, records: bytes | msgspec.Raw, extracted: str) -> tuple[bytes, int]:
        """RECORD lines of a REST page.

        Args:
            records: The JSON array of the page's records.
            extracted: The time at which Salesforce answered, RFC 3339.

        Returns:
            The lines, each with its newline, and how many they are.
        """
        rows = self._json_values(records)
        messages = [self._message(row, extracted) for row in rows]
        return self._encoder.encode_lines(messages), len(messages)

    def json_records(self, records: bytes | msgspec.Raw) -> Iterator[dict[str, Any]]:
        """The same rows as dicts, for the paths that need a record in Python."""
        for row in self._json_values(records):
            yield self._record(row)

    def csv_lines(self, block: bytes, extracted: str) -> tuple[bytes, int]:
        """RECORD lines of a block of whole Bulk CSV rows (no header, LF line ends, every cell quoted)."""
        return self._csv.lines(block, extracted)

    def csv_records(self, block: bytes) -> Iterator[dict[str, Any]]:
        """The same rows as dicts."""
        for cells in csv.reader(io.StringIO(block.decode(), newline="")):
            yield self._record(self.cell_values(cells))

    def cell_values(self, cells: Sequence[str]) -> list[Any]:
        """JSON values of one row of CSV cells; numbers as `msgspec.Raw`, so that no digit is lost."""
        wanted = len(self.kinds) + self.further
        if len(cells) != wanted:
            raise TapError(
                f"{self.stream}: a Bulk row has {len(cells)} cells where the query asked for {wanted} columns."
            )
        return [_cell_value(kind, cell) for kind, cell in zip(self.kinds, cells, strict=False)]

    def message(self, values: Sequence[Any], extracted: str) -> bytes:
        """One RECORD line of values in the columns' order."""
        return self._encoder.encode_lines([self._message(values, extracted)])

    def as_records(self, rows: Iterable[Sequence[Any]]) -> Iterator[dict[str, Any]]:
        """Values in the columns' order as dicts."""
        return (self._record(row) for row in rows)

    @property
    def properties(self) -> list[str]:
        """The properties that each record has."""
        return [*(column.property for column in self.columns), *self.constants]

    def _message(self, values: Sequence[Any], extracted: str) -> dict[str, Any]:
        return {
            **self.envelope,
            "record": self._target(*values, *self._constant_values),
            "time_extracted": extracted,
        }

    def _json_values(self, records: bytes | msgspec.Raw) -> Iterator[list[Any]]:
        try:
            decoded = self._decoder.decode(records)
        except msgspec.ValidationError as error:
            raise TapError(
                f"{self.stream}: Salesforce sent a value that its describe does not allow: {error}"
            ) from error
        for source in decoded:
            yield self.canonical(source)

    def canonical(self, source: msgspec.Struct) -> list[Any]:
        """Canonical JSON values of a record as `source` decodes it."""
        row = list(msgspec.structs.astuple(source))
        for index, kind in self._fixups:
            row[index] = _json_value(kind, row[index])
        return row

    def _record(self, row: Sequence[Any]) -> dict[str, Any]:
        record = {
            column.property: decimal.Decimal(bytes(value).decode())
            if isinstance(value, msgspec.Raw) and bytes(value) != b"null"
            else (None if isinstance(value, msgspec.Raw) else value)
            for column, value in zip(self.columns, row, strict=True)
        }
        record.update(self.constants)
        return record


def _json_value(kind: Kind, value: Any) -> Any:
    """Make one decoded JSON value the canonical one of its kind."""
    if value is None:
        return None
    if kind == "datetime":
        return f"{value[:-5]}Z" if value.endswith("+0000") else value
    if kind == "integer":
        return int(value)
    if kind == "number":
        return msgspec.Raw(_plain(bytes(value)))
    if kind == "text" and not isinstance(value, str):
        # anyType: a history value is text in Bulk, and the JSON literal in REST.
        return msgspec.json.encode(value).decode()
    return value


def _plain(number: bytes) -> bytes:
    """A decimal without an exponent, such as Java writes for very small and very large doubles."""
    return format(decimal.Decimal(number.decode()), "f").encode() if b"E" in number.upper() else number


def _cell_value(kind: Kind, cell: str) -> Any:
    """Make one CSV cell the canonical JSON value of its kind."""
    if not cell:
        return None
    if kind == "boolean":
        return cell == "true"
    if kind == "integer":
        return int(decimal.Decimal(cell))
    if kind == "number":
        return msgspec.Raw(_plain(cell.encode()))
    return cell


def _escapes_needed(block: bytes, *, line_feeds: bool) -> list[tuple[bytes, bytes]]:
    """What must be replaced in a block's text to make it JSON: the backslash first, then each control character in it."""
    escapes = [(b"\\", b"\\\\")] if b"\\" in block else []
    if line_feeds:
        escapes.append((b"\n", b"\\n"))
    # One pass finds all of them; the block is scanned no further for those that it has not.
    found = sorted(set(block.translate(None, _ALL_BUT_CONTROLS)))
    return escapes + [(bytes([code]), _SHORT_ESCAPES.get(code, b"\\u%04x" % code)) for code in found]


class _CsvLines:
    """The quick way from CSV bytes to JSON lines: the quoted cells are moved, not parsed.

    A row without an embedded quote has exactly two quotes a cell, and splits at ``","``; its text is JSON already once
    backslashes and control characters are escaped. What stands between two cells (a quote, a comma, a key) depends on
    whether they are null. Any other row goes through the csv module.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._columns = len(rows.kinds)
        self._width = self._columns + rows.further
        self._integers = [index for index, kind in enumerate(rows.kinds) if kind == "integer"]
        self._numbers = [index for index, kind in enumerate(rows.kinds) if kind in {"integer", "number"}]
        # The last number twice: of a single index itemgetter makes no tuple, and each number gets a space behind it.
        self._pick = operator.itemgetter(*[*self._numbers, *(self._numbers[-1:] or [0, 0])])
        quotes = [b'"' if kind in _QUOTED else b"" for kind in rows.kinds]
        head = msgspec.json.encode(rows.envelope)[:-1] + b',"record":{'
        tail = b"".join(
            b"," + msgspec.json.encode(name) + b":" + msgspec.json.encode(value)
            for name, value in rows.constants.items()
        )
        keys = [
            (b"," if index else head) + msgspec.json.encode(column.property) + b":"
            for index, column in enumerate(rows.columns)
        ]
        closings = [b"", *quotes]
        openings = [*(key + quote for key, quote in zip(keys, quotes, strict=True)), tail]
        nulls = [*(key + b"null" for key in keys), tail]
        # At place i, between the cells i - 1 and i: neither, the right, the left or both are null.
        self._neither = [closing + opening for closing, opening in zip(closings, openings, strict=True)]
        self._right = [closing + null for closing, null in zip(closings, nulls, strict=True)]
        self._left = openings
        self._both = nulls

    def lines(self, block: bytes, extracted: str) -> tuple[bytes, int]:
        """RECORD lines of a block of whole CSV rows, and how many."""
        if not block:
            return b"", 0
        end = b'},"time_extracted":"' + extracted.encode() + b'"}\n'
        out: list[bytes] = []
        clean = 2 * self._width - 2
        pending = b""
        pieces = block[1:].removesuffix(b"\n").removesuffix(b'"').split(b'"\n"')
        escapes = _escapes_needed(block, line_feeds=block.count(b"\n") > len(pieces) - block.endswith(b'"'))
        for piece in pieces:
            if not pending:
                if piece.count(b'"') == clean:
                    plain = piece
                    for raw, escaped in escapes:
                        plain = plain.replace(raw, escaped)
                    cells = plain.split(b'","')
                    if len(cells) == self._width:
                        out.append(self._join(cells))
                        out.append(end)
                        continue
                row = b'"' + piece + b'"'
            else:
                row = pending + b'\n"' + piece + b'"'
            # An odd number of quotes means that the split fell inside a value.
            if row.count(b'"') % 2:
                pending = row
                continue
            pending = b""
            for line in self._slow(row, extracted):
                out += (line, b"")
        if pending or not block.endswith((b'"\n', b'"')):
            raise TapError(f"{self._rows.stream}: a Bulk page ends inside a quoted value.")
        return b"".join(out), len(out) // 2

    def _join(self, cells: list[bytes]) -> bytes:
        if self._width > self._columns:
            del cells[self._columns :]
        if self._numbers:
            # One look at all numbers together: hardly ever is there anything to do.
            digits = b" ".join(self._pick(cells))
            if b".0 " in digits or b"E" in digits:
                self._mend_numbers(cells)
        between = self._neither
        if b"" in cells:
            between = between.copy()
            index = last = -1
            for _ in range(cells.count(b"")):
                index = cells.index(b"", index + 1)
                between[index] = self._both[index] if index == last else self._right[index]
                last = index + 1
                between[last] = self._left[last]
        parts = [b""] * (2 * len(cells) + 1)
        parts[0::2] = between
        parts[1::2] = cells
        return b"".join(parts)

    def _mend_numbers(self, cells: list[bytes]) -> None:
        for index in self._numbers:
            cells[index] = _plain(cells[index])
        for index in self._integers:
            cells[index] = cells[index].removesuffix(b".0")

    def _slow(self, text: bytes, extracted: str) -> list[bytes]:
        """Lines of rows that the csv module has to read; a cell that is only a line feed can hide a row's end."""
        rows = self._rows
        return [
            rows.message(rows.cell_values(cells), extracted)
            for cells in csv.reader(io.StringIO(text.decode(), newline=""))
        ]
