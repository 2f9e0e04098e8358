"""Fields that are new since an object was read before: the setting `new_fields` may leave them out."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING

from tap_sfsource.catalog.columns import mark_of
from tap_sfsource.catalog.given_columns import KINDS, MOST_COLLISIONS, usual_names
from tap_sfsource.catalog.plan import NAME

if TYPE_CHECKING:
    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.catalog.given_columns import GivenColumns
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.catalog.selection import StreamSelection

logger = logging.getLogger("tap-sfsource.catalog")


def excluded(
    plan: SObjectPlan, selection: StreamSelection | None, emitted: GivenColumns | None
) -> frozenset[str]:
    """API names of the fields that are left out, because they are new and nobody has selected them.

    A catalog that lists an object's fields says what was there. Otherwise the state says it: `emitted` tells by a
    `Column.mark` which columns earlier runs have read, and is None where no run has.
    """
    if plan.own.reads_new_fields or plan.api_name == NAME:
        return frozenset()
    if not (selection is not None and selection.is_full) and emitted is None:
        return frozenset()
    found = [
        column
        for column in plan.columns
        if not (column.unsupported or column.automatic)
        and (column.selected_by_default if selection is None else selection.is_selected(column))
        and _is_new(column, selection, emitted)
    ]
    if found:
        names = ", ".join(column.api_name for column in found)
        logger.warning("%s: left out as new (setting new_fields): %s.", plan.stream_name, names)
    return frozenset(column.api_name for column in found)


def _is_new(column: Column, selection: StreamSelection | None, emitted: GivenColumns | None) -> bool:
    if selection is not None and selection.choice(column) is not None:
        return False
    if selection is not None and selection.is_full:
        return True
    if column.sf_type == "base64":
        return False  # the setting include_base64 has selected it
    # A field that takes another type, or another name beside others, is no new one.
    names = {column.property, *itertools.islice(usual_names(column.api_name), MOST_COLLISIONS)}
    kinds = {column.sf_type, *KINDS}
    return emitted is not None and not any(
        emitted(mark_of(name, column.api_name, kind)) for name in names for kind in kinds
    )
