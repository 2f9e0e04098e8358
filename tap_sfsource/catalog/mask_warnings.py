"""What a run says of masks that hide less, or more, than their user may mean."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

from tap_sfsource.catalog.columns import mark_of
from tap_sfsource.catalog.mask_rules import DROPPED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_sfsource.api.describe import SObject
    from tap_sfsource.catalog.mask_rules import MaskRules
    from tap_sfsource.catalog.plan import SObjectPlan

logger = logging.getLogger("tap-sfsource.catalog")

_WHOLE_NAME: Final = "FirstName MiddleName LastName Suffix"
_PERSON_NAMES: Final = frozenset({"Salutation", *_WHOLE_NAME.split(), "Name"})
_OF_ACCOUNT: Final = frozenset({"PersonContactId"})
_HISTORY_VALUES: Final = frozenset({"OldValue", "NewValue"})
_TRACKS: Final = re.compile("(?:(__)History|(?:Field)?History)$")
"""The end of a history's name: ContactHistory, OpportunityFieldHistory, Thing__History."""


def warn_of_kept(plan: SObjectPlan, emitted: Callable[[str], int] | None) -> None:
    """Say what keeps plain values of earlier runs. `emitted` tells of a `Column.mark`: 2 for a column of the last run."""
    if emitted is None:
        return
    known = [
        column
        for column in plan.columns
        if emitted(mark_of(column.property, column.api_name, column.sf_type)) > 1
    ]
    if masked := ", ".join(column.api_name for column in known if column.mask is not None):
        logger.warning(
            "%s: mask hides %s from here on, and this run reads it for every row. Rows that Salesforce no longer has keep "
            "their plain values: docs/personal-data.md has a statement that empties them.",
            plan.stream_name,
            masked,
        )
    if dropped := ", ".join(column.api_name for column in known if column.unsupported == DROPPED):
        logger.warning(
            "%s: mask drops %s from here on; the values of earlier runs stay in the warehouse. To empty them, set mask to "
            "null for one run first, or drop the columns there.",
            plan.stream_name,
            dropped,
        )


def warn_of_unmasked(plan: SObjectPlan, selected: SObjectPlan, sobject: SObject, rules: MaskRules) -> None:
    """Say which selected columns show values of masked ones, and which masked ones join nothing any more."""
    if not rules:
        return
    _warn_of_made_of(plan, selected, sobject)
    _warn_of_twins(selected, rules)
    joins = [
        column.api_name
        for column in selected.columns
        if column.sf_type == "reference" and column.mask is not None and column.mask.kind == "hash"
    ]
    if joins:
        logger.warning(
            "%s: mask hashes %s, which then join no id. Leave ids plain to join tables.",
            plan.stream_name,
            ", ".join(joins),
        )


def _warn_of_made_of(plan: SObjectPlan, selected: SObjectPlan, sobject: SObject) -> None:
    """Formulas, and the name that a person's names make."""
    hidden = {
        column.api_name.lower(): column.api_name
        for column in plan.columns
        if column.mask is not None or column.unsupported == DROPPED
    }
    texts = {field.name: field.calculated_formula or "" for field in sobject.fields}
    if "LastName" in texts:
        texts["Name"] = _WHOLE_NAME
    for column in selected.columns if hidden else ():
        words = dict.fromkeys(re.findall(r"\w+", texts.get(column.api_name, "").lower()))
        shown = [hidden[word] for word in words if word in hidden]
        if shown and column.mask is None:
            logger.warning(
                "%s: %s is made of %s, which the setting mask hides. Mask it too, if it shows their values.",
                plan.stream_name,
                column.api_name,
                ", ".join(shown),
            )


def _warn_of_twins(selected: SObjectPlan, rules: MaskRules) -> None:
    """Columns of another object that have the same values: of person accounts, and of a history."""
    person = any(column.api_name == "IsPersonAccount" for column in selected.columns)
    tracked = _TRACKS.sub(lambda found: "__c" if found[1] else "", selected.api_name)
    keeps_old_values = tracked != selected.api_name and rules.hide_some_of(tracked)
    shown: dict[str, list[str]] = {}
    for column in selected.columns:
        name = column.api_name
        if column.mask is not None:
            continue
        if keeps_old_values and name in _HISTORY_VALUES:
            shown.setdefault(tracked, []).append(name)
        twin = _twin(name, person=person) if selected.api_name == "Account" else ""
        if twin and rules.hide("Contact", twin):
            shown.setdefault("Contact", []).append(name)
    for sobject, columns in shown.items():
        logger.warning(
            "%s: %s may have values of %s that the setting mask hides. Mask them too.",
            selected.stream_name,
            ", ".join(columns),
            sobject,
        )


def _twin(name: str, *, person: bool) -> str:
    """The field of Contact whose value a person account has; empty for none."""
    if name.endswith("__pc"):
        return f"{name[:-4]}__c"
    if name.startswith("Person") and name not in _OF_ACCOUNT:
        return name.removeprefix("Person")
    return name if person and name in _PERSON_NAMES else ""
