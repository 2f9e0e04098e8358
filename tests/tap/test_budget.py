"""The budget of API calls: a run stops in the middle, keeps what it has, says what is missing, and goes on next time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.http.faults import FailJob
from salesforce_simulator.simulation import DEMO_CLIENT_ID
from tests.tap.reference import ReferenceTarget
from tests.tap.syncs import accounts, whole_reads

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_process import Finished, Processes

ROWS = 3_000


@pytest.fixture
def large_org(org_server: OrgServer) -> OrgServer:
    """An org with 3,000 accounts, whose day has few API calls."""
    org = org_server.org
    org.clock.freeze()
    accounts(org_server, 1)
    first = org.clock.now() - timedelta(days=300)
    org.multiply("Account", ROWS - 1, first=first, span=timedelta(days=200))
    org.clock.advance(hours=3)
    org.limits.daily_api_requests.maximum = 100
    return org_server


class Runs:
    """Runs of the tap as a process, each from the state that the last one left."""

    def __init__(self, processes: Processes, server: OrgServer, **settings: Any) -> None:
        self.processes = processes
        self.server = server
        self.settings = {"objects": ["Account"], "page_size": 200, "progress": "none", **settings}
        self.target = ReferenceTarget()
        self.rows = 0

    def run(self) -> Finished:
        self.processes.write("tap.json", self.server.config(**self.settings))
        arguments = ["--config", "tap.json"]
        if self.target.state is not None:
            self.processes.write("state.json", self.target.state)
            arguments += ["--state", "state.json"]
        finished = self.processes.tap(*arguments)
        self.target.feed(finished.stdout)
        self.rows += self.target.counts.get("accounts", 0)
        return finished


@pytest.mark.parametrize("app_limit", [False, True], ids=["short header", "long header"])
def test_a_runs_share_ends_it_in_the_middle_of_rest_pages(
    large_org: OrgServer, processes: Processes, app_limit: bool
) -> None:
    if app_limit:
        large_org.server.settings.app_quotas[DEMO_CLIENT_ID] = 1_000
    runs = Runs(processes, large_org, reader="rest", quota_percent_per_run=8, quota_percent_total=100)
    finished = runs.run().expect(1)
    assert "which reaches quota_percent_per_run (8 %)" in finished.stderr
    assert "Not complete: accounts." in finished.stderr
    assert 0 < len(runs.target.tables["accounts"]) < ROWS
    assert large_org.ledger.api_calls == 8
    count = 1
    while runs.run().status:
        count += 1
    assert count < 5
    assert len(runs.target.tables["accounts"]) == ROWS
    # Each run went on where the one before had stopped, give or take a page.
    assert runs.rows <= ROWS + 200 * count


def test_a_runs_share_ends_it_in_the_middle_of_bulk_pages(large_org: OrgServer, processes: Processes) -> None:
    runs = Runs(
        processes,
        large_org,
        reader="bulk",
        bulk_page_size=200,
        quota_percent_per_run=9,
        quota_percent_total=100,
    )
    assert "Not complete: accounts." in runs.run().expect(1).stderr
    assert 0 < len(runs.target.tables["accounts"]) < ROWS
    for _ in range(8):
        if runs.run().status == 0:
            break
    assert len(runs.target.tables["accounts"]) == ROWS
    assert runs.rows == ROWS
    assert whole_reads(large_org) == 1
    assert not large_org.ledger.matching("/jobs/query", method="PATCH")


@pytest.mark.parametrize("reader", ["rest", "bulk"])
def test_the_orgs_own_use_ends_a_run_in_the_middle(
    large_org: OrgServer, processes: Processes, reader: str
) -> None:
    large_org.org.limits.daily_api_requests.spend(70)
    runs = Runs(processes, large_org, reader=reader, bulk_page_size=200, quota_percent_per_run=100)
    finished = runs.run().expect(1)
    assert "80 of its 100 API calls a day, which reaches quota_percent_total (80 %)" in finished.stderr
    assert 0 < len(runs.target.tables["accounts"]) < ROWS
    runs.run().expect(1)
    large_org.org.clock.advance(hours=25)
    runs.run().expect(0)
    assert len(runs.target.tables["accounts"]) == ROWS


def test_the_limit_of_the_connected_app_ends_a_run_in_the_middle(
    large_org: OrgServer, processes: Processes
) -> None:
    """It shows in the long form of the header only."""
    large_org.server.settings.app_quotas[DEMO_CLIENT_ID] = 10
    runs = Runs(processes, large_org, reader="rest", quota_percent_per_run=100)
    finished = runs.run().expect(1)
    assert "connected app has used 8 of its 10 API calls a day" in finished.stderr
    assert 0 < len(runs.target.tables["accounts"]) < ROWS


def test_what_was_answered_before_the_stop_is_written_and_the_rest_is_named(
    large_org: OrgServer, processes: Processes
) -> None:
    large_org.org.create("Contact", {"LastName": "Doe"})
    large_org.org.create("Lead", {"LastName": "Roe", "Company": "Acme"})
    large_org.org.clock.advance(hours=3)
    runs = Runs(
        processes,
        large_org,
        objects=["Account", "Contact", "Lead"],
        reader="rest",
        quota_percent_per_run=5,
        quota_percent_total=100,
    )
    finished = runs.run().expect(1)
    assert "Not complete: accounts." in finished.stderr
    assert len(runs.target.tables["contacts"]) == len(runs.target.tables["leads"]) == 1
    assert runs.target.state is not None
    assert {"contacts", "leads"} <= {
        name for name, mark in runs.target.state["bookmarks"].items() if mark.get("replication_key_value")
    }


def test_what_the_days_bulk_jobs_do_not_hold_waits_and_the_next_run_reads_it(
    large_org: OrgServer, processes: Processes
) -> None:
    """REST would use up the day's calls, to come no further than a part of the rows."""
    org = large_org.org
    org.create("Contact", {"LastName": "Doe"})
    org.clock.advance(hours=3)
    org.limits.daily_bulk_v2_query_jobs.spend(org.limits.daily_bulk_v2_query_jobs.maximum)
    runs = Runs(
        processes,
        large_org,
        objects=["Account", "Contact"],
        bulk_threshold=1_000,
        quota_percent_per_run=14,
        quota_percent_total=100,
    )
    finished = runs.run().expect(1)
    (told,) = [line for line in finished.stderr.splitlines() if "is not complete" in line]
    assert "accounts is not complete: 3,000 rows are left for a later run: " in told
    assert "Bulk query jobs a day are used" in told
    assert "INCOMPLETE: 3,000 rows are left for a later run" in finished.stderr
    assert "Not complete: accounts." in finished.stderr
    assert len(runs.target.tables["contacts"]) == 1
    assert large_org.ledger.api_calls <= 6
    org.clock.advance(hours=25)
    runs.run().expect(0)
    assert len(runs.target.tables["accounts"]) == ROWS
    # The same for what has changed since a bookmark.
    org.limits.daily_bulk_v2_query_jobs.spend(org.limits.daily_bulk_v2_query_jobs.maximum)
    state = runs.target.state
    assert state is not None
    for row in org.rows("Account"):
        org.update(row["Id"], {"Industry": "Energy"})
    org.clock.advance(hours=3)
    assert "rows are left for a later run" in runs.run().expect(1).stderr
    assert runs.target.state is not None
    kept = runs.target.state["bookmarks"]["accounts"]
    assert kept["replication_key_value"] == state["bookmarks"]["accounts"]["replication_key_value"]
    org.clock.advance(hours=25)
    runs.run().expect(0)
    assert {row["industry"] for row in runs.target.tables["accounts"].values()} == {"Energy"}


