"""How the columns of an object differ from those that earlier runs read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tap_sfsource.catalog.columns import mark_of
from tap_sfsource.catalog.plan import NAME_PARTS
from tap_sfsource.catalog.types import JSON_TYPES, TEXT_TYPES
from tap_sfsource.sync.given_names import mark

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from tap_sfsource.sync.source import Source


class Drift(NamedTuple):
    """Columns by their names.

    Attributes:
        new: Columns that earlier rows did not have.
        vanished: Columns that earlier rows had.
        unnamed: Whether others are gone whose names nobody knows: a state keeps digests.
    """

    new: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    unnamed: bool = False


NO_DRIFT: Final = Drift()


def drift(source: Source, before: AbstractSet[str]) -> Drift:
    """Compare the columns with the marks of those that every row had before the run; none where there was no row."""
    if not before:
        return NO_DRIFT
    columns = {mark(column.mark()): column for column in [*source.columns, *source.files]}
    new = [column for short, column in columns.items() if short not in before]
    gone = before - columns.keys() - _behind_lookups(source)
    names = {mark(told): name for told, name in source.plan.absent.items()}
    for column in new:
        # A field that was made anew with another type, which is another column under the same name.
        for kind in (*TEXT_TYPES, *JSON_TYPES):
            names[mark(mark_of(column.property, column.api_name, kind))] = column.property
    return Drift(
        tuple(column.property for column in new),
        tuple(sorted({names[short] for short in gone if short in names})),
        not gone <= names.keys(),
    )


def _behind_lookups(source: Source) -> set[str]:
    """The marks of names behind lookups, which are no columns of the object."""
    asked = [
        f"{lookup.relationship_name}.{part}"
        for lookup in source.plan.polymorphic_lookups
        for part in NAME_PARTS
    ]
    return {mark(part) for part in (*asked, *source.further)}
