"""Which type has room for what a column has and for what a schema may bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_sfwarehouse.postgres.types import MOMENTS, TIME, TIMESTAMP, TIMESTAMPTZ, widened

if TYPE_CHECKING:
    from target_sfwarehouse.postgres.types import SqlType

KNOWN = frozenset({*MOMENTS, TIME.name, "uuid"})
"""Types without a family of their own whose wider types this program knows."""


def room(current: SqlType, wanted: SqlType) -> SqlType | None:
    """Give the type that holds what a column has and what a schema may bring; None if there is none.

    A type that this program does not know (an enum, inet, interval, xml, a domain) reads text by itself, or refuses it.
    """
    way = widened(current, wanted)
    if way is not None:
        return way.to
    if current.family != "other" or wanted.family in {"json", "bytes"}:
        return None
    if current.name in KNOWN and wanted.family != "text":
        return None
    # Read as `timestamp`, a time with an offset would lose it without a word.
    return TIMESTAMPTZ if current.name == TIMESTAMP.name else current