def test_a_job_whose_result_does_not_fit_into_the_day_is_begun_anew_on_another(
    large_org: OrgServer, processes: Processes
) -> None:
    message = "Max bulk v2 query result size stored (1000000000 kb) per 24 hrs has been exceeded"
    large_org.faults.add(FailJob("LIMIT_EXCEEDED", message), path="*/jobs/query", times=1)
    runs = Runs(processes, large_org, bulk_threshold=1_000, quota_percent_per_run=14, quota_percent_total=100)
    assert "3,000 rows are left for a later run: Account's job has failed" in runs.run().expect(1).stderr
    large_org.org.clock.advance(hours=25)
    runs.run().expect(0)
    assert len(runs.target.tables["accounts"]) == ROWS


def test_rest_reads_no_more_than_a_hundred_pages_for_bulk(
    org_server: OrgServer, processes: Processes
) -> None:
    org = org_server.org
    org.clock.freeze()
    accounts(org_server, 1)
    org.multiply("Account", 20_000, first=org.clock.now(), span=timedelta(hours=2))
    org.clock.advance(hours=5)
    org.limits.daily_bulk_v2_query_jobs.maximum = 0
    finished = Runs(processes, org_server).run().expect(1)
    assert "20,001 rows are left for a later run: 0 of the org's 0 Bulk query jobs" in finished.stderr
    assert org_server.ledger.api_calls <= 6


def test_an_object_that_no_run_can_resume_is_not_begun_without_the_calls_for_it(
    large_org: OrgServer, processes: Processes
) -> None:
    entry = {"breadcrumb": [], "metadata": {"forced-replication-method": "FULL_TABLE"}}
    processes.write("catalog.json", {"streams": [{"tap_stream_id": "accounts", "metadata": [entry]}]})
    config = large_org.config(page_size=200, progress="none", reader="rest", quota_percent_per_run=10)
    processes.write("tap.json", config)
    finished = processes.tap("--config", "tap.json", "--catalog", "catalog.json").expect(1)
    assert (
        "3,000 rows are left for a later run: REST takes more API calls than the quota leaves"
        in finished.stderr
    )
    assert large_org.ledger.api_calls <= 3


def test_collections_that_were_not_reached_say_so_once(large_org: OrgServer, processes: Processes) -> None:
    objects = ["Account", "Campaign", "Case", "Contact", "Contract", "Event", "Lead", "Opportunity", "Task"]
    runs = Runs(
        processes,
        large_org,
        objects=objects,
        reader="rest",
        max_workers=1,
        quota_percent_per_run=2,
        quota_percent_total=100,
    )
    finished = runs.run().expect(1)
    errors = [line for line in finished.stderr.splitlines() if "| ERROR" in line]
    assert [("quota_percent_per_run" in line, "Not complete" in line) for line in errors] == [
        (True, False),
        (False, True),
    ]
    assert "INCOMPLETE: the run had to stop" in finished.stderr


def test_jobs_of_windows_are_kept_where_the_budget_ends_between_them(
    org_server: OrgServer, processes: Processes
) -> None:
    org = org_server.org
    org.clock.freeze()
    for _ in range(8):
        accounts(org_server, 5)
        org.clock.advance(days=31)
    org.limits.daily_api_requests.maximum = 100
    runs = Runs(
        processes, org_server, reader="bulk", split_rows=10, quota_percent_per_run=7, quota_percent_total=100
    )
    runs.run().expect(1)
    created = [job.id for job in org_server.server.site.jobs.all()]
    assert created
    # A job that no state names would be created again by each run, and none would come further.
    assert all(job in str(runs.target.state) for job in created)
