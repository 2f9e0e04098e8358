"""Both halves run with the SDK's newest pre-release, so that its next release brings no surprise (B12)."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.fix_process import PROJECT, SCRIPTS
from tests.pair.both import batch_config
from tests.pair.store import differences

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

OBJECTS = ["Account", "Contact", "Lead"]


@pytest.fixture(scope="session")
def prerelease(plugin_environment: Callable[[str], Path]) -> Path:
    """The folder of commands of an environment with the pre-release and this checkout."""
    commands = plugin_environment("sdk-prerelease")
    install: list[str | Path] = [SCRIPTS / "uv", "--quiet", "pip", "install", "--python", commands / "python"]
    done = subprocess.run(
        [*install, "--no-deps", "--no-build-isolation", "--editable", PROJECT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return commands


@pytest.mark.parametrize("command", ["tap-sfsource", "target-sfwarehouse"])
@pytest.mark.parametrize("option", ["--version", "--about"])
def test_the_command_starts(prerelease: Path, processes: Processes, command: str, option: str) -> None:
    processes.run(prerelease / command, option).expect()


@pytest.mark.parametrize("form", ["lines", "map", "csv", "jsonl"])
def test_the_pipe_loads_the_org(
    prerelease: Path, processes: Processes, company_server: OrgServer, warehouse: Warehouse, form: str
) -> None:
    config = company_server.config(objects=OBJECTS, deletes="sweep", reader="bulk", page_size=200)
    if form == "map":
        config["stream_maps"] = {"accounts": {"copy_of_name": "name"}}
    elif form != "lines":
        config["batch_config"] = batch_config(form, processes.directory / "batches")
    processes.write("tap.json", config)
    processes.write("target.json", warehouse.config())
    line = (
        "{0}/tap-sfsource --config tap.json {1} | {0}/target-sfwarehouse --config target.json > states.jsonl"
    )
    said = processes.shell(line.format(prerelease, "")).expect().stderr
    assert differences(warehouse, company_server.org, OBJECTS) == []
    counts = [json.loads(part.partition("METRIC: ")[2]) for part in said.splitlines() if "METRIC: " in part]
    counted = {
        part["tags"]["stream"]: part["value"]
        for part in counts
        if part["metric"] == "record_count" and part["value"]
    }
    assert counted.keys() >= {"accounts", "contacts", "leads"}, "what the SDK counts is not nothing"
    states = (processes.directory / "states.jsonl").read_text().splitlines()
    (processes.directory / "state.json").write_text(states[-1])
    processes.shell(line.format(prerelease, "--state state.json")).expect()
    assert differences(warehouse, company_server.org, OBJECTS) == []
