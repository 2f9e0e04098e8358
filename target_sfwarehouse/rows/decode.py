r"""Records as CSV rows for COPY: the hot path, and the slow one with the same results.

A record is decoded into a msgspec struct made for its stream's schema. A chunk of structs is then encoded as JSON arrays,
one a line, which without their brackets are CSV rows under

    COPY ... FROM STDIN (FORMAT csv, ESCAPE E'\\', NULL 'null')

once JSON's escapes other than \" and \\ are undone: strings are always quoted, so NULL cannot be taken for text.

There are two structs. In the quick one text stays the JSON that it was and is moved from the message into the row, which
costs half of what making a Python string costs. It serves where a property is text, a flag or a number; what it cannot
move (an array where text is due, escapes such as \u00e9) shows in the encoded rows. The other one has typed fields, so
that a value of another kind is refused at once.

A record that the structs refuse is converted value by value (`RowShape.from_record`) into the same row.
"""

from __future__ import annotations

import re
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from target_sfwarehouse.postgres.schema import VERSION
from target_sfwarehouse.rows import moments
from target_sfwarehouse.rows.values import REPLACEMENT, BadValueError, load_json, stored_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from target_sfwarehouse.rows.layout import Property

COPY_OPTIONS = r"(FORMAT csv, ESCAPE E'\\', NULL 'null')"

_encoder = msgspec.json.Encoder(decimal_format="number")
_NULL = msgspec.Raw(b"null")
_ESCAPE = re.compile(rb'\\(?:u[0-9A-Fa-f]{4}|[^"])')
"""JSON's escapes that CSV does not know, and the escaped backslash, which must not be taken for the start of one."""
_UNESCAPED = {
    b"\\n": b"\n",
    b"\\r": b"\r",
    b"\\t": b"\t",
    b"\\b": b"\b",
    b"\\f": b"\f",
    b"\\/": b"/",
    b"\\\\": b"\\\\",
    **{b"\\u00%02x" % code: bytes((code,)) for code in range(1, 32)},
}
NUL = b"\\u0000"
"""How JSON writes a NUL character, which text in Postgres cannot have."""
_NEWLINE = ord("\n")
_BEFORE_VALUE = b",\n"
_UNFIT_NAME = re.compile(r'["\\\x00-\x1f]')

Row = tuple[Any, ...]


class NulError(ValueError):
    """Text with a NUL character while the settings refuse them."""


class EscapedTextError(ValueError):
    """Text with an escape that has to be decoded, in rows that were moved as they were."""


class NestedValueError(ValueError):
    """What may be an array or an object, in rows that were moved as they were."""


class UncheckedError(ValueError):
    """Values that the server might read in another way than the record means them: they are looked at one by one."""


class RowShape:
    """How the records of one stream, under one SCHEMA, become rows.

    Attributes:
        stream: The stream's name, which a RECORD line must carry.
        columns: Columns that records fill.
        all_columns: These and the extra ones, in the order of a row's values.
        column_names: Their names in the warehouse.
        message: Decodes a whole RECORD line; its `record` is what `rows` takes. None if a property has a name
            that a struct cannot have (a quote, a backslash, a control character): such streams go the slow way.
        record: Decodes one record that stands alone (BATCH files); None likewise.
        moving: Decodes RECORD lines whose text is moved as it is; None if a value of the stream has to be converted.
        moved: The struct that it makes of a record.
    """

    def __init__(self, stream: str, columns: Sequence[Property], extras: Sequence[Property] = ()) -> None:
        """Make the decoders. The values of `extras` come with each record but from elsewhere (`_sdc_table_version`)."""
        self.stream = stream
        self.columns = tuple(columns)
        self.all_columns = (*self.columns, *extras)
        self.column_names = tuple(column.column for column in self.all_columns)
        self.message: msgspec.json.Decoder[Any] | None = None
        self.record: msgspec.json.Decoder[Any] | None = None
        self.moving: msgspec.json.Decoder[Any] | None = None
        self.moved: type | None = None
        self._converters = [
            (position, column.way.convert)
            for position, column in enumerate(self.columns)
            if column.way.convert is not None
        ]
        self._moments = [place for place, column in enumerate(self.all_columns) if column.type.is_moment]
        if not any(_UNFIT_NAME.search(column.name) for column in self.columns):
            self._make_decoders(stream)

    def _make_decoders(self, stream: str) -> None:
        typed = self._struct([_field(position, column) for position, column in enumerate(self.columns)])
        self.message = self._message_decoder(stream, typed)
        self.record = msgspec.json.Decoder(typed)
        if not self._converters:
            fields = [_field(position, column, moved=True) for position, column in enumerate(self.columns)]
            self.moved = self._struct(fields)
            self.moving = self._message_decoder(stream, self.moved)

    def _struct(self, fields: list[tuple[str, Any, Any]]) -> type:
        # A key, which has no default, may stand after properties that have one only where fields are keyword-only;
        # those decode a quarter slower.
        keys = [column.key for column in self.columns]
        late = keys != sorted(keys, reverse=True)
        return msgspec.defstruct("Row", fields, gc=False, kw_only=late)

    def _message_decoder(self, stream: str, record: type) -> msgspec.json.Decoder[Any]:
        # Without a place for versions a message that has one is refused, and the slow path makes the place.
        version = (int | None) if any(column.column == VERSION for column in self.all_columns) else None
        message = msgspec.defstruct(
            "RecordMessage",
            [
                ("type", Literal["RECORD"]),
                ("stream", Literal[stream]),
                ("record", record),
                ("version", version, None),
                ("time_extracted", str | None, None),
            ],
            gc=False,
        )
        return msgspec.json.Decoder(message)

    def rows(self, items: Sequence[Any], extras: Sequence[Row] = ()) -> list[Row]:
        """Turn decoded records into rows."""
        as_tuple: Callable[[Any], Row] = msgspec.structs.astuple
        rows: list[Row]
        if self._converters:
            rows = [item if type(item) is tuple else self._converted(as_tuple(item)) for item in items]
        else:
            rows = [item if type(item) is tuple else as_tuple(item) for item in items]
        return [row + extra for row, extra in zip(rows, extras, strict=True)] if extras else rows

    def row(self, item: Any, extra: Row = ()) -> Row:
        """Turn one record into a row; as `rows`."""
        return self.rows((item,), (extra,) if extra else ())[0]

    def check_row(self, row: Row) -> None:
        """Check the values of a row that the server would not refuse. Raises BadValueError."""
        for place in self._moments:
            value = row[place]
            if isinstance(value, msgspec.Raw):
                value = load_json(bytes(value))
            try:
                if value is not None:
                    moments.checked(stored_text(value))
            except ValueError as error:
                raise BadValueError(self.all_columns[place].name, str(error)) from None

    def check(self, rows: Sequence[Row]) -> None:
        """Check many rows at once. Raises UncheckedError if they have to be checked one by one."""
        if self._moments and not moments.are_moments(values_at(rows, self._moments)):
            raise UncheckedError

    def _converted(self, row: Row) -> Row:
        values = list(row)
        for position, convert in self._converters:
            try:
                values[position] = convert(values[position])
            except ValueError as error:
                raise BadValueError(self.columns[position].name, str(error)) from None
        return tuple(values)

    def from_record(self, record: Mapping[str, Any]) -> Row:
        """Turn a record given as a dict into a row: the slow path, with the same result."""
        return tuple(column.converted(record.get(column.name)) for column in self.columns)


