"""A simulated month: after each good tick `sfsource verify --full` says equal, and so does a comparison of other code."""

from __future__ import annotations

import json
import random
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.faults import Status
from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_USER, add_demo_login
from tests.command.running import told
from tests.fix_org import OrgServer
from tests.fix_warehouse import open_warehouse
from tests.levels import at_level, search
from tests.pair.both import Pair
from tests.pair.store import differences, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from salesforce_simulator.transactions import Transaction
    from tests.fix_warehouse import Warehouse

OBJECTS = ["Account", "Contact", "Task", "AccountContactRole"]
KINDS = ("Account", "Contact", "Task")
DAY = 8
"""Ticks of a day: one in three hours."""


class Side:
    """One org with its schema, changed and synced again and again."""

    def __init__(self, server: OrgServer, warehouse: Warehouse, folder: Path, seed: int) -> None:
        self.server, self.warehouse, self.folder = server, warehouse, folder
        self.org = server.org
        self.chance = random.Random(seed)
        app = self.org.apps[DEMO_CLIENT_ID]
        app.rotate_refresh_tokens = True
        app.refresh_tokens["first"] = DEMO_USER
        folder.mkdir()
        self.config: dict[str, Any] = {
            "login_url": server.server.login_url,
            "client_id": DEMO_CLIENT_ID,
            "client_secret": DEMO_CLIENT_SECRET,
            "refresh_token": "first",
            "refresh_token_file": str(folder / "token.json"),
            "objects": OBJECTS,
            "retry_seconds": 1,
            "api_version": "62.0",
        }
        self.pair = Pair(server, warehouse, self.config)
        self.transaction: Transaction | None = None
        self.calls = 0
        self.good_ticks = 0
        self.org.clock.freeze()
        for number in range(20):
            self.create(number)

    def create(self, number: int) -> None:
        account = self.org.create("Account", {"Name": f"Account {number}", "NumberOfEmployees": number})
        contact = self.org.create("Contact", {"LastName": f"Contact {number}", "AccountId": account})
        self.org.create("AccountContactRole", {"AccountId": account, "ContactId": contact, "Role": "Other"})
        self.org.create("Task", {"Subject": f"Task {number}", "Status": "Not Started", "Priority": "Normal"})

    def alive(self, sobject: str) -> list[str]:
        """Ids of rows that may be changed."""
        held = self.transaction.locked | self.transaction.pending if self.transaction else set()
        return [row["Id"] for row in self.org.rows(sobject) if not row["IsDeleted"] and row["Id"] not in held]

    def some(self, sobject: str) -> str:
        return self.chance.choice(self.alive(sobject))

    def change(self) -> None:
        """What happens in an org in three hours."""
        org, chance = self.org, self.chance
        self.commit()
        for _ in range(chance.randrange(5)):
            deeds: list[Callable[[], object]] = [
                lambda: self.create(chance.randrange(1000)),
                lambda: org.update(self.some("Account"), {"Name": f"Name {chance.random()}"}),
                lambda: org.delete(self.some(chance.choice(KINDS))),
                lambda: org.hard_delete(self.some(chance.choice(KINDS))),
                lambda: org.undelete(chance.choice(sorted(org.deleted_ids("Task")))),
                lambda: org.archive([self.some("Task")]),
                org.empty_recycle_bin,
            ]
            deed = chance.choices(deeds, [6, 8, 2, 1, 1, 1, 0.2])[0]
            try:
                deed()
            except (ApiError, IndexError):
                continue  # nothing is left of it, or something holds it
            org.clock.advance(minutes=chance.randrange(1, 20))
        if chance.random() < 0.02:
            org.add_field("Account", custom_field(f"Extra{len(org.object('Account').fields)}__c", "string"))
            org.update(self.some("Account"), {self.newest: "filled"})

    @property
    def newest(self) -> str:
        return [name for name in self.org.object("Account").fields if name.startswith("Extra")][-1]

    def begin(self) -> None:
        """Begin a transaction that commits behind the sync: its rows have stamps of before."""
        if self.chance.random() < 0.1:
            self.transaction = self.org.transaction()
            self.transaction.update(self.some("Account"), {"Name": "late"})
            self.transaction.create("Account", {"Name": "late as well"})
            self.org.clock.advance(minutes=self.chance.randrange(10))

    def commit(self) -> None:
        if self.transaction is not None:
            self.transaction.commit()
            self.transaction = None

    def tick(self, trouble: str = "") -> None:
        """Sync once, with a trouble or none, and verify what a good tick leaves behind."""
        before = self.server.ledger.api_calls
        run = self.pair.tap(**self.pair.config)
        self.calls += self.server.ledger.api_calls - before
        lines = run.output.splitlines(keepends=True)
        self.pair.load(lines[: self.chance.randrange(len(lines) + 1)] if trouble == "kill" else lines)
        assert self.pair.target_error is None, self.pair.target_error
        assert run.error is None or (trouble and run.failed_aloud), run.said
        self.server.faults.clear()
        if trouble != "kill" and run.error is None:
            self.good_ticks += 1
            self.is_equal()

    def is_equal(self) -> None:
        found = self.verify("--full")
        assert found["status"] == "equal", json.dumps(found, indent=1)
        assert self.wrong() == []

    def wrong(self) -> list[str]:
        """What the tables have wrong, by the comparison that knows neither half. Rows gone from the org stay, marked."""
        marked = {
            table_of(self.org.object(name)): self.pair.deleted(table_of(self.org.object(name)))
            for name in OBJECTS
        }
        return [
            line
            for line in differences(self.warehouse, self.org, OBJECTS)
            if not (line.endswith("is not in the org") and line.split()[1] in marked[line.split(":")[0]])
        ]

    def verify(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        options = []
        for name, content in (
            ("tap", self.pair.config),
            ("target", self.warehouse.config()),
            ("state", self.pair.state),
        ):
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps(content))
            options += [f"--{name}", str(path)]
        found: dict[str, Any] = told("verify", *arguments, *options, status=status)
        return found

    def spoil(self) -> None:
        """One row changed behind its back, one lost, one doubled by another key: each is found, and mended."""
        changed, lost, doubled = self.chance.sample(self.alive("Account"), 3)
        strange = f"{doubled[:12]}zzz"
        for statement in (
            f"UPDATE {{schema}}.accounts SET name = 'spoilt' WHERE id = '{changed}'",
            f"DELETE FROM {{schema}}.accounts WHERE id = '{lost}'",
            f"CREATE TEMP TABLE copied AS SELECT * FROM {{schema}}.accounts WHERE id = '{doubled}'",
            f"UPDATE copied SET id = '{strange}'",
            "INSERT INTO {schema}.accounts SELECT * FROM copied",
            "DROP TABLE copied",
        ):
            self.warehouse.execute(statement)
        found = [part for part in self.verify(status=1)["collections"] if part["status"] == "different"]
        named = {(each["kind"], each["id"]) for part in found for each in part["differences"]}
        assert named == {("differs", changed), ("missing", lost), ("no_id", strange)}
        assert self.verify("--repair")["status"] == "equal"
        self.is_equal()


