r"""Records as CSV rows for COPY: the hot path, and the slow one with the same results.

A record is decoded into a msgspec struct made for its stream's schema: fields of text, booleans and integers are typed,
so a value of another kind is refused at once; numbers stay the bytes they were. A chunk of structs is then
encoded as JSON arrays, one a line, which without their brackets are CSV rows under

    COPY ... FROM STDIN (FORMAT csv, ESCAPE E'\\', NULL 'null')

once JSON's escapes other than \" and \\ are undone: strings are always quoted, so NULL cannot be taken for text.

A record that the struct refuses is converted value by value (`RowShape.from_record`) into the same row.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from target_sfwarehouse.errors import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from target_sfwarehouse.types import SqlType

VERSION = "_sdc_table_version"
"""Column that keeps the version of the message that brought a row."""

__all__ = [
    "COPY_OPTIONS",
    "VERSION",
    "BadValueError",
    "Column",
    "NulError",
    "RowShape",
    "encode_rows",
    "load_json",
]

COPY_OPTIONS = r"(FORMAT csv, ESCAPE E'\\', NULL 'null')"
REPLACEMENT = "�"
"""What a NUL character becomes."""

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_NULL = msgspec.Raw(b"null")
_ESCAPE = re.compile(rb'\\(?:u00[01][0-9a-f]|[^"])')
"""JSON's escapes that CSV does not know, and the escaped backslash, which must not be taken for the start of one."""

_UNESCAPED = {
    b"\\n": b"\n",
    b"\\r": b"\r",
    b"\\t": b"\t",
    b"\\b": b"\b",
    b"\\f": b"\f",
    b"\\\\": b"\\\\",
    **{b"\\u00%02x" % code: bytes((code,)) for code in range(1, 32)},
}
_NUL = b"\\u0000"
_UNFIT_NAME = re.compile(r'["\\\x00-\x1f]')

Row = tuple[Any, ...]


class BadValueError(ValueError):
    """A value that its column cannot hold.

    Attributes:
        name: The property.
        missing: True if the property is a key that the record lacks.
    """

    def __init__(self, name: str, reason: str, *, missing: bool = False) -> None:
        super().__init__(reason)
        self.name = name
        self.missing = missing


class NulError(ValueError):
    """Text with a NUL character while the settings refuse them."""


@dataclass(frozen=True)
class Column:
    """A property and the column it goes to.

    Attributes:
        name: The property.
        column: The column's name.
        type: The column's type, which decides how values are written.
        declared: JSON types that the property's schema allows, without null.
        encoding: `base64` or `base16` for text that a bytea column holds.
        key: Whether the property is part of the stream's key.
        default_false: Whether null and absence mean false (`is_deleted`).
    """

    name: str
    column: str
    type: SqlType
    declared: frozenset[str] = frozenset()
    encoding: str = ""
    key: bool = False
    default_false: bool = False

    @cached_property
    def only_strings(self) -> bool:
        """Whether the schema allows nothing but strings."""
        return self.declared <= {"string"}


