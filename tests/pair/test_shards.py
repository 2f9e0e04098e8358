"""A run divided among several taps equals a run of one: by hand, by Meltano, Airflow and Dagster."""

from __future__ import annotations

import ast
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from salesforce_simulator import company
from tests.fix_process import PROJECT, Processes
from tests.levels import slow
from tests.pair.store import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fix_meltano import Meltano
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

SHARDS = 2


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    found = Processes(tmp_path)
    yield found
    found.close()


@pytest.fixture
def catalogs(processes: Processes, company_server: OrgServer, tmp_path: Path) -> list[Path]:
    """The catalogs of all collections, divided."""
    config = tmp_path / "tap.json"
    config.write_text(json.dumps(company_server.config()))
    command: list[str | Path] = [sys.executable, "-m", "tap_sfsource.shards", "--config", str(config)]
    command += ["--shards", str(SHARDS), "--output", str(tmp_path / "shards")]
    finished = processes.finish(processes.start(command)).expect()
    assert finished.stdout.count("\n") == SHARDS
    return [tmp_path / "shards" / f"shard-{number}.json" for number in range(SHARDS)]


@pytest.fixture
def sharded(
    meltano: Meltano, company_server: OrgServer, warehouse: Warehouse, catalogs: list[Path]
) -> Meltano:
    """Meltano with the shards of deploy/shards.meltano.yml."""
    meltano.configure("tap-sfsource", company_server.config())
    meltano.configure("target-sfwarehouse", {"sqlalchemy_url": warehouse.url})
    meltano.environment["TAP_SFSOURCE__LOAD_SCHEMA"] = warehouse.schema
    for number, catalog in enumerate(catalogs):
        meltano.environment[f"TAP_SFSOURCE__SHARD_{number}__CATALOG"] = str(catalog)
    meltano.run("state", "list").expect()  # Meltano's database is there before two of it begin
    return meltano


def test_each_collection_is_in_one_catalog_and_names_in_each(catalogs: list[Path]) -> None:
    found = [
        {entry["tap_stream_id"] for entry in json.loads(path.read_text())["streams"]} for path in catalogs
    ]
    assert found[0] & found[1] == {"names", "sync_reports"}
    assert {"accounts", "contacts", "cases"} <= found[0] | found[1]
    assert min(map(len, found)) > 5


@slow
def test_two_meltano_jobs_side_by_side_equal_the_org(
    sharded: Meltano, company_server: OrgServer, warehouse: Warehouse
) -> None:
    def run() -> None:
        running = [sharded.start("run", f"salesforce-shard-{number}") for number in range(SHARDS)]
        for process in running:
            sharded.processes.finish(process, deadline=180).expect()

    run()
    assert differences(warehouse, company_server.org) == []
    company.next_day(company_server.org)
    run()
    assert differences(warehouse, company_server.org) == []


@slow
def test_dagster_runs_an_asset_for_each_shard(
    sharded: Meltano,
    company_server: OrgServer,
    warehouse: Warehouse,
    plugin_environment: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    python = plugin_environment("dagster") / "python"
    script = tmp_path / "run.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(PROJECT / 'deploy' / 'dagster')!r})\n"
        "from definitions import definitions\n"
        "done = definitions.resolve_job_def('salesforce').execute_in_process()\n"
        "print(done.success, *sorted(event.asset_key.to_user_string() for event in done.get_asset_materialization_events()))"
    )
    places = {"SFSOURCE_PROJECT": str(PROJECT), "SFSOURCE_SHARDS": str(SHARDS), "MELTANO_ENVIRONMENT": "dev"}

    environment = {**sharded.environment, **places, "DAGSTER_HOME": str(tmp_path)}
    finished = sharded.processes.run(python, script, env=environment, deadline=300).expect()

    assert finished.stdout.splitlines()[-1] == "True shard_0 shard_1"
    assert differences(warehouse, company_server.org) == []


@slow
def test_airflow_reads_a_task_for_each_shard(
    processes: Processes, plugin_environment: Callable[[str], Path], tmp_path: Path
) -> None:
    python = plugin_environment("airflow") / "python"
    code = (
        f"import sys; sys.path.insert(0, {str(PROJECT / 'deploy' / 'airflow')!r})\n"
        "from sfsource_shards import dag\n"
        "print([(task.task_id, task.bash_command, task.upstream_task_ids) for task in dag.tasks])"
    )
    environment = {"AIRFLOW_HOME": str(tmp_path), "SFSOURCE_SHARDS": "3"}
    finished = processes.run(python, "-c", code, env=environment).expect()
    tasks = ast.literal_eval(finished.stdout.splitlines()[-1].replace("set()", "None"))
    assert tasks == [
        (
            f"shard_{number}",
            f"meltano --environment=prod run tap-sfsource--shard-{number} target-sfwarehouse",
            None,
        )
        for number in range(3)
    ]


def test_kubernetes_starts_a_pod_for_each_shard() -> None:
    job: dict[str, Any] = yaml.safe_load((PROJECT / "deploy" / "kubernetes" / "shards.yaml").read_text())
    spec = job["spec"]["jobTemplate"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    plugins = yaml.safe_load((PROJECT / "deploy" / "shards.meltano.yml").read_text())["plugins"]["extractors"]
    names = {plugin["name"] for plugin in plugins}
    (command,) = container["args"]
    started = {
        command.replace("$JOB_COMPLETION_INDEX", str(index)).split()[-2]
        for index in range(spec["completions"])
    }
    assert started == names
    assert (job["spec"]["schedule"], job["spec"]["concurrencyPolicy"]) == ("0 */3 * * *", "Forbid")
