"""The state: whose it is, how old it is, and what follows from that."""

from __future__ import annotations

import copy
import datetime
from typing import TYPE_CHECKING, Any, Final

from sfsource.doctor.findings import Finding
from tap_sfsource import clock
from tap_sfsource.errors import TapError
from tap_sfsource.sync.deletions import LOG_KEPT
from tap_sfsource.sync.identity import other_org
from tap_sfsource.sync.state import StreamState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.config import Settings

_SOON: Final = LOG_KEPT - datetime.timedelta(days=3)
_LATE: Final = datetime.timedelta(days=1)
_JOBS_KEPT: Final = datetime.timedelta(days=7)
"""Bulk API 2.0 guide, "Get Results for a Query Job"."""

_NAMES_TOLD: Final = 6


def state_findings(
    state: Mapping[str, Any] | None,
    plans: Sequence[SObjectPlan],
    settings: Settings,
    org_id: str,
    now: datetime.datetime,
) -> Iterator[Finding]:
    """What the next run will make of a state; `now` is the org's time."""
    bookmarks = bookmarks_of(state)
    if not bookmarks:
        return
    yield _org(bookmarks, settings, org_id)
    selected = {plan.stream_name for plan in plans}
    left = sorted(bookmarks.keys() - selected)
    if left:
        yield _finding(
            "bookmarks",
            "warning",
            f"{_listed(left)}: bookmarks of streams that are not selected any more",
            "Their tables stay as they are. Select them again, or drop the tables; the bookmarks do no harm.",
        )
    states: dict[str, StreamState] = {}
    for plan in plans:
        bookmark = bookmarks.get(plan.stream_name)
        if not bookmark or other_org(bookmark, org_id):
            continue
        try:
            states[plan.stream_name] = _checked(plan, bookmark, now)
        except TapError as error:
            yield _finding("bookmarks", "failure", str(error))
    first = sorted(plan.stream_name for plan in plans if not bookmarks.get(plan.stream_name))
    if first:
        yield _finding(
            "bookmarks", "ok", f"{_listed(first)}: no bookmark yet, so the next run reads all rows"
        )
    yield from _age(states, plans, settings, now)


def bookmarks_of(state: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The bookmarks in a state, by stream."""
    given = (state or {}).get("bookmarks")
    return (
        {str(name): part for name, part in given.items() if isinstance(part, dict)}
        if isinstance(given, dict)
        else {}
    )


def _org(bookmarks: Mapping[str, Mapping[str, Any]], settings: Settings, org_id: str) -> Finding:
    others = {other for part in bookmarks.values() if (other := other_org(part, org_id))}
    if not others:
        return _finding("org", "ok", f"the state is of the login's org{f', {org_id}' if org_id else ''}")
    told = f"the state is of org {', '.join(sorted(others))}, and the login leads to org {org_id}"
    if settings.on_other_org == "stop":
        return _finding(
            "org",
            "failure",
            f"{told}: on_other_org stop ends the run",
            "Correct the login, or use another state.",
        )
    return _finding(
        "org",
        "warning",
        f"{told}: the next run reads all rows again, and marks those that the new org lacks as deleted",
        "If that is not wanted, correct the login, or set on_other_org to stop.",
    )


def _checked(plan: SObjectPlan, bookmark: Mapping[str, Any], now: datetime.datetime) -> StreamState:
    """The state of a stream, every key read once. Raises TapError."""
    key = plan.replication_key
    state = StreamState(plan.stream_name, copy.deepcopy(dict(bookmark)), key.property if key else None)
    state.check()
    state.check_clock(now)
    return state


def _age(
    states: Mapping[str, StreamState],
    plans: Sequence[SObjectPlan],
    settings: Settings,
    now: datetime.datetime,
) -> Iterator[Finding]:
    marks = {name: mark for name, state in states.items() if (mark := state.bookmark)}
    if not marks:
        return
    newest, oldest = max(marks.values()), min(marks, key=lambda name: marks[name])
    told = f"bookmarks from {clock.isoformat(marks[oldest])} ({oldest}) to {clock.isoformat(newest)}"
    if now - newest >= _LATE:
        yield _finding(
            "age",
            "warning",
            f"{told}: the last run was {_days(now - newest)} ago",
            "See that the schedule runs.",
        )
    else:
        yield _finding("age", "ok", told)
    logged = {plan.stream_name for plan in plans if plan.replicateable and settings.deletes != "soft"}
    since = {name: mark for name in logged & states.keys() if (mark := states[name].log_since)}
    purged = sorted(name for name, mark in since.items() if now - mark >= LOG_KEPT)
    soon = sorted(name for name, mark in since.items() if _SOON <= now - mark < LOG_KEPT)
    if purged:
        yield _finding(
            "deletion log",
            "warning",
            f"{_listed(purged)}: Salesforce's log of deletions keeps {LOG_KEPT.days} days, and the state is older. So the "
            "next run compares all ids with the org's, which costs a read of every id",
            "Nothing is lost. Let the next run finish, and see that the schedule runs.",
        )
    if soon:
        yield _finding(
            "deletion log",
            "warning",
            f"{_listed(soon)}: within days Salesforce's log of deletions no longer reaches back to the state",
            "Run soon: after that the next run has to compare all ids.",
        )
    gone = sorted(name for name, mark in marks.items() if states[name].jobs and now - mark >= _JOBS_KEPT)
    if gone:
        yield _finding(
            "Bulk jobs",
            "warning",
            f"{_listed(gone)}: Salesforce may have deleted the Bulk jobs of the state, as it keeps them seven days",
            "Nothing is lost: the next run starts these jobs again.",
        )


def _finding(check: str, level: Any, told: str, advice: str = "") -> Finding:
    return Finding("state", check, level, told, advice)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_TOLD} more" if len(names) > _NAMES_TOLD else ""
    return ", ".join(names[:_NAMES_TOLD]) + more


def _days(age: datetime.timedelta) -> str:
    return f"{age.days} days" if age.days > 1 else f"{round(age.total_seconds() / 3600)} hours"
