"""Fixtures of the tap's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer


@pytest.fixture
def frozen(org_server: OrgServer) -> Clock:
    """The org's clock, standing still in the past of the machine's."""
    clock = org_server.org.clock
    clock.freeze()
    return clock
