"""Formulas whose inputs are all on their own row: the row's stamp moves with their values, so nothing has to be read again.

Only what is plainly so counts. A formula that follows a lookup, asks the clock or the user, or has a function that is not
known here to depend on its arguments only, may change without a stamp.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_sfsource.api.describe import Field, SObject

_FUNCTIONS: Final = frozenset(
    re.findall(
        r"\w+",
        "ABS ADDMONTHS AND BEGINS BLANKVALUE BR CASE CEILING CONTAINS DATE DAY EXP FIND FLOOR HYPERLINK IF IMAGE INCLUDES "
        "ISBLANK ISNULL ISNUMBER ISPICKVAL LEFT LEN LN LOG LOWER LPAD MAX MCEILING MFLOOR MID MIN MOD MONTH NOT NULLVALUE OR "
        "REVERSE RIGHT ROUND RPAD SQRT SUBSTITUTE TEXT TRIM TRUNC UPPER VALUE WEEKDAY YEAR",
    )
)
"""Functions whose value depends on their arguments only. Those of times are not here: they depend on the user's time zone."""

_CONSTANTS: Final = frozenset({"TRUE", "FALSE", "NULL"})

_ELSEWHERE: Final = re.compile(r"(?!LastName$|LastModified)(?:Last|Has)\w*|\w*(?:InDays|Count)|IsOverdue")
"""Standard fields that the clock, activities or a look at the row change, without its stamp: LastViewedDate, AgeInDays."""

_OF_PERSON: Final = "__pc"
"""Ending of a custom field of a person account, which is kept in its contact."""

_TOKEN: Final = re.compile(
    r"""\s+ | /\*.*?\*/ | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | \d+(?:\.\d+)?(?!\w) | (?P<name>[A-Za-z_]\w*)(?P<call>\s*\()?
    | [-+*/^&=<>!|(),]""",
    re.VERBOSE | re.DOTALL,
)


def on_own_row(sobject: SObject, refreshed: Iterable[str]) -> dict[str, str]:
    """API name to a digest, of its text and those of formulas within it, of each formula whose inputs are on its own row.

    `refreshed` are fields, as `Object.Field`, that the user knows to change without a stamp.
    """
    if not any(field.calculated_formula for field in sobject.fields):
        return {}
    fields = {field.name.lower(): field for field in sobject.fields}
    prefix = f"{sobject.name}.".lower()
    moving = frozenset(
        name.lower().removeprefix(prefix) for name in refreshed if name.lower().startswith(prefix)
    )
    known: dict[str, str | None] = {}
    for name, field in fields.items():
        if field.calculated:
            _text_of(name, fields, moving, known)
    return {fields[name].name: _digest(text) for name, text in known.items() if text is not None}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _text_of(
    name: str, fields: Mapping[str, Field], moving: frozenset[str], known: dict[str, str | None]
) -> str | None:
    if name not in known:
        known[name] = None  # of a formula that leads back to itself
        text = fields[name].calculated_formula
        inputs = _inputs(text) if text else None
        parts = [None if inputs is None else text]
        parts += [_input(each, fields, moving, known) for each in sorted(inputs or ())]
        told = [part for part in parts if part is not None]
        known[name] = "\n".join(filter(None, told)) if len(told) == len(parts) else None
    return known[name]


def _input(
    name: str, fields: Mapping[str, Field], moving: frozenset[str], known: dict[str, str | None]
) -> str | None:
    """The text of a formula that another one reads, empty for a stored field; None if its value may change unseen."""
    field = fields.get(name)
    if field is None or name in moving or name.endswith(_OF_PERSON):
        return None
    if not field.custom and _ELSEWHERE.fullmatch(field.name):
        return None
    return _text_of(name, fields, moving, known) if field.calculated else ""


def _inputs(formula: str) -> set[str] | None:
    """The names of the fields that a formula reads, in lower case; None if it may read anything else."""
    names, at = set(), 0
    while at < len(formula):
        token = _TOKEN.match(formula, at)
        if token is None:
            return None
        name = token["name"]
        if token["call"] is not None:
            if name.upper() not in _FUNCTIONS:
                return None
        elif name is not None and name.upper() not in _CONSTANTS:
            names.add(name.lower())
        at = token.end()
    return names
