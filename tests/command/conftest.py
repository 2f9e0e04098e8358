"""Fixtures of the command's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.simulation import DEMO_CLIENT_ID
from tests.command.terminal import Terminal, free_port
from tests.command.verifying import Verified, fill
from tests.fix_org import serving_company

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse


@pytest.fixture
def terminal(org_server: OrgServer, processes: Processes, tmp_path: Path) -> Terminal:
    port = free_port()
    org_server.org.apps[DEMO_CLIENT_ID].callback_urls = (f"http://localhost:{port}/OauthRedirect",)
    return Terminal(org_server, processes, port, {"XDG_DATA_HOME": str(tmp_path / "data"), "NO_COLOR": "1"})


@pytest.fixture(scope="module")
def company() -> Iterator[OrgServer]:
    """The example company, which no test changes."""
    with serving_company() as server:
        yield server


@pytest.fixture
def verified(org_server: OrgServer, warehouse: Warehouse, tmp_path: Path) -> Verified:
    """Accounts, contacts and tasks of some days, loaded."""
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account", "Contact", "Task"])
    fill(verified.org)
    verified.sync()
    return verified
