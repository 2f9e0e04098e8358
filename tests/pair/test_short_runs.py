"""Runs that the day's limits, an `end_date` or a kill cut short, of one tap or of two shards: the last one makes it whole."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from salesforce_simulator.errors import ApiError
from tests.levels import REPEATABLE, at_level, search
from tests.pair.both import Pair, batch_config
from tests.pair.store import differences
from tests.pair.versions import wrong_versions
from tests.pair.world import merged

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

OBJECTS = ["Account", "Contact", "Case", "AccountContactRole"]
PLENTY = 100_000


@dataclass
class Company:
    """An org that changes at random."""

    server: OrgServer
    random: Random
    ids: list[str] = field(default_factory=list)

    def change(self) -> None:
        org, random = self.server.org, self.random
        for _ in range(random.randint(0, 8)):
            org.clock.advance(minutes=random.randint(0, 90))
            act = random.choices(
                ["create", "update", "delete", "undelete", "hard delete"], [50, 25, 10, 7, 8]
            )[0]
            if act == "create" or not self.ids:
                self._create()
                continue
            key = random.choice(self.ids)
            with suppress(ApiError):  # of a row in the bin, or not in the bin
                if act == "update":
                    org.update(key, {"Description": f"D{random.random()}"})
                elif act == "hard delete":
                    org.hard_delete(key)
                    self.ids.remove(key)
                else:
                    (org.delete if act == "delete" else org.undelete)(key)
        if random.random() < 0.1:
            name = f"F{random.randint(0, 99)}__c"
            with suppress(ApiError, ValueError):  # it is there
                org.add_field("Account", custom_field(name, random.choice(["string", "double"])))

    def _create(self) -> None:
        org, random = self.server.org, self.random
        account = org.create("Account", {"Name": f"A{random.random()}"})
        contact = org.create("Contact", {"LastName": f"C{random.random()}", "AccountId": account})
        self.ids += [account, contact]
        if random.random() < 0.5:
            org.create("AccountContactRole", {"AccountId": account, "ContactId": contact, "Role": "Other"})
        if random.random() < 0.5:
            self.ids.append(org.create("Case", {"Subject": f"S{random.random()}"}))


@dataclass
class Runs:
    """Taps that load one schema, each with its catalog and state."""

    server: OrgServer
    random: Random
    pairs: list[tuple[Pair, dict[str, Any] | None]]

    def short(self) -> bool:
        """A run of each tap, perhaps cut short; whether each came to its end."""
        done = [self._run(pair, catalog, whole=False) for pair, catalog in self.pairs]
        return all(done)

    def whole(self) -> None:
        """A run of each tap that nothing cuts short."""
        for pair, catalog in self.pairs:
            assert self._run(pair, catalog, whole=True)

    def _run(self, pair: Pair, catalog: dict[str, Any] | None, *, whole: bool) -> bool:
        random, settings = self.random, self._settings()
        self._limits(whole=whole)
        if not whole:
            settings["quota_percent_per_run"] = random.choice([100, 100, 30])
            if random.random() < 0.3:
                settings["end_date"] = told(
                    self.server.org.clock.now() - timedelta(hours=random.randint(0, 60))
                )
        run = pair.tap(catalog, **settings)
        assert run.error is None or run.failed_aloud, run.said
        lines, before = run.output.splitlines(keepends=True), pair.state
        cut = not whole and random.random() < 0.35
        if cut:
            lines = lines[: random.randint(0, len(lines))]
        pair.load(lines, torn=cut and random.random() < 0.5)
        assert cut or pair.target_error is None, pair.target_error
        if before and random.random() < 0.4:
            pair.state = merged(before, pair.state)
        return not cut and run.error is None and "end_date" not in settings

    def _settings(self) -> dict[str, Any]:
        random = self.random
        self.server.server.settings.bulk_page_rows = random.choice([1, 2, PLENTY])
        return {
            "reader": random.choice(["auto", "bulk", "rest", "bulk"]),
            "bulk_threshold": random.choice([0, 2, 5]),
            "bulk_page_size": random.choice([1, 2, 100]),
            "split_rows": random.choice([2, 3, PLENTY]),
            "state_seconds": random.choice([0, 60]),
            "download_connections": random.choice([1, 4]),
            "quota_percent_per_run": 100,
            "quota_percent_total": 100,
        }

    def _limits(self, *, whole: bool) -> None:
        """Set what the org gives today: a few jobs and calls more than were used, or plenty."""
        limits, random = self.server.org.limits, self.random
        jobs, calls = limits.daily_bulk_v2_query_jobs, limits.daily_api_requests
        jobs.maximum = PLENTY if whole else random.choice([jobs.used + random.randint(0, 12), PLENTY])
        calls.maximum = (
            PLENTY if whole else random.choice([calls.used + random.randint(3, 40), PLENTY, PLENTY])
        )


def told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def shard(**bounds: str) -> dict[str, Any]:
    """A catalog of the rows that were created within bounds; the other objects are in the first one."""
    divided = {"selected": True} | {f"sfsource.created-{name}": moment for name, moment in bounds.items()}
    names = ["accounts", "contacts", "cases" if "before" in bounds else "account_contact_roles"]
    return {
        "streams": [
            {
                "tap_stream_id": name,
                "metadata": [
                    {"breadcrumb": [], "metadata": divided if name in names[:2] else {"selected": True}}
                ],
            }
            for name in names
        ]
    }


def wrong(runs: Runs, warehouse: Warehouse) -> list[str]:
    """What the tables have other than the org; a row that is gone is marked, but for an object that keeps no log."""
    pair = runs.pairs[0][0]
    found = []
    for line in differences(warehouse, runs.server.org, OBJECTS):
        table, key = line.split(": ")[0], line.split(" ")[1]
        gone = line.endswith("is not in the org")
        if not gone or (table != "account_contact_roles" and not pair.rows(table)[key]["is_deleted"]):
            found.append(line)
    if pair.target["history"]:
        found += [
            line for table in ("accounts", "contacts") for line in wrong_versions(warehouse, table, "id")
        ]
    return found


@search
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", at_level(normal=[0, 1], wide=[*range(25), 1175, 1321], long=[*range(200)]))
def test_the_last_run_makes_the_tables_whole(
    seed: int, org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    seed = seed if REPEATABLE else SystemRandom().randrange(10**9)
    random = Random(seed)
    clock = org_server.org.clock
    clock.freeze()
    org_server.org.recycle_bin.log_keeps_undeleted = random.random() < 0.5
    company = Company(org_server, random)
    for _ in range(4):
        company.change()
    clock.advance(days=1)
    now, shards = told(clock.now()), random.random() < 0.5
    settings: dict[str, Any] = {"objects": OBJECTS, "page_size": 200}
    if not shards:
        settings["partial_rows"] = random.choice(["auto", "whole"])
        settings["deletes"] = random.choice(["all", "all", "sweep"])
    if random.random() < 0.3:
        (tmp_path / "files").mkdir()
        settings["batch_config"] = batch_config(random.choice(["csv", "jsonl"]), tmp_path / "files")
    target = {"history": random.choice([[], ["*"]]), "batch_size_rows": random.choice([3, 1000])}
    catalogs = [shard(before=now), shard(**{"from": now})] if shards else [None]
    runs = Runs(
        org_server, random, [(Pair(org_server, warehouse, settings, target), catalog) for catalog in catalogs]
    )
    for _ in range(random.randint(2, 6)):
        company.change()
        clock.advance(hours=random.choice([1, 3, 30]))
        if runs.short():
            assert wrong(runs, warehouse) == [], f"seed {seed}"
    company.change()
    clock.advance(hours=3)
    runs.whole()
    assert wrong(runs, warehouse) == [], f"seed {seed}"
