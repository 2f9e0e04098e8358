"""What a reviewer broke: each test is red until the fault that its docstring names is mended."""

from __future__ import annotations

import base64
import copy
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from salesforce_simulator.http.faults import Replace
from tests.pair.both import Pair
from tests.pair.store import differences
from tests.pair.world import merged
from tests.target.support import load, record, schema_message, state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse
    from tests.pair.both import TapRun

NAMES = ("Acme", "Borg", "Cyberdyne", "Dunder")


@pytest.fixture
def org(org_server: OrgServer) -> Org:
    """Four accounts with a contact each, three hours ago; the clock stands still."""
    org = org_server.org
    org.clock.freeze()
    for name in NAMES:
        account = org.create("Account", {"Name": name, "Industry": "Energy", "NumberOfEmployees": 959})
        org.create("Contact", {"LastName": f"{name} contact", "AccountId": account})
    org.clock.advance(hours=3)
    return org


@pytest.fixture
def pair(org_server: OrgServer, org: Org, warehouse: Warehouse) -> Pair:
    """Both halves, for accounts."""
    return Pair(org_server, warehouse, {"objects": ["Account"]})


def ids(org: Org, sobject: str = "Account") -> list[str]:
    return [row["Id"] for row in org.rows(sobject)]


def table(pair: Pair, name: str = "accounts") -> list[dict[str, Any]]:
    return pair.warehouse.query(f'SELECT * FROM {{schema}}."{name}"')


def alive(pair: Pair, name: str = "accounts") -> set[str]:
    return {row["name"] for row in table(pair, name) if not row["is_deleted"]}


def without(*properties: str, stream: str = "accounts") -> dict[str, Any]:
    """A catalog file that deselects properties."""
    metadata = [{"breadcrumb": ["properties", name], "metadata": {"selected": False}} for name in properties]
    return {"streams": [{"tap_stream_id": stream, "metadata": metadata}]}


def until(run: TapRun, reached: Callable[[Mapping[str, Any]], Any], stream: str = "accounts") -> list[bytes]:
    """The tap's lines up to the first STATE with such a bookmark: it is killed there."""
    lines = run.output.splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        message = json.loads(line)
        if message["type"] == "STATE" and reached(message["value"].get("bookmarks", {}).get(stream, {})):
            return lines[:number]
    raise AssertionError("no such STATE")


# 1. A version is activated although rows of it are in quarantine.


@pytest.mark.parametrize("hard_delete", [False, True], ids=["marks", "removes"])
@pytest.mark.parametrize("cause", ["constraint", "map of the target"])
def test_a_row_in_quarantine_is_not_deleted_by_its_version(
    pair: Pair, org: Org, cause: str, hard_delete: bool
) -> None:
    """The row is alive in the org, its old form was in the table: the sweep marks or removes it."""
    pair.target = {"on_bad_record": "quarantine", "hard_delete": hard_delete}
    if cause == "map of the target":
        pair.target["stream_maps"] = {"accounts": {"industry": "industry.upper()"}}
    pair.good(partial_rows="whole")
    if cause == "constraint":
        pair.warehouse.execute("ALTER TABLE {schema}.accounts ADD CHECK (industry <> 'Banking')")
    org.update(ids(org)[0], {"Industry": "Banking" if cause == "constraint" else None})
    org.clock.advance(hours=3)
    pair.good(partial_rows="whole", deletes="sweep")
    assert alive(pair) == set(NAMES)


# 2. Partial rows where there is no key to merge by: the versions of whole rows are older than those of ids.


def refused(pair: Pair, **settings: Any) -> None:
    """The target, which the tap knows nothing of, takes no partial rows: it says so and what to do, and loads nothing."""
    before = sorted(row["name"] for row in table(pair))
    pair.sync(**settings)
    assert "Set the tap's `partial_rows` to `whole`." in str(pair.target_error)
    assert sorted(row["name"] for row in table(pair)) == before


@pytest.mark.parametrize("way", ["append-only", "no key by a map"])
@pytest.mark.parametrize(
    "later", [timedelta(hours=3), timedelta(days=16)], ids=["asked for", "after 16 days"]
)
def test_a_sweep_of_a_table_without_a_key_leaves_whole_rows_alive(
    pair: Pair, org: Org, way: str, later: timedelta
) -> None:
    """Every whole row is marked as deleted, and rows of nothing but an id are alive."""
    if way == "append-only":
        pair.target = {"load_method": "append-only"}
    else:
        pair.config["stream_maps"] = {"accounts": {"__key_properties__": None}}
    pair.good()
    org.clock.advance(seconds=later.total_seconds())
    settings: dict[str, Any] = {} if later.days else {"deletes": "sweep"}
    if way == "append-only":
        refused(pair, **settings)
        settings["partial_rows"] = "whole"
    pair.good(**settings)
    assert alive(pair) == set(NAMES)


