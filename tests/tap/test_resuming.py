"""A run that finds the Bulk job of a killed one reads it to its end, and on to the present."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from tests.tap.reference import ReferenceTarget
from tests.tap.running import run_tap
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

ROWS = 12
FULL_TABLE = {
    "streams": [
        {
            "tap_stream_id": "accounts",
            "metadata": [{"breadcrumb": [], "metadata": {"forced-replication-method": "FULL_TABLE"}}],
        }
    ]
}


def killed(
    syncs: Syncs,
    purpose: str,
    catalog: Mapping[str, Any] | None = None,
    stream: str = "accounts",
    **config: Any,
) -> None:
    """Sync; a target gets the lines up to the first STATE behind a page of a job, as when both are killed."""
    outcome = run_tap({**syncs.config, **config}, catalog=catalog, state=syncs.target.state)
    lines = outcome.output.decode().splitlines()
    place = next(at for at, line in enumerate(lines) if located(line, stream, purpose))
    syncs.target.feed(lines[: place + 1])


def located(line: str, stream: str, purpose: str) -> bool:
    """Whether a line is a STATE that names the next page of a stream's job."""
    message = json.loads(line)
    if message["type"] != "STATE":
        return False
    jobs = message["value"]["bookmarks"].get(stream, {}).get("jobs", {})
    return bool(jobs.get(purpose, {}).get("locator"))


def first_pages(server: OrgServer) -> list[str]:
    """The jobs of which a first page was fetched."""
    return [entry.path for entry in server.ledger.matching("/results") if "locator=" not in entry.query]


@pytest.fixture
def syncs(org_server: OrgServer, frozen: Clock) -> Syncs:
    """Accounts by small Bulk pages; nothing is synced yet."""
    accounts(org_server, ROWS)
    frozen.advance(hours=3)
    return Syncs(org_server, "Account", reader="bulk", bulk_page_size=5)


def change(server: OrgServer, clock: Clock) -> list[str]:
    """A row of every fate: changed, new, in the recycle bin, gone for good, gone without ever having been read."""
    ids = sorted(row["Id"] for row in server.org.rows("Account"))
    clock.advance(minutes=20)
    server.org.update(ids[0], {"Name": "Renamed"})
    new = server.org.create("Account", {"Name": "New"})
    server.org.delete(ids[1])
    server.org.hard_delete(ids[2])
    server.org.hard_delete(ids[-1])
    clock.advance(minutes=20)
    return [ids[0], new, ids[1], ids[2], ids[-1]]


def check_changed(target: ReferenceTarget, fates: list[str]) -> None:
    table = target.tables["accounts"]
    renamed, new, *deleted = fates
    assert table[renamed]["name"] == "Renamed"
    assert table[new]["name"] == "New"
    assert {row["id"] for row in table.values() if row["is_deleted"]} == set(deleted)
    assert len(table) == ROWS + 1
    assert target.state is not None
    assert "jobs" not in target.state["bookmarks"]["accounts"]


@pytest.mark.parametrize("reader", ["auto", "rest", "bulk"])
def test_the_run_that_finishes_a_job_reads_on_to_the_present(
    org_server: OrgServer, frozen: Clock, syncs: Syncs, reader: str
) -> None:
    killed(syncs, "rows")
    fates = change(org_server, frozen)
    written = syncs.sync(reader=reader)["accounts"]
    assert syncs.complete
    check_changed(syncs.target, fates)
    # What the killed run had written is not read again, and the catching up is no second reading: what is in the recycle
    # bin is in the deletion log as well.
    assert written == ROWS - 5 + len(fates) + 1
    jobs = org_server.ledger.matching("/jobs/query", method="POST")
    assert len(jobs) == len(first_pages(org_server)) == (1 if reader == "bulk" else 0)
    assert syncs.sync().get("accounts", 0) <= len(fates)


