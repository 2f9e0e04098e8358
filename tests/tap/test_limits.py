"""The limit header is read in both of its forms, and the user's quota is kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tap_sfsource.api.usage import Limits, Usage, parse_limit_info
from tap_sfsource.errors import QuotaReachedError


@pytest.mark.parametrize(
    ("header", "usage"),
    [
        ("api-usage=18/5000", {"api-usage": Usage(18, 5000)}),
        (
            "api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)",
            {"api-usage": Usage(25, 5000), "per-app-api-usage": Usage(17, 250)},
        ),
        ("per-app-api-usage=17/250(appName=x)", {"per-app-api-usage": Usage(17, 250)}),
        ("something else", {}),
    ],
)
def test_the_header_is_read_in_every_form(header: str, usage: dict[str, Usage]) -> None:
    assert parse_limit_info(header) == usage


def test_the_run_stops_when_all_applications_together_reach_the_total() -> None:
    limits = Limits(percent_total=80, percent_per_run=100)
    limits.read("api-usage=799/1000")
    limits.take()
    limits.read("api-usage=800/1000; per-app-api-usage=1/1000(appName=x)")

    with pytest.raises(QuotaReachedError, match=r"800 of its 1000 .*quota_percent_total \(80 %\)"):
        limits.take()


def test_the_run_stops_when_its_own_calls_reach_its_share() -> None:
    limits = Limits(percent_total=100, percent_per_run=1)
    limits.read("api-usage=0/500")
    for _ in range(5):
        limits.take()

    with pytest.raises(QuotaReachedError, match=r"used 5 API calls .*quota_percent_per_run \(1 %\)"):
        limits.take()


def test_threads_together_take_no_more_than_the_share() -> None:
    limits = Limits(percent_total=100, percent_per_run=10)
    limits.read("api-usage=0/500")

    def take(_: int) -> bool:
        try:
            limits.take()
        except QuotaReachedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(200))) == 50


def test_the_limit_of_the_app_counts_as_well() -> None:
    limits = Limits(percent_total=80, percent_per_run=100)
    limits.read("api-usage=1/1000; per-app-api-usage=9/10(appName=x)")

    with pytest.raises(QuotaReachedError, match="connected app has used 9 of its 10"):
        limits.take()


def test_an_answer_without_the_header_changes_nothing() -> None:
    limits = Limits(percent_total=80, percent_per_run=100)
    limits.read("api-usage=18/5000")
    limits.read(None)

    assert limits.org == Usage(18, 5000)
