"""Rows of Salesforce, as JSON or as Bulk CSV, turned into Singer RECORD lines or records.

Both readers end here, so that a row is the same bytes whichever of them fetched it: text as UTF-8 with JSON's
short escapes, an int without the ``.0`` that Salesforce sometimes adds, a decimal with its digits untouched, a datetime
with ``Z`` for its zone, null for an empty CSV cell.
"""

from __future__ import annotations

import csv
import decimal
import io
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tap_sfsource.catalog.types import TEXT_TYPES
from tap_sfsource.errors import TapError
from tap_sfsource.rows.bulk_csv import CsvLines, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tap_sfsource.catalog.plan import Column

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
_NULL = msgspec.Raw(b"null")


# What REST answers for any other type can be a number, a boolean or a structure: see anyType and types yet unknown.
_ALWAYS_TEXT = TEXT_TYPES | {"date", "time", "base64"}


def kind_of(sf_type: str) -> Kind:
    """The kind of JSON value that a describe's field type gives; text for a type that is not known."""
    return _KINDS.get(sf_type, "text")


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
        self._csv = CsvLines(self)

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

    def passing(self, cells: Sequence[bytes]) -> None:
        """See the cells of whole rows with further fields before lines are made of them: JSON text without quotes."""

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
        return msgspec.Raw(plain(bytes(value)))
    if kind == "text" and not isinstance(value, str):
        # anyType: a history value is text in Bulk, and the JSON literal in REST.
        return msgspec.json.encode(value).decode()
    return value


def _cell_value(kind: Kind, cell: str) -> Any:
    """Make one CSV cell the canonical JSON value of its kind."""
    if not cell:
        return None
    if kind == "boolean":
        return cell == "true"
    if kind == "integer":
        return int(decimal.Decimal(cell))
    if kind == "number":
        return msgspec.Raw(plain(cell.encode()))
    return cell
