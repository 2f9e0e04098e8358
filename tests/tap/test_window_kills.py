"""kill -9 at random moments of a tap that reads windows by parallel pages: the next run goes on from the last STATE."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from tests.fix_process import DEADLINE, SCRIPTS, wait_until
from tests.levels import at_level, search
from tests.tap.reference import ReferenceTarget

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

KILLS = at_level(normal=3, wide=40, long=100)
MONTHS, EACH, WINDOW, PAGE = 6, 50, 100, 11
LATENCY = 60
LONGEST = 2.5
"""Seconds after its first line within which a run is killed; some end before."""


def row_of(locator: str) -> int:
    """The row at which a page of the simulated org begins."""
    return int(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4))) if locator else 0


class Run:
    """Runs of one sync, each from the last STATE of the one before."""

    def __init__(self, server: OrgServer, folder: Path, chance: random.Random) -> None:
        self.server, self.folder, self.chance = server, folder, chance
        self.target = ReferenceTarget()
        config = server.config(
            objects=["Account"], reader="bulk", split_rows=WINDOW, bulk_page_size=PAGE, progress="none"
        )
        (folder / "config.json").write_text(json.dumps(config))

    def go_on(self, seconds: float) -> bool:
        """Run from the last STATE for so long at most; whether it came to its end."""
        known = {job.id for job in self.server.server.site.jobs.all()}
        parts = self.parts()
        self.server.ledger.clear()
        command = [str(SCRIPTS / "tap-sfsource"), "--config", "config.json"]
        if self.target.state is not None:
            (self.folder / "state.json").write_text(json.dumps(self.target.state))
            command += ["--state", "state.json"]
        with (self.folder / "out").open("wb") as out, (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, stdout=out, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ}
            )
            wait_until(
                lambda: (self.folder / "out").stat().st_size or process.poll() is not None,
                "the first line is out",
                deadline=DEADLINE,
            )
            try:
                ended = process.wait(seconds) == 0
                assert ended, (self.folder / "log").read_text()[-4000:]
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                ended = False
        # The last line may be torn.
        self.target.feed((self.folder / "out").read_bytes().rpartition(b"\n")[0])
        self.check_ledger(parts, known)
        return ended

    def parts(self) -> list[list[str]]:
        bookmark = (self.target.state or {"bookmarks": {}})["bookmarks"].get("accounts", {})
        text = bookmark.get("jobs", {}).get("rows", {}).get("parts", "")
        return [part.split("/") for part in text.split()]

    def check_ledger(self, parts: list[list[str]], known: set[str]) -> None:
        """Nothing was done a second time that the STATE before knew of."""
        jobs = self.server.server.site.jobs.all()
        new = [job.query for job in jobs if job.id not in known]
        for start, end, job, locator, _ in parts:
            if not job:
                continue
            same = [
                query for query in new if f" < {end}" in query and (f" >= {start} " in query or not start)
            ]
            assert not same, f"the window until {end} has a second job"
            for page in self.server.ledger.matching(f"{job}/results"):
                begin = row_of(parse_qs(page.query).get("locator", [""])[0])
                assert begin >= row_of(locator), f"job {job} is read from row {begin}, not from {locator} on"

    def change(self) -> None:
        """Somebody works in the org meanwhile."""
        org = self.server.org
        ids = sorted({row["Id"] for row in org.rows("Account")} - org.deleted_ids("Account"))
        org.clock.advance(minutes=self.chance.randint(0, 5))
        org.update(self.chance.choice(ids), {"Name": f"Renamed {self.chance.random()}"})
        org.create("Account", {"Name": "New"})
        org.delete(self.chance.choice(ids))
        org.hard_delete(self.chance.choice(ids))

    def compare(self) -> None:
        rows = {row["Id"]: row for row in self.server.org.rows("Account")}
        table = self.target.tables["accounts"]
        told: dict[str, Any] = {
            record_id: (row["name"], row["is_deleted"])
            for record_id, row in table.items()
            if record_id in rows or not row["is_deleted"]
        }
        assert told == {record_id: (row["Name"], row["IsDeleted"]) for record_id, row in rows.items()}


@search
@pytest.mark.timeout(at_level(normal=300, wide=1500, long=3600))
def test_no_window_is_read_from_its_start_twice(org_server: OrgServer, frozen: Clock, tmp_path: Path) -> None:
    chance = random.Random(17)
    for _ in range(MONTHS):
        names = [[f"Account {number}"] for number in range(EACH)]
        org_server.org.load("Account", names, ["Name"])
        frozen.advance(days=31)
    settings = org_server.server.settings
    settings.latency, settings.bandwidth, settings.bulk_page_rows = LATENCY, 500_000, PAGE
    kills = begun = midway = 0
    while kills < KILLS:
        run = Run(org_server, tmp_path, chance)
        begun += 1
        assert begun < 3 * KILLS, "no run lasts long enough to be killed"
        ended = False
        for _ in range(chance.randint(1, 6)):
            ended = run.go_on(chance.uniform(0, LONGEST))
            run.change()
            if ended:
                break
            kills += 1
            midway += bool(run.parts())
        while not ended:
            ended = run.go_on(DEADLINE)
        frozen.advance(hours=3)
        assert run.go_on(DEADLINE)
        run.compare()
    assert midway > KILLS / 3
