"""Rows that leave the org, come back, or show late."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.http.faults import Status
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


@pytest.mark.parametrize("refused", ["the first", "the second"])
def test_deletions_that_could_not_be_asked_for_are_seen_by_the_next_run(
    org_server: OrgServer, frozen: Clock, refused: str
) -> None:
    (gone,) = accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    not_now = Status(400, "OPERATION_NOT_ALLOWED", "Not now.")
    if refused == "the first":
        fault = org_server.faults.add(not_now, path="*/deleted*")
    syncs.sync()
    org_server.org.hard_delete(gone)
    if refused == "the second":
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