# 3. The state says of a property that every row has it, though a run without it moved the bookmark.


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


# 4. A first sync writes keys that a deep merge puts beside an older bookmark.


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


# 5. `swept_until` hides deletions that were stamped before a sweep and committed after it.


def test_a_late_deletion_is_seen_behind_a_sweep_of_whole_rows(pair: Pair, org: Org) -> None:
    """With `auto` it is seen: `deleted_until` keeps to latestDateCovered, `swept_until` does not."""
    pair.config.update(objects=["CampaignMember"], partial_rows="whole")
    campaign = org.create("Campaign", {"Name": "fair"})
    leads = [org.create("Lead", {"LastName": f"lead {n}", "Company": "x"}) for n in range(3)]
    members = [org.create("CampaignMember", {"CampaignId": campaign, "LeadId": lead}) for lead in leads]
    org.clock.advance(hours=3)
    pair.good()
    org.clock.advance(hours=1)
    with org.transaction() as late:
        late.delete(members[0])
        org.clock.advance(minutes=3)
        pair.good(deletes="sweep")
        org.clock.advance(minutes=3)
    for _ in range(2):
        org.clock.advance(hours=1)
        pair.good()
    assert pair.deleted("campaign_members") == {members[0]}


# 6. A Bulk job begun with `auto` is resumed with `whole`, whose rows carry the contents themselves.


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


# 7. Partial rows of rows that were never loaded become rows of nothing but an id, alive.


@pytest.mark.parametrize(
    "before",
    ["start_date", "start_date that is gone", "start_date that moves on", "a filter that is gone"],
)
@pytest.mark.parametrize("cause", ["a new field", "a refreshed field", "a sweep"])
def test_reads_of_every_row_make_no_rows_without_content(
    pair: Pair, org: Org, before: str, cause: str
) -> None:
    """All rows before `start_date`, or that a filter dropped until now."""
    first: dict[str, Any] = {}
    if before.startswith("start_date"):
        org.clock.advance(hours=24)
        pair.config["start_date"] = org.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        new = org.create("Account", {"Name": "New"})
        org.clock.advance(hours=3)
    else:
        first["stream_maps"] = {"accounts": {"__filter__": "name != 'Borg'"}}
    pair.good(**first)
    settings: dict[str, Any] = {}
    if cause == "a new field":
        org.add_field("Account", custom_field("Extra__c", "string"))
    elif cause == "a refreshed field":
        settings["refresh_fields"] = ["Account.Industry"]
    else:
        settings["deletes"] = "sweep"
    org.clock.advance(hours=25)
    if before == "start_date that is gone":
        del pair.config["start_date"]
    elif before == "start_date that moves on":
        pair.config["start_date"] = org.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    pair.good(**settings)
    assert [row["id"] for row in table(pair) if row["name"] is None and not row["is_deleted"]] == []
    if before.startswith("start_date"):
        assert [(row["id"], row["is_deleted"]) for row in table(pair)] == [(new, False)]


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


# 8. A map that removes `is_deleted` takes partial rows, of which tombstones are then nothing but ids.


def test_deletes_are_seen_where_a_map_removes_is_deleted(pair: Pair, org: Org) -> None:
    """ "2 deletions" in the summary, none in the table, and a living row of a record that is gone."""
    pair.config["stream_maps"] = {"accounts": {"is_deleted": None}}
    pair.good()
    gone = ids(org)[0]
    org.hard_delete(gone)
    passing = org.create("Account", {"Name": "Passing"})
    org.clock.advance(minutes=2)
    org.hard_delete(passing)
    org.clock.advance(hours=3)
    pair.good()
    rows = pair.rows("accounts")
    assert passing not in rows
    assert rows[gone].get("_sdc_deleted_at") is not None


# 9. Two streams renamed to one table: each one's version deletes the other's rows.


def test_two_streams_under_one_name_do_not_delete_each_other(pair: Pair, org: Org) -> None:
    """Either the setting is refused, or no living row is marked."""
    pair.config["stream_maps"] = {
        "accounts": {"__alias__": "parties"},
        "contacts": {"__alias__": "parties"},
    }
    pair.config["objects"] = ["Account", "Contact"]
    first = pair.sync()
    if first.error is not None or pair.target_error is not None:
        return
    org.clock.advance(hours=3)
    pair.sync(deletes="sweep")
    assert not [row["id"] for row in table(pair, "parties") if row["is_deleted"]]


# 10. Values that a map hides are in the errors of the target.


