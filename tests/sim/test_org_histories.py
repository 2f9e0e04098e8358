"""Random histories of changes: the org, its delete log and its watermarks agree with a model in plain Python."""

from __future__ import annotations

import csv
import io
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from tests.fix_org import OrgServer
from tests.sim.api import Api
from tests.simulator.__main__ import add_demo_login
from tests.simulator.clock import Clock
from tests.simulator.errors import ApiError
from tests.simulator.org import Org
from tests.simulator.server import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.transactions import Transaction

LONG = os.environ.get("SFSOURCE_TEST_LEVEL") == "long"
BIN = timedelta(days=15)
CHILDREN = {
    "Contact": ("AccountId", "Account"),
    "Case": ("AccountId", "Account"),
    "CaseComment": ("ParentId", "Case"),
}
VALUES: dict[str, Callable[[str], dict[str, Any]]] = {
    "Account": lambda text: {"Name": text or "x", "Phone": text[:40] or None},
    "Contact": lambda text: {"LastName": text[:80] or "x"},
    "Case": lambda text: {"Subject": text or None},
    "CaseComment": lambda text: {"CommentBody": text or None},
}
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


class Row:
    """A record in the model."""

    def __init__(self, sobject: str, values: dict[str, Any], parent: str | None, stamp: datetime) -> None:
        self.sobject = sobject
        self.values = values
        self.parent = parent
        self.created = self.stamp = stamp
        self.root: str | None = None  # whose delete took it
        self.gone_at: datetime | None = None
        self.in_bin = False


