"""Whatever runs came to, the status says of each collection what a plain replay of them says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfsource.reports.words import duration, parse_duration
from tests.command.runs import Runs, ago, changed, failed, sfsource
from tests.fix_warehouse import open_warehouse
from tests.levels import REPEATABLE, at_level

if TYPE_CHECKING:
    from collections.abc import Mapping

COLLECTIONS = ("accounts", "cases", "leads")
RUN = st.one_of(
    st.just("login fails"),
    st.fixed_dictionaries(
        {name: st.sampled_from(["quiet", "quiet", "changed", "failed"]) for name in COLLECTIONS}
    ),
)


@dataclass
class Replayed:
    """A collection as a replay has it."""

    outcome: str = ""
    until: datetime | None = None


def replay(runs: Runs, history: list[str | Mapping[str, str]]) -> dict[str, Replayed]:
    """Load the runs, an hour apart, and give what they come to."""
    found = {name: Replayed() for name in COLLECTIONS}
    for number, what in enumerate(history):
        at = ago(hours=len(history) - number)
        if isinstance(what, str):
            runs.add(at, status="failed", error_message="refused", bookmark=None)
            continue
        bad = sum(each == "failed" for each in what.values())
        status = "success" if not bad else "failed" if bad == len(what) else "partial"
        rows: list[dict[str, Any]] = []
        for name, each in what.items():
            part = found[name]
            if each == "failed":
                part.outcome = "failed"
                rows.append({**failed(name, "bad"), "bookmark": part.until and part.until.isoformat()})
            elif each == "changed":
                part.outcome, part.until = "success", at - timedelta(minutes=3)
                rows.append({**changed(name), "bookmark": part.until.isoformat()})
            elif part.outcome:
                part.outcome, part.until = "success", at - timedelta(minutes=2)
        runs.add(at, *rows, status=status, others=COLLECTIONS)
    return {name: part for name, part in found.items() if part.outcome}


@settings(
    max_examples=at_level(normal=6, wide=60, long=600),
    derandomize=REPEATABLE,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(RUN, min_size=1, max_size=6))
def test_the_status_is_that_of_a_replay(history: list[str | Mapping[str, str]], warehouse_url: str) -> None:
    with open_warehouse(warehouse_url) as warehouse:
        wanted = replay(Runs(warehouse), history)
        found = json.loads(sfsource(warehouse, "status", "--json", "--max-age", "2h").stdout)
    shown = {part["name"]: part for part in found["collections"]}
    assert {name: part["outcome"] for name, part in shown.items()} == {
        name: part.outcome for name, part in wanted.items()
    }
    until = {name: part["read_until"] for name, part in shown.items()}
    assert until == {name: part.until.isoformat() if part.until else None for name, part in wanted.items()}
    last = history[-1]
    stopped = isinstance(last, str) or set(last.values()) == {"failed"}
    told = {(trouble["kind"], trouble["collection"]) for trouble in found["troubles"]} - {("old", None)}
    incomplete = {("failed", name) for name, part in wanted.items() if part.outcome == "failed"}
    behind = {name for name, part in wanted.items() if part.until and part.until < ago(hours=2)}
    old = {("old", name) for name in behind if len(behind) == 1}
    assert told == incomplete | old | ({("failed", None)} if stopped else set())


@given(st.integers(1, 10**6))
def test_a_duration_is_read_as_it_is_written(minutes: int) -> None:
    time = timedelta(minutes=minutes)
    written = duration(time).replace("min", "m")
    read = parse_duration(written)
    assert read is not None
    assert abs(read - time) < timedelta(hours=1), "days hide the minutes"
    assert duration(read).replace("min", "m") == written
