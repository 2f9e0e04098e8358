"""Targets of others take the tap's messages with the settings of docs/other-warehouses.md."""

from __future__ import annotations

import csv
import json
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from salesforce_simulator.custom import custom_field
from tests.fix_process import PROJECT, wait_until
from tests.levels import slow
from tests.pair.both import run_tap
from tests.pair.other_targets import PAGE, Pipeline, Rows, Shown, block

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

HEADINGS = {
    "DuckDB": "target-duckdb",
    "Postgres, by MeltanoLabs' target": "peers/meltanolabs-target-postgres",
    "JSON lines": "target-jsonl",
    "CSV": "target-csv",
    "Parquet on S3": "target-s3",
    "Snowflake": "target-snowflake",
}
"""The lock of each configuration of the page."""

NO_TIMES = {"DuckDB", "Parquet on S3"}
"""Where the page says that fields of type time are to be excluded."""

QUERY = (
    "import duckdb, json, sys; c = duckdb.connect(sys.argv[1]); c.execute(sys.argv[2]); "
    "n = [d[0] for d in c.description]; print(json.dumps([dict(zip(n, r)) for r in c.fetchall()], default=str))"
)

BUCKET = "import boto3, sys; boto3.client('s3', endpoint_url=sys.argv[1]).create_bucket(Bucket='lake')"
DOWNLOAD = """
import boto3, pathlib, sys
client = boto3.client("s3", endpoint_url=sys.argv[1])
for found in client.list_objects_v2(Bucket="lake")["Contents"]:
    path = pathlib.Path(sys.argv[2], found["Key"])
    path.parent.mkdir(parents=True, exist_ok=True)
    client.download_file("lake", found["Key"], str(path))
"""
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass
class Opener:
    """Makes a pipeline into an empty target."""

    server: OrgServer
    processes: Processes
    warehouse: Warehouse
    environment: Callable[[str], Path]
    s3: str = ""

    def duckdb(self, statement: str, database: str = ":memory:") -> list[dict[str, Any]]:
        python = self.environment("duckdb") / "python"
        answer = self.processes.run(python, "-c", QUERY, database, statement).expect()
        found: list[dict[str, Any]] = json.loads(answer.stdout)
        return found

    def open(self, heading: str) -> Pipeline:
        shown = Shown(heading)
        command = self.environment(HEADINGS[heading]) / shown.target["executable"]
        without = ("opens_at_c",) if heading in NO_TIMES else ()
        places: dict[str, tuple[Callable[[str], Rows], dict[str, Any]]] = {
            "DuckDB": (self._database_file, {}),
            "JSON lines": (self._lines, {}),
            "CSV": (self._csv, {}),
            "Parquet on S3": (self._parquet, {"cloud_provider": {"aws": {"aws_endpoint_override": self.s3}}}),
            "Postgres, by MeltanoLabs' target": (
                self._tables,
                {"sqlalchemy_url": self.warehouse.url, "default_target_schema": self.warehouse.schema},
            ),
        }
        rows, more = places[heading]
        return Pipeline(self.server, self.processes, shown, command, rows, more, without=without)

    def _database_file(self, table: str) -> Rows:
        found = self.duckdb(f'SELECT * FROM "{table}"', str(self.processes.directory / "salesforce.duckdb"))
        return {row["id"]: row for row in found}

    def _lines(self, table: str) -> Rows:
        found = self.duckdb(block("JSON lines", "sql").replace("accounts", table))
        rows = [json.loads(line["row"], parse_float=str) for line in found]
        return {row["id"]: _with_all(row, rows) for row in rows}

    def _csv(self, table: str) -> Rows:
        with (self.processes.directory / "salesforce" / f"{table}.csv").open(newline="") as file:
            return {row["id"]: row for row in csv.DictReader(file)}

    def _parquet(self, table: str) -> Rows:
        files = self.processes.directory / "bucket"
        python = self.environment("target-s3") / "python"
        self.processes.run(python, "-c", DOWNLOAD, self.s3, files, env=KEYS).expect()
        statement = block("Parquet on S3", "sql").replace("s3://lake", str(files)).replace("accounts", table)
        return {row["id"]: row for row in self.duckdb(statement)}

    def _tables(self, table: str) -> Rows:
        found = self.warehouse.query(f'SELECT * FROM {{schema}}."{table}"')
        return {
            row["id"]: {**row, "is_deleted": row["is_deleted"] or row.get("_sdc_deleted_at") is not None}
            for row in found
        }