@pytest.mark.parametrize("policy", ["fail", "quarantine"])
def test_an_error_of_a_map_in_the_target_shows_no_value(pair: Pair, policy: str) -> None:
    """`int(name)`: the tap tells only the kind of error, the target its text."""
    pair.target = {
        "on_bad_record": policy,
        "stream_maps": {"accounts": {"number": "int(name)", "name": "md5(name)"}},
    }
    pair.sync()
    told = str(pair.target_error)
    if policy == "quarantine":
        told += str(pair.warehouse.query("SELECT reason, message FROM {schema}._rejected"))
    assert "Acme" not in told


# 11. A failure of `names` is told as another collection's, and what is collected meanwhile is lost to others.


def test_a_map_of_names_that_fails_is_the_failure_of_names(pair: Pair, org: Org) -> None:
    """Events are "not complete", tasks are, `names` is not mentioned and is empty."""
    account = ids(org)[0]
    org.create("Task", {"Subject": "call", "WhatId": account})
    event = {"Subject": "visit", "WhatId": account, "DurationInMinutes": 5}
    org.create("Event", {**event, "ActivityDateTime": "2026-12-01T00:00:00Z"})
    org.clock.advance(hours=1)
    run = pair.sync(
        objects=["Event", "Task", "Name"], stream_maps={"names": {"last_name": "last_name.upper()"}}
    )
    assert run.failed_aloud
    assert str(run.error).startswith("Not complete: names.")


# 12. A REST query that ends early is taken for whole.


def test_a_query_by_rest_that_ends_early_fails_aloud(pair: Pair, org: Org) -> None:
    """454 rows are promised by totalSize, 200 come, the bookmark moves behind all of them."""
    for number in range(450):
        org.create("Account", {"Name": f"Account {number}"})
    org.clock.advance(hours=3)
    pair.server.faults.add(Replace('"done":false', '"done":true'), path="*/composite*", times=9)
    pair.server.faults.add(Replace('"done": false', '"done": true'), path="*/composite*", times=9)
    run = pair.sync(reader="rest", page_size=200)
    assert run.failed_aloud or len(pair.rows("accounts")) == 454


# 13. CSV files of the tap beside `validate_records`.


def test_csv_files_pass_the_validation_of_records(pair: Pair, tmp_path: Any) -> None:
    """959 of a CSV file is a Decimal, which the SDK's validator takes for no integer; RECORD passes."""
    pair.target = {"validate_records": True}
    pair.good(
        reader="bulk",
        batch_config={
            "encoding": {"format": "csv", "compression": "none"},
            "storage": {"root": f"file://{tmp_path}/batches"},
        },
    )


# 14. `overwrite` and partial rows.


def test_overwrite_does_not_leave_rows_without_content(pair: Pair, org: Org) -> None:
    """A field is added: the table is emptied, and one whole row and three of an id and the new column take its place."""
    pair.target = {"load_method": "overwrite"}
    pair.good()
    org.add_field("Account", custom_field("Extra__c", "string"))
    org.clock.advance(hours=3)
    refused(pair)
    pair.good(partial_rows="whole")
    assert alive(pair) == set(NAMES)


# 15. A second pipeline with a state of its own, such as a nightly sweep beside an hourly sync.


def test_a_slow_sweep_beside_another_sync_marks_newer_rows(pair: Pair, org: Org) -> None:
    """Rows that the hourly sync loads while the sweep is on its way have no version, so the sweep marks them.

    The target cannot tell them from rows that are gone. So one table has one pipeline, says docs/loading.md. If it had
    two, a sweep of the one that stays takes the marks back.
    """
    pair.good()
    org.clock.advance(hours=1)
    nightly = pair.tap(deletes="sweep")
    org.create("Account", {"Name": "Between"})
    org.clock.advance(minutes=30)
    pair.good()
    hourly = pair.state
    pair.load(nightly.output)
    assert alive(pair) == set(NAMES)
    pair.state = hourly
    org.clock.advance(hours=1)
    pair.good(deletes="sweep")
    assert alive(pair) == {*NAMES, "Between"}


# 16. Quarantine takes a broken SCHEMA for a bad record.


def test_a_broken_schema_line_is_no_bad_record(warehouse: Warehouse) -> None:
    """The rows behind it are loaded under the narrow SCHEMA before it: their names are lost, the exit status is 0."""
    text = {"type": ["null", "string"]}
    whole = schema_message("s", {"id": text, "name": text})
    broken = json.dumps(whole).encode()[:-3] + b"\n"
    lines = [
        whole,
        record("s", {"id": "1", "name": "a"}),
        schema_message("s", {"id": text}),
        record("s", {"id": "1"}),
        broken,
        record("s", {"id": "2", "name": "b"}),
        state({"position": 2}),
    ]
    outcome = load(warehouse.config(on_bad_record="quarantine"), lines)
    loaded = warehouse.query("SELECT id, name FROM {schema}.s WHERE id = '2'")
    assert outcome.error is not None or loaded == [{"id": "2", "name": "b"}]


# 9. A first sync that is killed before its STATE forgets from when on deletions matter to its rows.


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
