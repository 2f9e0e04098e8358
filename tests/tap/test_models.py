"""`python -m tap_sfsource.models`: a diagram of a run's tables, and a source for a dbt project."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from salesforce_simulator.custom import custom_object
from tap_sfsource.models.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fix_org import OrgServer

LINE = re.compile(
    r'erDiagram|    ("[^"]+"|\w+) \{|        text \w+ (PK|FK)|    \}'
    r'|    ("[^"]+"|\w+) (\|o|\|\|)(--|\.\.)o\{ ("[^"]+"|\w+) : \w+'
)
"""Each line that a diagram may have."""


@pytest.fixture
def written(org_server: OrgServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the command with settings and options."""

    def run(what: str, *options: str, **config: Any) -> str:
        path = tmp_path / "tap.json"
        path.write_text(json.dumps(org_server.config(**config)))
        assert main([what, "--config", str(path), *options]) == 0
        return capsys.readouterr().out

    return run


def test_a_diagram_has_the_tables_of_the_run_and_the_lookups_between_them(
    written: Callable[..., str],
) -> None:
    lines = written("erd", objects=["Account", "Contact", "Task", "User"]).splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert [line.split()[0] for line in lines if line.endswith("{") and line[4:5].strip()] == [
        "accounts",
        "contacts",
        "tasks",
        "users",
    ]
    assert "    accounts |o--o{ contacts : account_id" in lines
    assert "    contacts |o..o{ tasks : who_id" in lines
    assert not any("leads" in line or "owner_id" in line for line in lines)


def test_what_is_deselected_is_not_drawn(written: Callable[..., str], tmp_path: Path) -> None:
    catalog = {
        "streams": [
            {
                "tap_stream_id": name,
                "metadata": [
                    {"breadcrumb": [], "metadata": {"selected": True}},
                    {"breadcrumb": ["properties", "account_id"], "metadata": {"selected": False}},
                ],
            }
            for name in ("accounts", "contacts")
        ]
    }
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    drawn = written("erd", "--catalog", str(tmp_path / "catalog.json"))
    assert "account_id" not in drawn
    assert "contacts : reports_to_id" in drawn


def test_a_source_has_descriptions_keys_freshness_and_relationships(written: Callable[..., str]) -> None:
    text = written("dbt", "--schema", "sfdc", "--name", "crm", objects=["Account", "Contact", "Task"])
    (source,) = yaml.safe_load(text)["sources"]
    assert (source["name"], source["schema"]) == ("crm", "sfdc")
    assert source["config"]["loaded_at_field"] == "received_at"
    assert source["config"]["freshness"]["warn_after"] == {"count": 1, "period": "day"}
    tables = {table["name"]: table for table in source["tables"]}
    assert list(tables) == ["accounts", "contacts", "tasks", "sync_reports", "_sync_runs"]
    assert tables["contacts"]["description"] == "Contact (Contact)"
    columns = {column["name"]: column for column in tables["contacts"]["columns"]}
    assert {"is_deleted", "received_at", "uuid_ts"} < columns.keys()
    assert columns["id"]["data_tests"] == ["unique", "not_null"]
    assert columns["account_id"]["description"] == "Account ID (AccountId)"
    ((test,),) = (columns["account_id"]["data_tests"],)
    assert test["relationships"]["arguments"] == {"to": "source('crm', 'accounts')", "field": "id"}
    assert "data_tests" not in columns["created_by_id"]  # users are not in the run
    task = {column["name"]: column for column in tables["tasks"]["columns"]}
    assert "data_tests" not in task["who_id"]  # contacts and leads


def test_names_are_those_of_the_tables_and_no_label_is_an_expression(
    org_server: OrgServer, written: Callable[..., str]
) -> None:
    org_server.org.add_object(custom_object("Big_Deal__c", [], label="{{ Deal }} {% x %}"))
    text = written("dbt", objects=["Big_Deal__c", "Account"], naming="salesforce")
    (source,) = yaml.safe_load(text)["sources"]
    tables = {table["name"]: table for table in source["tables"]}
    assert list(tables) == ["Account", "Big_Deal__c", "sync_reports", "_sync_runs"]
    assert "{" not in tables["Big_Deal__c"]["description"]
    columns = {column["name"]: column for column in tables["Account"]["columns"]}
    ((test,),) = (columns["ParentId"]["data_tests"],)
    assert test["relationships"]["arguments"] == {"to": "source('salesforce', 'Account')", "field": "Id"}


def test_a_catalog_that_is_not_there_is_one_line(
    org_server: OrgServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tap.json").write_text(json.dumps(org_server.config()))
    options = ["--config", str(tmp_path / "tap.json"), "--catalog", str(tmp_path / "none.json")]
    assert main(["erd", *options]) == 1
    assert f"The catalog {tmp_path / 'none.json'} is no file." in caplog.text
