"""The forecast beside what the org's ledger says of the run that follows: Bulk jobs exact, calls within a tolerance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sfsource.forecast.cost import Cost
from sfsource.forecast.runs import Forecast, RunCost
from sfsource.forecast.show import line_of
from sfsource.forecast.sizes import sizes
from tap_sfsource.catalog.discovery import plan_run
from tap_sfsource.check import readable_plans
from tap_sfsource.sync.given_names import GivenNames
from tap_sfsource.tap import TapSFSource
from tests.command.asked import ask, written
from tests.levels import search, slow
from tests.tap.reference import ReferenceTarget
from tests.tap.running import run_tap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.fix_org import OrgServer

POLLS = 2
"""Calls by which a job may cost less than foretold: a job of the simulated org is complete when it is first looked at."""

EVERY = timedelta(hours=3)


class Seer:
    """Foretells what a run costs, and runs it."""

    def __init__(self, server: OrgServer, **settings: Any) -> None:
        self.server = server
        self.config = server.config(progress="none", **settings)
        self.target = ReferenceTarget()
        server.org.clock.freeze()

    def forecast(self) -> Forecast:
        tap = TapSFSource(config=self.config, setup_mapper=False)
        names = GivenNames(self.target.state or {})
        plan = plan_run(tap.client, tap.settings, None, names.emitted, names.streams)
        planning = tap.client.calls
        return Forecast(tap.client, plan.streams, sizes(tap.client, readable_plans(plan)), planning)

    def next_run(self) -> RunCost:
        return self.forecast().next_run(self.target.state)

    def run(self) -> tuple[int, int, int]:
        """Calls, Bulk jobs and records of a real run."""
        self.server.ledger.clear()
        outcome = run_tap(self.config, state=self.target.state)
        assert outcome.complete
        self.target.feed(outcome.output)
        jobs = [
            call
            for call in self.server.ledger.calls
            if call.method == "POST" and call.path.endswith("/jobs/query")
        ]
        return self.server.ledger.api_calls, len(jobs), sum(self.target.counts.values())

    def wait(self, **time: float) -> None:
        self.server.org.clock.advance(**time)

    def agrees(self, foretold: RunCost) -> int:
        """Run, and compare; gives the calls."""
        calls, jobs, _ = self.run()
        assert round(foretold.total.jobs) == jobs
        told = foretold.total.calls
        assert told - POLLS * jobs - 0.05 * told - 1 <= calls <= told + 0.05 * told + 1, (told, calls)
        return calls


SETTINGS: list[dict[str, Any]] = [{}, {"bulk_threshold": 100}]
RARER: list[dict[str, Any]] = [
    {"deletes": "soft"},
    {"deletes": "sweep"},
    {"reader": "rest", "page_size": 200},
    {"reader": "bulk"},
    {"partial_rows": "whole"},
    {"start_date": "2026-11-01T00:00:00Z"},
    {"filters": {"Account": "Industry = 'Energy'"}},
    {"objects": ["Account", "Contact", "Case*"], "include_base64": True},
]


def named(settings: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in settings.items()) or "as it is"


@slow
@pytest.mark.parametrize(
    "settings", [*SETTINGS, *(pytest.param(each, marks=search) for each in RARER)], ids=named
)
def test_a_company_by_any_settings(settings: dict[str, Any], company_server: OrgServer) -> None:
    """A first sync, an idle run, and one a week later with renewals and some changes."""
    seer = Seer(company_server, **settings)
    # By then the company's rows are no changes of the last week.
    seer.wait(days=8)
    seer.agrees(seer.next_run())
    seer.wait(hours=3)
    idle = seer.forecast().tick(EVERY)
    seer.agrees(seer.next_run() if settings.get("deletes") == "sweep" else idle)
    seer.wait(days=4)
    for row in [row for row in company_server.org.rows("Account") if not row["IsDeleted"]][:40]:
        company_server.org.update(row["Id"], {"Phone": "1"})
    seer.wait(days=3)
    seer.agrees(seer.next_run())


@pytest.fixture
def large_server(org_server: OrgServer) -> OrgServer:
    """An org with objects of which some are large beside the settings of LARGE."""
    org = org_server.org
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for name, rows in (("Account", 12_000), ("Contact", 900), ("Lead", 1_200)):
        required = {
            "Account": {"Name": "a"},
            "Contact": {"LastName": "c"},
            "Lead": {"LastName": "l", "Company": "c"},
        }
        org.create(name, required[name])
        org.multiply(name, rows - 1, first=moment, span=timedelta(days=120))
    return org_server


LARGE = {"bulk_threshold": 1_000, "split_rows": 5_000, "bulk_page_size": 1_000, "page_size": 200}


@pytest.mark.parametrize(
    "more", [{}, {"download_connections": 1}, {"deletes": "sweep"}, {"reader": "rest"}], ids=named
)
def test_large_objects(more: dict[str, Any], large_server: OrgServer) -> None:
    seer = Seer(large_server, objects=["Account", "Contact", "Lead", "Case"], **LARGE, **more)
    first = seer.next_run()
    assert first.first == {"accounts", "contacts", "leads", "cases"}
    assert first.streams["accounts"].rows == 12_000
    if not more:
        # By the month, as the rows were changed.
        assert first.streams["accounts"].jobs >= 3
        assert first.streams["contacts"].jobs == 0
    seer.agrees(first)
    seer.wait(hours=3)
    if more.get("deletes") != "sweep":
        seer.agrees(seer.forecast().tick(EVERY))
    seer.wait(days=3)
    large_server.org.multiply("Account", 1_500, first=large_server.org.clock.now(), span=timedelta(hours=1))
    seer.wait(days=4)
    seer.agrees(seer.next_run())


def test_rows_that_are_deleted_count_as_the_tap_reads_them(large_server: OrgServer) -> None:
    """900 contacts live, and 200 in the recycle bin: the first look finds more than bulk_threshold."""
    org = large_server.org
    org.multiply("Contact", 200, first=datetime(2026, 1, 1, tzinfo=UTC), span=timedelta(days=1))
    for row in list(org.rows("Contact"))[:200]:
        org.delete(row["Id"])
    seer = Seer(large_server, objects=["Contact"], **LARGE)
    first = seer.next_run()
    assert (first.streams["contacts"].rows, first.streams["contacts"].jobs) == (1_100, 1)
    seer.agrees(first)


def test_an_old_state_makes_the_next_run_compare_all_ids(large_server: OrgServer) -> None:
    seer = Seer(large_server, objects=["Account", "Contact"], **LARGE)
    seer.agrees(seer.next_run())
    seer.wait(days=20)
    foretold = seer.next_run()
    assert foretold.notes["accounts"] == "compares all ids"
    seer.agrees(foretold)


def test_a_day_is_eight_runs_and_one_renewal(company_server: OrgServer) -> None:
    seer = Seer(company_server, objects=["Account", "Contact", "Opportunity", "Task", "Case", "Group"])
    seer.run()
    seer.wait(days=8)
    forecast = seer.forecast()
    seer.run()
    day = forecast.day(EVERY).total.calls
    spent = 0
    for _ in range(8):
        seer.wait(hours=3)
        spent += seer.run()[0]
    assert day == pytest.approx(spent, rel=0.15)


def test_the_quotas_are_held_against_it(large_server: OrgServer, tmp_path: Path) -> None:
    large_server.org.limits.daily_api_requests.maximum = 200
    config = large_server.config(objects=["Account"], reader="rest", page_size=200)
    answer = ask("doctor", "--tap", written(tmp_path, "tap.json", config), "--json").expect(0)
    found = {part["check"]: part for part in answer.json["findings"] if part["area"] == "forecast"}
    assert found["first sync"]["level"] == "warning"
    assert "API calls are more than the quotas leave" in found["first sync"]["told"]
    assert "quota_percent_per_run, 25 %" in found["first sync"]["told"]
    forecast = answer.json["forecast"]
    assert forecast["first_sync"] is True
    (accounts,) = forecast["next_run"]["collections"]
    assert (accounts["rows"], accounts["bulk_jobs"]) == (12_000, 0)
    assert forecast["next_run"]["together"]["api_calls"] > 60


def test_it_says_what_it_spent_itself(large_server: OrgServer, tmp_path: Path) -> None:
    config = written(tmp_path, "tap.json", large_server.config(objects=["Account", "Contact"]))
    large_server.ledger.clear()
    answer = ask("doctor", "--tap", config).expect(0)
    assert f"API calls that this took: {large_server.ledger.api_calls + 1}" in answer.words
    assert "accounts 12,000" in answer.words
    assert not [call for call in large_server.ledger.calls if call.path.endswith("/jobs/query")]


@pytest.mark.parametrize("every", ["0h", "25h", "soon", "3"])
def test_a_time_that_is_none_is_refused(every: str) -> None:
    answer = ask("doctor", "--every", every).expect(2)
    assert "is no time up to a day, such as 3h, 15m or 1d" in answer.stderr


def test_a_forecast_in_a_line() -> None:
    assert line_of(Cost(rows=1, calls=1, jobs=1, megabytes=0.04, seconds=59)) == (
        "1 row, 1 call, 1 Bulk job, 0 MB, less than a minute"
    )
    assert line_of(Cost(rows=0.02, calls=2.5, megabytes=12.34, seconds=90)) == (
        "0 rows, 2.5 calls, 12 MB, about 1.5 min"
    )
