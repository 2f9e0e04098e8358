"""A bookmark never passes the org's clock, and one wrong Date header moves nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.http.faults import WrongDate
from tap_sfsource.api.org_clock import OrgClock
from tap_sfsource.errors import ConfigError
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

DAY = 86_400.0


@pytest.mark.parametrize("seconds", [10 * DAY, -10 * DAY])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("reader", ["rest", "bulk"])
def test_one_wrong_date_loses_no_row(
    org_server: OrgServer, frozen: Clock, reader: str, nth: int, seconds: float
) -> None:
    accounts(org_server, 2)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader=reader, deletes="soft")
    rule = org_server.faults.add(WrongDate(seconds), nth=nth)
    syncs.sync()
    assert syncs.complete
    org_server.faults.clear()
    assert rule.fired == 1 or rule.seen < nth
    accounts(org_server, 3)
    frozen.advance(hours=3)

    syncs.sync()

    assert syncs.complete
    assert len(syncs.target.tables["accounts"]) == 5
    assert syncs.target.state is not None
    told = datetime.fromisoformat(syncs.target.state["bookmarks"]["accounts"]["replication_key_value"])
    assert told <= org_server.org.clock.now() + timedelta(seconds=30)


@pytest.mark.parametrize("key", ["replication_key_value", "deleted_until", "refreshed_at"])
def test_a_moment_beyond_the_orgs_clock_is_refused_by_name(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", "Contact")
    syncs.sync()
    assert syncs.target.state is not None
    syncs.target.state["bookmarks"]["accounts"][key] = "2199-01-01T00:00:00Z"
    before = dict(syncs.target.state["bookmarks"]["accounts"])

    syncs.sync()

    assert not syncs.complete
    assert f"State of accounts: {key} '2199-01-01T00:00:00Z' is later than the org's clock" in caplog.text
    assert syncs.target.state["bookmarks"]["accounts"] == before


def test_a_start_date_beyond_the_orgs_clock_ends_the_run(org_server: OrgServer) -> None:
    with pytest.raises(
        ConfigError, match="start_date: 2199-01-01 is in the future, so nothing would be read"
    ):
        Syncs(org_server, "Account", start_date="2199-01-01").sync()


def test_the_clock_is_what_most_answers_say() -> None:
    clock = OrgClock()
    now = datetime.now(UTC)

    def told(**off: float) -> timedelta:
        clock.read(format_datetime(now + timedelta(**off), usegmt=True))
        return abs(clock.now() - now)

    second = timedelta(seconds=5)
    assert abs(clock.now() - now) < second
    assert told(days=3) < second
    assert told() < second
    assert told(days=-3) < second
    assert told() < second
    clock.read(None)
    clock.read("nonsense")
    assert abs(clock.now() - now) < second
    # A clock that was set is believed once most answers say so.
    for _ in range(3):
        told(hours=2)
    assert abs(clock.now() - now - timedelta(hours=2)) < second