def test_killed_once_more_at_any_line_it_loses_nothing(
    org_server: OrgServer, frozen: Clock, syncs: Syncs
) -> None:
    killed(syncs, "rows")
    fates = change(org_server, frozen)
    tables, state = json.dumps(syncs.target.tables), syncs.target.state
    lines = run_tap(syncs.config, state=state).output.decode().splitlines()
    bookmarks = [
        json.loads(line)["value"]["bookmarks"]["accounts"] for line in lines if '"type":"STATE"' in line
    ]
    between = [
        place
        for place, bookmark in enumerate(bookmarks)
        if "jobs" not in bookmark and bookmark.get("replication_key_value")
    ]
    assert between[0] < len(bookmarks) - 2  # a true STATE between the old job and what comes after it
    for count in range(len(lines)):
        target = ReferenceTarget(json.loads(tables), state)
        target.feed([line for line in lines[:count] if line.strip()])
        org_server.ledger.clear()
        target.feed(run_tap(syncs.config, state=target.state).output)
        check_changed(target, fates)
        assert len(first_pages(org_server)) <= 1  # never of the job that was begun first


@pytest.mark.parametrize("ending", ["removed", "refused", "miscounted"])
def test_a_job_that_cannot_be_read_on_is_begun_anew(
    org_server: OrgServer, frozen: Clock, syncs: Syncs, ending: str
) -> None:
    killed(syncs, "rows")
    fates = change(org_server, frozen)
    assert syncs.target.state is not None
    job = syncs.target.state["bookmarks"]["accounts"]["jobs"]["rows"]
    if ending == "removed":
        job["id"] = "750000000000000AAA"
    elif ending == "miscounted":
        job["rows"] += 1
    else:
        job["locator"] = "MTAwMDAwMDAw"
    syncs.sync()
    assert syncs.complete
    check_changed(syncs.target, fates)
    assert len(first_pages(org_server)) == 1


def test_a_field_made_anew_is_not_read_from_a_job_that_knew_the_old_one(
    org_server: OrgServer, frozen: Clock, syncs: Syncs
) -> None:
    org_server.org.add_field("Account", custom_field("Extra__c", "string"))
    ids = [row["Id"] for row in org_server.org.rows("Account")]
    for record_id in ids:
        org_server.org.update(record_id, {"Extra__c": "text"})
    frozen.advance(hours=3)
    killed(syncs, "rows")
    org_server.org.remove_field("Account", "Extra__c")
    org_server.org.add_field("Account", custom_field("Extra__c", "double"))
    org_server.org.update(ids[3], {"Extra__c": 12})
    syncs.sync()
    assert syncs.complete
    assert {record_id: syncs.row("accounts", record_id)["extra_c"] for record_id in ids} == {
        record_id: 12 if record_id == ids[3] else None for record_id in ids
    }


def test_a_table_without_bookmark_is_finished_and_read_anew(
    org_server: OrgServer, frozen: Clock, syncs: Syncs
) -> None:
    killed(syncs, "rows", FULL_TABLE)
    fates = change(org_server, frozen)
    syncs.sync(FULL_TABLE)
    assert syncs.complete
    check_changed(syncs.target, fates)
    assert len(first_pages(org_server)) == 1


def test_a_backfill_that_is_finished_late_leaves_newer_values(
    org_server: OrgServer, frozen: Clock, syncs: Syncs
) -> None:
    syncs.sync()
    ids = sorted(row["Id"] for row in org_server.org.rows("Account"))
    org_server.org.add_field("Account", custom_field("Extra__c", "string"))
    frozen.advance(hours=3)
    killed(syncs, "backfill")
    frozen.advance(minutes=20)
    for record_id in ids:
        org_server.org.update(record_id, {"Extra__c": "late"})
    frozen.advance(minutes=20)
    syncs.sync()
    assert syncs.complete
    assert {row["extra_c"] for row in syncs.target.tables["accounts"].values()} == {"late"}
    # The rest of the backfill, then the changed rows; the field is not read for every row a second time.
    assert len(org_server.ledger.matching("/jobs/query", method="POST")) == len(first_pages(org_server)) == 1
    frozen.advance(hours=3)
    assert syncs.sync() == {}
    assert len(org_server.ledger.matching("/jobs/query", method="POST")) == 1


