"""jsforce (npm) works against the simulated org, told nothing but where it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.simulator.__main__ import (
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_PASSWORD,
    DEMO_SECURITY_TOKEN,
    DEMO_USER,
)

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

PACKAGE = "jsforce@3.10.16"
SCRIPT = Path(__file__).with_name("clients") / "jsforce.js"


@pytest.fixture(scope="module")
def node_modules(request: pytest.FixtureRequest) -> Path:
    """The package, installed once and kept in pytest's cache."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs node and npm")
    folder = Path(request.config.cache.mkdir("jsforce"))
    if not (folder / "node_modules" / "jsforce").exists():
        command = [
            npm,
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
            str(folder),
            PACKAGE,
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=120)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            pytest.skip(f"{PACKAGE} does not install here")
    return folder / "node_modules"


def test_jsforce(company_server: OrgServer, node_modules: Path) -> None:
    company_server.org.login.soap_login = True
    password = DEMO_PASSWORD + DEMO_SECURITY_TOKEN
    run = subprocess.run(
        ["node", str(SCRIPT), company_server.url, DEMO_USER, password, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET],
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
