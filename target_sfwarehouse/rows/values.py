"""How values of any kind become what a row holds. The only place that decides how a type is written to CSV.

A value comes as a field that a decoder made of a RECORD, as a Python value (after the SDK's stream maps), or as a cell of a
CSV file. `way` gives the conversions of a column's type for the first two; `cell_value` makes the second of the third.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec

from target_sfwarehouse.errors import shown
from target_sfwarehouse.rows import moments

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_sfwarehouse.postgres.types import SqlType

REPLACEMENT = "\ufffd"
"""What a NUL character becomes."""

INTEGER_DIGITS = 400
"""A number of more digits is no integer that a column could hold; it is not written out."""

INTEGER_BITS = 1_300

NUMERIC_DIGITS = 131_072
"""Digits before the point that a numeric column holds at most."""

_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)


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


class Spelled(Decimal):
    """A number that JSON spells in another way than Python's Decimal, such as 1e5.

    Attributes:
        text: How it is spelled.
    """

    text: str

    def __deepcopy__(self, memo: Any) -> Self:
        """Give the number itself: the stream maps of the SDK copy records."""
        return self


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if str(number) == text:
        return number
    spelled = Spelled(text)
    spelled.text = text
    return spelled


def _integer_of(text: str) -> int | Decimal:
    """Read an integer; one of more digits than Python reads stays a Decimal, as that takes no time."""
    return int(text) if len(text) < INTEGER_DIGITS else Decimal(text)


_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=_number)


class Way(NamedTuple):
    """How values get into a column of some type.

    Attributes:
        decoded: Type of the field that the decoder makes of a value.
        convert: Makes of such a field what the row holds; None if it is right as it is.
        from_value: Makes of a Python value, not None, what the row holds.

    Both functions raise ValueError for a value that the column cannot hold.
    """

    decoded: Any
    convert: Callable[[Any], Any] | None
    from_value: Callable[[Any], Any]


def way(  # noqa: PLR0911 - one a type
    kind: SqlType, *, only_strings: bool = True, encoding: str = ""
) -> Way:
    """Give the way of values into a column of some type.

    `only_strings` says whether the property's schema allows nothing but strings, `encoding` (`base64`, `base16`) how text
    holds the bytes of a bytea column.
    """
    match kind.family:
        case "boolean":
            return Way(bool, None, partial(_boolean, kind))
        case "integer":
            return Way(int, None, partial(_integer, kind))
        case "number":
            return Way(msgspec.Raw, None, partial(_scalar, kind))
        case "json":
            return Way(msgspec.Raw, _json_text, _json_of)
        case "bytes":
            convert = partial(_bytes_text, _from_base16 if encoding == "base16" else _from_base64)
            return Way(str, convert, lambda value: convert(_text_of(value)))
        case "text" if not only_strings:
            return Way(msgspec.Raw, _any_text, stored_text)
        case "text":
            return Way(str, None, stored_text)
        case _:
            return _other_way(kind, only_strings=only_strings)


def _other_way(kind: SqlType, *, only_strings: bool) -> Way:
    if kind.is_moment:
        return Way(str, None, lambda value: moments.checked(_scalar(kind, value)))
    if kind.items is not None:
        item = moments.checked if kind.items.is_moment else stored_text
        return Way(msgspec.Raw, partial(_array_text, item), partial(_array_of, item))
    if kind.holds_moments:
        return Way(msgspec.Raw, _range_text, lambda value: moments.checked_within(stored_text(value)))
    if only_strings:
        return Way(str, None, partial(_scalar, kind))
    # A vector or a range may be written as JSON is; the server knows.
    return Way(msgspec.Raw, _any_text, stored_text)


def cell_value(cell: str, declared: frozenset[str]) -> Any:
    """Turn a cell of a CSV file into the value that a RECORD would have; a cell of another kind stays text.

    `declared` has the JSON types of the property's schema, without null.
    """
    try:
        if not declared or declared & {"object", "array"}:
            return load_json(cell.encode())
        if declared == {"boolean"}:
            return {"true": True, "false": False}.get(cell, cell)
        if not (declared <= {"integer", "number"} and _NUMBER.fullmatch(cell)):
            return cell
        number = Decimal(cell)
        # As a RECORD has it; the SDK's validator takes no Decimal for an integer.
        whole = (
            "integer" in declared
            and number.adjusted() < INTEGER_DIGITS
            and number == number.to_integral_value()
        )
        return int(number) if whole else number
    except ValueError:
        return cell


def load_json(data: bytes) -> Any:
    """Decode JSON as the SDK does: numbers with a point are Decimal, big integers stay whole.

    The text may have what Python's own json writes (NaN) or lone surrogates. Raises ValueError if it is no JSON.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, ValueError):
        return json.loads(data.decode(), parse_float=_number, parse_int=_integer_of)


