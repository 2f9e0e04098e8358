"""Many orgs in one Meltano project, a few at a time into one warehouse: each schema equals its org."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
import pytest
import yaml

from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, add_demo_login
from tests.fix_org import OrgServer
from tests.fix_process import PROJECT, Processes, wait_until
from tests.levels import slow
from tests.pair.store import differences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fix_meltano import Meltano
    from tests.fix_warehouse import Warehouse

ORGS = 10
AT_A_TIME = 4
OBJECTS = ["Account", "Contact"]
ALL_AT_ONCE = f"xargs -P {AT_A_TIME} -I ORG meltano run tap-sfsource--ORG target-sfwarehouse < orgs.txt"


@pytest.fixture
def servers() -> Iterator[list[OrgServer]]:
    """Orgs that share no row, one larger than the other."""
    with contextlib.ExitStack() as stack:
        found = []
        for number in range(ORGS):
            org = Org()
            stack.callback(org.close)
            add_demo_login(org)
            found.append(OrgServer(stack.enter_context(serve(org))))
            grow(org, 20 * (number + 1))
        yield found


@pytest.fixture
def project(
    meltano: Meltano, servers: list[OrgServer], warehouse: Warehouse, tmp_path: Path
) -> Iterator[Processes]:
    """A project with a tap for each org, as docs/meltano.md says."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(PROJECT / "meltano.yml", folder)
    (folder / "deploy").mkdir()
    taps = [tap(number, server, warehouse) for number, server in enumerate(servers)]
    (folder / "deploy" / "orgs.meltano.yml").write_text(yaml.safe_dump({"plugins": {"extractors": taps}}))
    (folder / "orgs.txt").write_text("".join(f"org-{number}\n" for number in range(ORGS)))
    meltano.configure("target-sfwarehouse", {"sqlalchemy_url": warehouse.url})
    found = Processes(folder)
    found.meltano("state", "list", env=meltano.environment).expect()
    yield found
    found.close()


def tap(number: int, server: OrgServer, warehouse: Warehouse) -> dict[str, Any]:
    return {
        "name": f"tap-sfsource--org-{number}",
        "inherit_from": "tap-sfsource",
        "load_schema": schema(number, warehouse),
        "select": ["accounts.*", "contacts.*"],
        "config": {
            "login_url": server.url,
            "client_id": DEMO_CLIENT_ID,
            "client_secret": DEMO_CLIENT_SECRET,
            "reader": "bulk",
        },
    }


def schema(number: int, warehouse: Warehouse) -> str:
    return f"{warehouse.schema}_{number}"


def grow(org: Org, rows: int) -> None:
    for number in range(rows):
        account = org.create("Account", {"Name": f"Account {number}"})
        org.create("Contact", {"LastName": f"Contact {number}", "AccountId": account})


@slow
def test_each_schema_equals_its_org_although_one_tap_is_killed(
    project: Processes, meltano: Meltano, servers: list[OrgServer], warehouse: Warehouse
) -> None:
    try:
        victim = servers[1].server
        victim.settings.latency = 700
        running = project.start(["bash", "-c", ALL_AT_ONCE], env=meltano.environment)
        wait_until(lambda: victim.ledger.matching("/jobs/query"), "the tap reads rows", deadline=120)
        wait_until(lambda: syncing(running.pid, "org-1"), "its process is there").kill()
        # xargs says with 123 that one of its commands failed.
        project.finish(running, deadline=600).expect(123)
        victim.settings.latency = 0
        for server in servers:
            grow(server.org, 5)
        project.shell(ALL_AT_ONCE, env=meltano.environment, deadline=600).expect()
        for number, server in enumerate(servers):
            own = replace(warehouse, schema=schema(number, warehouse))
            assert differences(own, server.org, OBJECTS) == [], number
    finally:
        for number in range(ORGS):
            warehouse.execute(f"DROP SCHEMA IF EXISTS {schema(number, warehouse)} CASCADE")


def syncing(pid: int, org: str) -> psutil.Process | None:
    """The process of an org's tap, discovery done."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            command = " ".join(child.cmdline())
            if "bin/tap-sfsource" in command and "--catalog" in command and f"--{org}" in command:
                return child
    return None
