"""What a run costs that finds nothing new, and what discovery costs: seconds and API calls at several latencies."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import orgs, readers
from benchmarks.contest import Contestant, Result, hold
from benchmarks.measure import Command, FailedError, run
from benchmarks.session import Session, own_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.orgs import RunningOrg

LATENCIES = (0, 50, 150)
MANY_OBJECTS = 1500
_PATIENCE = 1
"""Rounds of a peer that asks for each object one after the other, which takes minutes."""


def sync(session: Session) -> list[Result]:
    """Hold a contest a latency: an incremental run of the example company when nothing has changed."""
    results = []
    for latency in LATENCIES:
        with orgs.serving(orgs.Contents(company=True, latency=latency)) as org:
            entries, absent = _syncs(session, org)
            question = f"Incremental run of the 48 collections, nothing changed, {latency} ms a call"
            name = f"idle sync, {latency} ms"
            results.append(hold(name, question, entries, runs=session.runs, absent=absent))
    return results


def discovery(session: Session) -> list[Result]:
    """Hold a contest a latency and size: the standard objects, and an org of 1,500 objects."""
    results = []
    for describable in (0, MANY_OBJECTS):
        for latency in LATENCIES:
            with orgs.serving(orgs.Contents(company=True, latency=latency, describable=describable)) as org:
                entries, absent = _discoveries(session, org, patient=not (describable and latency))
                objects = f"{describable:,} objects" if describable else "the standard objects"
                name = f"discovery of {describable or 48}, {latency} ms"
                question = f"Discovery of {objects}, {latency} ms a call"
                results.append(hold(name, question, entries, runs=session.runs, absent=absent))
    return results


def _entry(org: RunningOrg, name: str, command: Callable[[], Command], most: int = sys.maxsize) -> Contestant:
    return Contestant(
        name,
        1,
        lambda: run([command()]),
        prepare=org.forget,
        notes=lambda: {"API calls": org.ledger()["apiCalls"]},
        most=most,
    )


def _syncs(session: Session, org: RunningOrg) -> tuple[list[Contestant], list[tuple[str, str]]]:
    said = session.folder / "said.jsonl"
    first = readers.ours(session, org, [])
    run([first], stdout=said)
    state = session.write("state-ours.json", _last_state(_messages(said)))
    ours = Command(first.name, (*first.argv, "--state", state))
    entries = [_entry(org, readers.OURS, lambda: ours)]
    present, absent = session.found(readers.SINGER_IO, readers.AIRBYTE)
    for name, peer in present.items():
        try:
            if name == readers.SINGER_IO:
                command = _singer_io_again(session, readers.SingerIo(session, org, peer, "REST"), said)
            else:
                command = _airbyte_again(session, readers.Airbyte(session, org, peer), said)
        except FailedError as error:
            absent.append((name, str(error)))
        else:
            entries.append(_entry(org, name, command, _PATIENCE))
    return entries, absent


def _singer_io_again(session: Session, tap: readers.SingerIo, said: Path) -> Callable[[], Command]:
    objects = sorted(set(tap.everything) & set(_collections()))
    run([tap.read(objects)], stdout=said)
    state = Path(session.write("state-singer-io.json", _last_state(_messages(said))))
    return partial(tap.read, objects, state)


def _airbyte_again(session: Session, tap: readers.Airbyte, said: Path) -> Callable[[], Command]:
    objects = sorted(set(tap.everything) & set(_collections()))
    run([tap.read(objects)], stdout=said)
    last = {
        message["state"]["stream"]["stream_descriptor"]["name"]: message["state"]
        for message in _messages(said)
        if message["type"] == "STATE"
    }
    state = Path(session.write("state-airbyte.json", list(last.values())))
    return partial(tap.read, objects, state)


def _collections() -> Iterable[str]:
    """API names of the 48."""
    from tap_sfsource.catalog.naming import COLLECTIONS  # noqa: PLC0415

    return COLLECTIONS


def _discoveries(
    session: Session, org: RunningOrg, *, patient: bool
) -> tuple[list[Contestant], list[tuple[str, str]]]:
    file = session.write("discover.json", readers.ours_config(org, []))
    ours = Command(readers.OURS, (own_program(readers.OURS), "--config", file, "--discover"))
    entries = [_entry(org, readers.OURS, lambda: ours)]
    if not patient:
        why = "one call after the other for each object: minutes, left out"
        return entries, [(readers.SINGER_IO, why), (readers.AIRBYTE, why)]
    present, absent = session.found(readers.SINGER_IO, readers.AIRBYTE)
    for name, peer in present.items():
        tap: readers.SingerIo | readers.Airbyte = (
            readers.SingerIo(session, org, peer, "REST")
            if name == readers.SINGER_IO
            else readers.Airbyte(session, org, peer)
        )
        entries.append(_entry(org, name, tap.discover, _PATIENCE))
    return entries, absent


def _messages(said: Path) -> Iterable[dict[str, Any]]:
    with said.open("rb") as file:
        yield from (json.loads(line) for line in file if line.startswith(b"{"))


def _last_state(messages: Iterable[dict[str, Any]]) -> Any:
    return [message["value"] for message in messages if message["type"] == "STATE"][-1]
