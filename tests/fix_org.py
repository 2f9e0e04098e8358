"""Fixtures: a simulated org behind a real HTTP server."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.clock import Clock
from salesforce_simulator.org import ALL_FEATURES, Org
from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_USER, simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from salesforce_simulator.http.faults import Faults
    from salesforce_simulator.http.ledger import Ledger
    from salesforce_simulator.server import Server
    from salesforce_simulator.simulation import Simulation
    from salesforce_simulator.users import User


@dataclass(frozen=True)
class OrgServer:
    """A served org, and how a tap is told to read it.

    Attributes:
        server: Everything else about the server.
    """

    server: Server

    @property
    def org(self) -> Org:
        """The org."""
        return self.server.org

    @property
    def url(self) -> str:
        """Address of its My Domain."""
        return self.server.url

    @property
    def ledger(self) -> Ledger:
        """Every request so far."""
        return self.server.ledger

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self.server.faults

    @property
    def user(self) -> User:
        """The user that `config` logs in as."""
        return self.org.users[DEMO_USER]

    def config(self, **overrides: Any) -> dict[str, Any]:
        """A tap's config: client credentials at the My Domain; `overrides` replace or add settings."""
        return {
            "login_url": self.url,
            "client_id": DEMO_CLIENT_ID,
            "client_secret": DEMO_CLIENT_SECRET,
            **overrides,
        }


@pytest.fixture
def org_server(salesforce_org: Simulation) -> OrgServer:
    """An empty org with the 48 objects."""
    return OrgServer(salesforce_org.server)


@contextmanager
def serving_company() -> Iterator[OrgServer]:
    """An org with the small example company, for fixtures of a wider scope than a test's."""
    with simulate(company=True) as found:
        yield OrgServer(found.server)


@pytest.fixture
def company_server(salesforce_company: Simulation) -> OrgServer:
    """An org with the small example company."""
    return OrgServer(salesforce_company.server)


@pytest.fixture
def frozen_org() -> Iterator[Org]:
    """An empty org that nothing serves, with every feature on and a clock that only tests move."""
    org = Org(features=ALL_FEATURES, clock=Clock(datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC), frozen=True))
    yield org
    org.close()
