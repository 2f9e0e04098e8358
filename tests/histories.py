"""What may happen to an org between and during syncs, as rules of a state machine.

One change leaves no trace that an API client could see: a field removed and made again with its old name and type
between two syncs. Histories leave it out; docs/how-it-works.md says so.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from salesforce_simulator.clock import Clock
from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.faults import Action  # noqa: TC001 - hypothesis reads annotations
from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import add_demo_login
from salesforce_simulator.transactions import Transaction  # noqa: TC001 - hypothesis reads annotations
from salesforce_simulator.users import Permissions
from tests.fix_org import OrgServer
from tests.history_things import (
    CUSTOM,
    DOUBLES,
    FIELDS,
    HIDEABLE,
    LONGEST_TRANSACTION,
    VALUES,
    faults,
    words,
)

SINCE = st.sampled_from(["", "2001-01-01"])


class OrgHistories(RuleBasedStateMachine):
    """Changes of an org and faults of its server, in any order; a subclass syncs, and adds rules that compare.

    Attributes:
        since: The setting `start_date`; all rows are later, but queries of every row have a window then.
        deselected: Properties of accounts that a catalog file leaves out.
        kinds: Types that custom fields take.
        dropped: Fields that left their name since a sync was last complete: object, name, type.
    """

    kinds: ClassVar[tuple[str, ...]] = tuple(VALUES)
    deselectable: ClassVar[frozenset[str]] = frozenset({"name", "industry", "number_of_employees"})

    def begin_with(self, since: str) -> None:
        """Make an org; a subclass calls it first of all."""
        self.since = since
        self.clock = Clock(datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC), frozen=True)
        self.org = Org(clock=self.clock)
        add_demo_login(self.org)
        self._serving = serve(self.org)
        self.server = OrgServer(self._serving.__enter__())
        self.deselected: set[str] = set()
        self.transaction: Transaction | None = None
        self.opened = self.clock.now()
        self.dropped: set[tuple[str, str, str]] = set()
        self.cache = tempfile.mkdtemp()
        self.prepare()

    def prepare(self) -> None:
        """Sync for the first time."""

    def teardown(self) -> None:
        if hasattr(self, "_serving"):
            self._serving.__exit__(None, None, None)
            self.org.close()
            shutil.rmtree(self.cache)

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

    def one_of_kinds(self, kind: str) -> str:
        """The type, or another one in its place where a history does without it."""
        return kind if kind in self.kinds else self.kinds[0]

    def custom(self) -> list[str]:
        """The custom objects that there are."""
        return [name for name in CUSTOM if self.org.schema.get(name) is not None]

    def fields(self) -> list[tuple[str, str]]:
        """The custom fields that there are, each with its object."""
        return [
            (sobject, name)
            for sobject in ("Account", *self.custom())
            for name in FIELDS
            if self.org.object(sobject).field(name) is not None
        ]

    def drop(self, sobject: str, name: str) -> str:
        """Note that a field leaves its name; gives its type."""
        field = self.org.object(sobject).field(name)
        assert field is not None
        self.dropped.add((sobject, name, field.type))
        return field.type

    @rule(data=st.data(), name=st.sampled_from(FIELDS), kind=st.sampled_from([*VALUES]))
    def add_field(self, data: st.DataObject, name: str, kind: str) -> None:
        sobject = data.draw(st.sampled_from(["Account", *self.custom()]))
        kind = self.one_of_kinds(kind)
        if self.org.object(sobject).field(name) is None and (sobject, name, kind) not in self.dropped:
            self.org.add_field(sobject, custom_field(name, kind))
            self.fill(data, sobject, name)

    @rule(data=st.data())
    def fill_field(self, data: st.DataObject) -> None:
        if fields := self.fields():
            self.fill(data, *data.draw(st.sampled_from(fields)))

    def fill(self, data: st.DataObject, sobject: str, name: str) -> None:
        field = self.org.object(sobject).field(name)
        if field is not None and (record_id := self.pick(data, sobject)):
            self.org.update(record_id, {name: VALUES[field.type]})

    @rule(data=st.data())
    def remove_field(self, data: st.DataObject) -> None:
        if fields := self.fields():
            sobject, name = data.draw(st.sampled_from(fields))
            self.drop(sobject, name)
            self.org.remove_field(sobject, name)

    @rule(data=st.data(), kind=st.sampled_from([*VALUES]))
    def make_field_anew(self, data: st.DataObject, kind: str) -> None:
        """A field is removed and another one with its name takes its place, of another type."""
        if fields := self.fields():
            kind = self.one_of_kinds(kind)
            sobject, name = data.draw(st.sampled_from(fields))
            self.drop(sobject, name)
            self.org.remove_field(sobject, name)
            if (sobject, name, kind) not in self.dropped:
                self.org.add_field(sobject, custom_field(name, kind))
                self.fill(data, sobject, name)

    @rule(data=st.data(), other=st.sampled_from(FIELDS))
    def rename_field(self, data: st.DataObject, other: str) -> None:
        if fields := self.fields():
            sobject, name = data.draw(st.sampled_from(fields))
            field = self.org.object(sobject).field(name)
            assert field is not None
            free = self.org.object(sobject).field(other) is None
            if free and (sobject, other, field.type) not in self.dropped:
                self.drop(sobject, name)
                self.org.rename_field(sobject, name, other)

    @rule(data=st.data(), kind=st.sampled_from([*VALUES]), hides=st.booleans())
    def put_double_in_place(self, data: st.DataObject, kind: str, hides: bool) -> None:
        """A field is hidden or removed, and one that wants its column comes; `permit` shows the first again."""
        kind = self.one_of_kinds(kind)
        there = self.fields()
        doubles = [
            (sobject, name, double)
            for sobject, name in there
            for double in DOUBLES.get(name, ())
            if (sobject, double) not in there and (sobject, double, kind) not in self.dropped
        ]
        if doubles:
            sobject, name, double = data.draw(st.sampled_from(doubles))
            if hides:
                permissions = Permissions().without_field(f"{sobject}.{name}")
                self.org.set_permissions(self.server.user.username, permissions)
            else:
                self.drop(sobject, name)
                self.org.remove_field(sobject, name)
            self.org.add_field(sobject, custom_field(double, kind))
            self.fill(data, sobject, double)

    @rule(data=st.data(), name=st.sampled_from(CUSTOM), kind=st.sampled_from([*VALUES]))
    def add_object(self, data: st.DataObject, name: str, kind: str) -> None:
        if name not in self.custom():
            kind = self.one_of_kinds(kind)
            self.org.add_object(custom_object(name, [custom_field(FIELDS[0], kind)]))
            self.org.create(name, {"Name": "first"})
            self.fill(data, name, FIELDS[0])

    @rule(name=st.sampled_from(CUSTOM))
    def remove_object(self, name: str) -> None:
        if name in self.custom():
            self.org.remove_object(name)

    @rule(data=st.data(), name=words, act=st.sampled_from(["create", "update", "delete", "hard delete"]))
    def change_custom(self, data: st.DataObject, name: str, act: str) -> None:
        if not (objects := self.custom()):
            return
        sobject = data.draw(st.sampled_from(objects))
        if act == "create":
            self.org.create(sobject, {"Name": name[:80]})
        elif record_id := self.pick(data, sobject):
            if act == "update":
                self.org.update(record_id, {"Name": name[:80]})
            elif self.transaction is None:
                (self.org.delete if act == "delete" else self.org.hard_delete)(record_id)

    @rule(
        fields=st.sets(st.sampled_from(HIDEABLE), max_size=3),
        objects=st.sets(st.sampled_from(["Contact", "Task"]), max_size=1),
    )
    def permit(self, fields: set[str], objects: set[str]) -> None:
        """What the user may see changes: nothing is hidden but these."""
        permissions = Permissions().without_field(*fields).without_object(*objects)
        self.org.set_permissions(self.server.user.username, permissions)

    @rule(names=st.sets(st.sampled_from(["name", "industry", "number_of_employees"]), max_size=2))
    def select_otherwise(self, names: set[str]) -> None:
        self.deselected = names & self.deselectable

    @rule(fault=faults, nth=st.integers(1, 6))
    def fault(self, fault: tuple[Action, str], nth: int) -> None:
        action, path = fault
        self.server.faults.add(action, path=path, nth=nth)
