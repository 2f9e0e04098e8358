"""Times as SOQL takes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tap_sfsource import clock


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "0900-02-03T04:05:06Z", "2026-03-02T09:00:30Z"])
def test_a_year_has_four_digits(text: str) -> None:
    assert clock.isoformat(clock.parse(text)) == text


def test_fractions_and_zones_are_gone() -> None:
    assert clock.isoformat(datetime.fromisoformat("2026-03-02T09:00:30.999+02:00")) == "2026-03-02T07:00:30Z"
    assert clock.isoformat(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_has_no_year_in_utc_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        clock.parse(text)
