"""Rows that leave the org, come back, or show late."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.http.faults import Status
from tests.tap.reference import ReferenceTarget
from tests.tap.running import run_tap
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer


def test_a_soft_delete_an_undelete_and_a_hard_delete_show_at_once(
    org_server: OrgServer, frozen: Clock
) -> None:
    soft, back, hard, kept = accounts(org_server, 4)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    frozen.advance(hours=3)
    org_server.org.delete(soft)
    org_server.org.delete(back)
    org_server.org.hard_delete(hard)
    syncs.sync()
    flags = {name: syncs.row("accounts", name)["is_deleted"] for name in (soft, back, hard, kept)}
    assert flags == {soft: True, back: True, hard: True, kept: False}
    assert syncs.row("accounts", hard)["name"] == "Account 2"
    org_server.org.undelete(back)
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("accounts", back)["is_deleted"] is False


def opportunity_with_history(server: OrgServer, frozen: Clock) -> tuple[str, str]:
    """An opportunity and the row of its field history."""
    org = server.org
    record = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 1}
    deal = org.create("Opportunity", record)
    frozen.advance(hours=1)
    org.update(deal, {"StageName": "Closed Won"})
    frozen.advance(hours=3)
    (row, *_) = org.rows("OpportunityFieldHistory")
    return deal, row["Id"]


@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
@pytest.mark.parametrize("deleted_first", [False, True])
@pytest.mark.parametrize("hours", [24, 0])
def test_history_rows_of_an_undeleted_record_come_back(
    org_server: OrgServer, frozen: Clock, partial_rows: str, deleted_first: bool, hours: int
) -> None:
    """Their replication key is CreatedDate, which neither a delete nor an undelete moves."""
    deal, row = opportunity_with_history(org_server, frozen)
    syncs = Syncs(
        org_server, "OpportunityFieldHistory", partial_rows=partial_rows, refresh_formulas_hours=hours
    )
    if not deleted_first:
        syncs.sync()
        assert syncs.row("opportunity_field_history", row)["is_deleted"] is False
    org_server.org.delete(deal)
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("opportunity_field_history", row)["is_deleted"] is True
    frozen.advance(days=9)
    syncs.sync()
    assert syncs.row("opportunity_field_history", row)["is_deleted"] is True
    org_server.org.undelete(deal)
    frozen.advance(days=2)
    syncs.sync()
    assert syncs.row("opportunity_field_history", row)["is_deleted"] is False
    assert syncs.row("opportunity_field_history", row)["field"]
    # Nothing is deleted any more, so nothing is read again once the bin is empty.
    frozen.advance(days=20)
    syncs.sync()
    frozen.advance(days=2)
    assert syncs.sync() == {}


@pytest.mark.parametrize("reader", ["rest", "bulk"])
@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
@pytest.mark.parametrize("undeleted", ["before the next run", "after it"])
def test_history_rows_come_back_though_the_first_sync_was_killed(
    org_server: OrgServer, frozen: Clock, reader: str, partial_rows: str, undeleted: str
) -> None:
    """Killed at any line: the first sync has read them as deleted, and nothing will show that they come back.

    A Bulk job that the next run goes on with holds them as they were.
    """
    deal, row = opportunity_with_history(org_server, frozen)
    opportunity_with_history(org_server, frozen)
    org_server.org.delete(deal)
    frozen.advance(hours=3)
    config = org_server.config(
        objects=["OpportunityFieldHistory"],
        reader=reader,
        partial_rows=partial_rows,
        state_seconds=0,
        bulk_page_size=1,
    )
    lines = run_tap(config).output.splitlines(keepends=True)
    targets = []
    if undeleted == "before the next run":
        org_server.org.undelete(deal)
    frozen.advance(hours=3)
    for count in range(len(lines) + 1):
        target = ReferenceTarget()
        target.feed(b"".join(lines[:count]))
        target.feed(run_tap(config, state=target.state).output)
        targets.append(target)
    if undeleted == "after it":
        org_server.org.undelete(deal)
    frozen.advance(days=2)
    for count, target in enumerate(targets):
        target.feed(run_tap(config, state=target.state).output)
        assert target.tables["opportunity_field_history"][row]["is_deleted"] is False, count


@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
def test_history_rows_that_a_sweep_has_marked_come_back(
    org_server: OrgServer, frozen: Clock, partial_rows: str
) -> None:
    """The deletion log is purged, so it names no row that may come back."""
    deal, row = opportunity_with_history(org_server, frozen)
    syncs = Syncs(org_server, "OpportunityFieldHistory", partial_rows=partial_rows)
    syncs.sync()
    frozen.advance(days=16)
    org_server.org.delete(deal)
    frozen.advance(hours=12)
    org_server.org.purge_delete_log()
    syncs.sync()
    assert syncs.row("opportunity_field_history", row)["is_deleted"] is True
    frozen.advance(days=2)
    syncs.sync()  # reads the log again, and so sweeps no more
    org_server.org.undelete(deal)
    frozen.advance(days=2)

    syncs.sync()

    assert syncs.row("opportunity_field_history", row)["is_deleted"] is False


def test_deletes_soft_does_as_segment_does(org_server: OrgServer, frozen: Clock) -> None:
    soft, hard = accounts(org_server, 2)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", deletes="soft")
    syncs.sync()
    frozen.advance(hours=3)
    org_server.org.delete(soft)
    org_server.org.hard_delete(hard)
    syncs.sync()
    assert syncs.row("accounts", soft)["is_deleted"] is True
    assert syncs.row("accounts", hard)["is_deleted"] is False
    assert not [part for entry in org_server.ledger.calls for part in entry.parts if "deleted" in part.path]


@pytest.mark.parametrize("days", [1, 20])
def test_after_deletes_soft_the_log_tells_what_was_deleted_meanwhile(
    org_server: OrgServer, frozen: Clock, days: int
) -> None:
    first, second, kept = accounts(org_server, 3)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", deletes="soft")
    syncs.sync()
    for gone in (first, second):
        frozen.advance(days=days)
        org_server.org.hard_delete(gone)
        syncs.sync()
    syncs.sync(deletes="all")
    deleted = {name: row["is_deleted"] for name, row in syncs.target.tables["accounts"].items()}
    assert deleted == {first: True, second: True, kept: False}


def test_after_a_long_outage_hard_deletes_are_found_by_a_sweep(org_server: OrgServer, frozen: Clock) -> None:
    gone, kept = accounts(org_server, 2)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    frozen.advance(days=1)
    org_server.org.hard_delete(gone)
    frozen.advance(days=20)
    syncs.sync()
    assert syncs.row("accounts", gone)["is_deleted"] is True
    assert syncs.row("accounts", kept)["is_deleted"] is False
    assert syncs.row("accounts", kept)["name"] == "Account 1"


def test_a_purged_log_is_made_up_for_by_a_sweep(org_server: OrgServer, frozen: Clock) -> None:
    gone, kept = accounts(org_server, 2)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    frozen.advance(hours=3)
    org_server.org.hard_delete(gone)
    frozen.advance(hours=3)
    org_server.org.purge_delete_log()
    syncs.sync()
    assert syncs.complete
    assert (syncs.row("accounts", gone)["is_deleted"], syncs.row("accounts", kept)["is_deleted"]) == (
        True,
        False,
    )


@pytest.mark.parametrize("deletes", ["all", "soft"])
def test_a_row_that_a_long_transaction_commits_after_a_run_comes_with_the_next(
    org_server: OrgServer, frozen: Clock, deletes: str
) -> None:
    accounts(org_server, 1)
    syncs = Syncs(org_server, "Account", deletes=deletes)
    transaction = org_server.org.transaction()
    late = transaction.create("Account", {"Name": "Late"})
    frozen.advance(minutes=10)
    syncs.sync()
    assert late not in syncs.target.tables["accounts"]
    transaction.commit()
    syncs.sync()
    assert syncs.row("accounts", late)["name"] == "Late"


def test_a_row_that_commits_late_is_not_lost(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", "CampaignMember")
    syncs.sync()
    frozen.advance(hours=3)
    transaction = org_server.org.transaction()
    late = transaction.create("Account", {"Name": "Late"})
    frozen.advance(minutes=4)
    syncs.sync()
    assert late not in syncs.target.tables["accounts"]
    transaction.commit()
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("accounts", late)["name"] == "Late"


def test_a_sweep_that_was_killed_goes_on_without_losing_the_living(
    org_server: OrgServer, frozen: Clock
) -> None:
    gone, *kept = accounts(org_server, 7)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader="bulk", bulk_page_size=2, deletes="sweep")
    syncs.sync(deletes="soft")
    org_server.org.hard_delete(gone)
    frozen.advance(hours=3)
    lines = run_tap(syncs.config, state=syncs.target.state).output.decode().splitlines()
    swept = [place for place, line in enumerate(lines) if '"STATE"' in line and '"ids"' in line]
    syncs.target.feed(lines[: swept[1] + 1])
    assert "ids" in json.dumps(syncs.target.state)
    syncs.sync()
    assert {name: syncs.row("accounts", name)["is_deleted"] for name in (gone, *kept)} == {
        gone: True,
        **dict.fromkeys(kept, False),
    }


@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
@pytest.mark.parametrize("refused", ["the first", "the second", "both"])
def test_deletions_that_could_not_be_asked_for_are_seen_by_the_next_run(
    org_server: OrgServer, frozen: Clock, refused: str, partial_rows: str
) -> None:
    gone, kept = accounts(org_server, 2)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", partial_rows=partial_rows)
    not_now = Status(400, "OPERATION_NOT_ALLOWED", "Not now.")
    if refused != "the second":
        fault = org_server.faults.add(not_now, path="*/deleted*")
    syncs.sync()
    org_server.org.hard_delete(gone)
    if refused != "the first":
        frozen.advance(hours=3)
        fault = org_server.faults.add(not_now, path="*/deleted*")
        syncs.sync()
    assert syncs.complete
    assert fault.fired
    assert syncs.row("accounts", gone)["is_deleted"] is False
    org_server.faults.clear()
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("accounts", gone)["is_deleted"] is True
    assert syncs.row("accounts", kept)["is_deleted"] is False


@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
@pytest.mark.parametrize("reader", ["rest", "bulk"])
@pytest.mark.parametrize("before", ["asked", "not asked", "refused"])
def test_a_sweep_that_is_due_is_due_until_it_is_done(
    org_server: OrgServer, frozen: Clock, reader: str, partial_rows: str, before: str
) -> None:
    """Killed at any line after a pause that the log does not cover, whether or not it was asked before the pause."""
    gone, *kept = accounts(org_server, 5)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader=reader, partial_rows=partial_rows, bulk_page_size=2)
    if before == "refused":
        org_server.faults.add(Status(400, "OPERATION_NOT_ALLOWED", "Not now."), path="*/deleted*", times=1)
    syncs.sync(deletes="soft" if before == "not asked" else "all")
    frozen.advance(days=1)
    org_server.org.hard_delete(gone)
    org_server.org.update(kept[0], {"Name": "Renamed"})
    frozen.advance(days=20)
    lines = run_tap(syncs.config, state=copy.deepcopy(syncs.target.state)).output.splitlines(keepends=True)
    states = [at for at, line in enumerate(lines) if b'"type":"STATE"' in line]
    assert len(states) > 1
    for at in states:
        target = copy.deepcopy(syncs.target)
        target.feed(b"".join(lines[: at + 1]))
        target.feed(run_tap(syncs.config, state=target.state).output)
        table = target.tables["accounts"]
        assert {name: row["is_deleted"] for name, row in table.items()} == {gone: True} | dict.fromkeys(
            kept, False
        )


def test_a_sweep_that_is_due_is_not_forgotten_where_windows_ask_twice(
    org_server: OrgServer, frozen: Clock
) -> None:
    gone, *kept = accounts(org_server, 250)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", page_size=200, bulk_threshold=100, split_rows=100)
    syncs.sync(deletes="soft")
    frozen.advance(days=1)
    org_server.org.hard_delete(gone)
    for record_id in kept:
        frozen.advance(hours=2)
        org_server.org.update(record_id, {"Name": "Renamed"})
    syncs.sync()
    assert syncs.complete
    assert len(org_server.server.site.jobs.all()) >= 3
    assert [name for name, row in syncs.target.tables["accounts"].items() if row["is_deleted"]] == [gone]


@pytest.mark.parametrize("before", ["asked", "not asked", "refused"])
def test_deletions_before_a_leftover_job_was_created_are_asked_for(
    org_server: OrgServer, frozen: Clock, before: str
) -> None:
    """The bookmark moves to the job's time before the log is asked."""
    gone, *kept = accounts(org_server, 7)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader="bulk", bulk_page_size=2)
    refused = Status(400, "OPERATION_NOT_ALLOWED", "Not now.")
    if before == "refused":
        org_server.faults.add(refused, path="*/deleted*")
    deletes = "soft" if before == "not asked" else "all"
    syncs.sync(deletes=deletes)
    org_server.org.hard_delete(gone)
    for record_id in kept:
        org_server.org.update(record_id, {"Name": "Renamed"})
    frozen.advance(hours=3)
    config = {**syncs.config, "deletes": deletes}
    lines = run_tap(config, state=copy.deepcopy(syncs.target.state)).output.splitlines(keepends=True)
    states = [at for at, line in enumerate(lines) if b'"jobs"' in line]
    org_server.faults.clear()
    frozen.advance(hours=3)
    syncs.target.feed(b"".join(lines[: states[1] + 1]))
    syncs.sync()
    table = syncs.target.tables["accounts"]
    assert {name: row["is_deleted"] for name, row in table.items()} == {gone: True} | dict.fromkeys(
        kept, False
    )


def test_no_version_is_activated_before_its_rows(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 2)
    org_server.org.create("Task", {"Subject": "Call", "Status": "Not Started", "Priority": "Normal"})
    config = {"emit_activate_version_messages": True}
    syncs = Syncs(org_server, "Account", "Task", "Name", **config)
    frozen.advance(hours=3)
    syncs.sync()
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.target.tables["names"]
    for table in syncs.target.tables.values():
        assert not any(row.get("is_deleted") for row in table.values())
