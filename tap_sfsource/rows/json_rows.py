"""REST records to RECORD lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_sfsource.catalog.types import TEXT_TYPES
from tap_sfsource.errors import TapError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_sfsource.rows.layout import Kind, Layout

_NULL = msgspec.Raw(b"null")
_DIGITS = frozenset(b"-0123456789")
_DECODED = {
    "text": Any,
    "boolean": bool | None,
    "integer": Any,
    "number": msgspec.Raw,
    "decimal": msgspec.Raw,
    "datetime": str | None,
}

# REST may answer any other type with a number, a boolean or a structure: anyType, and types that are not known yet.
_ALWAYS_TEXT = TEXT_TYPES | {"date", "time", "base64"}


class JsonRows:
    """Makes the rows of one layout from REST records."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        names = [f"f{index}" for index in range(len(layout.columns))]
        self.record = msgspec.defstruct(
            "Source",
            [
                (name, _DECODED[kind], _NULL if kind in {"number", "decimal"} else None)
                for name, kind in zip(names, layout.kinds, strict=True)
            ],
            rename={name: column.api_name for name, column in zip(names, layout.columns, strict=True)},
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(list[self.record])  # type: ignore[name-defined]
        self._fixups = [
            (place, kind)
            for place, kind in enumerate(layout.kinds)
            if kind in {"integer", "number", "decimal", "datetime"}
            or (kind == "text" and layout.columns[place].sf_type not in _ALWAYS_TEXT)
        ]

    def lines(self, records: bytes | msgspec.Raw, extracted: str) -> tuple[bytes, int]:
        """RECORD lines of a page's JSON array, and how many they are.

        Raises:
            TapError: The page holds a value that its column cannot have.
        """
        messages = [self._layout.message(row, extracted) for row in self.values(records)]
        return self._layout.encoded(messages), len(messages)

    def values(self, records: bytes | msgspec.Raw) -> Iterator[list[Any]]:
        """JSON values of each record in the columns' order; raises as `lines` does."""
        layout = self._layout
        try:
            if layout.further is not None:
                layout.further.see_records(records)
            decoded = self._decoder.decode(records)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TapError(
                f"{layout.stream}: Salesforce sent a value that its describe does not allow: {error}. Run again; "
                "deselect the property if it stays."
            ) from error
        for record in decoded:
            yield self.canonical(record)

    def canonical(self, record: msgspec.Struct) -> list[Any]:
        """JSON values of one decoded record, the same as Bulk would give."""
        row = list(msgspec.structs.astuple(record))
        if "" in row:
            # Some fields are empty text over REST, such as User.BadgeText; Bulk has no way to say so.
            row = [None if value == "" else value for value in row]
        for place, kind in self._fixups:
            row[place] = self._canonical_value(place, kind, row[place])
        return row

    def _canonical_value(self, place: int, kind: Kind, value: Any) -> Any:
        if value is None:
            return None
        if kind == "datetime":
            return f"{value[:-5]}Z" if value.endswith("+0000") else value
        if kind in {"number", "decimal"}:
            number = self._number(place, bytes(value))
            return number if kind == "number" or number == _NULL else bytes(number).decode()
        if kind == "integer":
            return self._integer(place, value)
        # anyType: a history value is text in Bulk, and the JSON literal in REST.
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()

    def _number(self, place: int, value: bytes) -> msgspec.Raw:
        if value[0] not in _DIGITS and value != b"null":
            raise self._layout.bad_value(place, msgspec.json.decode(value))
        if b"E" in value.upper():
            value = self._layout.number(place, value.decode())
        return msgspec.Raw(value)

    def _integer(self, place: int, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise self._layout.bad_value(place, value)
        return int(value)
