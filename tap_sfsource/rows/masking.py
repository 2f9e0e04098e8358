"""Values of masked columns. Every line of a row with such a column is made through here.

A hash is of the value's text, which is the same by REST and Bulk: a number without an exponent and without zeros at the end,
true or false, a date and time as the plain row would have it.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.catalog.masks import Mask

_NULL = b"null"
_QUOTED = frozenset({"text", "datetime"})


def hashed(mask: Mask, text: str) -> str | None:
    """What goes out for a value's text; null for none."""
    if mask.kind != "hash" or not text:
        return None
    return hmac.digest(mask.salt.encode(), text.encode(), "sha256").hex()


class RowMasks:
    """The masks of some columns.

    Attributes:
        places: The masked columns' places, and their masks.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        kinds: Sequence[str],
        number: Callable[[int, str], bytes],
    ) -> None:
        self.places = {place: column.mask for place, column in enumerate(columns) if column.mask is not None}
        self._kinds = kinds
        self._number = number
        named = {place: column.mask_of_owner for place, column in enumerate(columns)}
        self._owned = {place: mask_of for place, mask_of in named.items() if mask_of is not None}
        self._owner = next((place for place, column in enumerate(columns) if column.api_name == "Type"), None)

    def __bool__(self) -> bool:
        return bool(self.places or self._owned)

    def row(self, values: Sequence[Any]) -> list[Any]:
        """JSON values of a row, masked."""
        masks = dict(self.places)
        if self._owned:
            owner = "" if self._owner is None else values[self._owner] or ""
            for place, mask_of in self._owned.items():
                if place not in masks and (mask := mask_of(owner)) is not None:
                    masks[place] = mask
        row = list(values)
        for place, mask in masks.items():
            row[place] = hashed(mask, self._text(place, row[place]))
        return row

    def cells(self, place: int, cells: Sequence[bytes]) -> list[bytes]:
        """Verified cells of a masked column of a Bulk page: JSON text without quotes, before and after; empty for null."""
        mask = self.places[place]
        if mask.kind == "null":
            return [b""] * len(cells)
        plain = self._kinds[place] not in _QUOTED
        return [
            (
                hashed(mask, self._number_text(place, cell.decode()) if plain else _unescaped(cell)) or ""
            ).encode()
            if cell and not (plain and cell == _NULL)
            else b""
            for cell in cells
        ]

    def _text(self, place: int, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, msgspec.Raw):
            value = bytes(value).decode()
            return "" if value == "null" else self._number_text(place, value)
        return self._number_text(place, str(value))

    def _number_text(self, place: int, text: str) -> str:
        if self._kinds[place] not in {"integer", "number", "decimal"}:
            return text
        text = self._number(place, text).decode()
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text


def _unescaped(cell: bytes) -> str:
    if b"\\" not in cell:
        return cell.decode()
    text: str = msgspec.json.decode(b'"' + cell.replace(b"\n", b"\\n") + b'"')
    return text
