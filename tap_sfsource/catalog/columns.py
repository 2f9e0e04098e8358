"""A field of an SObject as a property of a stream."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource.catalog.keys import (
    API_NAME,
    FORMULA,
    LABEL,
    PRECISION,
    REFERENCES,
    SCALE,
    TYPE,
    UNSUPPORTED,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_sfsource.catalog.masks import Mask

MASKED: Final = "\0"
"""Begins the part of a mark that tells of a mask."""


def mark_of(name: str, api_name: str, sf_type: str) -> str:
    """What the values of a property depend on; see `Column.mark`."""
    return f"{name} {api_name} {sf_type}"


def name_in(mark: str) -> str:
    """The name of a `Column.mark`; empty in what a state remembers of lookups, which are no properties."""
    name, *field = mark.partition(MASKED)[0].rsplit(" ", 2)
    return name if field else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A field of an SObject as a property of a stream.

    Attributes:
        sf_type: Salesforce's type, in describe's words.
        precision: Digits of a number, as its field was defined; 0 for other types.
        scale: Those after the point.
        calculated: Whether it is a formula or a roll-up.
        own_formula: A digest of a formula whose inputs are on its own row, else empty; the value of other formulas changes
            without a new SystemModstamp.
        sortable: Whether a query can be ordered by it.
        nillable: Whether a row may have no value.
        reference_to: API names of the objects that a reference points at.
        relationship_name: Name by which SOQL follows the reference, or None.
        automatic: Whether it is always read.
        unsupported: Why it cannot be read, empty if it can.
        mask: How its values go out, None as they are.
        mask_of_owner: The same of a name's field, by the API name of the object that has the name; None without such masks.
    """

    api_name: str
    property: str
    sf_type: str
    schema: Mapping[str, Any]
    label: str = ""
    precision: int = 0
    scale: int = 0
    calculated: bool = False
    own_formula: str = ""
    sortable: bool = True
    nillable: bool = False
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    automatic: bool = False
    selected_by_default: bool = True
    unsupported: str = ""
    mask: Mask | None = None
    mask_of_owner: Callable[[str], Mask | None] | None = None

    def mark(self) -> str:
        """What its values depend on: the name that they are written under, the field that they come from, its type.

        A field that is deleted and created again with another type has other values, and no row's stamp changes. So it is
        with another mask.
        """
        plain = mark_of(self.property, self.api_name, self.sf_type)
        return plain if self.mask is None else f"{plain}{MASKED}{self.mask.mark}"

    def metadata(self) -> dict[str, Any]:
        """The property's catalog metadata."""
        inclusion = "unsupported" if self.unsupported else "automatic" if self.automatic else "available"
        metadata: dict[str, Any] = {
            "inclusion": inclusion,
            "selected-by-default": self.selected_by_default and not self.unsupported,
            API_NAME: self.api_name,
            LABEL: self.label,
            TYPE: self.sf_type,
        }
        if self.reference_to:
            metadata[REFERENCES] = list(self.reference_to)
        if self.calculated:
            metadata[FORMULA] = True
        if self.precision:
            metadata |= {PRECISION: self.precision, SCALE: self.scale}
        if self.unsupported:
            metadata[UNSUPPORTED] = self.unsupported
        return metadata
