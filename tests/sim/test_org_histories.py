"""Random histories of changes: the org, its delete log and its watermarks agree with a model in plain Python."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from salesforce_simulator.clock import Clock
from salesforce_simulator.errors import ApiError
from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import add_demo_login
from tests.fix_org import OrgServer
from tests.levels import at_level
from tests.sim.agreement import check_changes, check_describes, check_rows, text_of
from tests.sim.api import Api
from tests.sim.history_model import (
    CHILDREN,
    CUSTOM,
    DETAILS,
    RESTRICTING,
    SETTABLE,
    VALUES,
    Row,
    texts,
    visit,
)

if TYPE_CHECKING:
    from salesforce_simulator.transactions import Transaction

BIN = timedelta(days=15)


class Histories(RuleBasedStateMachine):
    """Changes to objects that hang on each other and to their metadata, with transactions that commit late."""

    records = Bundle("records")
    transactions = Bundle("transactions")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(datetime(2026, 3, 2, 9, tzinfo=UTC), frozen=True)
        self.org = Org(clock=self.clock)
        add_demo_login(self.org)
        self.rows: dict[str, Row] = {}
        self.log: dict[str, tuple[str, datetime]] = {}
        self.open: dict[int, tuple[Transaction, datetime, dict[str, Row]]] = {}
        self.fields = {name: list(self.org.object(name).fields) for name in VALUES if name != "Visit__c"}
        self.seen: dict[str, tuple[str, Any]] = {}
        self.touched: set[str] = set()
        self.running = ExitStack()
        self.running.callback(self.org.close)
        self.served = OrgServer(self.running.enter_context(serve(self.org)))

    def teardown(self) -> None:
        with self.running:
            self.every_interface_agrees()

    def every_interface_agrees(self) -> None:
        """At the end of a history, what clients see by each way is the same."""
        api = Api(self.served)
        check_describes(api, self.fields, VALUES.keys() - self.fields.keys())
        log_is_whole = self.clock.now() - timedelta(days=1) > self.org.replication.log_from
        for sobject in self.fields:
            check_rows(api, self.org, sobject)
            log = {i: moment for i, (kind, moment) in self.log.items() if kind == sobject}
            check_changes(api, self.org, sobject, log, log_is_whole=log_is_whole)

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
                if row.parent == each
                and row.root is None
                and i not in found
                and row.sobject not in RESTRICTING
            ]
        return found

    def forbidden(self, record_id: str) -> bool:
        """Whether a living record forbids to delete this one."""
        return any(
            row.parent == record_id and row.root is None and row.sobject in RESTRICTING
            for row in self.rows.values()
        )

    def vanish(self, gone: list[str]) -> None:
        """These are no more; lookups at them are emptied."""
        for each in gone:
            del self.rows[each]
        for row in self.rows.values():
            if row.sobject in RESTRICTING and row.parent in gone:
                row.parent = row.values[CHILDREN[row.sobject][0]] = None
                row.stamp = self.now

    def fitted(self, row: Row) -> Row:
        """A row with what it has in the custom fields that there are, and nothing in those that are gone."""
        there = CUSTOM.keys() & set(self.fields[row.sobject])
        row.values = {name: CUSTOM[name][1] for name in there} | {
            name: value for name, value in row.values.items() if name in there or name not in CUSTOM
        }
        return row

    def refused(self, change: Any, *codes: str) -> None:
        with pytest.raises(ApiError) as error:
            change()
        assert error.value.error_code in codes

    # rules

    @rule(target=records, text=texts)
    def create_account(self, text: str) -> str:
        values = VALUES["Account"](text)
        record_id = self.org.create("Account", values)
        self.rows[record_id] = self.fitted(Row("Account", values, None, self.now))
        return record_id

    @rule(target=records, parent=records, kind=st.sampled_from(sorted(CHILDREN)), text=texts)
    def create_child(self, parent: str, kind: str, text: str) -> Any:
        reference, above = CHILDREN[kind]
        values = {**VALUES[kind](text), reference: parent}
        if kind not in self.fields:
            self.refused(lambda: self.org.create(kind, values), "INVALID_TYPE")
            return multiple()
        if parent[:3] not in {self.org.object(name).key_prefix for name in above}:
            self.refused(lambda: self.org.create(kind, values), "FIELD_INTEGRITY_EXCEPTION")
            return multiple()
        if not self.living(parent):
            self.refused(
                lambda: self.org.create(kind, values), "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"
            )
            return multiple()
        record_id = self.org.create(kind, values)
        self.rows[record_id] = self.fitted(Row(kind, values, parent, self.now))
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
        if self.forbidden(record):
            self.refused(lambda: self.org.delete(record), "DELETE_FAILED")
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
        if row.parent is not None and not self.living(row.parent) and row.sobject not in RESTRICTING:
            if row.sobject in DETAILS:
                self.refused(lambda: self.org.undelete(record), "UNDELETE_FAILED")
                return
            row.parent = row.values[CHILDREN[row.sobject][0]] = None
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
        if self.living(record) and self.forbidden(record):
            self.refused(lambda: self.org.hard_delete(record), "DELETE_FAILED")
            return
        self.org.hard_delete(record)
        found = [record]
        for each in found:
            found += [
                i
                for i, row in self.rows.items()
                if row.parent == each and i not in found and row.sobject not in RESTRICTING
            ]
        for each in found:
            self.log.setdefault(each, (self.rows[each].sobject, self.now))
        self.vanish(found)

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
                row.parent = row.values[CHILDREN[row.sobject][0]] = master
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
        self.vanish([i for i, row in self.rows.items() if row.gone_at is not None and row.gone_at <= now])

    @rule(record=records)
    def archive(self, record: str) -> None:
        if self.living(record) and self.rows[record].sobject == "Task":
            self.org.archive([record])
            self.rows[record].stamp = self.now

    # metadata

    @rule(sobject=st.sampled_from(sorted(VALUES)), name=st.sampled_from(sorted(CUSTOM)))
    def add_or_remove_field(self, sobject: str, name: str) -> None:
        if sobject not in self.fields:
            self.refused(lambda: self.org.add_field(sobject, CUSTOM[name][0]()), "INVALID_TYPE")
            return
        if name in self.fields[sobject]:
            self.org.remove_field(sobject, name)
            self.fields[sobject].remove(name)
        else:
            self.org.add_field(sobject, CUSTOM[name][0]())
            self.fields[sobject].append(name)
        self.touched |= {"", sobject, *CUSTOM[name][0]().reference_to}
        for row in self.rows.values():
            if row.sobject == sobject:
                self.fitted(row)

    @rule()
    def add_or_remove_object(self) -> None:
        self.touched |= {"", "Visit__c", "Account"}
        if "Visit__c" not in self.fields:
            self.org.add_object(visit())
            self.fields["Visit__c"] = list(self.org.object("Visit__c").fields)
            return
        self.org.remove_object("Visit__c")
        if "Other__c" in self.fields["Visit__c"]:
            self.touched.add("Case")
        del self.fields["Visit__c"]
        self.rows = {i: row for i, row in self.rows.items() if row.sobject != "Visit__c"}
        self.log = {i: entry for i, entry in self.log.items() if entry[0] != "Visit__c"}

    @rule(record=records, name=st.sampled_from(sorted(SETTABLE)), data=st.data())
    def set_custom(self, record: str, name: str, data: st.DataObject) -> None:
        value = data.draw(SETTABLE[name])
        if not self.living(record):
            return
        row = self.rows[record]
        if name not in self.fields[row.sobject]:
            self.refused(lambda: self.org.update(record, {name: value}), "INVALID_FIELD")
            return
        self.org.update(record, {name: value})
        row.values[name] = value
        row.stamp = self.now

    @rule(sobject=st.sampled_from(["", *sorted(VALUES)]))
    def describe_again(self, sobject: str) -> None:
        """A describe that may have changed is sent, one that cannot have is not; `""` is describe global."""
        api = Api(self.served)
        path = f"sobjects/{sobject}/describe" if sobject else "sobjects"
        answer = api.get(path)
        if sobject and sobject not in self.fields:
            assert answer.status_code == 404
            return
        if sobject in self.seen:
            moment, body = self.seen[sobject]
            again = api.get(path, headers={"If-Modified-Since": moment})
            assert again.status_code in (200, 304)
            if answer.json() != body:
                assert again.json() == answer.json()
            elif sobject not in self.touched:
                assert again.status_code == 304
        self.seen[sobject] = answer.headers["Last-Modified"], answer.json()
        self.touched -= {sobject}

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
        self.rows |= {i: self.fitted(row) for i, row in written.items()}
        return multiple(*written)

    # what must hold

    @invariant()
    def rows_agree(self) -> None:
        for sobject in self.fields:
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
        for sobject in self.fields:
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


Histories.TestCase.settings = settings(
    max_examples=at_level(normal=15, wide=80, long=150),
    stateful_step_count=at_level(normal=40, wide=40, long=60),
    deadline=None,
)
TestHistories = pytest.mark.timeout(at_level(normal=300, wide=900, long=1800))(Histories.TestCase)
