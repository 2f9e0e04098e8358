"""How a run ends when it is not let finish: by a signal, a closed pipe, a kill; and what the next run makes of it."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from tests.fix_process import SCRIPTS
from tests.levels import at_level, search, slow
from tests.tap.reference import ReferenceTarget
from tests.tap.syncs import whole_reads

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_org import OrgServer

ROWS = 60


class Started:
    """A tap as a process whose output is read line by line."""

    def __init__(self, folder: Path, config: dict[str, Any], state: dict[str, Any] | None) -> None:
        (folder / "config.json").write_text(json.dumps(config))
        command = [str(SCRIPTS / "tap-sfsource"), "--config", "config.json"]
        if state is not None:
            (folder / "state.json").write_text(json.dumps(state))
            command += ["--state", "state.json"]
        self.errors = (folder / "stderr").open("w+")
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=self.errors)
        assert self.process.stdout is not None
        self.lines = self.process.stdout

    def said(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def until(self, part: bytes) -> list[str]:
        """Lines up to the first that holds a part."""
        lines = []
        for line in self.lines:
            lines.append(line.decode())
            if part in line:
                return lines
        raise AssertionError(f"no {part!r} in the output:\n{self.said()}")


@pytest.fixture
def slow_org(org_server: OrgServer) -> OrgServer:
    """An org with more accounts than one page, each answer of which takes a while."""
    for number in range(ROWS):
        org_server.org.create("Account", {"Name": f"Account {number}"})
    org_server.server.site.settings.latency = 20
    return org_server


def config_of(server: OrgServer, **settings: Any) -> dict[str, Any]:
    return server.config(objects=["Account"], reader="bulk", bulk_page_size=5, progress="none", **settings)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_behind_a_true_state(
    slow_org: OrgServer, tmp_path: Path, number: signal.Signals
) -> None:
    target = ReferenceTarget()
    tap = Started(tmp_path, config_of(slow_org), None)
    target.feed(tap.until(b'"locator"'))
    tap.process.send_signal(number)
    target.feed([line.decode() for line in tap.lines])
    assert tap.process.wait(30) == 128 + number
    assert f"Stopped by {number.name}" in tap.said()
    assert "Traceback" not in tap.said()
    assert len(target.tables["accounts"]) < ROWS
    again = Started(tmp_path, config_of(slow_org), target.state)
    target.feed([line.decode() for line in again.lines])
    assert again.process.wait(30) == 0
    assert len(target.tables["accounts"]) == ROWS
    assert whole_reads(slow_org) == 1


def test_a_closed_pipe_ends_the_run_without_a_traceback(slow_org: OrgServer, tmp_path: Path) -> None:
    tap = Started(tmp_path, config_of(slow_org), None)
    tap.until(b'"RECORD"')
    tap.lines.close()
    assert tap.process.wait(30) not in {0, None}
    assert "Traceback" not in tap.said()
    assert "closed" in tap.said()


@slow
@search
def test_killed_at_any_moment_nothing_is_lost_and_no_job_is_read_twice(
    slow_org: OrgServer, tmp_path: Path
) -> None:
    """The lines that a killed tap got out are replayed; the next run starts from the last STATE among them."""
    choose = random.Random(7)
    for _ in range(at_level(normal=3, wide=60, long=200)):
        before = whole_reads(slow_org)
        target = ReferenceTarget()
        tap = Started(tmp_path, config_of(slow_org), None)
        stop_after = choose.randrange(1, 75)
        lines: list[str] = []
        for line in tap.lines:
            lines.append(line.decode())
            if len(lines) == stop_after:
                break
        tap.process.kill()
        tap.process.wait(30)
        target.feed(lines)
        again = Started(tmp_path, config_of(slow_org), target.state)
        target.feed([line.decode() for line in again.lines])
        assert again.process.wait(30) == 0, again.said()
        assert len(target.tables["accounts"]) == ROWS
        # Without a STATE there is no job to go on with; behind its end there is a bookmark.
        states = [json.loads(line)["value"]["bookmarks"] for line in lines if '"STATE"' in line]
        in_the_middle = bool(states) and "jobs" in states[-1].get("accounts", {})
        assert whole_reads(slow_org) - before in ({1} if in_the_middle else {1, 2}), states[-1:]


def test_a_run_killed_while_it_waits_for_a_backfill_goes_on_with_its_job(
    slow_org: OrgServer, tmp_path: Path
) -> None:
    target = ReferenceTarget()
    config = config_of(slow_org)
    target.feed([line.decode() for line in Started(tmp_path, config, None).lines])
    slow_org.org.add_field("Account", custom_field("Size__c", "string"))
    slow_org.server.settings.bulk_processing = timedelta(seconds=1)
    slow_org.ledger.clear()
    tap = Started(tmp_path, config, target.state)
    target.feed(tap.until(b'"backfill"'))
    read = {entry.path for entry in slow_org.ledger.matching("/results")}
    tap.process.kill()
    tap.process.wait(30)
    assert len(read) == 1  # the job of changed rows
    assert (
        len(slow_org.ledger.matching("/jobs/query", method="POST")) == 2
    )  # of changed rows, and of the field
    again = Started(tmp_path, config, target.state)
    target.feed([line.decode() for line in again.lines])
    assert again.process.wait(30) == 0, again.said()
    assert all("size_c" in row for row in target.tables["accounts"].values())
    assert len(slow_org.ledger.matching("/jobs/query", method="POST")) == 3  # of changed rows once more


def test_jobs_that_nobody_will_read_are_aborted(slow_org: OrgServer, tmp_path: Path) -> None:
    slow_org.org.create("Contact", {"LastName": "Doe"})
    config = {**config_of(slow_org), "objects": ["Account", "Contact"]}
    tap = Started(tmp_path, config, None)
    tap.until(b'"locator"')
    tap.process.send_signal(signal.SIGTERM)
    tap.lines.read()
    assert tap.process.wait(30) == 128 + signal.SIGTERM
    aborted = slow_org.ledger.matching("/jobs/query/", method="PATCH")
    assert [entry.sobject for entry in aborted] == ["Contact"]