class RowShape:
    """How the records of one stream, under one SCHEMA, become rows.

    Attributes:
        columns: Columns that records fill.
        all_columns: These and the extra ones, in the order of a row's values.
        column_names: Their names in the warehouse.
        message: Decodes a whole RECORD line; its `record` is what `rows` takes. None if a property has a name
            that a struct cannot have (a quote, a backslash, a control character): such streams go the slow way.
        record: Decodes one record that stands alone (BATCH files); None likewise.
    """

    def __init__(self, stream: str, columns: Sequence[Column], extras: Sequence[Column] = ()) -> None:
        """Make the decoders.

        Args:
            stream: The stream's name, which a RECORD line must carry.
            columns: Columns that records fill.
            extras: Columns whose values come with each record but from elsewhere (`_sdc_table_version`).
        """
        self.columns = tuple(columns)
        self.all_columns = (*self.columns, *extras)
        self.column_names = tuple(column.column for column in self.all_columns)
        self.message: msgspec.json.Decoder[Any] | None = None
        self.record: msgspec.json.Decoder[Any] | None = None
        self._struct: type | None = None
        self._converters = [
            (position, _RAW_CONVERTERS[kind])
            for position, column in enumerate(self.columns)
            if (kind := _conversion(column))
        ]
        if not any(_UNFIT_NAME.search(column.name) for column in self.columns):
            self._make_decoders(stream)

    def _make_decoders(self, stream: str) -> None:
        fields = [_field(position, column) for position, column in enumerate(self.columns)]
        self._struct = msgspec.defstruct("Row", fields, gc=False)
        # Without a place for versions a message that has one is refused, and the slow path makes the place.
        version = (int | None) if any(column.column == VERSION for column in self.all_columns) else None
        message = msgspec.defstruct(
            "RecordMessage",
            [
                ("type", Literal["RECORD"]),
                ("stream", Literal[stream]),
                ("record", self._struct),
                ("version", version, None),
                ("time_extracted", str | None, None),
            ],
            gc=False,
        )
        self.message = msgspec.json.Decoder(message)
        self.record = msgspec.json.Decoder(self._struct)

    def rows(self, items: Sequence[Any], extras: Sequence[Row] = ()) -> list[Row]:
        """Turn decoded records into rows.

        Args:
            items: What `record` decoded, or rows that `from_record` made.
            extras: For each item the values of the extra columns, if there are any.

        Returns:
            A row for each, values in the order of `all_columns`.

        Raises:
            BadValueError: A value that cannot be converted.
        """
        struct = self._struct
        as_tuple: Callable[[Any], Row] = msgspec.structs.astuple
        rows: list[Row]
        if self._converters:
            rows = [self._converted(as_tuple(item)) if type(item) is struct else item for item in items]
        else:
            rows = [as_tuple(item) if type(item) is struct else item for item in items]
        return [row + extra for row, extra in zip(rows, extras, strict=True)] if extras else rows

    def row(self, item: Any, extra: Row = ()) -> Row:
        """Turn one record into a row; as `rows`.

        Args:
            item: What `record` decoded, or a row that `from_record` made.
            extra: Values of the extra columns.

        Returns:
            The row.

        Raises:
            BadValueError: A value that cannot be converted.
        """
        return self.rows((item,), (extra,) if extra else ())[0]

    def _converted(self, row: Row) -> Row:
        values = list(row)
        for position, convert in self._converters:
            try:
                values[position] = convert(values[position])
            except ValueError as error:
                raise BadValueError(self.columns[position].name, str(error)) from None
        return tuple(values)

    def from_record(self, record: Mapping[str, Any]) -> Row:
        """Turn a record given as a dict into a row: the slow path, with the same result.

        Args:
            record: Property values as the SDK hands them over.

        Returns:
            The row, without the extra columns.

        Raises:
            BadValueError: A value that its column cannot hold, or a missing key.
        """
        return tuple(_converted_value(column, record.get(column.name)) for column in self.columns)


def _field(position: int, column: Column) -> tuple[str, Any, Any]:
    """Describe a struct's field; its name in JSON is the property, whatever characters that has."""
    name = f"f{position}"
    family = column.type.family
    kinds: dict[str, Any] = {"boolean": bool, "integer": int, "number": msgspec.Raw, "json": msgspec.Raw}
    kind = kinds.get(family, str)
    if family == "text" and not column.only_strings:
        kind = msgspec.Raw
    if column.key:
        return name, kind, msgspec.field(name=column.name)
    if column.default_false:
        return name, kind, msgspec.field(name=column.name, default=False)
    if kind is msgspec.Raw:
        return name, kind, msgspec.field(name=column.name, default=_NULL)
    return name, kind | None, msgspec.field(name=column.name, default=None)


def _conversion(column: Column) -> str:
    """Name the converter that a decoded field needs, empty if none."""
    family = column.type.family
    if family == "json":
        return "json"
    if family == "number":
        return ""
    if family == "text" and not column.only_strings:
        return "text"
    return f"bytes:{column.encoding or 'base64'}" if family == "bytes" else ""


def _json_text(raw: msgspec.Raw) -> str | None:
    """Return the JSON text of a value for a jsonb column; JSON null is SQL NULL."""
    data = bytes(raw)
    if data == b"null":
        return None
    if b"\\u0000" in data:
        return _json_of(load_json(data))
    return data.decode()


def _any_text(raw: msgspec.Raw) -> str | None:
    """Return a value of any kind for a text column."""
    return _text_of(load_json(bytes(raw)))


