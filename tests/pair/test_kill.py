"""kill -9 in mid-sync: what the state says was committed, and the next run makes the tables whole."""

from __future__ import annotations

import functools
import json
import random
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
import pytest

from salesforce_simulator.http.faults import Latency
from tests.fix_process import wait_until
from tests.levels import at_level, search, slow
from tests.pair.both import batch_config
from tests.pair.store import differences

if TYPE_CHECKING:
    import subprocess
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


@slow
@search
@pytest.mark.timeout(at_level(normal=300, wide=900, long=3600))
def test_windows_and_pages_in_parallel_go_on_after_any_kill(
    org_server: OrgServer, warehouse: Warehouse, processes: Processes
) -> None:
    org, chance = org_server.org, random.Random(16)
    for month in range(6):
        org.load("Account", ((f"Account {month} {number}",) for number in range(500)), ["Name"])
        org.clock.advance(days=30)
    more = {"split_rows": 600, "bulk_page_size": 150, "download_connections": 3, "state_seconds": 0}
    processes.write("tap.json", org_server.config(objects=["Account"], reader="bulk", **more))
    processes.write("target.json", warehouse.config(batch_size_rows=400))
    states = processes.directory / "states.jsonl"
    before, killed = "", 0
    for _ in range(at_level(normal=4, wide=15, long=100)):
        org_server.server.settings.latency = 30
        pipe = processes.start(["bash", "-o", "pipefail", "-c", PIPE.format(state=before)])
        calls = len(org_server.ledger.calls) + chance.randint(1, 40)
        wait_until(functools.partial(has_come_to, org_server, calls, pipe), "it has come that far")
        victim = named(pipe.pid, chance.choice(["tap-sfsource", "target-sfwarehouse"]))
        if victim is not None:
            victim.kill()
        killed += processes.finish(pipe).status != 0
        if state := last_state(states):
            (processes.directory / "state.json").write_text(state)
            before = "--state state.json"
        org.clock.advance(minutes=chance.choice([1, 20]))
        ids = sorted({row["Id"] for row in org.rows("Account")} - org.deleted_ids("Account"))
        for record_id in chance.sample(ids, 6):
            chance.choice([org.delete, org.hard_delete, lambda each: org.update(each, {"Name": "Renamed"})])(
                record_id
            )
    assert killed
    org.clock.advance(hours=3)
    for _ in range(2):
        processes.shell(PIPE.format(state=before)).expect()
        (processes.directory / "state.json").write_text(last_state(states))
        before = "--state state.json"
        org.clock.advance(hours=3)
    assert [
        told for told in differences(warehouse, org, ["Account"]) if "is not in the org" not in told
    ] == []
    alive = {row["Id"] for row in org.rows("Account")}
    held = warehouse.query("SELECT id, is_deleted FROM {schema}.accounts")
    assert all(row["is_deleted"] for row in held if row["id"] not in alive)


def has_come_to(server: OrgServer, calls: int, process: subprocess.Popen[str]) -> bool:
    """Whether the org has had so many calls, or nobody will make them any more."""
    return len(server.ledger.calls) >= calls or process.poll() is not None


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