def values_at(rows: Sequence[Sequence[Any]], places: Sequence[int]) -> list[Any]:
    """Give the values of some columns, row by row."""
    getter = itemgetter(*places)
    return list(map(getter, rows)) if len(places) == 1 else list(chain.from_iterable(map(getter, rows)))


def _field(position: int, column: Property, *, moved: bool = False) -> tuple[str, Any, Any]:
    """Describe a struct's field; its name in JSON is the property, whatever characters that has."""
    name = f"f{position}"
    kind = column.way.decoded
    if column.key:
        return name, kind, msgspec.field(name=column.name)
    if moved and kind is str:
        kind = msgspec.Raw
    if column.default_false:
        return name, kind, msgspec.field(name=column.name, default=False)
    if kind is msgspec.Raw:
        return name, kind, msgspec.field(name=column.name, default=_NULL)
    return name, kind | None, msgspec.field(name=column.name, default=None)


def encode_rows(rows: Sequence[Row], *, replace_nul: bool, moved: bool = False) -> bytes:
    """Encode rows as CSV for `COPY_OPTIONS`."""
    # A newline can only be the end of a row: within values it is escaped.
    data, end = bytearray(), 0
    for row in rows:
        # The bracket that opens a row replaces the one that closed the row before, and becomes the newline between them.
        _encoder.encode_into(row, data, end)
        data[end] = _NEWLINE
        end = len(data) - 1
    data[end] = _NEWLINE
    del data[0]
    if moved:
        _refuse_nested(rows, data)
    if b"\\" not in data:
        return bytes(data)
    # One pass by regular expression: a pass of replace() for each escape costs four times as much.
    return _ESCAPE.sub(_unescaped if replace_nul else _unescaped_but_nul, data)


def _refuse_nested(rows: Sequence[Row], data: bytearray) -> None:
    """Raise NestedValueError if an array or an object is among the rows' values."""
    for opener in (b"[", b"{"):
        counted = row = 0
        looked_at = -1
        place = data.find(opener)
        while place >= 0:
            # Between values, where text can look like it too. What stands before it is looked at here, as an expression for
            # both would look at each byte.
            if not place or data[place - 1] in _BEFORE_VALUE:
                row += data.count(b"\n", counted, place)
                counted = place
                if row != looked_at and _has_nested(rows[row]):
                    raise NestedValueError
                looked_at = row
            place = data.find(opener, place + 1)


def _has_nested(row: Row) -> bool:
    return any(type(value) is msgspec.Raw and bytes(value)[:1] in (b"[", b"{") for value in row)


def _unescaped(match: re.Match[bytes]) -> bytes:
    return REPLACEMENT.encode() if match[0] == NUL else _plain(match[0])


def _unescaped_but_nul(match: re.Match[bytes]) -> bytes:
    if match[0] == NUL:
        raise NulError("it has a NUL character, which Postgres cannot store")
    return _plain(match[0])


def _plain(escape: bytes) -> bytes:
    plain = _UNESCAPED.get(escape)
    if plain is None:
        raise EscapedTextError
    return plain
