"""RECORD and STATE lines of the default way stay, byte for byte, what they were when they were recorded.

`recorded.json` holds a digest of the lines of each run of the example company, by type and stream. Where lines are meant to
change, write it anew: `python -m tests.tap.test_recorded`.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator import company
from salesforce_simulator.clock import Clock
from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import add_demo_login
from tests.fix_org import OrgServer
from tests.pair.both import run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = Path(__file__).with_name("recorded.json")
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "bulk": {"reader": "bulk", "bulk_page_size": 60},
    "sweep": {"deletes": "sweep"},
    "salesforce": {"naming": "salesforce", "reader": "rest", "page_size": 200},
}
CLOCKS = re.compile(
    r'"replication_key_signpost":"[^"]+"|"version":1\d{12}|"750[0-9A-Za-z]{15}"'
    r'|(?<="time_extracted":"\d{4}-\d\d-\d\dT\d\d:)\d\d:\d\d'
    r'|(?<="refreshed_at":"\d{4}-\d\d-\d\dT\d\d:)\d\d:\d\d|(?<="replication_key_value":"\d{4}-\d\d-\d\dT\d\d:)\d\d:\d\d'
    r'|(?<="deleted_until":"\d{4}-\d\d-\d\dT\d\d:)\d\d:\d\d|(?<="bin_until":"\d{4}-\d\d-\d\dT\d\d:)\d\d:\d\d'
)
"""What the machine's clock and chance decide: the tap counts the time since the last answer."""

REPORTED = (
    "collection",
    "object",
    "status",
    "rows",
    "deletions",
    "partial_rows",
    "new_columns",
    "vanished_columns",
)
"""What a report says that no machine's speed decides."""

JOBS = re.compile(r'"jobs":\{(?:"\w+":\{[^{}]*\},?)*\},?|,"jobs":\{(?:"\w+":\{[^{}]*\},?)*\}')
"""What a bookmark says of a job may grow; what it says of rows may not change."""


ORG = re.compile(r'"org":"00D\w{12}",?')
"""The org's id, which chance may decide."""


def digest(lines: list[str]) -> str:
    text = "\n".join(CLOCKS.sub("", line) for line in lines)
    return f"{len(lines)} lines, {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def digests(output: bytes) -> dict[str, str]:
    """Digests of a run's lines: RECORD by stream, in order; the last STATE with what it says of jobs taken out.

    How many STATE lines come before the last depends on how long the run takes.
    """
    found: dict[str, list[str]] = {}
    for line in output.decode().split("\n"):
        message: dict[str, Any] = json.loads(line) if line else {"type": ""}
        if message["type"] == "RECORD" and message["stream"] == "sync_reports":
            found.setdefault("RECORD sync_reports", []).append(
                json.dumps([message["record"][k] for k in REPORTED])
            )
        elif message["type"] == "RECORD":
            found.setdefault(f"RECORD {message['stream']}", []).append(line)
        elif message["type"] == "STATE":
            found["STATE"] = [ORG.sub("", JOBS.sub("", line))]
        elif message["type"] == "ACTIVATE_VERSION":
            found.setdefault(message["type"], []).append(line)
    return {name: digest(lines) for name, lines in sorted(found.items())}


def runs(settings: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """A first run, one behind it, one after the company's next day, one a day later."""
    org = Org(features=company.FEATURES, clock=Clock(datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC), frozen=True))
    try:
        add_demo_login(org)
        company.populate(org)
        with serve(org) as server:
            state = None
            for name, hours in (("first", 3), ("idle", 3), ("next day", 3), ("a day later", 26)):
                if name == "next day":
                    company.next_day(org)
                org.clock.advance(hours=hours)
                run = run_tap(OrgServer(server).config(**settings), state=state)
                assert run.error is None, run.said
                state = run.of("STATE")[-1]["value"]
                yield name, digests(run.output)
    finally:
        org.close()


@pytest.mark.parametrize("way", [*SETTINGS])
def test_lines_are_what_they_were(way: str) -> None:
    recorded = json.loads(RECORDED.read_text())[way]
    for name, found in runs(SETTINGS[way]):
        assert found == recorded[name], name


if __name__ == "__main__":
    content = {way: dict(runs(settings)) for way, settings in SETTINGS.items()}
    RECORDED.write_text(json.dumps(content, indent=1) + "\n")
