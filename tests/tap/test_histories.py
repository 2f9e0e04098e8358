"""Whatever happens in the org between and during syncs, the messages lead to what the org holds."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tap_sfsource.naming import column_name
from tests.fix_org import OrgServer
from tests.simulator.__main__ import add_demo_login
from tests.simulator.clock import Clock
from tests.simulator.errors import ApiError
from tests.simulator.http.faults import (
    AbortJob,
    Action,
    Drop,
    EndSession,
    ExpireCursors,
    FailJob,
    ShortPage,
    Status,
)
from tests.simulator.org import Org
from tests.simulator.schema import Field
from tests.simulator.server import serve
from tests.simulator.transactions import Transaction  # noqa: TC001 - hypothesis reads annotations
from tests.tap.reference import ReferenceTarget
from tests.tap.running import run_tap

LONG = os.environ.get("SFSOURCE_TEST_LEVEL") == "long"
STREAMS = {
    "Account": "accounts",
    "Contact": "contacts",
    "Task": "tasks",
    "AccountContactRole": "account_contact_roles",
}
LONGEST_TRANSACTION = timedelta(minutes=10)
"""An Apex transaction's own limit (Apex limits guide)."""

words = st.sampled_from(
    ["Acme", "ACME", "Über", 'a "quoted" name', "two\nlines", "\\", "😀", "null", "x" * 200]
)
faults = st.sampled_from(
    [
        (Status(503), "*"),
        (Status(420), "*"),
        (Drop("request"), "*"),
        (Drop("response"), "*/queryAll*"),
        (Drop("body"), "*/results*"),
        (EndSession(), "*"),
        (EndSession(), "*/results*"),
        (ShortPage(1), "*"),
        (ExpireCursors(), "*/query/*"),
        (FailJob(), "*/jobs/query"),
        (AbortJob(), "*/jobs/query"),
    ]
)


