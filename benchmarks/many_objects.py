"""What a run that finds nothing new costs in an org of many objects: CPU, memory, API calls and bytes of STATE."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import orgs, readers
from benchmarks.contest import Contestant, Result, hold
from benchmarks.measure import Command
from benchmarks.states import keeping_states, states_in

if TYPE_CHECKING:
    from benchmarks.session import Session

NAME = "growth in objects"
SIZES: tuple[tuple[int, int], ...] = ((50, 15), (500, 150), (3000, 900), (5000, 1500))
"""Objects of the org, and how many of them are selected; each has 60 columns."""
ALL = (5000, 5000)
"""Only where the session goes on to huge sizes: its first run describes 5,000 objects."""

_ENOUGH_ROWS = 100_000
_QUICK: tuple[tuple[int, int], ...] = ((10, 10), (60, 30))
_MOST = 3


def compete(session: Session) -> list[Result]:
    """Measure the tap at each size, each in an org of its own, where a call takes 50 ms."""
    sizes = SIZES if session.huge or session.rows >= _ENOUGH_ROWS else _QUICK
    sizes += (ALL,) if session.huge else ()
    scores = tuple(score for size in sizes for score in _measured(session, *size).scores)
    return [Result(NAME, f"{readers.OURS}, a run in which nothing has changed", scores)]


def _measured(session: Session, objects: int, selected: int) -> Result:
    contents = orgs.Contents(
        {f"Many_{place}__c": (0, orgs.COLUMNS) for place in range(selected)},
        latency=50,
        custom=objects,
    )
    with orgs.serving(contents) as org:
        said = session.folder / "states.jsonl"
        first = readers.ours(session, org, ["Many_*"])
        keeping_states(first, said)
        state = session.folder / "state.json"
        state.write_bytes(states_in(said)[-1])
        again = Command(first.name, (*first.argv, "--state", str(state)))

        def notes() -> dict[str, float]:
            states = states_in(said)
            return {
                "objects": objects,
                "selected": selected,
                "API calls": org.ledger()["apiCalls"],
                "STATE lines": len(states),
                "bytes of STATE": sum(map(len, states)),
            }

        label = f"{objects:,} objects, {selected:,} selected"
        idle = partial(keeping_states, again, said)
        entry = Contestant(label, selected, idle, prepare=org.forget, notes=notes)
        return hold(NAME, "", [entry], runs=min(_MOST, session.runs))
