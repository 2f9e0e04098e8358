"""kill -9 in mid-sync: what the state says was committed, and the next run makes the tables whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
import pytest

from salesforce_simulator.http.faults import Latency
from tests.fix_process import wait_until
from tests.pair.both import batch_config
from tests.pair.store import differences

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

OBJECTS = ["Account", "Contact", "Case", "Lead", "Opportunity", "Task"]
PIPE = "tap-sfsource --config tap.json {state} | target-sfwarehouse --config target.json > states.jsonl"


@pytest.mark.parametrize("victim", ["tap-sfsource", "target-sfwarehouse"])
@pytest.mark.parametrize("form", ["lines", "csv", "map"])
def test_the_next_run_goes_on(
    victim: str, form: str, company_server: OrgServer, warehouse: Warehouse, processes: Processes
) -> None:
    more: dict[str, Any] = {}
    if form == "csv":
        more = {"batch_config": batch_config("csv", processes.directory / "batches"), "deletes": "sweep"}
    elif form == "map":
        maps = {name: {"copy_of_id": "id"} for name in ("accounts", "contacts")}
        more = {"stream_maps": maps, "deletes": "sweep"}
    processes.write("tap.json", company_server.config(objects=OBJECTS, reader="bulk", **more))
    processes.write("target.json", warehouse.config(batch_size_rows=100))
    company_server.server.settings.latency = 200
    # However slowly the target starts, the last collection is still on its way when the first is in the warehouse.
    company_server.faults.add(Latency(10), path="*/results", sobject="Task")
    pipe = processes.start(["bash", "-o", "pipefail", "-c", PIPE.format(state="")])
    wait_until(
        lambda: warehouse.table_names() - {"_sync_runs", "_sources", "_received_at"},
        "the first table is there",
        deadline=60,
    )
    wait_until(lambda: named(pipe.pid, victim), "the process is there").kill()
    assert processes.finish(pipe).status != 0
    company_server.server.settings.latency = 0
    company_server.faults.clear()

    state = last_state(processes.directory / "states.jsonl")
    if state:
        (processes.directory / "state.json").write_text(state)
    processes.shell(PIPE.format(state="--state state.json" if state else "")).expect()
    assert differences(warehouse, company_server.org, OBJECTS) == []


def named(pid: int, name: str) -> psutil.Process | None:
    """The process of a console script that a shell has started."""
    try:
        for child in psutil.Process(pid).children(recursive=True):
            if any(part.endswith(f"/{name}") for part in child.cmdline()):
                return child
    except psutil.NoSuchProcess:
        return None  # one of them ended while it was looked at
    return None


def last_state(path: Path) -> str:
    """The last state that was written whole; none if the target was killed before."""
    lines = path.read_text().split("\n")[:-1]
    if not lines:
        return ""
    json.loads(lines[-1])
    return lines[-1]
