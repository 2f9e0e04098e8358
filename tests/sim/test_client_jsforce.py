"""jsforce (npm) works against the simulated org, told nothing but where it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.simulation import (
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_PASSWORD,
    DEMO_SECURITY_TOKEN,
    DEMO_USER,
)
from tests.fix_process import PROJECT
from tests.levels import slow

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes

FILES = Path(__file__).with_name("clients") / "jsforce"
# Every package with its version and hash. Renew it, after a change of package.json, in a copy of the folder:
#   npm install --package-lock-only --omit-lockfile-registry-resolved && npm shrinkwrap
# and take out its `funding`, which is nothing but addresses.
LOCK = "npm-shrinkwrap.json"


@pytest.fixture(scope="module")
def node_modules(request: pytest.FixtureRequest) -> Path:
    """The package as locked, which pytest's cache keeps until the lock changes."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    folder = Path(request.config.cache.mkdir("jsforce"))
    stamp = folder / "node_modules" / "installed.json"
    lock = (FILES / LOCK).read_bytes()
    if not stamp.exists() or stamp.read_bytes() != lock:
        for name in ("package.json", LOCK):
            shutil.copy(FILES / name, folder)
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"jsforce does not install here: {error}")
        stamp.write_bytes(lock)
    return stamp.parent


def test_the_lock_names_hashes_and_no_address() -> None:
    packages = json.loads((FILES / LOCK).read_text())["packages"]
    assert all("integrity" in package for name, package in packages.items() if name)
    assert "://" not in (FILES / LOCK).read_text()


@slow
def test_jsforce(company_server: OrgServer, node_modules: Path) -> None:
    company_server.org.login.soap_login = True
    password = DEMO_PASSWORD + DEMO_SECURITY_TOKEN
    run = subprocess.run(
        [
            "node",
            str(FILES / "run.js"),
            company_server.url,
            DEMO_USER,
            password,
            DEMO_CLIENT_ID,
            DEMO_CLIENT_SECRET,
        ],
        env={**os.environ, "NODE_PATH": str(node_modules)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    org = company_server.org
    truth = {row["Id"] for row in org.rows("Contact") if not row["IsDeleted"]}
    assert seen["organization"] == org.id
    assert set(seen["objects"]) == set(org.schema.objects)
    assert seen["fields"] == list(org.schema.objects["Account"].fields)
    for way in ("queried", "bulk2", "bulk"):
        assert set(seen[way]) == truth
        assert len(seen[way]) == len(truth)
    assert (seen["name"], seen["deleted"], seen["username"]) == ("made by a client", True, DEMO_USER)
    assert (seen["error"], seen["count"]) == ("INVALID_FIELD", len(truth))


@slow
def test_the_example(node_modules: Path, processes: Processes) -> None:
    shutil.copy(PROJECT / "salesforce_simulator" / "examples" / "jsforce.test.mjs", processes.directory)
    (processes.directory / "node_modules").symlink_to(node_modules)
    command = processes.directory / "salesforce-simulator"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m salesforce_simulator "$@"\n')
    command.chmod(0o755)
    environment = {
        "PATH": f"{processes.directory}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
    }
    said = processes.run("node", "--test", "jsforce.test.mjs", env=environment).expect().stdout
    assert "pass 3" in said
