"""How taps side by side shorten the reading of an org: one tap, and two with catalogs of `tap_sfsource.shards`."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import orgs, readers
from benchmarks.contest import Contestant, Result, hold
from benchmarks.measure import Command, FailedError, Measurement, run
from benchmarks.states import keeping_states

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.session import Session

NAME = "growth in shards"
ONE, TWO = "1 tap", "2 shards side by side"

_OBJECTS = 8
_LATENCY = 100.0
_BANDWIDTH = 4_000_000
_MOST_ROUNDS = 3


def compete(session: Session) -> list[Result]:
    """Read eight objects of the same size with one tap, and with two."""
    rows = max(1, session.rows // _OBJECTS)
    names = [f"Shard_{place}__c" for place in range(_OBJECTS)]
    contents = orgs.Contents(
        dict.fromkeys(names, (rows, orgs.COLUMNS)), latency=_LATENCY, bandwidth=_BANDWIDTH
    )
    settings = {"reader": "bulk", "download_connections": 1}
    with orgs.serving(contents) as org:
        one = readers.ours(session, org, names, **settings)
        folder = session.folder / "shards"
        made = (*_python(one), "-m", "tap_sfsource.shards", "--config", one.argv[2])
        run([Command("shards", (*made, "--shards", "2", "--output", str(folder)))])
        two = [
            Command(f"{one.name} {number}", (*one.argv, "--catalog", str(folder / f"shard-{number}.json")))
            for number in range(2)
        ]
        contestants = [
            _entry(session, org, ONE, [one], rows * _OBJECTS),
            _entry(session, org, TWO, two, rows * _OBJECTS),
        ]
        contestants[0].run()  # the org makes the rows of a result once
        question = (
            f"Tap alone, Bulk, {_OBJECTS} objects of {rows:,} rows x {orgs.COLUMNS} columns, "
            f"{_BANDWIDTH / 1e6:g} MB/s a connection, one connection a tap, {_LATENCY:g} ms a call"
        )
        return [hold(NAME, question, contestants, runs=min(_MOST_ROUNDS, session.runs))]


def _python(tap: Command) -> tuple[str, ...]:
    """The Python of the environment that a tap is installed in."""
    return (tap.argv[0].rpartition("/")[0] + "/python",)


def _entry(
    session: Session, org: orgs.RunningOrg, name: str, taps: Sequence[Command], rows: int
) -> Contestant:
    files = [session.folder / f"shard-{place}-of-{len(taps)}.jsonl" for place in range(len(taps))]

    def notes() -> dict[str, float]:
        size = sum(file.stat().st_size for file in files)
        return {"API calls": org.ledger()["apiCalls"], "bytes of STATE": size}

    return Contestant(name, rows, partial(_side_by_side, taps, files), prepare=org.forget, notes=notes)


def _side_by_side(taps: Sequence[Command], files: Sequence[Path]) -> Measurement:
    """Run taps at the same time, each with a file of its own."""
    found: dict[int, Measurement] = {}
    failed: list[FailedError] = []

    def work(place: int) -> None:
        try:
            found[place] = keeping_states(taps[place], files[place])
        except FailedError as error:
            failed.append(error)

    begun = time.perf_counter()
    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(taps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - begun
    if failed:
        raise failed[0]
    return Measurement(wall, tuple(usage for place in sorted(found) for usage in found[place].processes))
