"""`sfsource verify` proves that the warehouse holds what the org holds, names what differs, and repairs it."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesforce_simulator.custom import custom_field
from salesforce_simulator.errors import ApiError
from tests.command.running import sfsource
from tests.command.verifying import Verified, copied, fill, ids, lost, spoilt
from tests.levels import at_level, slow
from tests.pair.store import differences
from tests.tap.test_check import add_permission_object

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse


def test_the_example_company_is_equal_in_about_ten_calls(
    company_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    verified = Verified(company_server, warehouse, tmp_path)
    verified.sync()
    company_server.ledger.clear()
    found = verified("--sample", "0")
    assert {part["status"] for part in found.values()} == {"equal"}, found
    asked = [call for call in company_server.ledger.calls if any(part.soql for part in call.parts)]
    assert len(asked) <= 12, [(call.path, len(call.parts)) for call in company_server.ledger.calls]
    assert found["tasks"]["org_rows"] == found["tasks"]["warehouse_rows"] > 0
    found = verified()
    assert {part["status"] for part in found.values()} == {"equal"}, found
    assert found["accounts"]["compared"] > 0
    found = verified("--full")
    assert {part["status"] for part in found.values()} == {"equal"}, found
    assert all(part["compared"] == part["warehouse_rows"] for part in found.values() if part["as_of"])


OBJECTS = ["Account", "Contact", "Task", "AccountContactRole"]


@pytest.fixture
def verified(org_server: OrgServer, warehouse: Warehouse, tmp_path: Path) -> Verified:
    """Accounts, contacts and tasks of some days; some in the bin, some gone, some archived."""
    verified = Verified(org_server, warehouse, tmp_path, objects=OBJECTS)
    fill(verified.org)
    verified.sync()
    assert verified.org.rows("Account")[-1]["Id"] == GONE
    verified.org.hard_delete(GONE)
    verified.sync()
    return verified


Found = tuple[str, str, str]


def deeds(org: Org) -> dict[str, tuple[str, Found]]:
    """What happens behind the back of the pair, and what verify has to say: collection, kind, id."""
    accounts, contacts, tasks = (ids(org, name) for name in ("Account", "Contact", "Task"))
    strange = f"{accounts[0][:12]}zzz"
    doubled = "ALTER TABLE {schema}.contacts DROP CONSTRAINT contacts_pkey; "
    return {
        "changed": (
            spoilt("accounts", accounts[1], "number_of_employees = 17"),
            ("accounts", "differs", accounts[1]),
        ),
        "lost": (lost("accounts", accounts[2]), ("accounts", "missing", accounts[2])),
        "lost, archived": (lost("tasks", tasks[0]), ("tasks", "missing", tasks[0])),
        "marked": (
            spoilt("accounts", accounts[3], "is_deleted = true"),
            ("accounts", "marked", accounts[3]),
        ),
        "resurrected": (spoilt("tasks", tasks[2], "is_deleted = false"), ("tasks", "in_bin", tasks[2])),
        "gone": (spoilt("accounts", GONE, "is_deleted = false"), ("accounts", "gone", GONE)),
        "doubled by another key": (
            copied("accounts", accounts[4], f"id = '{strange}'"),
            ("accounts", "no_id", strange),
        ),
        "doubled": (
            doubled + copied("contacts", contacts[1], "last_name = 'x'"),
            ("contacts", "doubled", contacts[1]),
        ),
    }


GONE = "001Hs0000000007IAA"


@pytest.mark.parametrize("how", [(), ("--full",)], ids=["counts", "full"])
def test_all_deeds_are_found_and_repaired(verified: Verified, how: tuple[str, ...]) -> None:
    todo = deeds(verified.org)
    for statements, _ in todo.values():
        verified.warehouse.execute(statements)
    state = json.dumps(verified.pair.state)
    assert verified.differences(*how) == {found for _, found in todo.values()}
    assert verified.differences("--repair", *how, status=0) == set()
    assert verified.differences("--full", status=0) == set()
    assert json.dumps(verified.pair.state) == state
    verified.sync()
    assert differences(verified.warehouse, verified.org, ["Task"]) == []


def test_a_row_that_is_gone_while_the_log_was_purged_is_found(verified: Verified) -> None:
    gone = ids(verified.org, "Contact")[3]
    verified.org.hard_delete(gone)
    verified.org.clock.advance(days=20)
    verified.org.replication.log_from = verified.org.clock.now()
    # Nothing tells it from a row that is not shared with the user any more.
    assert verified.differences() == {("contacts", "hidden", gone)}
    add_permission_object(verified.server, view_all=True)
    assert verified.differences() == {("contacts", "gone", gone)}
    assert verified.differences("--repair", status=0) == set()
    assert verified.pair.deleted("contacts") >= {gone}


def test_what_came_after_the_bookmark_is_no_difference(verified: Verified) -> None:
    org = verified.org
    first, second, third = ids(org, "Account")[:3]
    org.create("Account", {"Name": "new"})
    org.update(first, {"Name": "other"})
    org.delete(second)
    org.undelete(ids(org, "Task")[2])
    org.hard_delete(ids(org, "Contact")[4])
    for how in ([], ["--full"]):
        assert verified.differences(*how, status=0) == set(), how
    # What was lost before is found among what has changed since, although the counts are the same.
    verified.warehouse.execute(f"DELETE FROM {{schema}}.accounts WHERE id = '{third}'")
    org.create("Account", {"Name": "newer"})
    for how in ([], ["--full"]):
        assert verified.differences(*how) == {("accounts", "missing", third)}, how
    assert verified.differences("--repair", status=0) == set()


def test_a_sync_that_runs_beside_makes_no_difference(verified: Verified) -> None:
    org, before = verified.org, verified.pair.state
    for number, record_id in enumerate(ids(org, "Account")):
        org.update(record_id, {"Name": f"new {number}"})
    org.create("Account", {"Name": "newer"})
    verified.sync()
    after, verified.pair.state = verified.pair.state, before
    org.update(ids(org, "Account")[0], {"Name": "newest"})
    for how in ([], ["--full"]):
        assert verified.differences(*how, status=0) == set(), "the tables are ahead of the state"
    # Repaired rows are those of now, whatever the state is.
    verified.warehouse.execute("UPDATE {schema}.contacts SET last_name = 'x'")
    assert verified.differences("--repair", status=0) == set()
    verified.pair.state = after
    assert verified.differences("--full", status=0) == set()


def test_values_are_shown_on_request_only(verified: Verified) -> None:
    account = ids(verified.org, "Account")[0]
    verified.warehouse.execute(f"UPDATE {{schema}}.accounts SET name = 'spoilt' WHERE id = '{account}'")
    said = sfsource("verify", "accounts", *verified.files(), status=1).output
    assert f"accounts {account}: other values (name)" in said
    assert "spoilt" not in said
    said = sfsource("verify", "Account", "--show-values", *verified.files(), status=1).output
    assert "name: 'spoilt' in the warehouse, 'Account 0' in the org" in said


def test_of_many_rows_only_days_that_differ_are_read(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"])
    for _ in range(70):
        for number in range(31):
            verified.org.create("Account", {"Name": f"Account {number}"})
        verified.org.clock.advance(days=1)
    verified.sync()
    account = ids(verified.org, "Account")[1000]
    day = verified.org.rows("Account")[1000]["CreatedDate"][:10]
    verified.warehouse.execute(f"DELETE FROM {{schema}}.accounts WHERE id = '{account}'")
    org_server.ledger.clear()
    assert verified.differences("--sample", "0") == {("accounts", "missing", account)}
    asked = " ".join(part.soql for call in org_server.ledger.calls for part in call.parts)
    assert "GROUP BY IsDeleted, DAY_ONLY(CreatedDate)" in asked
    assert f"CreatedDate >= {day}T00:00:00Z" in asked


@slow
@pytest.mark.parametrize(
    ("tap", "target"),
    [
        ({"naming": "salesforce"}, {}),
        ({"deletes": "sweep", "partial_rows": "whole"}, {}),
        ({}, {"hard_delete": True}),
        ({}, {"history": ["accounts"], "conform_names": "lower"}),
        ({"use_singer_decimal": True}, {"string_type": "varchar"}),
        ({"filters": {"Account": "NumberOfEmployees < 4"}}, {}),
        ({"stream_maps": {"accounts": {"name": None}}}, {}),
        ({"end_date": "2999-01-01"}, {}),
    ],
    ids=json.dumps,
)
def test_settings_of_both_halves_are_minded(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path, tap: dict[str, Any], target: dict[str, Any]
) -> None:
    verified = Verified(org_server, warehouse, tmp_path, objects=OBJECTS, **tap)
    verified.target = target
    fill(verified.org)
    verified.sync()
    for how in ([], ["--full"]):
        assert verified.differences(*how, status=0) == set(), how
    account, column = (
        ids(verified.org, "Account")[1],
        "NumberOfEmployees" if "naming" in tap else "number_of_employees",
    )
    table, key = ("Account", "Id") if "naming" in tap else ("accounts", "id")
    warehouse.execute(f'UPDATE {{schema}}."{table}" SET "{column}" = 3 WHERE "{key}" = \'{account}\'')
    assert verified.differences() == {(table, "differs", account)}
    assert verified.differences("--repair", status=0) == set()


def test_a_first_sync_that_is_not_complete_is_not_judged(verified: Verified) -> None:
    assert verified.pair.state is not None
    del verified.pair.state["bookmarks"]["contacts"]
    found = verified(status=2)
    assert found["contacts"]["unchecked"] == "its first sync is not complete"
    assert found["accounts"]["status"] == "equal"


def test_a_row_outside_the_filter_is_told_and_accepted(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    verified = Verified(
        org_server, warehouse, tmp_path, objects=["Account"], filters={"Account": "NumberOfEmployees < 10"}
    )
    fill(verified.org)
    verified.sync()
    left = ids(verified.org, "Account")[0]
    verified.org.update(left, {"NumberOfEmployees": 50})
    verified.sync()
    (found,) = verified()["accounts"]["differences"]
    assert (found["kind"], found["id"]) == ("filtered", left)
    assert found["accepted"]


def test_deletions_that_the_setting_does_not_see_are_accepted(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"], deletes="soft")
    fill(verified.org)
    verified.sync()
    gone = ids(verified.org, "Account")[0]
    verified.org.hard_delete(gone)
    verified.sync()
    (found,) = verified()["accounts"]["differences"]
    # The org's log tells that it is deleted, and not hidden.
    assert (found["kind"], found["id"]) == ("gone", gone)
    assert "deletes is soft" in found["accepted"]


def test_bad_input_is_told(verified: Verified, tmp_path: Path) -> None:
    options = verified.files()
    assert (
        "None of the selected collections is acounts"
        in sfsource("verify", "acounts", *options, status=2).output
    )
    empty = ["--state", str(tmp_path / "none.json")]
    assert "holds no state: run a sync first" in sfsource("verify", *options, *empty, status=2).output
    verified.warehouse.execute("DROP TABLE {schema}.accounts")
    assert "is no table of the warehouse" in verified(status=2)["accounts"]["unchecked"]


def test_an_org_that_changes_meanwhile_is_equal(verified: Verified) -> None:
    org, stop = verified.org, threading.Event()
    accounts, contacts, tasks = (ids(org, name) for name in ("Account", "Contact", "Task"))

    def live() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            org.clock.advance(seconds=1)
            org.update(accounts[number % 6], {"Name": f"changed {number}"})
            org.create("Account", {"Name": f"new {number}"})
            if number % 5 == 0 and number // 5 < len(tasks):
                with contextlib.suppress(ApiError):
                    org.hard_delete(tasks[number // 5])
                    org.delete(contacts[number // 5])

    living = threading.Thread(target=live)
    living.start()
    try:
        for how in ([], ["--full"]):
            assert verified.differences(*how, status=0) == set(), how
    finally:
        stop.set()
        living.join()


def test_a_formula_that_is_not_read_again_yet_is_stale_and_not_lost(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    org = org_server.org
    double = custom_field(
        "Double__c", "double", formula="{NumberOfEmployees} * 2", formula_text="NumberOfEmployees * 2"
    )
    org.add_field("Account", double)
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"])
    fill(org)
    verified.sync()
    org.change_field(
        "Account", "Double__c", formula="{NumberOfEmployees} * 3", formula_text="NumberOfEmployees * 3"
    )
    found = verified()["accounts"]
    assert {(part["kind"], *part["properties"]) for part in found["differences"]} == {("stale", "double_c")}
    assert all(part["accepted"] for part in found["differences"])
    verified("--repair")
    assert verified("--full")["accounts"]["differences"] == []


@settings(
    max_examples=at_level(normal=4, wide=25, long=200), suppress_health_check=list(HealthCheck), deadline=None
)
@given(data=st.data())
def test_random_changes_are_found_exactly(verified: Verified, data: st.DataObject) -> None:
    told: set[Found] = set()
    accounts = ids(verified.org, "Account")
    deeds_of = {
        account: data.draw(st.sampled_from(["lost", "marked", "name", "stamp", "copy"]), label=account)
        for account in data.draw(st.lists(st.sampled_from(accounts), unique=True), label="spoilt")
    }
    # All is drawn by now: a draw may end an example, and then nothing may be left spoilt.
    # Copies of earlier examples are still there, marked as deleted.
    verified.warehouse.execute("DELETE FROM {schema}.accounts WHERE id LIKE '%zzz'")
    for place, (account, deed) in enumerate(deeds_of.items()):
        copy = f"{account[:11]}{place}zzz"
        choices = {
            "lost": (lost("accounts", account), ("missing", account)),
            "marked": (spoilt("accounts", account, "is_deleted = true"), ("marked", account)),
            "name": (spoilt("accounts", account, "name = name || 'x'"), ("differs", account)),
            "stamp": (
                spoilt("accounts", account, "system_modstamp = system_modstamp - interval '1 day'"),
                ("differs", account),
            ),
            "copy": (copied("accounts", account, f"id = '{copy}'"), ("no_id", copy)),
        }
        statements, found = choices[deed]
        verified.warehouse.execute(statements)
        told.add(("accounts", *found))
    try:
        assert verified.differences("accounts", status=int(bool(told))) == told
        assert verified.differences("accounts", "--full", status=int(bool(told))) == told
    finally:
        # The next example begins with what this one leaves.
        assert verified.differences("accounts", "--repair", status=0) == set()


def test_the_command_says_what_differs_and_mends_it(
    org_server: OrgServer, warehouse: Warehouse, processes: Processes
) -> None:
    fill(org_server.org)
    org_server.org.clock.advance(hours=3)
    processes.write("tap.json", org_server.config(objects=["Account", "Contact"]))
    processes.write("target.json", warehouse.config())
    processes.shell(
        "tap-sfsource --config tap.json | target-sfwarehouse --config target.json > states && tail -n 1 states > state.json"
    ).expect()
    options = ("--tap", "tap.json", "--target", "target.json", "--state", "state.json")
    state = (processes.directory / "state.json").read_bytes()
    account = ids(org_server.org, "Account")[1]
    warehouse.execute(lost("accounts", account))
    found = processes.run("sfsource", "verify", *options).expect(1)
    assert f"accounts {account}: missing in the warehouse" in found.stdout
    assert found.stderr == ""
    assert "1 repaired" in processes.run("sfsource", "verify", "--repair", *options).expect(0).stdout
    assert "equal: 2 collections" in processes.run("sfsource", "verify", *options).expect(0).stdout
    assert (processes.directory / "state.json").read_bytes() == state
    processes.write("tap.json", org_server.config(client_secret="not-the-secret"))
    said = processes.run("sfsource", "verify", *options).expect(2).stderr
    assert said.startswith("sfsource: ")
    assert "not-the-secret" not in said
