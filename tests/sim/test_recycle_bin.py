"""What the recycle bin keeps and what it does to a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulator.errors import ApiError

if TYPE_CHECKING:
    from tests.simulator.org import Org


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
