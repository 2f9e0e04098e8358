"""dbt itself, from its own environment, works on the source that `python -m tap_sfsource.models dbt` writes."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.fix_process import PROJECT, Finished, Processes
from tests.fix_warehouse import plain_url
from tests.levels import slow
from tests.pair.both import Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

CATALOG = PROJECT / "catalogs" / "sales.json"


@dataclass
class Project:
    """A dbt project whose only source is the test's schema."""

    processes: Processes
    dbt: Path
    folder: Path

    def run(self, *command: str) -> Finished:
        return self.processes.run(
            self.dbt, *command, "--project-dir", self.folder, "--profiles-dir", self.folder, deadline=300
        )

    def results(self, name: str) -> list[dict[str, Any]]:
        """What the last command found out, as it wrote it to the project's target folder."""
        found: list[dict[str, Any]] = json.loads((self.folder / "target" / name).read_text())["results"]
        return found


@pytest.fixture
def project(
    company_server: OrgServer,
    warehouse: Warehouse,
    plugin_environment: Callable[[str], Path],
    tmp_path: Path,
) -> Iterator[Project]:
    """The example company's sales, loaded, and a project with the source that the command wrote."""
    processes = Processes(tmp_path)
    Pair(company_server, warehouse, {}).good(json.loads(CATALOG.read_text()))
    (tmp_path / "tap.json").write_text(json.dumps(company_server.config()))
    (tmp_path / "models").mkdir()
    written = processes.run(
        *(sys.executable, "-m", "tap_sfsource.models", "dbt", "--config", tmp_path / "tap.json"),
        *("--catalog", CATALOG, "--schema", warehouse.schema),
    ).expect()
    (tmp_path / "models" / "sources.yml").write_text(written.stdout)
    settings = {"name": "shop", "version": "1.0.0", "profile": "shop"}
    flags = {"send_anonymous_usage_stats": False}
    (tmp_path / "dbt_project.yml").write_text(yaml.safe_dump({**settings, "flags": flags}))
    parts = urlsplit(plain_url(warehouse.url))
    output = {
        "type": "postgres",
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password,
        "dbname": parts.path.lstrip("/"),
        "schema": f"{warehouse.schema}_dbt",
        "threads": 2,
    }
    profiles = {"shop": {"target": "dev", "outputs": {"dev": output}}}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profiles))
    yield Project(processes, plugin_environment("dbt") / "dbt", tmp_path)
    processes.close()


@slow
def test_dbt_parses_the_source_finds_it_fresh_and_tests_it(project: Project, warehouse: Warehouse) -> None:
    parsed = project.run("parse", "--warn-error")
    parsed.expect()
    assert "eprecat" not in parsed.said

    project.run("source", "freshness").expect()
    fresh = {
        result["unique_id"].split(".")[-1]: result["status"] for result in project.results("sources.json")
    }
    assert set(fresh) == {*warehouse.table_names()} - {"_sources", "_received_at"}
    assert set(fresh.values()) == {"pass"}

    project.run("test").expect()
    tested = {
        result["unique_id"].split(".")[2]: result["status"] for result in project.results("run_results.json")
    }
    assert tested["source_unique_salesforce_accounts_id"] == "pass"
    assert tested["source_not_null_salesforce_opportunities_id"] == "pass"
    assert any(name.startswith("source_relationships_salesforce_contacts_account_id") for name in tested)
    assert set(tested.values()) <= {"pass", "warn"}


@slow
def test_a_sync_that_has_stopped_is_a_warning(project: Project, warehouse: Warehouse) -> None:
    warehouse.execute("UPDATE {schema}._sync_runs SET ended_at = ended_at - interval '2 days'")
    warehouse.execute("UPDATE {schema}.accounts SET received_at = received_at - interval '2 days'")
    project.run("source", "freshness").expect()
    late = {
        result["unique_id"].split(".")[-1]
        for result in project.results("sources.json")
        if result["status"] == "warn"
    }
    assert late == {"_sync_runs", "accounts"}
