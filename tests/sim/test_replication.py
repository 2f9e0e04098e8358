"""getDeleted and getUpdated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.errors import ApiError

if TYPE_CHECKING:
    from salesforce_simulator.org import Org
    from salesforce_simulator.replication import ChangeWindow


def last_hour(org: Org, sobject: str = "Account", *, updated: bool = False) -> ChangeWindow:
    now = org.clock.now()
    ask = org.updated if updated else org.deleted
    return ask(sobject, now - timedelta(hours=1), now + timedelta(minutes=1))


def ids(window: ChangeWindow) -> set[str]:
    return {record_id for record_id, _ in window.records}


def test_soft_and_hard_deletes_are_told(frozen_org: Org) -> None:
    org = frozen_org
    kept, soft, hard, back = (
        org.create("Account", {"Name": name}) for name in ("kept", "soft", "hard", "back")
    )
    contact = org.create("Contact", {"LastName": "x", "AccountId": soft})
    org.delete(soft)
    org.hard_delete(hard)
    org.delete(back)
    org.undelete(back)
    window = last_hour(org)
    assert ids(window) == {soft, hard}
    assert {moment for _, moment in window.records} == {datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)}
    assert window.latest_covered == org.clock.now()
    assert ids(last_hour(org, "Contact")) == {contact}
    assert ids(last_hour(org, updated=True)) == {kept, back}


def test_a_record_is_told_once_with_its_first_delete(frozen_org: Org) -> None:
    account = frozen_org.create("Account", {"Name": "x"})
    frozen_org.delete(account)
    deleted_at = frozen_org.clock.now()
    frozen_org.clock.advance(minutes=5)
    frozen_org.hard_delete(account)
    assert last_hour(frozen_org).records == [(account, deleted_at)]


@pytest.mark.parametrize("keeps", [False, True], ids=["the log forgets", "the log keeps"])
@pytest.mark.parametrize("how", ["delete", "hard_delete"])
def test_a_record_that_came_back_is_told_with_its_next_delete(
    frozen_org: Org, how: str, *, keeps: bool
) -> None:
    frozen_org.recycle_bin.log_keeps_undeleted = keeps
    account = frozen_org.create("Account", {"Name": "x"})
    frozen_org.delete(account)
    frozen_org.undelete(account)
    frozen_org.clock.advance(minutes=5)
    getattr(frozen_org, how)(account)
    assert last_hour(frozen_org).records == [(account, frozen_org.clock.now())]


def test_deletes_of_objects_without_the_flag_are_told(frozen_org: Org) -> None:
    group = frozen_org.create("Group", {"Name": "g"})
    frozen_org.delete(group)
    assert frozen_org.get(group) is None
    assert ids(last_hour(frozen_org, "Group")) == {group}


def test_windows_are_whole_minutes_and_half_open(frozen_org: Org) -> None:
    account = frozen_org.create("Account", {"Name": "x"})
    frozen_org.delete(account)  # at 09:00:30
    minute = datetime(2026, 3, 2, 9, 0, 59, tzinfo=UTC)
    assert ids(frozen_org.deleted("Account", minute, minute + timedelta(minutes=1))) == {account}
    assert ids(frozen_org.deleted("Account", minute - timedelta(minutes=1), minute)) == set()


@pytest.mark.parametrize(
    ("start", "end", "updated"),
    [
        (timedelta(), timedelta(seconds=20), False),
        (timedelta(), timedelta(minutes=-1), True),
        (timedelta(days=-15, minutes=-1), timedelta(), False),
        (timedelta(days=-30, minutes=-1), timedelta(), True),
    ],
)
def test_refused_windows(frozen_org: Org, start: timedelta, end: timedelta, *, updated: bool) -> None:
    now = frozen_org.clock.now()
    ask = frozen_org.updated if updated else frozen_org.deleted
    with pytest.raises(ApiError) as error:
        ask("Account", now + start, now + end)
    assert error.value.error_code == "INVALID_REPLICATION_DATE"


def test_tags_have_neither_call(frozen_org: Org) -> None:
    with pytest.raises(ApiError):
        last_hour(frozen_org, "AccountTag")


def test_too_many_ids(frozen_org: Org) -> None:
    frozen_org.replication.id_limit = 2
    frozen_org.load("Account", [("a",), ("b",), ("c",)], ("Name",))
    with pytest.raises(ApiError) as error:
        last_hour(frozen_org, updated=True)
    assert error.value.error_code == "EXCEEDED_ID_LIMIT"


def test_a_purged_log_refuses_earlier_windows(frozen_org: Org) -> None:
    org = frozen_org
    assert last_hour(org).earliest_available < org.clock.now() - timedelta(days=15)
    org.delete(org.create("Account", {"Name": "x"}))
    org.clock.advance(hours=1)
    org.purge_delete_log()
    with pytest.raises(ApiError) as error:
        org.deleted("Account", org.clock.now() - timedelta(hours=1), org.clock.now())
    assert error.value.error_code == "INVALID_REPLICATION_DATE"
    org.clock.advance(hours=1)
    window = org.deleted("Account", org.clock.now() - timedelta(minutes=30), org.clock.now())
    assert window.earliest_available == org.clock.now() - timedelta(hours=1)


def test_the_log_forgets_after_15_days(frozen_org: Org) -> None:
    org = frozen_org
    deleted_at = org.clock.now()
    org.hard_delete(org.create("Account", {"Name": "x"}))
    org.clock.advance(days=14)
    assert org.deleted("Account", deleted_at, org.clock.now()).records
    org.clock.advance(days=1, minutes=2)
    window = org.deleted("Account", org.clock.now() - timedelta(days=14), org.clock.now())
    assert window.records == []
    assert deleted_at < window.earliest_available < org.clock.now() - timedelta(days=14)


def test_an_open_transaction_holds_the_watermark_back(frozen_org: Org) -> None:
    org = frozen_org
    account = org.create("Account", {"Name": "x"})
    late = org.transaction()
    opened = org.clock.now()
    org.clock.advance(minutes=2)
    late.delete(account)
    org.clock.advance(minutes=2)
    window = last_hour(org)
    assert window.records == []
    assert window.latest_covered == opened
    late.commit()
    window = last_hour(org)
    assert window.records == [(account, opened + timedelta(minutes=2))]
    assert window.latest_covered == org.clock.now()


def test_the_watermark_can_lag_by_hours(frozen_org: Org) -> None:
    org = frozen_org
    org.replication.lag = timedelta(hours=5)
    account = org.create("Account", {"Name": "x"})
    window = last_hour(org, updated=True)
    assert ids(window) == {account}
    assert window.latest_covered == org.clock.now() - timedelta(hours=5)
    late = org.transaction()
    org.clock.advance(hours=6)
    assert last_hour(org).latest_covered == org.clock.now() - timedelta(hours=6)
    late.rollback()
    assert last_hour(org).latest_covered == org.clock.now() - timedelta(hours=5)
