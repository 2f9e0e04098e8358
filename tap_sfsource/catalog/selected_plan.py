"""One object as a stream of a run: named as its rows are, keyed, masked, and with the columns that are selected."""

from __future__ import annotations

import dataclasses
import itertools
import logging
from typing import TYPE_CHECKING

from tap_sfsource.api.describe import Field
from tap_sfsource.catalog.columns import mark_of
from tap_sfsource.catalog.given_columns import KINDS, MOST_COLLISIONS, names_of, usual_names
from tap_sfsource.catalog.mask_rules import masked_plan
from tap_sfsource.catalog.mask_warnings import warn_of_kept, warn_of_unmasked
from tap_sfsource.catalog.naming import column_names
from tap_sfsource.catalog.plan import NAME, plan_of
from tap_sfsource.catalog.types import property_schema

if TYPE_CHECKING:
    from tap_sfsource.api.describe import SObject
    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.catalog.given_columns import GivenColumns
    from tap_sfsource.catalog.mask_rules import MaskRules
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.catalog.selection import StreamSelection
    from tap_sfsource.config import Settings

logger = logging.getLogger("tap-sfsource.discovery")


def selected_plan(
    sobject: SObject,
    stream_name: str,
    settings: Settings,
    selection: StreamSelection | None,
    emitted: GivenColumns | None,
    masks: MaskRules,
) -> tuple[SObjectPlan, tuple[str, ...]]:
    """Plan a stream with its selected columns; with it, the properties that its selection names and the object lacks."""
    types = {field.name: field.type for field in sobject.fields}
    known = selection.known_names if selection else {}
    if emitted is None:
        names = column_names(types, known, settings.naming)
    else:
        names = names_of(types, known, emitted, settings.naming)
    plan = plan_of(sobject, stream_name, settings, names)
    if selection is not None:
        plan = _keyed(plan, selection)
        columns = tuple(_with_override(column, selection) for column in plan.columns)
        plan = dataclasses.replace(plan, columns=columns)
    plan = masked_plan(plan, masks)
    warn_of_kept(plan, emitted)
    selected = _selected(plan, selection, _new_fields(plan, selection, emitted))
    warn_of_unmasked(plan, selected, sobject, masks)
    lost = () if selection is None else tuple(selection.unknown(plan.columns))
    return dataclasses.replace(selected, absent=_absent(plan, selected, selection)), lost


def _selected(plan: SObjectPlan, selection: StreamSelection | None, left_out: frozenset[str]) -> SObjectPlan:
    """The plan with its selected columns only, without those to leave out."""
    if selection is None:
        return plan.selecting(lambda column: column.selected_by_default and column.api_name not in left_out)
    for name, near in selection.unknown(plan.columns).items():
        hint = f" Is it {near}?" if near and not selection.is_full else ""
        logger.warning(
            "%s: the catalog names %s, which %s does not have today.%s",
            plan.stream_name,
            name,
            plan.api_name,
            hint,
        )
    plan = plan.selecting(lambda column: selection.is_selected(column) and column.api_name not in left_out)
    if plan.replication_key is not None and plan.replication_key.nillable:
        logger.warning(
            "%s: its replication key %s may be null; each run reads all rows without it. A change that does not move the key "
            "of a row is not seen.",
            plan.stream_name,
            plan.replication_key.api_name,
        )
    return dataclasses.replace(plan, own=dataclasses.replace(plan.own, part=selection.part))


def _absent(whole: SObjectPlan, plan: SObjectPlan, selection: StreamSelection | None) -> dict[str, str]:
    """The properties that a plan lacks, by the mark that they would have: deselected ones, and those of a catalog only."""
    read = {column.api_name for column in plan.columns}
    absent = {column.mark(): column.property for column in whole.columns if column.api_name not in read}
    described = {column.api_name for column in whole.columns}
    names, types = (selection.known_names, selection.types) if selection is not None else ({}, {})
    for api_name, name in names.items():
        if api_name not in described:
            absent[mark_of(name, api_name, types.get(name, ""))] = name
    return absent


def _keyed(plan: SObjectPlan, selection: StreamSelection) -> SObjectPlan:
    """Apply the replication method and key that the user's catalog asks for."""
    if selection.replication_method == "FULL_TABLE":
        return plan.as_full_table()
    key = plan.replication_key
    wanted = selection.replication_key
    if wanted and plan.parents is not None:
        logger.warning(
            "%s is read in full by each run: Salesforce gives its rows only by the ids of %s. The catalog's replication key "
            "%s is not used.",
            plan.stream_name,
            plan.parents.api_name,
            wanted,
        )
        return plan
    if wanted and (key is None or wanted not in {key.property, key.api_name}):
        column = next((part for part in plan.columns if wanted in {part.property, part.api_name}), None)
        if column is not None and column.sf_type == "datetime":
            return plan.keyed_by(column)
        logger.warning(
            "%s: the catalog's replication key %s is no date and time of %s; using %s.",
            plan.stream_name,
            wanted,
            plan.api_name,
            key.property if key else "none, which reads all rows",
        )
    return plan


def _with_override(column: Column, selection: StreamSelection) -> Column:
    recorded = selection.types.get(selection.name_of(column))
    if recorded is None:
        return column
    schema = selection.overridden_schema(column, property_schema(Field(name=column.api_name, type=recorded)))
    return dataclasses.replace(column, schema=schema) if schema else column


def _new_fields(
    plan: SObjectPlan, selection: StreamSelection | None, emitted: GivenColumns | None
) -> frozenset[str]:
    """API names of the fields that the setting `new_fields` leaves out: they are new, and nobody has selected them.

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