def _with_all(row: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Merging drops keys of null; the columns are those that any row has."""
    return {**dict.fromkeys(key for other in rows for key in other), **row}


@pytest.fixture
def opener(
    company_server: OrgServer,
    processes: Processes,
    warehouse: Warehouse,
    plugin_environment: Callable[[str], Path],
) -> Opener:
    company_server.org.clock.freeze()
    return Opener(company_server, processes, warehouse, plugin_environment)


def live(server: OrgServer, name: str) -> list[str]:
    return [row["Id"] for row in server.org.rows(name) if not row["IsDeleted"]]


def a_day(server: OrgServer) -> str:
    """A new field with values in old rows, an update, a new row, and deletions; gives the id in the bin."""
    org = server.org
    org.add_field("Account", custom_field("Extra__c", "double", precision=18, scale=2))
    first, second, third, *_ = live(server, "Account")
    org.update(first, {"Extra__c": 12.25, "Phone": None})
    org.update(second, {"Name": 'Über "quoted",\nlines\\'})
    org.create("Account", {"Name": "New", "NumberOfEmployees": 7})
    leads = live(server, "Lead")
    org.delete(leads[0])
    org.hard_delete(leads[1])
    org.hard_delete(third)
    org.clock.advance(hours=3)
    return leads[0]


@slow
@pytest.mark.parametrize(
    ("heading", "settings", "exact"),
    [
        ("DuckDB", {}, False),
        ("DuckDB", {"use_singer_decimal": True}, True),
        ("Postgres, by MeltanoLabs' target", {}, True),
        ("JSON lines", {}, False),
        ("JSON lines", {"use_singer_decimal": True}, True),
    ],
)
def test_tables_follow_the_org(heading: str, settings: dict[str, Any], exact: bool, opener: Opener) -> None:
    pipeline = opener.open(heading)
    server = pipeline.server
    pipeline.sync(**settings)
    assert pipeline.differences(exact=exact) == []

    in_the_bin = a_day(server)
    pipeline.sync(**settings)
    assert pipeline.differences(exact=exact) == []

    server.org.undelete(in_the_bin)
    server.org.clock.advance(hours=3)
    pipeline.sync(**settings)
    pipeline.sync(**settings, deletes="sweep")
    assert pipeline.differences(exact=exact) == []


@slow
def test_csv_files_are_the_org_as_it_is(opener: Opener) -> None:
    pipeline = opener.open("CSV")
    pipeline.sync()
    assert pipeline.differences(snapshot=True) == []

    a_day(pipeline.server)
    pipeline.state = None  # as `--full-refresh` has it
    pipeline.sync()
    assert pipeline.differences(snapshot=True) == []


@pytest.fixture
def bucket(opener: Opener, processes: Processes, plugin_environment: Callable[[str], Path]) -> str:
    """The address of a server that stands in for S3, with the bucket of the page."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = plugin_environment("target-s3")
    # It says a line for each request, more than a pipe holds that nobody reads.
    processes.start(["bash", "-c", f"exec {folder}/moto_server -H 127.0.0.1 -p {port} >s3.log 2>&1"])

    def answers() -> bool:
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers, "the server of S3 answers", deadline=60)
    opener.s3 = f"http://127.0.0.1:{port}"
    processes.run(folder / "python", "-c", BUCKET, opener.s3, env=KEYS).expect()
    return opener.s3


@slow
def test_parquet_files_hold_what_is_left_after_a_sweep(opener: Opener, bucket: str) -> None:
    pipeline = opener.open("Parquet on S3")
    pipeline.environment = KEYS
    server = pipeline.server
    pipeline.sync()
    assert pipeline.differences(exact=False) == []

    in_the_bin = a_day(server)
    pipeline.sync()
    assert pipeline.differences(exact=False) == []

    server.org.undelete(in_the_bin)
    server.org.hard_delete(server.org.rows("CampaignShare")[0]["Id"])
    server.org.clock.advance(hours=3)
    pipeline.sync(deletes="sweep")
    assert pipeline.differences(exact=False) == []


