"""What deploy/ gives a monitoring works on the real tables: Grafana's queries, and the healthcheck of Kubernetes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.command.runs import Runs, ago, changed, failed, sfsource
from tests.command.test_status import history
from tests.fix_process import PROJECT
from tests.pair.both import Pair

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

GRAFANA = PROJECT / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "sfsource.json").read_text())
RULES: dict[str, Any] = yaml.safe_load((GRAFANA / "provisioning" / "alerting" / "sfsource.yaml").read_text())
QUERIES = {panel["title"]: target["rawSql"] for panel in DASHBOARD["panels"] for target in panel["targets"]}
ALERTS = {rule["uid"]: rule for rule in RULES["groups"][0]["rules"]}


def expanded(query: str) -> str:
    """The query as Grafana sends it: its macros written out for the last month."""
    span = f"BETWEEN '{ago(days=30):%Y-%m-%dT%H:%M:%SZ}' AND '{ago(days=-1):%Y-%m-%dT%H:%M:%SZ}'"
    query = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 {span}", query)
    assert "$" not in query, "a macro that nobody expands"
    return query


def ask(warehouse: Warehouse, query: str) -> list[dict[str, Any]]:
    """Rows of a query by a role whose search_path is the schema, as the docs set one up."""
    warehouse.execute("SET search_path = {schema}")
    try:
        return [dict(row) for row in warehouse.connection.execute(expanded(query).encode()).fetchall()]
    finally:
        warehouse.execute("RESET search_path")


def firing(warehouse: Warehouse) -> dict[str, list[str | None]]:
    """The rules that fire, each with the collections that it fires for."""
    found: dict[str, list[str | None]] = {}
    for uid, rule in ALERTS.items():
        query, condition = rule["data"]
        (over,) = condition["model"]["conditions"][0]["evaluator"]["params"]
        rows = ask(warehouse, query["model"]["rawSql"])
        for row in rows:
            numbers = [value for value in row.values() if not isinstance(value, str | None)]
            assert len(numbers) <= 1, f"{uid}: Grafana wants one number a row"
            if numbers and numbers[0] > over:
                found.setdefault(uid, []).append(row.get("collection"))
    return found


def test_every_query_runs_on_the_tables_of_a_real_pair(org_server: OrgServer, warehouse: Warehouse) -> None:
    org_server.org.create("Account", {"Name": "Acme"})
    pair = Pair(org_server, warehouse, {"objects": ["Account", "Case"]})
    pair.good()
    pair.good()
    shown = {title: ask(warehouse, query) for title, query in QUERIES.items()}
    assert shown["The last run"] == [{"status": "success"}]
    assert shown["What went wrong in the last run"] == []
    assert [row["collection"] for row in shown["Collections"]] == ["accounts"]
    assert shown["Rows and deletions"][0]["rows"] == 1
    assert shown["API calls left of the day"][0]["api_calls_left"] > 0
    # The target's first run also made the table of the reports.
    assert [row["inserted"] >= 1 for row in shown["What the target wrote"]] == [True, True]
    assert firing(warehouse) == {}


def test_the_rules_fire_for_what_they_say(warehouse: Warehouse) -> None:
    runs = Runs(warehouse)
    runs.add(ago(hours=9), changed("accounts"))
    runs.add(ago(hours=3), failed("cases", "bad"), changed("accounts"), status="partial")
    assert firing(warehouse) == {"sfsource-partial": ["cases"]}
    runs.add(ago(hours=2), status="failed", error_message="refused")
    assert firing(warehouse) == {"sfsource-partial": ["cases"]}
    runs.add(ago(hours=1), status="failed", error_message="refused")
    assert firing(warehouse) == {"sfsource-failing": [None], "sfsource-partial": ["cases"]}
    warehouse.execute("UPDATE {schema}.sync_reports SET finished_at = finished_at - interval '6 hours'")
    assert set(firing(warehouse)) == {"sfsource-failing", "sfsource-partial", "sfsource-stale"}
    warehouse.execute("UPDATE {schema}._sync_runs SET rows_rejected = 3 WHERE collection = 'cases'")
    assert firing(warehouse)["sfsource-rejected"] == ["cases"]


@pytest.mark.parametrize("last", [5, 20, 40])
def test_the_rule_for_silence_is_that_of_the_status(last: int, warehouse: Warehouse) -> None:
    history(Runs(warehouse), "accounts", [day for day in range(last, 90) if day % 7 not in {0, 1}])
    found = json.loads(sfsource(warehouse, "status", "--json").stdout)
    silent = [part["name"] for part in found["collections"] if part["silent"]]
    assert firing(warehouse).get("sfsource-silent", []) == silent
    assert [
        row["collection"] for row in ask(warehouse, QUERIES["Silent for much longer than usual"])
    ] == silent
    assert silent == (["accounts"] if last > 15 else [])


def test_the_parts_of_grafana_fit_together() -> None:
    provisioning = GRAFANA / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "sfsource.yaml").read_text())["datasources"]
    assert {rule["data"][0]["datasourceUid"] for rule in ALERTS.values()} == {source["uid"]}
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["query"], variable["current"]["value"]) == (source["type"], source["uid"])
    # Grafana would take it for the name of an environment variable.
    assert "$" not in (provisioning / "alerting" / "sfsource.yaml").read_text()
    assert yaml.safe_load((provisioning / "dashboards" / "sfsource.yaml").read_text())["apiVersion"] == 1
    page = (PROJECT / "docs" / "operate.md").read_text()
    compose = yaml.safe_load((PROJECT / "deploy" / "docker" / "compose.yaml").read_text())["services"][
        "grafana"
    ]
    assert {volume.partition(":")[0] for volume in compose["volumes"]} == {
        "../grafana/provisioning",
        "../grafana/dashboards",
    }
    for name in re.findall(r"\$(\w+)", (provisioning / "datasources" / "sfsource.yaml").read_text()):
        assert f"`{name}`" in page, name
        assert name in compose["environment"], name


def test_the_healthcheck_of_kubernetes_tells(warehouse: Warehouse) -> None:
    kubernetes = PROJECT / "deploy" / "kubernetes"
    job: dict[str, Any] = yaml.safe_load((kubernetes / "healthcheck.yaml").read_text())
    shards: dict[str, Any] = yaml.safe_load((kubernetes / "shards.yaml").read_text())
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    (other,) = shards["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert [container[key] for key in ("image", "workingDir", "envFrom")] == [
        other[key] for key in ("image", "workingDir", "envFrom")
    ]
    assert container["command"] == ["meltano", "--environment=prod", "invoke", "sfsource"]
    runs = Runs(warehouse)
    runs.add(ago(hours=6), changed("accounts"))
    result = sfsource(warehouse, *container["args"])
    assert (result.exit_code, "The last run ended 6 h ago" in result.stdout) == (1, True)
    runs.add(ago(hours=1), others=("accounts",))
    result = sfsource(warehouse, *container["args"])
    assert (result.exit_code, result.output) == (0, "")