def _bytes_text(decode: Callable[[str], bytes]) -> Callable[[str | None], str | None]:
    def convert(value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return "\\x" + decode(value).hex()
        except (ValueError, binascii.Error) as error:
            raise ValueError(f"{shown(value)} is not valid: {error}") from None

    return convert


def _from_base16(text: str) -> bytes:
    digits = text.removeprefix("\\x").removeprefix("0x")
    return bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0"))


_from_base64 = _bytes_text(lambda text: base64.b64decode(text, validate=True))
_RAW_CONVERTERS: dict[str, Callable[[Any], str | None]] = {
    "json": _json_text,
    "text": _any_text,
    "bytes:base64": _from_base64,
    "bytes:base16": _bytes_text(_from_base16),
}


def load_json(data: bytes) -> Any:
    """Decode JSON as the SDK does: numbers with a point are Decimal, big integers stay whole.

    Args:
        data: JSON text, which may have what Python's own json writes (NaN) or lone surrogates.

    Returns:
        The value.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError:
        from singer_sdk.singerlib.json import deserialize_json  # noqa: PLC0415 - rare

        return deserialize_json(data.decode("utf-8"))


def _json_of(value: Any) -> str:
    """Return the JSON text of a value; NUL characters, which jsonb cannot store, are replaced.

    Raises:
        ValueError: A NaN or an infinity, which JSON has no form for, or a lone surrogate.
    """
    try:
        text = _encoder.encode(_plain(value)).decode()
    except (UnicodeEncodeError, OverflowError, TypeError) as error:
        raise ValueError(f"it has no JSON form: {error}") from None
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return value.replace("\0", REPLACEMENT)
    if isinstance(value, Decimal | float) and not _finite(value):
        raise ValueError("it holds a NaN or an infinity, which JSON cannot")
    return value


def _finite(value: Decimal | float) -> bool:
    return value.is_finite() if isinstance(value, Decimal) else value - value == 0


def _text_of(value: Any) -> str | None:
    """Return a scalar as text; objects and arrays as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, int | float | Decimal):
        return str(value)
    return _json_of(value)


def _converted_value(column: Column, value: Any) -> Any:
    """Return a value as a row holds it; `from_record` for one column."""
    if value is None:
        if column.key:
            raise BadValueError(column.name, "the record has no value for this key property", missing=True)
        return False if column.default_false else None
    family = column.type.family
    try:
        if family == "json":
            return _json_of(value)
        if family == "bytes":
            return _RAW_CONVERTERS[f"bytes:{column.encoding or 'base64'}"](_text_of(value))
        if family != "text" and isinstance(value, dict | list):
            raise ValueError(f"{shown(value)} does not fit a column of type {column.type}")  # noqa: TRY301
        return _scalar(family, value)
    except ValueError as error:
        raise BadValueError(column.name, str(error)) from None


def _scalar(family: str, value: Any) -> Any:
    if family == "boolean" and isinstance(value, bool):
        return value
    if family == "integer" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        # 1.0 is an integer in JSON schema; 1.5 is left for Postgres to refuse.
        return int(value) if value == int(value) else str(value)
    text = _text_of(value)
    assert text is not None
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{shown(value)} has half of a surrogate pair, which is no text") from None
    return text


def encode_rows(rows: Sequence[Row], *, replace_nul: bool) -> bytes:
    """Encode rows as CSV for `COPY_OPTIONS`.

    Args:
        rows: Rows of equal length, at least one.
        replace_nul: Replace NUL characters by U+FFFD; otherwise they are an error.

    Returns:
        CSV lines, each ended by a newline.

    Raises:
        NulError: A NUL character and `replace_nul` is false.
        UnicodeEncodeError: A lone surrogate.
    """
    lines = _encoder.encode_lines(rows)
    data = b"\n".join([line[1:-1] for line in lines.split(b"\n")])
    if b"\\" not in data:
        return data
    # One pass by regular expression: a pass of replace() for each escape costs four times as much.
    return _ESCAPE.sub(_unescaped if replace_nul else _unescaped_but_nul, data)


def _unescaped(match: re.Match[bytes]) -> bytes:
    return REPLACEMENT.encode() if match[0] == _NUL else _UNESCAPED.get(match[0], match[0])


def _unescaped_but_nul(match: re.Match[bytes]) -> bytes:
    if match[0] == _NUL:
        raise NulError("it has a NUL character, which Postgres cannot store")
    return _UNESCAPED.get(match[0], match[0])
