"""Late commits, and changes of which all are kept or none."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from salesforce_simulator.errors import ApiError

if TYPE_CHECKING:
    from salesforce_simulator.org import Org


def record(org: Org, record_id: str) -> dict[str, Any]:
    found = org.get(record_id)
    assert found is not None
    return found


def test_a_late_commit_is_stamped_when_written_and_seen_when_committed(frozen_org: Org) -> None:
    org = frozen_org
    with org.transaction() as late:
        account = late.create("Account", {"Name": "late"})
        contact = late.create("Contact", {"LastName": "x", "AccountId": account})
        late.update(account, {"Phone": "1"})
        org.clock.advance(minutes=1)
        assert org.rows("Account") == []
        assert org.latest_covered == org.clock.now() - timedelta(minutes=1)
        early = org.create("Account", {"Name": "early"})
    assert record(org, account)["SystemModstamp"] == "2026-03-02T09:00:30.000+0000"
    assert record(org, early)["SystemModstamp"] == "2026-03-02T09:01:30.000+0000"
    assert record(org, account)["Phone"] == "1"
    assert record(org, contact)["AccountId"] == account
    assert org.latest_covered == org.clock.now()


def test_an_open_transaction_locks_its_rows(frozen_org: Org) -> None:
    account = frozen_org.create("Account", {"Name": "Acme"})
    late = frozen_org.transaction()
    late.update(account, {"Name": "late"})
    with pytest.raises(ApiError) as error:
        frozen_org.update(account, {"Name": "now"})
    assert error.value.error_code == "UNABLE_TO_LOCK_ROW"
    late.rollback()
    assert record(frozen_org, account)["Name"] == "Acme"
    frozen_org.update(account, {"Name": "now"})


def test_a_late_commit_meets_the_fields_that_there_are_by_then(frozen_org: Org) -> None:
    org = frozen_org
    for name in ("Gone__c", "Kept__c"):
        org.add_field("Account", custom_field(name, "boolean"))
    old = org.create("Account", {"Name": "old"})
    late = org.transaction()
    new = late.create("Account", {"Name": "new", "Gone__c": True, "Kept__c": True})
    late.update(old, {"Gone__c": True, "Kept__c": True})
    org.remove_field("Account", "Gone__c")
    org.add_field("Account", custom_field("Later__c", "boolean"))
    late.commit()
    for record_id in (old, new):
        row = org.get(record_id)
        assert row is not None
        assert (row["Kept__c"], row["Later__c"]) == (True, False)
        assert "Gone__c" not in row


def test_an_exception_forgets_the_transaction(frozen_org: Org) -> None:
    def attempt() -> None:
        with frozen_org.transaction() as late:
            late.create("Account", {"Name": "x"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        attempt()
    assert frozen_org.rows("Account") == []


def test_all_or_nothing(frozen_org: Org) -> None:
    def attempt() -> None:
        with frozen_org.atomic():
            frozen_org.create("Account", {"Name": "x"})
            assert len(frozen_org.rows("Account")) == 1
            frozen_org.create("Account", {})

    with pytest.raises(ApiError):
        attempt()
    assert frozen_org.rows("Account") == []
