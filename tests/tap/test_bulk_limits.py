"""The org's daily limits of Bulk jobs and of their results: known before a job is started, and REST takes over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.http.faults import FailJob, Status, UseUp
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

OBJECTS = ("Account", "Contact", "Lead", "Task", "Campaign")
JOBS, STORAGE = "DailyBulkV2QueryJobs", "DailyBulkV2QueryFileStorageMB"


def jobs_started(server: OrgServer) -> int:
    return len(server.ledger.matching("/jobs/query", method="POST"))


def lines_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("Bulk: ")]


def test_limits_are_asked_for_once_and_only_by_a_run_with_a_job(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 5)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, *OBJECTS, bulk_threshold=2)
    syncs.sync()
    assert jobs_started(org_server) == 1
    assert len(org_server.ledger.matching("/limits")) == 2  # and once for the record count
    frozen.advance(hours=3)
    assert syncs.sync() == {}
    assert not org_server.ledger.matching("/limits")


@pytest.mark.parametrize("limit", [JOBS, STORAGE])
def test_without_any_left_the_day_goes_on_by_rest(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture, limit: str
) -> None:
    accounts(org_server, 5)
    org_server.faults.add(UseUp(limit), path="*/composite", nth=1)
    syncs = Syncs(org_server, "Account", "Contact", bulk_threshold=2, reader="auto")
    assert syncs.sync() == {"accounts": 5}
    assert syncs.complete
    assert jobs_started(org_server) == 0
    (line,) = lines_of(caplog)
    assert "quota_percent_total (80 %). What no longer fits is read by REST if it is small" in line


def test_the_users_share_of_the_days_jobs_is_kept_by_all_runs_together(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = org_server.org.limits.daily_bulk_v2_query_jobs
    jobs.maximum = 10
    jobs.spend(7)
    syncs = Syncs(org_server, *OBJECTS, reader="bulk", quota_percent_per_run=100)
    syncs.sync()
    assert syncs.complete
    assert jobs_started(org_server) == 1
    (line,) = lines_of(caplog)
    assert line.startswith("Bulk: 8 of the org's 10 Bulk query jobs a day are used")


def test_one_run_takes_no_more_than_its_share_of_the_days_jobs(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    org_server.org.limits.daily_bulk_v2_query_jobs.maximum = 12
    syncs = Syncs(org_server, *OBJECTS, reader="bulk")
    syncs.sync()
    assert syncs.complete
    assert jobs_started(org_server) == 3
    (line,) = lines_of(caplog)
    assert "3 of them by this run (quota_percent_per_run, 25 %)" in line


def test_a_result_too_large_for_the_days_storage_is_read_by_rest_and_a_small_one_is_not(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    accounts(org_server, 800)
    org_server.org.create("Contact", {"LastName": "Doe"})
    org_server.org.limits.daily_bulk_v2_query_storage_mb.maximum = 1
    syncs = Syncs(org_server, "Account", "Contact", bulk_threshold=0)
    assert syncs.sync() == {"accounts": 800, "contacts": 1}
    assert [entry.sobject for entry in org_server.ledger.matching("/jobs/query", method="POST")] == [
        "Contact"
    ]
    (line,) = lines_of(caplog)
    assert "megabytes of Bulk results a day are used" in line


def test_a_job_that_is_refused_ends_bulk_for_the_run(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A user who may not ask for the limits finds out from the first job."""
    accounts(org_server, 5)
    org_server.faults.add(Status(403, "FUNCTIONALITY_NOT_ENABLED", "no"), path="*/limits")
    org_server.faults.add(UseUp(JOBS), path="*/composite", nth=1)
    syncs = Syncs(org_server, "Account", "Contact", reader="bulk", max_workers=1)
    assert syncs.sync() == {"accounts": 5}
    assert syncs.complete
    assert jobs_started(org_server) == 1
    (line,) = lines_of(caplog)
    assert "LIMIT_EXCEEDED: Max bulk v2 query jobs" in line


def test_a_job_whose_result_does_not_fit_any_more_is_read_by_rest(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    accounts(org_server, 5)
    message = "Max bulk v2 query result size stored (1000000000 kb) per 24 hrs has been exceeded"
    org_server.faults.add(FailJob("LIMIT_EXCEEDED", message), path="*/jobs/query", times=1)
    syncs = Syncs(org_server, "Account", reader="bulk")
    assert syncs.sync() == {"accounts": 5}
    assert syncs.complete
    (line,) = lines_of(caplog)
    assert "per 24 hrs has been exceeded" in line


def test_a_limit_that_moves_on_lets_jobs_start_again(org_server: OrgServer, frozen: Clock) -> None:
    jobs = org_server.org.limits.daily_bulk_v2_query_jobs
    jobs.spend(jobs.maximum)
    accounts(org_server, 5)
    frozen.advance(hours=3)
    Syncs(org_server, "Account", reader="bulk").sync()
    assert jobs_started(org_server) == 0
    frozen.advance(seconds=timedelta(days=1).total_seconds())
    Syncs(org_server, "Account", reader="bulk").sync()
    assert jobs_started(org_server) == 1