def stalls(value: Any) -> bool:
    """Tell whether a value has a number that no column holds, and that an expression such as `int(n)` would not end for."""
    if isinstance(value, Decimal):
        return value.adjusted() > NUMERIC_DIGITS
    if isinstance(value, dict | list):
        return any(map(stalls, value.values() if isinstance(value, dict) else value))
    return False


def _json_text(raw: msgspec.Raw) -> str | None:
    """Return the JSON text of a value for a jsonb column; JSON null is SQL NULL."""
    data = bytes(raw)
    if data == b"null":
        return None
    if b"\\u0000" in data:
        return _json_of(load_json(data))
    return data.decode()


def _any_text(raw: msgspec.Raw) -> str | None:
    """Return a value of any kind for a text column; a number as it is spelled."""
    return _text_of(load_json(bytes(raw)))


def _range_text(raw: msgspec.Raw) -> str | None:
    value = load_json(bytes(raw))
    return None if value is None else moments.checked_within(stored_text(value))


def _array_text(item: Callable[[Any], str], raw: msgspec.Raw) -> str | None:
    value = load_json(bytes(raw))
    return None if value is None else _array_of(item, value)


def _array_of(item: Callable[[Any], str], value: Any) -> str:
    """Return a JSON array as Postgres writes one; text is taken as it is."""
    if not isinstance(value, list | tuple):
        text = stored_text(value)
        return moments.checked_within(text) if item is moments.checked else text
    return "{" + ",".join(_array_item(item, each) for each in value) + "}"


def _array_item(item: Callable[[Any], str], value: Any) -> str:
    if isinstance(value, list | tuple):
        return _array_of(item, value)
    if value is None:
        return "NULL"
    return '"' + item(stored_text(value)).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bytes_text(decode: Callable[[str], bytes], value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return "\\x" + decode(value).hex()
    except (ValueError, binascii.Error) as error:
        raise ValueError(
            f"{shown(value)} is not encoded as `contentEncoding` of its schema says: {error}"
        ) from None


def _from_base16(text: str) -> bytes:
    digits = text.removeprefix("\\x").removeprefix("0x")
    return bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0"))


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _json_of(value: Any) -> str:
    """Return the JSON text of a value; NUL characters, which jsonb cannot store, are replaced."""
    try:
        return _encoder.encode(_plain(value)).decode()
    except (UnicodeEncodeError, OverflowError, TypeError, RecursionError) as error:
        raise ValueError(f"it has no JSON form: {error}") from None


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it. Loops, since a comprehension would take a second frame for each level."""
    if isinstance(value, dict):
        members = {}
        for key, item in value.items():
            members[str(key).replace("\0", REPLACEMENT)] = _plain(item)
        return members
    if isinstance(value, (list, tuple)):
        items = []
        for item in value:
            items.append(_plain(item))  # noqa: PERF401 - see above
        return items
    if isinstance(value, str):
        return value.replace("\0", REPLACEMENT)
    if isinstance(value, (Decimal, float)) and not _finite(value):
        raise ValueError("it holds a NaN or an infinity, which JSON cannot")
    return Decimal(value) if isinstance(value, Spelled) else _printable(value)


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
    if isinstance(value, Spelled):
        return value.text
    if isinstance(value, int | float | Decimal):
        return str(_printable(value))
    return _json_of(value)


def _printable(value: Any) -> Any:
    """Give a number that Python can write: it refuses integers of more than 4,300 digits."""
    return Decimal(value) if isinstance(value, int) and value.bit_length() > INTEGER_BITS else value


def stored_text(value: Any) -> str:
    """Return a value as text that can be sent."""
    text = _text_of(value)
    assert text is not None
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{shown(value)} has half of a surrogate pair, which is no text") from None
    return text


def _scalar(kind: SqlType, value: Any) -> str:
    """Return a scalar as text, which Postgres reads or refuses."""
    if isinstance(value, dict | list):
        raise ValueError(f"{shown(value)} does not fit a column of type {kind}")  # noqa: TRY004
    return stored_text(value)


def _boolean(kind: SqlType, value: Any) -> bool | str:
    return value if isinstance(value, bool) else _scalar(kind, value)


def _integer(kind: SqlType, value: Any) -> int | str:
    """Write 1.0 and 1e3, which JSON schema takes for integers, as Postgres does; it refuses 1.5."""
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if isinstance(number, Decimal) and number.is_finite() and number.adjusted() < INTEGER_DIGITS:
        return int(number) if number == number.to_integral_value() else str(number)
    fits = isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= INTEGER_BITS
    return value if fits else _scalar(kind, value)
