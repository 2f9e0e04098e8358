"""How collections are read: by size, by window, selected properties only, in few calls."""

from __future__ import annotations

import base64
import dataclasses
import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.schema import Field
from salesforce_simulator.users import Permissions
from tap_sfsource.api.bulk import BulkReader
from tap_sfsource.catalog.naming import column_name
from tests.tap.running import run_tap
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tap_sfsource.api.client import Client
    from tests.fix_org import OrgServer


def test_the_second_sync_reads_only_what_changed(org_server: OrgServer, frozen: Clock) -> None:
    ids = accounts(org_server, 30)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    assert syncs.sync() == {"accounts": 30}
    frozen.advance(hours=3)
    assert syncs.sync() == {}
    org_server.org.update(ids[4], {"Name": "Renamed"})
    new = org_server.org.create("Account", {"Name": "New"})
    assert syncs.sync() == {"accounts": 2}
    assert syncs.row("accounts", ids[4])["name"] == "Renamed"
    assert syncs.row("accounts", new)["is_deleted"] is False


@pytest.mark.parametrize(("reader", "jobs"), [("auto", 0), ("rest", 0), ("bulk", 1)])
def test_small_results_stay_on_rest_unless_bulk_is_forced(
    org_server: OrgServer, reader: str, jobs: int
) -> None:
    accounts(org_server, 5)
    Syncs(org_server, "Account", reader=reader).sync()
    assert len(org_server.ledger.matching("/jobs/query", method="POST")) == jobs


def test_large_results_go_to_bulk_and_arrive_whole(org_server: OrgServer) -> None:
    ids = accounts(org_server, 25)
    syncs = Syncs(org_server, "Account", bulk_threshold=10, bulk_page_size=4)
    assert syncs.sync() == {"accounts": 25}
    assert set(syncs.target.tables["accounts"]) == set(ids)
    # The size was known from one count, so no page was fetched for nothing.
    assert not [part for entry in org_server.ledger.calls for part in entry.parts if "queryAll" in part.path]
    assert len(org_server.ledger.matching("/results")) == 7


def test_an_object_that_bulk_refuses_stays_on_rest(org_server: OrgServer) -> None:
    syncs = Syncs(org_server, "TaskStatus", reader="bulk")
    catalog = {"streams": [{"tap_stream_id": "task_status"}]}
    syncs.sync(catalog)
    assert syncs.complete
    assert "task_status" in syncs.target.tables


def test_an_object_that_cannot_be_ordered_by_its_key_is_read_all_the_same(
    org_server: OrgServer, frozen: Clock
) -> None:
    """BackgroundOperation is one: it can be filtered by CreatedDate but not ordered by it."""
    operation = custom_object("Operation__c", [])
    key = operation.fields["SystemModstamp"]
    operation.fields["SystemModstamp"] = dataclasses.replace(key, sortable=False)
    org_server.org.add_object(operation)
    ids = [org_server.org.create("Operation__c", {"Name": f"{number}"}) for number in range(450)]
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Operation__c", reader="rest", page_size=200)
    assert syncs.sync() == {"operation_c": 450}
    assert syncs.complete
    org_server.org.update(ids[7], {"Name": "changed"})
    frozen.advance(hours=3)
    assert syncs.sync() == {"operation_c": 1}


def keyed_by(name: str) -> dict[str, Any]:
    """A catalog that asks for another replication key of the accounts."""
    root = {"breadcrumb": [], "metadata": {"replication-key": name}}
    return {"streams": [{"tap_stream_id": "accounts", "metadata": [root]}]}


@pytest.mark.parametrize("reader", ["rest", "bulk"])
def test_rows_without_a_replication_key_are_read_and_the_key_is_told(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture, reader: str
) -> None:
    org_server.org.add_field("Account", custom_field("Seen__c", "datetime"))
    never, seen = accounts(org_server, 2)
    frozen.advance(hours=3)
    org_server.org.update(seen, {"Seen__c": frozen.now().isoformat()})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader=reader)
    syncs.sync(keyed_by("seen_c"))
    assert set(syncs.target.tables["accounts"]) == {never, seen}
    assert "replication key Seen__c may be null" in caplog.text
    late = org_server.org.create("Account", {"Name": "late"})
    org_server.org.update(never, {"Name": "renamed"})
    frozen.advance(hours=3)
    syncs.sync(keyed_by("seen_c"))
    assert syncs.complete
    assert late in syncs.target.tables["accounts"]
    assert syncs.row("accounts", never)["name"] == "renamed"


def test_rows_without_a_replication_key_are_read_once_where_the_window_is_halved(
    org_server: OrgServer, frozen: Clock
) -> None:
    org_server.org.add_field("Account", custom_field("Seen__c", "datetime"))
    ids = accounts(org_server, 6)
    for record_id in ids[2:]:
        frozen.advance(days=30)
        org_server.org.update(record_id, {"Seen__c": frozen.now().isoformat()})
    frozen.advance(hours=3)
    org_server.server.settings.timeout_rows = 4
    syncs = Syncs(org_server, "Account", reader="rest")
    assert syncs.sync(keyed_by("seen_c")) == {"accounts": 6}
    assert set(syncs.target.tables["accounts"]) == set(ids)


