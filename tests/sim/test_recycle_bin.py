"""What the recycle bin keeps and what it does to a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.errors import ApiError

if TYPE_CHECKING:
    from salesforce_simulator.org import Org


def test_a_delete_can_empty_fields_and_an_undelete_fills_them_again(frozen_org: Org) -> None:
    org = frozen_org
    org.recycle_bin.emptied_fields["Contact"] = ("AccountId", "Email")
    account = org.create("Account", {"Name": "x"})
    contact = org.create("Contact", {"LastName": "x", "AccountId": account, "Email": "a@example.com"})
    org.delete(contact)
    (row,) = org.rows("Contact")
    assert (row["IsDeleted"], row["LastName"], row["AccountId"], row["Email"]) == (True, "x", None, None)
    org.undelete(contact)
    (row,) = org.rows("Contact")
    assert (row["IsDeleted"], row["AccountId"], row["Email"]) == (False, account, "a@example.com")


def test_a_full_bin_empties_its_oldest_rows_but_none_of_the_last_two_hours(frozen_org: Org) -> None:
    org = frozen_org
    org.recycle_bin.limit = 2
    names = ("first", "second", "third", "fourth", "fifth")
    accounts = {name: org.create("Account", {"Name": name}) for name in names}
    for name in names[:3]:
        org.delete(accounts[name])
        org.clock.advance(minutes=30)
    assert {row["Name"] for row in org.rows("Account") if row["IsDeleted"]} == set(names[:3])
    org.clock.advance(hours=1)
    org.delete(accounts["fourth"])
    # Emptied rows show for another day, yet cannot come back.
    assert len(org.rows("Account")) == 5
    with pytest.raises(ApiError, match="UNDELETE_FAILED"):
        org.undelete(accounts["first"])
    org.undelete(accounts["third"])
    org.clock.advance(days=1)
    assert {row["Name"] for row in org.rows("Account")} == set(names[2:])


def test_some_objects_have_no_bin(frozen_org: Org) -> None:
    org = frozen_org
    campaign = org.create("Campaign", {"Name": "c"})
    lead = org.create("Lead", {"LastName": "x", "Company": "y"})
    member = org.create("CampaignMember", {"CampaignId": campaign, "LeadId": lead})
    org.delete(member)
    assert org.get(member) is None


def test_the_bin_keeps_15_days(frozen_org: Org) -> None:
    account = frozen_org.create("Account", {"Name": "Acme"})
    frozen_org.delete(account)
    frozen_org.clock.advance(days=14, hours=23)
    assert frozen_org.is_deleted(account)
    assert frozen_org.get(account) is not None
    frozen_org.clock.advance(hours=2)
    assert frozen_org.get(account) is None
    assert frozen_org.rows("Account") == []


def test_an_emptied_bin_shows_its_rows_for_a_day(frozen_org: Org) -> None:
    org = frozen_org
    kept, gone = (org.create("Account", {"Name": name}) for name in ("kept", "gone"))
    contact = org.create("Contact", {"LastName": "x", "AccountId": gone})
    org.delete(kept)
    org.delete(gone)
    assert org.empty_recycle_bin([gone]) == 2
    with pytest.raises(ApiError) as error:
        org.undelete(gone)
    assert error.value.error_code == "UNDELETE_FAILED"
    org.clock.advance(hours=23)
    assert len(org.rows("Account")) == 2
    org.clock.advance(hours=2)
    assert [row["Id"] for row in org.rows("Account")] == [kept]
    assert org.get(contact) is None
    org.undelete(kept)
    assert org.empty_recycle_bin() == 0


def test_what_was_undeleted_stays(frozen_org: Org) -> None:
    account = frozen_org.create("Account", {"Name": "Acme"})
    frozen_org.delete(account)
    frozen_org.clock.advance(days=14)
    frozen_org.undelete(account)
    frozen_org.clock.advance(days=3)
    frozen_org.delete(frozen_org.create("Account", {"Name": "other"}))
    frozen_org.clock.advance(days=30)
    assert [row["Id"] for row in frozen_org.rows("Account")] == [account]


def test_emptying_the_bin_late_keeps_nothing_longer(frozen_org: Org) -> None:
    account = frozen_org.create("Account", {"Name": "Acme"})
    frozen_org.delete(account)
    frozen_org.clock.advance(days=14, hours=12)
    frozen_org.empty_recycle_bin()
    frozen_org.clock.advance(hours=13)
    assert frozen_org.get(account) is None
