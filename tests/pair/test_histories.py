"""Whatever happens to the org and between the halves, the real tables hold what the org holds, through every emitter.

A run that cannot be complete fails aloud, and the tables hold nothing wrong after it.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from salesforce_simulator.custom import custom_field
from salesforce_simulator.users import Permissions
from tests.fix_warehouse import open_warehouse
from tests.histories import SINCE, OrgHistories
from tests.history_things import CUSTOM, STANDARD, words
from tests.levels import REPEATABLE, at_level, search, slow
from tests.pair.choices import CHOICES, SAME_TABLE, SAME_TARGET, TABLE, Choices, all_pairs, pairs
from tests.pair.views import DROPPED, View
from tests.pair.world import World, actions_of

if TYPE_CHECKING:
    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse


WINDOWS = ((1_000_000, 100_000), (2, 2), (1_000_000, 2))
"""Rows of a window, and of a page as Salesforce lists it."""


EACH = [
    pytest.param(choices, id=str(choices), marks=[slow] if number % 2 else [])
    for number, choices in enumerate(TABLE)
]
"""Half of the table with each change, all of it in CI."""


def test_every_two_choices_meet() -> None:
    assert set().union(*map(pairs, TABLE)) == set(all_pairs())


@pytest.mark.parametrize("choices", EACH)
def test_two_choices_that_meet_spoil_nothing(
    choices: Choices, org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    org = org_server.org
    org.clock.freeze()
    view = View(choices.emitter, choices.naming, choices.target)
    names = ("Account", "Contact", "AccountContactRole", "Document")
    world = World(org_server, warehouse, view, tmp_path, [*names], names)
    world.between = lambda: later(org)
    number = TABLE.index(choices)
    more: dict[str, Any] = {"bulk_page_size": 2, "bulk_threshold": 3, "refresh_fields": ["Account.Industry"]}
    more["split_rows"], org_server.server.settings.bulk_page_rows = WINDOWS[number % len(WINDOWS)]
    more["start_date"] = "2001-01-01" if number % 4 > 1 else ""
    first_days(org)
    # What was not selected at first has to be filled in for rows that do not change.
    world.deselected = {"NumberOfEmployees"}
    first = choices.but(trouble="none", deletes="all")
    if number % 3:
        first = first.but(masks="no masks")
    world.sync(first.but(files="no files") if number % 2 else first, more=more)
    world.deselected = set()
    if choices.target == "quarantine":
        refuse(world, "Shipping")
    a_day(org)
    hides_for_another(org, org_server.user.username)
    world.sync(choices, more=more, cut=(number % 7 + 1) / 8, nth=number)
    shows_again(org, org_server.user.username)
    for nth in range(len(actions_of(choices))):
        later(org)
        world.sync(choices, more=more, nth=nth)
    org.create("Contact", {"LastName": "Late"})
    for row in org.rows("Account"):
        if row["Industry"] in world.refused:
            org.update(row["Id"], {"Industry": "Energy"})
    world.refused.clear()
    org.clock.advance(hours=3)
    world.sync(choices.but(trouble="none"), more=more)
    world.sync(choices.but(trouble="none", deletes="sweep"), more=more)


def refuse(world: World, industry: str) -> None:
    """Let the table refuse accounts of an industry."""
    table, column = ("accounts", "industry") if world.view.naming == "segment" else ("Account", "Industry")
    world.warehouse.execute(f'ALTER TABLE {{schema}}."{table}" ADD CHECK ("{column}" <> \'{industry}\')')
    world.refused.add(industry)


def later(org: Org) -> None:
    """A new account, a new contact, and time to see them."""
    org.create("Contact", {"LastName": "Acme"})
    org.create("Account", {"Name": "Acme", "NumberOfEmployees": 5})
    org.clock.advance(hours=3)


def first_days(org: Org) -> None:
    """Accounts with contacts and roles; an account that the filter drops; files."""
    org.add_field("Account", custom_field("More_Extra__c", "string"))
    for name in ("Acme", DROPPED, "Borg", "Cyberdyne", 'Über "quoted"\nlines'):
        account = org.create("Account", {"Name": name, "Industry": "Energy", "NumberOfEmployees": 5})
        org.update(account, {"More_Extra__c": "first"})
        contact = org.create("Contact", {"LastName": name[:40], "AccountId": account})
        org.create("AccountContactRole", {"AccountId": account, "ContactId": contact, "Role": "Other"})
    folder = org.create("Folder", {"Name": "Files", "Type": "Document", "AccessType": "Public"})
    for name in ("changes", "goes", "stays"):
        org.create("Document", {"Name": name, "FolderId": folder, "Body": content(name)})
    org.clock.advance(hours=3)


def hides_for_another(org: Org, user: str) -> None:
    """A field is hidden, and another one comes that wants its column."""
    org.set_permissions(user, Permissions().without_field("Account.More_Extra__c"))
    org.add_field("Account", custom_field("MoreExtra__c", "string"))
    org.update(org.create("Account", {"Name": "Fabrikam"}), {"MoreExtra__c": "second"})
    org.clock.advance(hours=3)


def shows_again(org: Org, user: str) -> None:
    """The hidden field is seen again."""
    org.set_permissions(user, Permissions())
    org.clock.advance(hours=3)


def content(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def a_day(org: Org) -> None:
    """A row of each kind of news: new, changed, in the bin, gone; dropped by the filter by now; a new field."""
    ids = {row["Name"]: row["Id"] for row in org.rows("Account")}
    org.update(ids["Acme"], {"Name": "Acme Corporation", "Industry": "Shipping"})
    org.update(ids["Borg"], {"Name": DROPPED})
    org.delete(ids["Cyberdyne"])
    contacts = {row["LastName"]: row["Id"] for row in org.rows("Contact")}
    org.hard_delete(contacts["Acme"])
    files = {row["Name"]: row["Id"] for row in org.rows("Document")}
    org.update(files["changes"], {"Body": content("changed")})
    org.delete(files["goes"])
    org.add_field("Account", custom_field("Extra__c", "string"))
    org.update(ids[DROPPED], {"Extra__c": "filled"})
    org.update(org.create("Account", {"Name": "Dunder", "Extra__c": "new"}), {"Industry": "Energy"})
    gone = org.create("Account", {"Name": "Evil"})
    org.clock.advance(hours=26)
    org.hard_delete(gone)
    org.hard_delete(ids['Über "quoted"\nlines'])
    org.clock.advance(hours=3)


class PairHistories(OrgHistories):
    """Changes, faults, and runs of the pair, in any order; emitters that make other tables keep to their own history."""

    # A column that becomes one of a type that does not hold its values is refused by the target, as it should be.
    kinds: ClassVar[tuple[str, ...]] = ("string", "textarea", "double")
    url: ClassVar[str]
    emitters: ClassVar[tuple[str, ...]]
    targets: ClassVar[tuple[str, ...]]
    naming: ClassVar[str]

    @initialize(since=SINCE)
    def start(self, since: str) -> None:
        self.begin_with(since)

    def prepare(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self._warehouse = open_warehouse(self.url)
        view = View(self.emitters[0], self.naming, self.targets[0])
        names = (*STANDARD, "Document", *CUSTOM)
        folder = {"Name": "Files", "Type": "Document", "AccessType": "Public"}
        self.documents = self.org.create("Folder", folder)
        pattern = "*visit_c" if self.naming == "segment" else "*Visit__c"
        self.world = World(
            self.server,
            self._warehouse.__enter__(),
            view,
            self.folder,
            [*STANDARD, "Document", pattern],
            names,
        )
        first = Choices(emitter=self.emitters[0], naming=self.naming, target=self.targets[0])
        self.world.sync(first, more={"start_date": self.since})

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)
            self._warehouse.__exit__(None, None, None)
        super().teardown()

    @rule(data=st.data(), name=words, act=st.sampled_from(["create", "update", "delete", "hard delete"]))
    def change_file(self, data: st.DataObject, name: str, act: str) -> None:
        values = {"Name": name[:80], "Body": content(name)}
        if act == "create":
            self.org.create("Document", {**values, "FolderId": self.documents})
        elif record_id := self.pick(data, "Document"):
            if act == "update":
                self.org.update(record_id, values)
            elif self.transaction is None:
                (self.org.delete if act == "delete" else self.org.hard_delete)(record_id)

    @rule(
        data=st.data(),
        trouble=st.sampled_from(CHOICES["trouble"]),
        reader=st.sampled_from(CHOICES["reader"]),
        deletes=st.sampled_from(CHOICES["deletes"]),
        partial_rows=st.sampled_from(CHOICES["partial_rows"]),
        files=st.sampled_from(CHOICES["files"]),
        filters=st.sampled_from(CHOICES["filters"]),
        masks=st.sampled_from(CHOICES["masks"]),
        states=st.sampled_from(CHOICES["states"]),
        threshold=st.integers(0, 5),
        page=st.integers(1, 4),
        cut=st.floats(0, 1),
        nth=st.integers(0, 35),
        windows=st.sampled_from(WINDOWS),
    )
    def sync(
        self,
        *,
        data: st.DataObject,
        trouble: str,
        reader: str,
        deletes: str,
        partial_rows: str,
        files: str,
        filters: str,
        masks: str,
        states: str,
        threshold: int,
        page: int,
        cut: float,
        nth: int,
        windows: tuple[int, int],
    ) -> None:
        """A run with its trouble, then runs until nothing is in the way."""
        emitter = data.draw(st.sampled_from(self.emitters))
        target = data.draw(st.sampled_from(self.targets))
        choices = Choices(
            emitter,
            trouble,
            reader,
            deletes,
            self.naming,
            partial_rows,
            files,
            filters,
            masks,
            states,
            target,
        )
        names = {"name": "Name", "industry": "Industry", "number_of_employees": "NumberOfEmployees"}
        wanted = {names[name] for name in self.deselected}
        self.world.deselected = wanted - ({"Name"} if self.world.view.needs_name else set())
        more: dict[str, Any] = {"bulk_threshold": threshold, "bulk_page_size": page, "cache_dir": self.cache}
        more["start_date"] = self.since
        more["split_rows"], self.server.server.settings.bulk_page_rows = windows
        self.world.sync(choices, more=more, cut=cut, nth=nth)
        self.dropped.clear()

    @rule(
        data=st.data(),
        trouble=st.sampled_from(["none", "none", "cut", "torn"]),
        reader=st.sampled_from(CHOICES["reader"]),
        deletes=st.sampled_from(CHOICES["deletes"]),
        partial_rows=st.sampled_from(CHOICES["partial_rows"]),
        filters=st.sampled_from(CHOICES["filters"]),
        states=st.sampled_from(CHOICES["states"]),
        hours=st.integers(0, 40),
        only=st.sampled_from(["", "Account", "Contact"]),
        cut=st.floats(0, 1),
        runs=st.integers(1, 3),
        windows=st.sampled_from(WINDOWS),
    )
    def sync_until(
        self,
        *,
        data: st.DataObject,
        hours: int,
        only: str,
        cut: float,
        runs: int,
        windows: tuple[int, int],
        **drawn: str,
    ) -> None:
        """Runs with an `end_date`, of all objects or of one."""
        chosen = {"emitter": self.emitters, "target": self.targets}
        picked = {name: data.draw(st.sampled_from(values)) for name, values in chosen.items()}
        end = (self.org.clock.now() - timedelta(hours=hours)).isoformat()
        more: dict[str, Any] = {"bulk_threshold": 2, "bulk_page_size": 2, "cache_dir": self.cache}
        more["start_date"] = self.since
        more["end_date"] = {only: end} if only else end
        more["split_rows"], self.server.server.settings.bulk_page_rows = windows
        choices = Choices(**picked, **drawn, naming=self.naming)
        self.world.until_a_date(choices, more=more, cut=cut, runs=runs)


FAMILIES = [SAME_TABLE, *((name,) for name in CHOICES["emitter"] if name not in SAME_TABLE)]
MACHINES = [
    *((emitters, SAME_TARGET, naming) for emitters in FAMILIES for naming in CHOICES["naming"]),
    (SAME_TABLE, ("map",), "segment"),
    (SAME_TABLE, ("append",), "salesforce"),
    (("filter",), ("append",), "segment"),
    (("mask",), ("map",), "salesforce"),
]


@search
@pytest.mark.timeout(at_level(normal=600, wide=1800, long=7200))
@pytest.mark.parametrize(
    ("emitters", "targets", "naming"), MACHINES, ids=lambda part: part if isinstance(part, str) else part[0]
)
def test_histories(
    warehouse_url: str, emitters: tuple[str, ...], targets: tuple[str, ...], naming: str
) -> None:
    drawn = {"url": warehouse_url, "emitters": emitters, "targets": targets, "naming": naming}
    machine = type("Machine", (PairHistories,), drawn)
    run_state_machine_as_test(
        machine,
        settings=settings(
            derandomize=REPEATABLE,
            max_examples=at_level(normal=3, wide=15, long=60),
            stateful_step_count=at_level(normal=30, wide=40, long=60),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
