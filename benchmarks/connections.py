"""How the connections that download a Bulk job's pages, and windows of several jobs, shorten the reading of one huge object.

One connection carries 20 MB a second and every call takes 100 ms, as far as a connection to a machine elsewhere might. Fewer
rows than five million have a narrower connection and shorter pages, so that downloading still takes most of the time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import orgs, readers
from benchmarks.contest import Contestant, Result, hold
from benchmarks.states import keeping_states

if TYPE_CHECKING:
    from benchmarks.session import Session

NAME = "growth in connections"
ONE, TWO, FOUR = "1 connection", "2 connections", "4 connections"
WINDOWS = "4 connections, 5 windows"

_BANDWIDTH, _LEAST_BANDWIDTH = 20_000_000, 1_000_000
_LATENCY = 100.0
_HUGE = 5_000_000
_FULL_FROM = 1_000_000
"""Rows from which on the connection is not narrowed."""
_PAGES = 50
_MOST_ROUNDS = 3


def compete(session: Session) -> list[Result]:
    """Read one object with 1, 2 and 4 connections, and as five windows."""
    rows = _HUGE if session.huge else session.rows
    bandwidth = max(_LEAST_BANDWIDTH, min(_BANDWIDTH, _BANDWIDTH * rows // _FULL_FROM))
    contents = orgs.Contents(
        {orgs.OBJECT: (rows, orgs.COLUMNS)},
        latency=_LATENCY,
        bandwidth=bandwidth,
        bulk_page_rows=max(1, rows // _PAGES),
    )
    ways = {
        ONE: {"download_connections": 1},
        TWO: {"download_connections": 2},
        FOUR: {"download_connections": 4},
        WINDOWS: {"download_connections": 4, "split_rows": -(-rows // 5)},
    }
    states = session.folder / "states.jsonl"
    with orgs.serving(contents) as org:

        def notes() -> dict[str, float]:
            return {"API calls": org.ledger()["apiCalls"], "bytes of STATE": states.stat().st_size}

        contestants = []
        for name, settings in ways.items():
            tap = readers.ours(
                session, org, [orgs.OBJECT], reader="bulk", bulk_page_size=max(1, rows // _PAGES), **settings
            )
            contestants.append(
                Contestant(
                    name,
                    rows,
                    partial(keeping_states, tap, states),
                    prepare=org.forget,
                    notes=notes,
                )
            )
        # The org makes the rows of a result once; whoever came first would wait for that.
        contestants[-2].run()
        contestants[-1].run()
        question = (
            f"Tap alone, Bulk, {rows:,} rows x {orgs.COLUMNS} columns, {bandwidth / 1e6:g} MB/s a "
            f"connection, {_LATENCY:g} ms a call"
        )
        return [hold(NAME, question, contestants, runs=min(_MOST_ROUNDS, session.runs))]