@slow
def test_a_sweep_marks_rows_in_meltanolabs_postgres(opener: Opener) -> None:
    pipeline = opener.open("Postgres, by MeltanoLabs' target")
    server = pipeline.server
    pipeline.sync()
    share = server.org.rows("CampaignShare")[0]["Id"]
    server.org.hard_delete(share)
    server.org.clock.advance(hours=3)
    pipeline.sync()
    assert pipeline.differences() == [f"campaign_shares: {share} is not in the org and not marked"]

    pipeline.sync(deletes="sweep")
    assert pipeline.differences() == []


STATEMENTS = """
import json, sys
from snowflake.sqlalchemy.snowdialect import SnowflakeDialect
from target_snowflake.connector import SnowflakeConnector

class Connector(SnowflakeConnector):
    formatter = SnowflakeDialect().identifier_preparer

connector = Connector(config={"account": "a", "user": "u", "password": "p", "database": "d"})
for line in open(sys.argv[1]):
    message = json.loads(line)
    if message["type"] == "SCHEMA":
        merge, _ = connector._get_merge_from_stage_statement(
            message["stream"], message["schema"], "sync", "format", message["key_properties"]
        )
        print(json.dumps([message["stream"], str(merge)]))
"""


@slow
def test_snowflake_gets_statements_of_exact_types_and_partial_rows(
    opener: Opener, processes: Processes, plugin_environment: Callable[[str], Path]
) -> None:
    settings = {**Shown("Snowflake").tap["config"], "objects": ["Account"], "sync_reports": False}
    server, messages = opener.server, processes.directory / "messages.singer"
    first = run_tap(server.config(**settings))
    a_day(server)
    messages.write_bytes(run_tap(server.config(**settings), state=first.of("STATE")[-1]["value"]).output)
    python = plugin_environment("target-snowflake") / "python"
    statements = processes.run(python, "-c", STATEMENTS, messages).expect().stdout.splitlines()

    assert "$1:precise_ratio_c::DECIMAL(38, 18) as precise_ratio_c" in statements[0]
    assert "$1:created_date::TIMESTAMP_NTZ as created_date" in statements[0]
    narrow = [line for line in statements if len(line) < len(statements[0]) / 2]
    assert [line.split("matched then update set ")[1].split(" when")[0] for line in narrow] == [
        "d.id = s.id, d.is_deleted = s.is_deleted",
        "d.id = s.id, d.extra_c = s.extra_c",
    ]


def test_the_page_names_the_versions_that_are_tested() -> None:
    assert set(HEADINGS) == set(re.findall(r"^## (.*)\n\n```yaml", PAGE, re.MULTILINE))
    for heading, lock in HEADINGS.items():
        wanted = Shown(heading).target["pip_url"].split()
        lines = (PROJECT / "requirements" / f"{lock}.in").read_text().splitlines()
        assert set(wanted) <= set(lines), heading
        package, version = wanted[0].split("==")
        assert f"**{package}** {version}" in PAGE, heading


@slow
def test_meltano_takes_the_configurations(processes: Processes) -> None:
    """All at once, as files beside `meltano.yml`."""
    ours = yaml.safe_load((PROJECT / "meltano.yml").read_text())
    tap = next(entry for entry in ours["plugins"]["extractors"] if entry["name"] == "tap-sfsource")
    project = {**ours, "include_paths": ["*.meltano.yml"], "plugins": {"extractors": [tap]}}
    project = {key: value for key, value in project.items() if key not in ("jobs", "schedules")}
    (processes.directory / "meltano.yml").write_text(yaml.safe_dump(project))
    for number, heading in enumerate(HEADINGS):
        (processes.directory / f"{number}.meltano.yml").write_text(block(heading, "yaml"))
    for heading in HEADINGS:
        shown = Shown(heading)
        for plugin in (shown.tap, shown.target):
            found = processes.meltano("config", "print", plugin["name"]).expect()
            values = json.loads(found.stdout)
            assert {name: values[name] for name in plugin["config"]} == plugin["config"], heading