@pytest.fixture
def sides(warehouse_url: str, tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    """An org, and a second one beside it, into the same database."""
    with ExitStack() as stack:
        found = []
        for number in range(2):
            org = Org()
            stack.callback(org.close)
            add_demo_login(org)
            server = OrgServer(stack.enter_context(serve(org)))
            warehouse = stack.enter_context(open_warehouse(warehouse_url))
            found.append(Side(server, warehouse, tmp_path / str(number), number))
        yield found[0], found[1]


def troubles(side: Side, tick: int, days: int) -> str:
    """Let something go wrong in some ticks; what a tick may suffer from."""
    org, server, chance = side.org, side.server, side.chance
    org.limits.daily_api_requests.maximum = 100_000
    if tick == days * DAY // 3:
        side.pair.config["api_version"] = "64.0"
        server.server.settings.first_version = 63
    if tick == days * DAY // 2:
        # The log of deletions does not reach so far back.
        org.clock.advance(days=20)
    if tick % 13 == 6:
        org.replication.log_from = org.clock.now()
    if tick % 17 == 8:
        org.clock.advance(hours=chance.randrange(6, 40))
    if tick % 7 == 3:
        return "kill"
    if tick % 11 == 5:
        server.faults.add(Status(503), path="*/composite", times=None)
        return "outage"
    if tick % 19 == 9:
        org.limits.daily_api_requests.maximum = 3
        return "quota"
    return ""


def live(side: Side, other: Side, days: int) -> None:
    for tick in range(days * DAY):
        side.change()
        trouble = troubles(side, tick, days)
        side.org.clock.advance(hours=2)
        side.begin()
        side.tick(trouble)
        if tick % DAY == 4:
            other.change()
            other.org.clock.advance(hours=24)
            other.tick()
    side.commit()
    side.org.clock.advance(hours=3)
    side.org.limits.daily_api_requests.maximum = 100_000
    side.tick()
    side.spoil()
    other.is_equal()
    print(f"{days} days: {side.calls} calls, {side.good_ticks} good ticks")


@search
@pytest.mark.timeout(at_level(normal=300, wide=1800, long=3600))
def test_a_month(sides: tuple[Side, Side]) -> None:
    """With each change, three days of it."""
    live(*sides, days=at_level(normal=3, wide=30, long=60))
