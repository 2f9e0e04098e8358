"""Rows by the thousand and more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.volume import MissingParentsError, load_many
from tests.levels import at_level

if TYPE_CHECKING:
    from salesforce_simulator.org import Org

COUNT = at_level(normal=20_000, wide=100_000, long=1_000_000)


def test_copies_have_ids_and_stamps_of_their_own(frozen_org: Org) -> None:
    load_many(frozen_org, "Contact", COUNT)
    last = frozen_org.create("Contact", {"LastName": "last"})
    (rows, ids, stamps, greatest, latest) = (
        frozen_org.connection()
        .execute(
            'SELECT count(*), count(DISTINCT "Id"), count(DISTINCT "SystemModstamp"), max("Id"), '
            'max("SystemModstamp") FILTER (WHERE "LastName" <> \'last\') FROM "Contact"'
        )
        .fetchone()
    )
    assert rows == ids == COUNT + 1
    assert greatest == last
    assert stamps > 19_000
    now = frozen_org.clock.now()
    assert latest <= (now - timedelta(hours=1)).timestamp() * 1000
    changed = frozen_org.updated("Contact", now - timedelta(hours=2), now - timedelta(hours=1)).records
    assert abs(len(changed) - COUNT / 24) < COUNT / 24 / 10


def test_lookups_point_at_what_is_there(frozen_org: Org) -> None:
    load_many(frozen_org, "Account", 3000)
    load_many(frozen_org, "Contact", 2500)
    load_many(frozen_org, "Contract", 1500)
    accounts = {row["Id"] for row in frozen_org.rows("Account")}
    contacts = [row["AccountId"] for row in frozen_org.rows("Contact")]
    assert set(contacts) <= accounts | {None}
    assert 0.7 < sum(account is not None for account in contacts) / 2500 < 0.9
    assert {row["AccountId"] for row in frozen_org.rows("Contract")} <= accounts


def test_records_without_the_parents_that_they_need(frozen_org: Org) -> None:
    with pytest.raises(MissingParentsError, match="Contract records need records of Account before them"):
        load_many(frozen_org, "Contract", 10)
    assert frozen_org.rows("Contract") == []
