"""Four accounts, and both halves for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pair.both import Pair
from tests.pair.four_accounts import NAMES

if TYPE_CHECKING:
    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse


@pytest.fixture
def org(org_server: OrgServer) -> Org:
    """Four accounts with a contact each, three hours ago; the clock stands still."""
    org = org_server.org
    org.clock.freeze()
    for name in NAMES:
        account = org.create("Account", {"Name": name, "Industry": "Energy", "NumberOfEmployees": 959})
        org.create("Contact", {"LastName": f"{name} contact", "AccountId": account})
    org.clock.advance(hours=3)
    return org


@pytest.fixture
def pair(org_server: OrgServer, org: Org, warehouse: Warehouse) -> Pair:
    """Both halves, for accounts."""
    return Pair(org_server, warehouse, {"objects": ["Account"]})
