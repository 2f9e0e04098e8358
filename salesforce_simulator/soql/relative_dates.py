"""Date literals: the range of time that TODAY, LAST_N_DAYS:3 or THIS_FISCAL_QUARTER names at a given moment.

After the guide's table "Date Formats and Date Literals in WHERE". Weeks start on Sunday (locale en_US) and the
fiscal year in January, a new org's defaults. Days are days of the zone that the moment carries.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Span(NamedTuple):
    """A half-open range: `start <= x < end`, dates in the asking user's zone."""

    start: date
    end: date


_MONTHS_OF = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def _month(day: date, shift: int) -> date:
    """The first of the month that lies `shift` months from `day`'s, kept within the calendar."""
    index = min(max(day.year * 12 + day.month - 1 + shift, 12), 9999 * 12 + 11)
    return date(index // 12, index % 12 + 1, 1)


def _days(day: date, shift: int) -> date:
    try:
        return day + timedelta(days=shift)
    except OverflowError:
        return date.max if shift > 0 else date.min


def _unit_start(unit: str, today: date, shift: int) -> date:
    """The first day of the unit (DAY, WEEK, MONTH, QUARTER, YEAR) that lies `shift` units from today's."""
    if unit == "DAY":
        return _days(today, shift)
    if unit == "WEEK":
        return _days(today, -((today.weekday() + 1) % 7) + 7 * shift)
    months = _MONTHS_OF[unit]
    first = (today.month - 1) // months * months + 1
    return _month(date(today.year, first, 1), shift * months)


def _span(unit: str, first: int, last: int) -> Callable[[date, int], Span]:
    """A range of units from `first` to `last`, each plus or minus n (0 where the literal has no number)."""

    def of(today: date, _n: int) -> Span:
        return Span(_unit_start(unit, today, first), _unit_start(unit, today, last + 1))

    return of


def _literals() -> dict[str, Callable[[date, int], Span]]:
    found: dict[str, Callable[[date, int], Span]] = {
        "YESTERDAY": _span("DAY", -1, -1),
        "TODAY": _span("DAY", 0, 0),
        "TOMORROW": _span("DAY", 1, 1),
        "LAST_90_DAYS": _span("DAY", -90, 0),
        "NEXT_90_DAYS": _span("DAY", 1, 90),
    }
    for unit in ("WEEK", "MONTH", "QUARTER", "YEAR"):
        for fiscal in ("", "FISCAL_") if unit in ("QUARTER", "YEAR") else ("",):
            for word, shift in (("LAST", -1), ("THIS", 0), ("NEXT", 1)):
                found[f"{word}_{fiscal}{unit}"] = _span(unit, shift, shift)
    return found


def _last_n(unit: str) -> Callable[[date, int], Span]:
    # Today belongs to LAST_N_DAYS, but the running week, month, quarter and year do not belong to theirs.
    until = 1 if unit == "DAY" else 0
    return lambda today, n: Span(_unit_start(unit, today, -n), _unit_start(unit, today, until))


def _next_n(unit: str) -> Callable[[date, int], Span]:
    return lambda today, n: Span(_unit_start(unit, today, 1), _unit_start(unit, today, n + 1))


def _n_ago(unit: str) -> Callable[[date, int], Span]:
    return lambda today, n: Span(_unit_start(unit, today, -n), _unit_start(unit, today, 1 - n))


def _numbered_literals() -> dict[str, Callable[[date, int], Span]]:
    found: dict[str, Callable[[date, int], Span]] = {}
    for unit in ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR"):
        for fiscal in ("", "FISCAL_") if unit in ("QUARTER", "YEAR") else ("",):
            found[f"LAST_N_{fiscal}{unit}S"] = _last_n(unit)
            found[f"NEXT_N_{fiscal}{unit}S"] = _next_n(unit)
            found[f"N_{fiscal}{unit}S_AGO"] = _n_ago(unit)
    return found


_LITERALS = _literals()
_NUMBERED = _numbered_literals()

NAMES = frozenset(_LITERALS)
"""Date literals without a number."""
NAMES_WITH_NUMBER = frozenset(_NUMBERED)
"""Date literals that take `:n`."""


def span(literal: str, now: datetime) -> Span:
    """The range that a date literal in upper case names, such as `LAST_N_DAYS:3`; `now` is in the asking user's zone."""
    name, _, number = literal.partition(":")
    today = now.date()
    if number:
        return _NUMBERED[name](today, min(int(number), 10**6))
    return _LITERALS[name](today, 0)