def as_json(value: Any, sf_type: str) -> Any:
    """A REST value as a message holds it."""
    if isinstance(value, str) and sf_type == "datetime":
        return value.replace("+0000", "Z")
    if isinstance(value, float | int | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    return value


class Histories(RuleBasedStateMachine):
    """Changes, faults and syncs in any order."""

    @initialize()
    def start(self) -> None:
        self.clock = Clock(datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC), frozen=True)
        self.org = Org(clock=self.clock)
        add_demo_login(self.org)
        self._serving = serve(self.org)
        self.server = OrgServer(self._serving.__enter__())
        self.target = ReferenceTarget()
        self.deselected: set[str] = set()
        self.transaction: Transaction | None = None
        self.opened = self.clock.now()
        self.fields = 0
        self.sync()

    def teardown(self) -> None:
        if hasattr(self, "_serving"):
            self._serving.__exit__(None, None, None)
            self.org.close()

    def live(self, sobject: str) -> list[str]:
        locked = self.transaction.locked | self.transaction.pending if self.transaction else set()
        gone = self.org.deleted_ids(sobject) | locked
        return [row["Id"] for row in self.org.rows(sobject) if row["Id"] not in gone]

    def pick(self, data: st.DataObject, sobject: str) -> str | None:
        ids = self.live(sobject)
        return data.draw(st.sampled_from(ids)) if ids else None

    @rule(name=words, count=st.integers(1, 4))
    def create_accounts(self, name: str, count: int) -> None:
        for number in range(count):
            self.org.create(
                "Account", {"Name": name, "NumberOfEmployees": number, "AnnualRevenue": 1000 * number}
            )

    @rule(data=st.data(), name=words)
    def create_contact(self, data: st.DataObject, name: str) -> None:
        self.org.create("Contact", {"LastName": name[:80], "AccountId": self.pick(data, "Account")})

    @rule(name=words)
    def create_task(self, name: str) -> None:
        self.org.create("Task", {"Subject": name, "Status": "Not Started", "Priority": "Normal"})

    @rule(data=st.data(), name=words)
    def update(self, data: st.DataObject, name: str) -> None:
        if record_id := self.pick(data, "Account"):
            self.org.update(record_id, {"Name": name, "Industry": name[:30]})

    @rule(data=st.data(), sobject=st.sampled_from(["Account", "Contact", "Task"]))
    def delete(self, data: st.DataObject, sobject: str) -> None:
        if self.transaction is None and (record_id := self.pick(data, sobject)):
            self.org.delete(record_id)

    @rule(data=st.data(), sobject=st.sampled_from(["Account", "Contact", "Task"]))
    def hard_delete(self, data: st.DataObject, sobject: str) -> None:
        if self.transaction is None and (record_id := self.pick(data, sobject)):
            self.org.hard_delete(record_id)

    @rule(data=st.data())
    def undelete(self, data: st.DataObject) -> None:
        deleted = sorted(self.org.deleted_ids("Task") | self.org.deleted_ids("Contact"))
        if deleted:
            # The bin may have been emptied meanwhile, or the parent be gone.
            with contextlib.suppress(ApiError):
                self.org.undelete(data.draw(st.sampled_from(deleted)))

    @rule()
    def empty_recycle_bin(self) -> None:
        self.org.empty_recycle_bin()

    @rule(data=st.data())
    def archive(self, data: st.DataObject) -> None:
        if record_id := self.pick(data, "Task"):
            self.org.archive([record_id])

    @rule(
        step=st.sampled_from(
            [timedelta(seconds=1), timedelta(seconds=40), timedelta(minutes=3), timedelta(hours=3)]
        )
    )
    def wait(self, step: timedelta) -> None:
        if self.transaction is not None and self.clock.now() + step - self.opened > LONGEST_TRANSACTION:
            self.commit()
        self.clock.advance(seconds=step.total_seconds())

    @precondition(lambda self: self.transaction is None)
    @rule(data=st.data(), name=words)
    def begin(self, data: st.DataObject, name: str) -> None:
        self.opened = self.clock.now()
        self.transaction = self.org.transaction()
        self.transaction.create("Account", {"Name": name})
        if record_id := self.pick(data, "Account"):
            self.transaction.update(record_id, {"Name": f"late {name}"[:200]})

    @precondition(lambda self: self.transaction is not None)
    @rule()
    def commit(self) -> None:
        assert self.transaction is not None
        self.transaction.commit()
        self.transaction = None

    @precondition(lambda self: self.fields < 3 and self.transaction is None)
    @rule(data=st.data())
    def add_field(self, data: st.DataObject) -> None:
        self.fields += 1
        name = f"Extra_{self.fields}__c"
        self.org.add_field("Account", Field(name=name, label=name, type="string", length=40, custom=True))
        if record_id := self.pick(data, "Account"):
            self.org.update(record_id, {name: "filled"})

    @rule(names=st.sets(st.sampled_from(["name", "industry", "number_of_employees"]), max_size=2))
    def select_otherwise(self, names: set[str]) -> None:
        self.deselected = names

    @rule(fault=faults, nth=st.integers(1, 6))
    def fault(self, fault: tuple[Action, str], nth: int) -> None:
        action, path = fault
        self.server.faults.add(action, path=path, nth=nth)

    @rule(
        reader=st.sampled_from(["auto", "rest", "bulk"]),
        threshold=st.integers(0, 5),
        page=st.integers(1, 4),
        deletes=st.sampled_from(["all", "all", "sweep"]),
    )
    def sync(self, reader: str = "auto", threshold: int = 2, page: int = 2, deletes: str = "all") -> None:
        """Sync, again until nothing is in the way, as a schedule does; then compare."""
        config = self.server.config(
            objects=[*STREAMS],
            reader=reader,
            bulk_threshold=threshold,
            bulk_page_size=page,
            deletes=deletes,
            page_size=200,
            progress="none",
        )
        for _ in range(12):
            outcome = run_tap(config, catalog=self.catalog(), state=self.target.state)
            self.target.feed(outcome.output)
            if outcome.complete:
                break
        else:
            raise AssertionError("a dozen runs were not complete")
        self.compare()

    def catalog(self) -> dict[str, Any]:
        metadata = [
            {"breadcrumb": ["properties", name], "metadata": {"selected": False}}
            for name in sorted(self.deselected)
        ]
        return {
            "streams": [
                {"tap_stream_id": stream, "metadata": metadata if stream == "accounts" else []}
                for stream in STREAMS.values()
            ]
        }

    def compare(self) -> None:
        for sobject, stream in STREAMS.items():
            fields = [
                field
                for field in self.org.object(sobject).columns
                if column_name(field.name) not in self.deselected or sobject != "Account"
            ]
            table = self.target.tables[stream]
            rows = {row["Id"]: row for row in self.org.rows(sobject)}
            for record_id, row in rows.items():
                wanted = {column_name(field.name): as_json(row[field.name], field.type) for field in fields}
                found = {name: table.get(record_id, {}).get(name) for name in wanted}
                assert {n: as_json(v, "") for n, v in found.items()} == wanted, (sobject, record_id)
            for record_id in table.keys() - rows.keys():
                assert table[record_id]["is_deleted"], (sobject, record_id)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=150 if LONG else 12,
    stateful_step_count=60 if LONG else 25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
