"""Which days a date literal covers; the expected ranges are read off a calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from salesforce_simulator.soql.relative_dates import NAMES, NAMES_WITH_NUMBER, span
from tests.sim.soql_things import NOW, World

# NOW is Wednesday 2026-05-13; the week began on Sunday the 10th. Last days are inclusive here.
RANGES = {
    "YESTERDAY": ("2026-05-12", "2026-05-12"),
    "TODAY": ("2026-05-13", "2026-05-13"),
    "TOMORROW": ("2026-05-14", "2026-05-14"),
    "LAST_WEEK": ("2026-05-03", "2026-05-09"),
    "THIS_WEEK": ("2026-05-10", "2026-05-16"),
    "NEXT_WEEK": ("2026-05-17", "2026-05-23"),
    "LAST_MONTH": ("2026-04-01", "2026-04-30"),
    "THIS_MONTH": ("2026-05-01", "2026-05-31"),
    "NEXT_MONTH": ("2026-06-01", "2026-06-30"),
    # 91 days, today among them.
    "LAST_90_DAYS": ("2026-02-12", "2026-05-13"),
    "NEXT_90_DAYS": ("2026-05-14", "2026-08-11"),
    "LAST_QUARTER": ("2026-01-01", "2026-03-31"),
    "THIS_QUARTER": ("2026-04-01", "2026-06-30"),
    "NEXT_QUARTER": ("2026-07-01", "2026-09-30"),
    "LAST_YEAR": ("2025-01-01", "2025-12-31"),
    "THIS_YEAR": ("2026-01-01", "2026-12-31"),
    "NEXT_YEAR": ("2027-01-01", "2027-12-31"),
    "LAST_FISCAL_QUARTER": ("2026-01-01", "2026-03-31"),
    "THIS_FISCAL_QUARTER": ("2026-04-01", "2026-06-30"),
    "NEXT_FISCAL_QUARTER": ("2026-07-01", "2026-09-30"),
    "LAST_FISCAL_YEAR": ("2025-01-01", "2025-12-31"),
    "THIS_FISCAL_YEAR": ("2026-01-01", "2026-12-31"),
    "NEXT_FISCAL_YEAR": ("2027-01-01", "2027-12-31"),
    "LAST_N_DAYS:3": ("2026-05-10", "2026-05-13"),
    "NEXT_N_DAYS:3": ("2026-05-14", "2026-05-16"),
    "N_DAYS_AGO:3": ("2026-05-10", "2026-05-10"),
    "LAST_N_WEEKS:2": ("2026-04-26", "2026-05-09"),
    "NEXT_N_WEEKS:2": ("2026-05-17", "2026-05-30"),
    "N_WEEKS_AGO:2": ("2026-04-26", "2026-05-02"),
    "LAST_N_MONTHS:5": ("2025-12-01", "2026-04-30"),
    "NEXT_N_MONTHS:8": ("2026-06-01", "2027-01-31"),
    "N_MONTHS_AGO:5": ("2025-12-01", "2025-12-31"),
    "LAST_N_QUARTERS:2": ("2025-10-01", "2026-03-31"),
    "NEXT_N_QUARTERS:3": ("2026-07-01", "2027-03-31"),
    "N_QUARTERS_AGO:2": ("2025-10-01", "2025-12-31"),
    "LAST_N_YEARS:2": ("2024-01-01", "2025-12-31"),
    "NEXT_N_YEARS:2": ("2027-01-01", "2028-12-31"),
    "N_YEARS_AGO:2": ("2024-01-01", "2024-12-31"),
    "LAST_N_FISCAL_QUARTERS:2": ("2025-10-01", "2026-03-31"),
    "NEXT_N_FISCAL_QUARTERS:3": ("2026-07-01", "2027-03-31"),
    "N_FISCAL_QUARTERS_AGO:2": ("2025-10-01", "2025-12-31"),
    "LAST_N_FISCAL_YEARS:2": ("2024-01-01", "2025-12-31"),
    "NEXT_N_FISCAL_YEARS:2": ("2027-01-01", "2028-12-31"),
    "N_FISCAL_YEARS_AGO:2": ("2024-01-01", "2024-12-31"),
}


@pytest.mark.parametrize("literal", RANGES)
def test_range(literal: str) -> None:
    start, end = span(literal, NOW)
    assert (start.isoformat(), (end - timedelta(days=1)).isoformat()) == RANGES[literal]


def test_every_literal_has_a_range_above() -> None:
    assert {name.partition(":")[0] for name in RANGES} == NAMES | NAMES_WITH_NUMBER


def test_a_week_that_begins_today() -> None:
    assert span("THIS_WEEK", datetime(2026, 5, 10, tzinfo=UTC)).start == date(2026, 5, 10)
    assert span("THIS_WEEK", datetime(2026, 5, 9, tzinfo=UTC)).end == date(2026, 5, 10)


def test_numbers_beyond_the_calendar_reach_its_ends() -> None:
    for name in NAMES_WITH_NUMBER:
        start, end = span(f"{name}:99999999", NOW)
        assert start <= end


def test_days_are_the_asking_users_days() -> None:
    world = World()
    try:
        # 02:00 UTC of the 13th is still the 12th ten hours to the west.
        moment = int(datetime(2026, 5, 13, 2, tzinfo=UTC).timestamp()) * 1000
        world.add("Thing__c", Name="x", Moment__c=moment)
        west = datetime(2026, 5, 13, 2, 30, tzinfo=timezone(timedelta(hours=-10)))
        assert world.names("Moment__c = TODAY", now=west.astimezone(UTC)) == ["x"]
        assert world.names("Moment__c = TODAY", now=west) == []
        assert world.names("Moment__c = YESTERDAY", now=west) == ["x"]
    finally:
        world.close()


def test_a_cached_query_follows_the_clock() -> None:
    world = World()
    try:
        world.add("Thing__c", Name="x", Day__c="2026-05-13")
        assert world.names("Day__c = TODAY") == ["x"]
        assert world.names("Day__c = TODAY", now=NOW + timedelta(days=1)) == []
    finally:
        world.close()
