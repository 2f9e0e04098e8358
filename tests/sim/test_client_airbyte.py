"""airbyte-source-salesforce works against the simulated org, told nothing but where the hosts are and which CA to trust."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from salesforce_simulator import company
from salesforce_simulator.org import Org
from salesforce_simulator.server import Server, serve
from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_USER, add_demo_login
from tests.levels import slow

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = Path(__file__).parents[2] / "requirements" / "peers" / "airbyte-source-salesforce.txt"
RESOLVER = Path(__file__).with_name("clients") / "resolver"
# One is read as a whole each time, the other only what is new.
STREAMS = {"Account": "incremental", "Period": "full_refresh"}


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest) -> Path:
    """The connector as locked, in an environment of its own that pytest's cache keeps until the lock changes."""
    folder = Path(request.config.cache.mkdir("airbyte")) / "venv"
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
        uv = str(Path(sys.executable).with_name("uv"))
        python = str(folder / "bin" / "python")
        try:
            command = [uv, "venv", "--clear", "--python", sys.executable, str(folder)]
            subprocess.run(command, check=True, capture_output=True, timeout=60)
            command = [uv, "pip", "install", "--python", python, "--require-hashes", "-r", str(LOCK)]
            subprocess.run(command, check=True, capture_output=True, timeout=180)
        except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"{LOCK.stem} does not install here: {error}")
        stamp.write_bytes(LOCK.read_bytes())
    return folder / "bin" / "source-salesforce"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    org = Org(features=company.FEATURES)
    add_demo_login(org)
    company.populate(org)
    org.apps[DEMO_CLIENT_ID].refresh_tokens["kept"] = DEMO_USER
    try:
        with serve(org, tls=True) as served:
            yield served
    finally:
        org.close()


class Connector:
    """The connector's command line."""

    def __init__(self, program: Path, server: Server, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(RESOLVER),
            "SIMULATED_ORG": urlsplit(server.url).netloc,
            "SIMULATED_ORG_CA": str(server.ca_file),
        }
        # One window of time for everything: a window is a job, and each polls for seconds.
        since = server.org.clock.now() - timedelta(days=4000)
        self.config = {
            "client_id": DEMO_CLIENT_ID,
            "client_secret": DEMO_CLIENT_SECRET,
            "refresh_token": "kept",
            "start_date": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "stream_slice_step": "P5000D",
        }

    def run(self, command: str, **files: Any) -> list[dict[str, Any]]:
        """Run a command with its files; gives the messages it printed."""
        arguments = []
        for name, content in {"config": self.config, **files}.items():
            path = self._folder / f"{name}.json"
            path.write_text(json.dumps(content))
            arguments += [f"--{name}", str(path)]
        done = subprocess.run(
            [str(self._program), command, *arguments],
            env=self._environment,
            capture_output=True,
            timeout=120,
            check=False,
        )
        messages = [json.loads(line) for line in done.stdout.split(b"\n") if line.startswith(b"{")]
        assert done.returncode == 0, [m for m in messages if m["type"] in ("TRACE", "LOG")][-5:]
        return messages


@pytest.fixture
def connector(program: Path, server: Server, tmp_path: Path) -> Connector:
    return Connector(program, server, tmp_path)


def records(messages: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for message in messages:
        if message["type"] == "RECORD":
            found[message["record"]["stream"]].append(message["record"]["data"])
    return found


@slow
def test_airbyte(connector: Connector, server: Server) -> None:
    org = server.org
    (check,) = [m for m in connector.run("check") if m["type"] == "CONNECTION_STATUS"]
    assert check["connectionStatus"] == {"status": "SUCCEEDED"}
    (catalog,) = [m for m in connector.run("discover") if m["type"] == "CATALOG"]
    streams = {stream["name"]: stream for stream in catalog["catalog"]["streams"]}
    assert {sobject.name for sobject in org.schema if sobject.collection and sobject.queryable} <= set(
        streams
    )
    configured = [
        {
            "stream": streams[name],
            "sync_mode": mode,
            "destination_sync_mode": "append",
            "cursor_field": streams[name].get("default_cursor_field") or [],
        }
        for name, mode in STREAMS.items()
    ]
    first = connector.run("read", catalog={"streams": configured})
    found = records(first)
    for name in STREAMS:
        assert {row["Id"] for row in found[name]} == {row["Id"] for row in org.rows(name)}
    states = [message["state"] for message in first if message["type"] == "STATE"]
    last = {state["stream"]["stream_descriptor"]["name"]: state for state in states}
    new = org.create("Account", {"Name": "new since the first read"})
    again = records(connector.run("read", catalog={"streams": configured}, state=list(last.values())))
    assert new in {row["Id"] for row in again["Account"]}
    assert len(again["Account"]) < len(found["Account"])
    assert len(again["Period"]) == len(found["Period"])
