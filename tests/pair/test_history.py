"""A history has what happened to a record between the runs, whichever way the tap learnt of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from tests.pair.both import Pair

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse


@pytest.mark.parametrize("whole", ["auto", "whole"])
def test_each_run_that_sees_a_change_makes_a_version(
    whole: str, org_server: OrgServer, warehouse: Warehouse
) -> None:
    org = org_server.org
    org.clock.freeze()
    key = org.create("Account", {"Name": "Acme", "Industry": "Energy"})
    other = org.create("Account", {"Name": "Borg"})
    settings = {"objects": ["Account"], "partial_rows": whole}
    pair = Pair(org_server, warehouse, settings, {"history": ["accounts"]})

    def run(**more: Any) -> None:
        org.clock.advance(hours=3)
        pair.good(**more)

    run()
    run()
    org.update(key, {"Name": "Acme Ltd"})
    run()
    org.delete(key)
    run()
    org.undelete(key)
    run()
    org.add_field("Account", custom_field("Tier__c", "string"))
    run()
    org.update(key, {"Tier__c": "Gold"})
    run()
    org.hard_delete(key)
    run()
    run(deletes="sweep")

    found = warehouse.query(
        "SELECT name, tier_c, is_deleted, valid_from, valid_to, is_current FROM {schema}.accounts_history "
        "WHERE id = %s ORDER BY valid_from",
        key,
    )
    states = [(row["name"], row["tier_c"], row["is_deleted"]) for row in found]
    # The stamp of a row that is undeleted moves, so each of these is a change.
    assert states == [
        ("Acme", None, False),
        ("Acme Ltd", None, False),
        ("Acme Ltd", None, True),
        ("Acme Ltd", None, False),
        ("Acme Ltd", "Gold", False),
        ("Acme Ltd", "Gold", True),
    ]
    ends = [row["valid_to"] for row in found]
    assert ends == [*[row["valid_from"] for row in found][1:], None]
    versions = warehouse.query("SELECT is_current FROM {schema}.accounts_history WHERE id = %s", other)
    assert versions == [{"is_current": True}]
