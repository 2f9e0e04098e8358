"""A mask: how the values of a field with personal data go out."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

from tap_sfsource.catalog.keys import MASKED_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Mask:
    """How the values of a field go out.

    Attributes:
        kind: `hash`, or `null`.
        salt: The secret of a hash.
    """

    kind: str
    salt: str = dataclasses.field(default="", repr=False)

    @property
    def mark(self) -> str:
        """Tells values of this mask from those of another; the salt cannot be read from it."""
        salted = hashlib.sha256(f"mask_salt\0{self.salt}".encode()).hexdigest() if self.salt else ""
        return f"{self.kind} {salted}"

    def schema(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """The property's schema, given that of its plain values."""
        if self.kind == "null":
            return {**plain, MASKED_KEY: "null", "description": "masked: always null"}
        kept = {"title": plain["title"]} if "title" in plain else {}
        described = "masked: HMAC-SHA-256 of the value, in hexadecimal digits"
        return {
            "type": ["string", "null"],
            "maxLength": 64,
            **kept,
            MASKED_KEY: "hash",
            "description": described,
        }
