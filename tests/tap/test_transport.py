"""How long to wait, and what counts as passing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests

from tap_sfsource.api.transport import backoff, is_transient, retry_after


def answer(**headers: str) -> requests.Response:
    response = requests.Response()
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


def test_a_wait_is_read_in_seconds_or_as_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=90)
    told = retry_after(answer(Retry_After=format_datetime(soon, usegmt=True)))

    assert retry_after(answer(Retry_After="7")) == 7
    assert told is not None
    assert 80 < told <= 90
    assert retry_after(answer(Retry_After=format_datetime(soon - timedelta(days=1)))) == 0


@pytest.mark.parametrize("value", ["", "soon", "-3", "1.5.2"])
def test_a_wait_that_cannot_be_read_is_none(value: str) -> None:
    assert retry_after(answer(Retry_After=value)) is None
    assert retry_after(answer()) is None


def test_pauses_grow_and_stay_bounded() -> None:
    for attempt in (*range(1, 50), 5000):
        assert 0.25 <= backoff(attempt) <= 30
    assert backoff(1) <= 0.5
    assert backoff(10) >= 15


@pytest.mark.parametrize(
    ("status", "code", "passes"),
    [
        (503, "", True),
        (500, "", True),
        (500, "UNKNOWN_EXCEPTION", True),
        (500, "APEX_ERROR", False),
        (406, "", True),
        (420, "", True),
        (429, "REQUEST_LIMIT_EXCEEDED", True),
        (400, "UNABLE_TO_LOCK_ROW", True),
        (400, "QUERY_TIMEOUT", False),
        (400, "INVALID_FIELD", False),
        (404, "NOT_FOUND", False),
        (414, "", False),
    ],
)
def test_only_what_may_pass_is_tried_again(status: int, code: str, passes: bool) -> None:
    assert is_transient(status, code) is passes
