"""What a killed run leaves in the state, also over an older one that is merged: nothing is lost by it."""

from __future__ import annotations

import base64
import copy
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.pair.four_accounts import ids, table, until, without
from tests.pair.store import differences
from tests.pair.world import merged

if TYPE_CHECKING:
    from salesforce_simulator.org import Org
    from tests.pair.both import Pair


def test_a_property_left_out_by_a_run_that_was_killed_is_read_again(pair: Pair, org: Org) -> None:
    """Deselected (or hidden) in run 2, which is killed behind a page; selected in run 3: stale or NULL for good."""
    pair.good()
    changed, other, *_ = ids(org)
    org.update(changed, {"Industry": "Banking"})
    org.clock.advance(minutes=10)
    org.create("Account", {"Name": "Newcomer", "Industry": "Retail"})
    org.clock.advance(minutes=10)
    org.update(other, {"Description": "the last row of the page"})
    org.clock.advance(hours=3)
    assert pair.state is not None
    before = pair.state["bookmarks"]["accounts"]["replication_key_value"]
    pair.load(until(pair.tap(without("industry")), lambda mark: mark["replication_key_value"] != before))
    org.clock.advance(hours=3)
    pair.good()
    assert differences(pair.warehouse, org, ["Account"]) == []


def killed_full_refresh(pair: Pair) -> None:
    """`meltano run --full-refresh` by Bulk, killed while it waits for the job; Meltano merges the states."""
    old, pair.state = copy.deepcopy(pair.state), None
    run = pair.tap(reader="bulk")
    pair.load(until(run, lambda mark: "properties" in mark and not mark.get("replication_key_value")))
    pair.state = merged(old, pair.state)


def test_a_killed_full_refresh_does_not_make_a_new_property_known(pair: Pair, org: Org) -> None:
    """`properties` of the first sync stands beside the old bookmark: the new column stays NULL for good."""
    pair.good(without("industry"))
    org.clock.advance(hours=3)
    killed_full_refresh(pair)
    org.clock.advance(hours=3)
    pair.good()
    assert set(pair.column("accounts", "industry").values()) == {"Energy"}


def test_a_killed_full_refresh_loses_no_deletion(pair: Pair, org: Org) -> None:
    """`deleted_until` of the first sync stands beside the old bookmark: the log before it is never read."""
    pair.good()
    org.clock.advance(hours=3)
    gone = ids(org)[0]
    org.hard_delete(gone)
    org.clock.advance(hours=3)
    killed_full_refresh(pair)
    org.clock.advance(hours=3)
    pair.good()
    assert pair.deleted() == {gone}


def test_a_job_of_partial_rows_is_not_resumed_with_whole_rows(pair: Pair, org: Org) -> None:
    """The contents of the rows before the kill are never read."""
    folder = org.create("Folder", {"Name": "Files", "Type": "Document", "AccessType": "Public"})
    for number in range(5):
        body = base64.b64encode(b"hello %d" % number).decode()
        org.create("Document", {"Name": f"file {number}", "FolderId": folder, "Body": body})
    org.clock.advance(hours=3)
    pair.config.update(objects=["Document"], include_base64=True, reader="bulk", bulk_page_size=2)
    pair.load(until(pair.tap(), lambda mark: mark.get("jobs", {}).get("rows", {}).get("rows"), "documents"))
    for _ in range(2):
        org.clock.advance(hours=1)
        pair.good(partial_rows="whole")
    assert None not in pair.column("documents", "body").values()


def test_a_full_refresh_without_start_date_is_of_all_rows_though_an_older_state_is_merged(
    pair: Pair, org: Org
) -> None:
    org.clock.advance(hours=24)
    new = org.create("Account", {"Name": "New"})
    org.clock.advance(hours=3)
    pair.good(start_date=(org.clock.now() - timedelta(hours=12)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert [row["id"] for row in table(pair)] == [new]
    before, pair.state = pair.state, None
    pair.good()
    pair.state = merged(before, pair.state)
    org.clock.advance(hours=3)
    pair.good(deletes="sweep")
    assert {row["id"] for row in table(pair)} == set(ids(org))
    assert not any(row["is_deleted"] for row in table(pair))


@pytest.mark.parametrize("seconds", [0, 5])
@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
def test_a_first_sync_that_is_killed_early_learns_of_later_deletions(
    pair: Pair, org: Org, seconds: int, partial_rows: str
) -> None:
    pair.config |= {"state_seconds": seconds, "partial_rows": partial_rows, "objects": ["Account", "Contact"]}
    gone = {
        "accounts": org.create("Account", {"Name": "Gone"}),
        "contacts": org.create("Contact", {"LastName": "Gone"}),
    }
    org.clock.advance(hours=3)
    lines = pair.tap().output.splitlines(keepends=True)
    # The tap is killed behind its last row; the target commits what came.
    last = max(at for at, line in enumerate(lines) if b'"RECORD"' in line)
    pair.load(lines[: last + 1])
    for record_id in gone.values():
        org.hard_delete(record_id)
    org.clock.advance(hours=3)
    pair.good()
    for stream, record_id in gone.items():
        assert pair.rows(stream)[record_id]["is_deleted"], stream