def test_a_sweep_that_is_finished_late_spares_newer_rows(
    org_server: OrgServer, frozen: Clock, syncs: Syncs
) -> None:
    syncs.sync()
    frozen.advance(hours=3)
    killed(syncs, "ids", deletes="sweep")
    fates = change(org_server, frozen)
    syncs.sync()
    assert syncs.complete
    check_changed(syncs.target, fates)
    assert len(first_pages(org_server)) == 1  # the changed rows; the ids went on where they were


def test_a_row_before_the_rest_of_a_sweep_is_of_its_version(org_server: OrgServer, syncs: Syncs) -> None:
    """A whole row goes before partial ones. If the killed run has brought it, no record of the version follows it."""
    syncs.sync()
    killed(syncs, "ids", deletes="sweep")

    lines = run_tap(syncs.config, state=syncs.target.state).output.decode().splitlines()

    whole, partial, *_ = (json.loads(line) for line in lines if '"type":"RECORD"' in line)
    assert whole.get("version") == partial["version"]


def test_a_job_that_is_not_wanted_any_more_is_forgotten(
    org_server: OrgServer, frozen: Clock, syncs: Syncs
) -> None:
    """It would bring back what was there when it was begun, when the property is selected once more."""
    ids = sorted(row["Id"] for row in org_server.org.rows("Account"))
    without = {
        "streams": [
            {
                "tap_stream_id": "accounts",
                "metadata": [{"breadcrumb": ["properties", "industry"], "metadata": {"selected": False}}],
            }
        ]
    }
    syncs.sync(without)
    frozen.advance(hours=3)
    killed(syncs, "backfill")
    org_server.org.update(ids[-1], {"Industry": "Energy"})
    frozen.advance(hours=3)
    syncs.sync(without)
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("accounts", ids[-1])["industry"] == "Energy"


def test_formulas_that_are_finished_late_are_as_old_as_their_job(company_server: OrgServer) -> None:
    org, clock = company_server.org, company_server.org.clock
    clock.freeze()
    clock.advance(hours=3)
    syncs = Syncs(company_server, "Account", reader="bulk", bulk_page_size=5)
    syncs.sync()
    clock.advance(hours=25)
    killed(syncs, "formulas")
    begun = clock.now()
    clock.advance(hours=2)
    company_server.ledger.clear()
    syncs.sync()
    assert syncs.complete
    assert len(org.rows("Account")) > 5
    assert len(first_pages(company_server)) <= 1  # of changed rows: the formulas went on where they were
    assert syncs.target.state is not None
    told = syncs.target.state["bookmarks"]["accounts"]["refreshed_at"]
    assert told <= begun.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_contents_of_the_rows_of_an_earlier_runs_job_are_read(org_server: OrgServer, frozen: Clock) -> None:
    folder = org_server.org.create("Folder", {"Name": "Files", "Type": "Document", "AccessType": "Public"})
    ids = [
        org_server.org.create("Document", {"Name": f"{number}", "FolderId": folder, "Body": "aGVsbG8="})
        for number in range(ROWS)
    ]
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Document", reader="bulk", bulk_page_size=5, include_base64=True)
    killed(syncs, "rows", stream="documents")
    frozen.advance(hours=3)
    org_server.org.update(ids[0], {"Body": "aGVsbG8gYWdhaW4="})
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.complete
    bodies = {record_id: syncs.row("documents", record_id)["body"] for record_id in ids}
    assert bodies == {
        record_id: "aGVsbG8gYWdhaW4=" if record_id == ids[0] else "aGVsbG8=" for record_id in ids
    }
    # Those of the first page have come with it, and the first one has changed.
    assert len(org_server.ledger.matching("/Body")) == ROWS - 5 + 1
