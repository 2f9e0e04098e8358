"""What the rows of a stream look like: columns, constants and the RECORD line that they become."""

from __future__ import annotations

import decimal
import re
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from tap_sfsource.catalog.types import SINGER_DECIMAL
from tap_sfsource.errors import TapError
from tap_sfsource.rows.masking import RowMasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_sfsource.catalog.columns import Column

Kind = Literal["text", "boolean", "integer", "number", "decimal", "datetime"]

_KINDS: dict[str, Kind] = {
    "boolean": "boolean",
    "int": "integer",
    "long": "integer",
    "double": "number",
    "currency": "number",
    "percent": "number",
    "datetime": "datetime",
}
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[Ee][-+]?[0-9]+)?")
"""How Salesforce spells numbers. Python would also take spaces, other scripts' digits and more."""

_DECIMAL_FORMAT = SINGER_DECIMAL["format"]
_SHOWN = 40


def kind_of(sf_type: str) -> Kind:
    """The kind of JSON value that a describe's field type gives; text for a type that is not known."""
    return _KINDS.get(sf_type, "text")


def _kind(column: Column) -> Kind:
    """The kind of a column; a number that its schema makes text is a decimal."""
    kind = kind_of(column.sf_type)
    return "decimal" if kind == "number" and column.schema.get("format") == _DECIMAL_FORMAT else kind


class FurtherFields(Protocol):
    """Fields that a query asks for behind the columns, and who reads them."""

    count: int

    def see_records(self, records: bytes | msgspec.Raw) -> None:
        """Read them from the records of a REST page."""
        ...  # pragma: no cover

    def see_cells(self, cells: Sequence[bytes]) -> None:
        """Read them from all cells of whole Bulk rows, given as JSON text without quotes."""
        ...  # pragma: no cover


class Layout:
    """The columns of a stream's rows, in the order in which the query asks for them.

    Attributes:
        constants: Properties with one value for each row, such as ``is_deleted`` of an SObject without IsDeleted.
        version: The table version of the rows, where an ACTIVATE_VERSION will follow.
        further: Fields behind the columns, which are no properties of these rows.
        width: How many fields the query asks for.
    """

    def __init__(
        self,
        stream: str,
        columns: Sequence[Column],
        constants: Mapping[str, Any] | None = None,
        version: int | None = None,
        further: FurtherFields | None = None,
    ) -> None:
        self.stream = stream
        self.columns = tuple(columns)
        self.kinds = tuple(map(_kind, columns))
        self.constants = dict(constants or {})
        self.version = version
        self.further = further
        self.width = len(self.columns) + (further.count if further is not None else 0)
        self.masks = RowMasks(self.columns, self.kinds, self.number)
        self._masked = bool(self.masks)
        self.envelope: dict[str, Any] = {"type": "RECORD", "stream": stream}
        if version is not None:
            self.envelope["version"] = version
        self.properties = [*(column.property for column in self.columns), *self.constants]
        self._constant_values = tuple(self.constants.values())
        names = [f"f{index}" for index in range(len(self.properties))]
        self._record = msgspec.defstruct(
            "Record",
            [(name, Any) for name in names],
            rename=dict(zip(names, self.properties, strict=True)),
            gc=False,
        )
        self._encoder = msgspec.json.Encoder(decimal_format="number")

    def message(self, values: Sequence[Any], extracted: str) -> dict[str, Any]:
        """The RECORD message of plain JSON values in the columns' order; `extracted` is an RFC 3339 time."""
        if self._masked:
            values = self.masks.row(values)
        return {
            **self.envelope,
            "record": self._record(*values, *self._constant_values),
            "time_extracted": extracted,
        }

    @property
    def as_sent(self) -> bool:
        """Whether Salesforce's own CSV holds just these rows."""
        return self.further is None and not self.constants and not self._masked

    def encoded(self, messages: Sequence[dict[str, Any]]) -> bytes:
        """The lines of messages, each with its newline."""
        return self._encoder.encode_lines(messages)

    def cell_values(self, cells: Sequence[str]) -> list[Any]:
        """Plain JSON values of one row of CSV cells; numbers as `msgspec.Raw`, so that no digit is lost.

        Raises:
            TapError: The row has too few or too many cells, or one that its column cannot have.
        """
        if len(cells) != self.width:
            raise TapError(
                f"{self.stream}: a Bulk row has {len(cells)} cells where the query asked for {self.width} columns. "
                "Run again."
            )
        return [
            self._cell_value(place, kind, cell)
            for place, (kind, cell) in enumerate(zip(self.kinds, cells, strict=False))
        ]

    def _cell_value(self, place: int, kind: Kind, cell: str) -> Any:
        if not cell:
            return None
        if kind in {"text", "datetime"}:
            return cell
        written = self.written(place, cell)
        if kind == "boolean":
            return cell == "true"
        return written.decode() if kind == "decimal" else msgspec.Raw(written)

    def written(self, place: int, cell: str) -> bytes:
        """The JSON of a CSV cell that is a boolean or a number.

        Raises:
            TapError: Its column cannot have it.
        """
        if self.kinds[place] != "boolean":
            return self.number(place, cell)
        if cell not in {"true", "false"}:
            raise self.bad_value(place, cell)
        return cell.encode()

    def number(self, place: int, text: str) -> bytes:
        """A number in JSON without an exponent; an integer without the ``.0`` that Salesforce sometimes adds.

        Raises:
            TapError: The text is no number, or no integer in an integer's column.
        """
        if not _NUMBER.fullmatch(text):
            raise self.bad_value(place, text)
        value = decimal.Decimal(text)
        whole = self.kinds[place] == "integer"
        if whole and value != value.to_integral_value():
            raise self.bad_value(place, text)
        if whole:
            return str(int(value)).encode()
        return format(value, "f").encode()

    def bad_value(self, place: int, value: object) -> TapError:
        """The error of a value that its column cannot have."""
        shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        column = self.columns[place]
        told = "a value" if column.mask is not None else repr(shown[:_SHOWN])
        return TapError(
            f"{self.stream}: Salesforce sent {told} for {column.api_name}, whose type is "
            f"{column.sf_type}. Run again; deselect the property if it stays."
        )