class Histories(RuleBasedStateMachine):
    """Changes to four objects that hang on each other, with transactions that commit late."""

    records = Bundle("records")
    transactions = Bundle("transactions")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(datetime(2026, 3, 2, 9, tzinfo=UTC), frozen=True)
        self.org = Org(clock=self.clock)
        self.rows: dict[str, Row] = {}
        self.log: dict[str, tuple[str, datetime]] = {}
        self.open: dict[int, tuple[Transaction, datetime, dict[str, Row]]] = {}

    def teardown(self) -> None:
        try:
            self.every_interface_agrees()
        finally:
            self.org.close()

    def every_interface_agrees(self) -> None:
        """At the end of a history, what clients see by each way is the same."""
        add_demo_login(self.org)
        end = self.clock.now() + timedelta(minutes=1)
        window = {"start": text_of(end - timedelta(days=1)), "end": text_of(end)}
        with serve(self.org) as server:
            served = OrgServer(server)
            api = Api(served)
            for sobject in VALUES:
                soql = f"SELECT Id, IsDeleted, SystemModstamp FROM {sobject}"
                rows = {row["Id"]: row for row in self.org.rows(sobject)}
                living = {i for i, row in rows.items() if not row["IsDeleted"]}
                assert ids_of(api.query(soql).json()) == living
                everything = api.query(soql, "queryAll").json()
                assert ids_of(everything) == rows.keys()
                for row in everything["records"]:
                    assert (row["IsDeleted"], row["SystemModstamp"]) == (
                        rows[row["Id"]]["IsDeleted"],
                        rows[row["Id"]]["SystemModstamp"],
                    )
                job = api.job(soql, "queryAll")
                assert api.finished(job)["state"] == "JobComplete"
                cells = list(csv.DictReader(io.StringIO(api.results(job).content.decode(), newline="")))
                assert [
                    (c["Id"], c["IsDeleted"], c["SystemModstamp"])
                    for c in sorted(cells, key=lambda c: c["Id"])
                ] == [
                    (i, str(row["IsDeleted"]).lower(), row["SystemModstamp"].replace("+0000", "Z"))
                    for i, row in sorted(rows.items())
                ]
                told = api.get(f"sobjects/{sobject}/updated/", params=window).json()
                assert set(told["ids"]) == {i for i in living if rows[i]["SystemModstamp"] >= window["start"]}
                if self.clock.now() - timedelta(days=1) > self.org.replication.log_from:
                    told = api.get(f"sobjects/{sobject}/deleted/", params=window).json()
                    gone = {entry["id"] for entry in told["deletedRecords"]}
                    assert gone == {
                        i
                        for i, (kind, moment) in self.log.items()
                        if kind == sobject and text_of(moment) >= window["start"]
                    }
                    assert not gone & living

    @property
    def now(self) -> datetime:
        return self.clock.now().replace(microsecond=0)

    # the model's own rules

    def living(self, record_id: str) -> bool:
        row = self.rows.get(record_id)
        return row is not None and row.root is None

    def dependents(self, record_id: str) -> list[str]:
        """The record and all that hangs on it and lives."""
        found = [record_id]
        for each in found:
            found += [
                i
                for i, row in self.rows.items()
                if row.parent == each and row.root is None and i not in found
            ]
        return found

    def refused(self, change: Any, *codes: str) -> None:
        with pytest.raises(ApiError) as error:
            change()
        assert error.value.error_code in codes

    # rules

    @rule(target=records, text=texts)
    def create_account(self, text: str) -> str:
        values = VALUES["Account"](text)
        record_id = self.org.create("Account", values)
        self.rows[record_id] = Row("Account", values, None, self.now)
        return record_id

    @rule(target=records, parent=records, kind=st.sampled_from(sorted(CHILDREN)), text=texts)
    def create_child(self, parent: str, kind: str, text: str) -> Any:
        reference, above = CHILDREN[kind]
        values = {**VALUES[kind](text), reference: parent}
        if parent[:3] != self.org.object(above).key_prefix:
            self.refused(lambda: self.org.create(kind, values), "FIELD_INTEGRITY_EXCEPTION")
            return multiple()
        if not self.living(parent):
            self.refused(
                lambda: self.org.create(kind, values), "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"
            )
            return multiple()
        record_id = self.org.create(kind, values)
        self.rows[record_id] = Row(kind, values, parent, self.now)
        return record_id

    @rule(record=records, text=texts)
    def update(self, record: str, text: str) -> None:
        if not self.living(record):
            self.refused(lambda: self.org.update(record, {}), "ENTITY_IS_DELETED", "NOT_FOUND")
            return
        row = self.rows[record]
        values = VALUES[row.sobject](text)
        self.org.update(record, values)
        row.values |= values
        row.stamp = self.now

    @rule(record=records)
    def delete(self, record: str) -> None:
        if not self.living(record):
            self.refused(lambda: self.org.delete(record), "ENTITY_IS_DELETED", "NOT_FOUND")
            return
        self.org.delete(record)
        for each in self.dependents(record):
            row = self.rows[each]
            row.root, row.in_bin, row.stamp, row.gone_at = record, True, self.now, self.now + BIN
            self.log[each] = (row.sobject, self.now)

    @rule(record=records)
    def undelete(self, record: str) -> None:
        row = self.rows.get(record)
        if row is None or not row.in_bin or row.root != record:
            self.refused(lambda: self.org.undelete(record), "UNDELETE_FAILED", "NOT_FOUND")
            return
        if row.parent is not None and not self.living(row.parent):
            if row.sobject == "CaseComment":
                self.refused(lambda: self.org.undelete(record), "UNDELETE_FAILED")
                return
            row.parent = row.values["AccountId"] = None
        self.org.undelete(record)
        for each, other in self.rows.items():
            if other.root == record:
                other.root, other.in_bin, other.gone_at, other.stamp = None, False, None, self.now
                del self.log[each]

    @rule(record=consumes(records))
    def hard_delete(self, record: str) -> None:
        if record not in self.rows:
            self.refused(lambda: self.org.hard_delete(record), "NOT_FOUND")
            return
        self.org.hard_delete(record)
        found = [record]
        for each in found:
            found += [i for i, row in self.rows.items() if row.parent == each and i not in found]
        for each in found:
            row = self.rows.pop(each)
            self.log.setdefault(each, (row.sobject, self.now))

    @rule(record=records)
    def empty_bin_of_one(self, record: str) -> None:
        if record not in self.rows:
            return
        self.org.empty_recycle_bin([record])
        self._emptied(lambda row: row.root == record)

    @rule()
    def empty_bin(self) -> None:
        self.org.empty_recycle_bin()
        self._emptied(lambda _row: True)

    def _emptied(self, chosen: Any) -> None:
        for row in self.rows.values():
            if row.in_bin and chosen(row):
                assert row.gone_at is not None
                row.in_bin = False
                row.gone_at = min(row.gone_at, self.clock.now() + timedelta(days=1))

    @rule(master=records, loser=records)
    def merge(self, master: str, loser: str) -> None:
        accounts = [i for i in (master, loser) if self.living(i) and self.rows[i].sobject == "Account"]
        if len(set(accounts)) < 2:
            return
        self.org.merge(master, [loser])
        for row in self.rows.values():
            if row.parent == loser:
                row.parent = master
                row.values["AccountId"] = master
                row.stamp = self.now
        self.rows[master].stamp = self.now
        lost = self.rows[loser]
        lost.root, lost.in_bin, lost.stamp, lost.gone_at = loser, True, self.now, self.now + BIN
        self.log[loser] = ("Account", self.now)

    @rule(minutes=st.integers(1, 90))
    def minutes_pass(self, minutes: int) -> None:
        self._pass(timedelta(minutes=minutes))

    @rule(days=st.integers(1, 9))
    def days_pass(self, days: int) -> None:
        self._pass(timedelta(days=days))

    def _pass(self, step: timedelta) -> None:
        self.clock.advance(seconds=step.total_seconds())
        now = self.clock.now()
        for record_id in [
            i for i, row in self.rows.items() if row.gone_at is not None and row.gone_at <= now
        ]:
            del self.rows[record_id]

    @rule(target=transactions)
    def open_transaction(self) -> int:
        transaction = self.org.transaction()
        self.open[id(transaction)] = (transaction, self.now, {})
        return id(transaction)

    @rule(key=transactions, text=texts)
    def write_late(self, key: int, text: str) -> None:
        if key not in self.open:
            return
        transaction, _, written = self.open[key]
        values = VALUES["Account"](text)
        written[transaction.create("Account", values)] = Row("Account", values, None, self.now)

    @rule(target=records, key=consumes(transactions), keep=st.booleans())
    def end_transaction(self, key: int, keep: bool) -> Any:
        if key not in self.open:
            return multiple()
        transaction, _, written = self.open.pop(key)
        if not keep:
            transaction.rollback()
            return multiple()
        transaction.commit()
        self.rows |= written
        return multiple(*written)

    # what must hold

    @invariant()
    def rows_agree(self) -> None:
        for sobject in VALUES:
            stored = {row["Id"]: row for row in self.org.rows(sobject)}
            model = {i: row for i, row in self.rows.items() if row.sobject == sobject}
            assert stored.keys() == model.keys()
            for record_id, row in model.items():
                found = stored[record_id]
                assert {name: found[name] for name in row.values} == row.values
                assert found["IsDeleted"] == (row.root is not None)
                assert found["CreatedDate"] == text_of(row.created)
                assert found["SystemModstamp"] == text_of(row.stamp)

    @invariant()
    def replication_agrees(self) -> None:
        end = self.clock.now() + timedelta(minutes=1)
        covered = min((opened for _, opened, _ in self.open.values()), default=self.now)
        for sobject in VALUES:
            window = self.org.updated(sobject, end - timedelta(days=2), end)
            since = (end - timedelta(days=2)).replace(second=0)
            assert dict(window.records) == {
                i: row.stamp
                for i, row in self.rows.items()
                if row.sobject == sobject and row.root is None and row.stamp >= since
            }
            assert window.latest_covered == covered
            start = max(
                self.clock.now() - timedelta(days=14), self.org.replication.log_from + timedelta(minutes=1)
            )
            if start >= end - timedelta(minutes=1):
                continue
            told = self.org.deleted(sobject, start, end)
            first = start.replace(second=0, microsecond=0)
            assert dict(told.records) == {
                i: moment for i, (kind, moment) in self.log.items() if kind == sobject and moment >= first
            }


def ids_of(answer: dict[str, Any]) -> set[str]:
    assert answer["done"] is True
    ids = {record["Id"] for record in answer["records"]}
    assert len(ids) == answer["totalSize"]
    return ids


def text_of(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=400 if LONG else 25,
    stateful_step_count=80 if LONG else 40,
    deadline=None,
)