def test_a_newly_selected_property_is_filled_for_old_rows(org_server: OrgServer, frozen: Clock) -> None:
    record_id = org_server.org.create("Account", {"Name": "Old", "Industry": "Energy"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    without = {
        "streams": [
            {
                "tap_stream_id": "accounts",
                "metadata": [{"breadcrumb": ["properties", "industry"], "metadata": {"selected": False}}],
            }
        ]
    }
    syncs.sync(without)
    assert "industry" not in syncs.row("accounts", record_id)
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("accounts", record_id)["industry"] == "Energy"
    frozen.advance(hours=3)
    assert syncs.sync() == {}


def test_only_selected_properties_are_queried(org_server: OrgServer) -> None:
    accounts(org_server, 1)
    catalog = {
        "streams": [
            {
                "tap_stream_id": "accounts",
                "metadata": [
                    {"breadcrumb": ["properties", "*"], "metadata": {"selected": False}},
                    {"breadcrumb": ["properties", "name"], "metadata": {"selected": True}},
                ],
            }
        ]
    }
    syncs = Syncs(org_server, "Account", reader="bulk")
    syncs.sync(catalog)
    (row,) = syncs.target.tables["accounts"].values()
    assert set(row) == {"id", "is_deleted", "name", "system_modstamp"}


def test_a_field_that_the_user_may_not_see_is_no_column(org_server: OrgServer) -> None:
    org_server.org.set_permissions(
        org_server.user.username, Permissions(hidden_fields=frozenset({"Account.Industry"}))
    )
    accounts(org_server, 1)
    syncs = Syncs(org_server, "Account")
    assert syncs.sync() == {"accounts": 1}
    (row,) = syncs.target.tables["accounts"].values()
    assert "industry" not in row
    assert row["name"] == "Account 0"


def test_a_first_sync_starts_where_start_date_says(org_server: OrgServer, frozen: Clock) -> None:
    frozen.advance(days=-20)
    accounts(org_server, 2)
    frozen.advance(days=10)
    since = frozen.now()
    (new,) = accounts(org_server, 1)
    syncs = Syncs(org_server, "Account", start_date=since.isoformat())
    syncs.sync()
    assert set(syncs.target.tables["accounts"]) == {new}


def test_file_contents_are_read_on_request_up_to_a_size(org_server: OrgServer, frozen: Clock) -> None:
    folder = org_server.org.create("Folder", {"Name": "Files", "Type": "Document", "AccessType": "Public"})

    def document(name: str, content: bytes) -> str:
        body = base64.b64encode(content).decode()
        return org_server.org.create("Document", {"Name": name, "FolderId": folder, "Body": body})

    small, large = document("small", b"\x00\xffhello"), document("large", b"x" * 5000)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Document")
    syncs.sync()
    assert "body" not in syncs.row("documents", small)
    frozen.advance(hours=3)
    syncs.sync(include_base64=True, base64_max_bytes=4000)
    assert base64.b64decode(syncs.row("documents", small)["body"]) == b"\x00\xffhello"
    assert syncs.row("documents", large)["body"] is None
    assert syncs.row("documents", large)["name"] == "large"
    frozen.advance(hours=3)
    assert syncs.sync(include_base64=True) == {}


def test_an_idle_sync_of_all_collections_costs_few_calls(company_server: OrgServer) -> None:
    clock = company_server.org.clock
    clock.freeze()
    clock.advance(hours=3)
    syncs = Syncs(company_server)
    syncs.sync()
    assert syncs.complete
    clock.advance(hours=3)
    assert sum(syncs.sync().values()) == 0
    assert company_server.ledger.api_calls <= 14


@pytest.mark.parametrize("reader", ["auto", "bulk"])
@pytest.mark.parametrize("sobject", ["Account", "Measured__c"])
def test_a_bulk_read_costs_its_pages_and_at_most_eight_calls_more(
    org_server: OrgServer, sobject: str, reader: str
) -> None:
    """Describe, record count, deletion log, limits and job leave room for three looks at the job."""
    org_server.org.add_object(custom_object("Measured__c", []))
    for number in range(40):
        org_server.org.create(sobject, {"Name": f"{number}"})
    syncs = Syncs(org_server, sobject, reader=reader, bulk_threshold=10, bulk_page_size=2)
    assert sum(syncs.sync().values()) == 40
    calls = org_server.ledger
    assert len(calls.matching("/results")) == 20
    looks = [entry for entry in calls.matching("/jobs/query/") if "/results" not in entry.path]
    assert calls.api_calls - len(looks) == 5 + 20, [f"{entry.method} {entry.path}" for entry in calls.calls]
    assert len(looks) <= 3


JOB = {"id": "750", "numberRecordsProcessed": 1_000_000}


@pytest.mark.parametrize(
    ("seconds", "looks"), [(2, 1), (4, 2), (10, 2), (14, 3), (20, 3), (30, 4), (300, 10)]
)
def test_a_job_of_a_million_rows_is_looked_at_few_times(
    monkeypatch: pytest.MonkeyPatch, seconds: int, looks: int
) -> None:
    """Three times, as long as it does not take more than twice what it is likely to take."""
    now = 0.0
    seen: list[float] = []

    class Org:
        def data(self, path: str) -> str:
            return path

        def post(self, _path: str, decoder: msgspec.json.Decoder[Any], **_: object) -> Any:
            state = "JobComplete" if now >= seconds else "InProgress"
            return decoder.decode(msgspec.json.encode(JOB | {"state": state}))

        def get(self, path: str, decoder: msgspec.json.Decoder[Any]) -> Any:
            seen.append(now)
            return self.post(path, decoder)

    def wait(pause: float) -> None:
        nonlocal now
        now += pause

    monkeypatch.setattr("tap_sfsource.api.bulk.time.monotonic", lambda: now)
    reader = BulkReader(cast("Client", Org()), 50_000, None, wait)
    assert reader.wait(reader.create("SELECT Id FROM Account"), 1_000_000) == 1_000_000
    assert len(seen) == looks
    assert seen[-1] <= max(10, 2 * seconds)


@pytest.mark.parametrize("reader", ["auto", "bulk"])
def test_a_large_job_is_asked_for_once_before_it_is_likely_to_be_done(
    org_server: OrgServer, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    monkeypatch.setattr("tap_sfsource.api.bulk._ROWS_A_SECOND", 20)
    org_server.server.settings.bulk_processing = timedelta(seconds=1)
    accounts(org_server, 40)
    syncs = Syncs(org_server, "Account", reader=reader, bulk_threshold=10)
    assert syncs.sync() == {"accounts": 40}
    looks = [entry for entry in org_server.ledger.matching("/jobs/query/") if "/results" not in entry.path]
    assert len(looks) == 2


def test_every_state_is_a_json_object_with_bookmarks(org_server: OrgServer) -> None:
    accounts(org_server, 2)
    outcome = run_tap(org_server.config(objects=["Account"]))
    states = [json.loads(line) for line in outcome.output.splitlines() if b'"STATE"' in line]
    assert states
    assert all("bookmarks" in state["value"] for state in states)


def test_formulas_are_read_again_once_a_day(company_server: OrgServer) -> None:
    org = company_server.org
    (formula,) = [field.name for field in org.object("Account").columns if field.calculated]
    gone = org.deleted_ids("Account")
    child = next(row for row in org.rows("Account") if row["ParentId"] and row["Id"] not in gone)
    org.clock.freeze()
    org.clock.advance(hours=3)
    syncs = Syncs(company_server, "Account")
    syncs.sync()
    org.update(child["ParentId"], {"Industry": "Shipping"})
    org.clock.advance(hours=3)
    assert syncs.sync() == {"accounts": 1}
    org.clock.advance(hours=22)
    assert syncs.sync()["accounts"] >= org.count("Account")
    row = syncs.row("accounts", child["Id"])
    assert row[column_name(formula)] == "Shipping"
    assert row["name"] == child["Name"]
    assert syncs.sync() == {}


def test_a_field_that_the_user_names_is_read_again_with_the_formulas(
    org_server: OrgServer, frozen: Clock
) -> None:
    """Some values change without a stamp: here, as when Salesforce recalculates one in the background."""
    record_id = org_server.org.create("Account", {"Name": "Acme", "Industry": "Energy"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", refresh_fields=["account.industry"])
    syncs.sync()
    with org_server.org.backdated(frozen.now() - timedelta(days=400)):
        org_server.org.update(record_id, {"Industry": "Shipping"})
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("accounts", record_id)["industry"] == "Energy"
    frozen.advance(hours=24)
    syncs.sync()
    assert syncs.row("accounts", record_id)["industry"] == "Shipping"
    assert syncs.row("accounts", record_id)["name"] == "Acme"


def test_a_wide_object_passes_the_limit_of_a_url(org_server: OrgServer) -> None:
    for number in range(450):
        name = f"A_rather_long_name_for_a_field_{number:03}__c"
        org_server.org.add_field(
            "Account", Field(name=name, label=name, type="string", length=40, custom=True)
        )
    accounts(org_server, 3)
    for reader in ("rest", "bulk"):
        syncs = Syncs(org_server, "Account", reader=reader)
        assert syncs.sync() == {"accounts": 3}
        assert len(next(iter(syncs.target.tables["accounts"].values()))) > 450


def test_all_jobs_of_a_run_are_started_before_one_is_read(company_server: OrgServer) -> None:
    """So that a run takes as long as its slowest job, and not as long as all of them one after the other."""
    company_server.server.settings.bulk_processing = timedelta(seconds=2)
    syncs = Syncs(company_server, reader="bulk")
    started = time.monotonic()
    syncs.sync()
    assert time.monotonic() - started < 40
    assert syncs.complete
    calls = company_server.ledger.calls
    created = [
        place
        for place, call in enumerate(calls)
        if call.method == "POST" and call.path.endswith("/jobs/query")
    ]
    read = [place for place, call in enumerate(calls) if call.path.endswith("/results")]
    assert len(created) > 40
    assert sum(place < read[0] for place in created) > 30
