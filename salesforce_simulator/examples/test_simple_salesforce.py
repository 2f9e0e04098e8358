"""Code that uses simple-salesforce, tested against a simulated org.

pip install salesforce-simulator pytest simple-salesforce
pytest test_simple_salesforce.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceGeneralError

if TYPE_CHECKING:
    from salesforce_simulator.simulation import Simulation

# simple-salesforce speaks https only.
pytestmark = pytest.mark.salesforce(tls=True)


def open_deals(salesforce: Salesforce) -> dict[str, float]:
    """The code under test: what each account may still bring in."""
    deals: dict[str, float] = {}
    query = "SELECT Account.Name, Amount FROM Opportunity WHERE IsClosed = false"
    for row in salesforce.query_all_iter(query):
        name = row["Account"]["Name"]
        deals[name] = deals.get(name, 0.0) + row["Amount"]
    return deals


@pytest.fixture
def salesforce(salesforce_org: Simulation, monkeypatch: pytest.MonkeyPatch) -> Salesforce:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(salesforce_org.ca_file))
    return Salesforce(instance_url=salesforce_org.url, session_id=salesforce_org.access_token())


def add_deal(org: Simulation, account: str, stage: str, amount: str) -> str:
    values = {"Name": "Deal", "AccountId": account, "StageName": stage, "CloseDate": "2026-12-31"}
    return org.org.create("Opportunity", {**values, "Amount": amount})


def test_closed_and_deleted_deals_do_not_count(salesforce_org: Simulation, salesforce: Salesforce) -> None:
    acme = salesforce_org.org.create("Account", {"Name": "Acme"})
    add_deal(salesforce_org, acme, "Prospecting", "100.50")
    add_deal(salesforce_org, acme, "Negotiation/Review", "20")
    add_deal(salesforce_org, acme, "Closed Won", "5000")
    salesforce_org.org.delete(add_deal(salesforce_org, acme, "Prospecting", "7"))
    assert open_deals(salesforce) == {"Acme": 120.5}


def test_many_deals_come_in_pages_of_two_thousand(salesforce_org: Simulation, salesforce: Salesforce) -> None:
    acme = salesforce_org.org.create("Account", {"Name": "Acme"})
    with salesforce_org.org.atomic():
        for _ in range(2001):
            add_deal(salesforce_org, acme, "Prospecting", "1")
    assert open_deals(salesforce) == {"Acme": 2001.0}
    assert [call.status for call in salesforce_org.ledger.matching("/query")] == [200, 200]


@pytest.mark.salesforce(faults=["Status=503,path=*/query*,times=1"])
def test_a_server_that_is_down_for_a_moment(salesforce: Salesforce) -> None:
    with pytest.raises(SalesforceGeneralError, match="SERVER_UNAVAILABLE"):
        open_deals(salesforce)
    assert open_deals(salesforce) == {}
