"""Values on their way into columns: what a column takes, and how a value of any kind becomes that."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from target_sfwarehouse.errors import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_sfwarehouse.postgres.types import SqlType

__all__ = ["REPLACEMENT", "VERSION", "BadValueError", "Column", "converted_value", "converter", "load_json"]

VERSION = "_sdc_table_version"
"""Column that keeps the version of the message that brought a row."""

REPLACEMENT = "\ufffd"
"""What a NUL character becomes."""

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


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


def converter(column: Column) -> Callable[[Any], str | None] | None:
    """Return what makes of a decoded field what the row holds.

    Args:
        column: The column.

    Returns:
        A function, which raises ValueError for a value that it cannot convert; None if the field is right as it is.
    """
    kind = _conversion(column)
    return _RAW_CONVERTERS[kind] if kind else None


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
    except (UnicodeEncodeError, OverflowError, TypeError, RecursionError) as error:
        raise ValueError(f"it has no JSON form: {error}") from None
    return text


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


def converted_value(column: Column, value: Any) -> Any:
    """Turn a value into what a row holds: the slow path, with the same result as the fast one.

    Args:
        column: Where it goes.
        value: A value as the SDK hands it over.

    Returns:
        None, a boolean, an integer, or text.

    Raises:
        BadValueError: The column cannot hold it, or it is null and part of the key.
    """
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
