"""The tap among other plugins: the SDK's stream maps and flattening, and targets that nobody here wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.levels import slow
from tests.tap.reference import ReferenceTarget
from tests.tap.running import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse


@pytest.fixture
def small_org(org_server: OrgServer) -> OrgServer:
    """Three accounts, one of them deleted softly and one, after the first sync, for good."""
    for name in ("Acme", 'Über "quoted"\nlines', "Gone"):
        org_server.org.create("Account", {"Name": name, "AnnualRevenue": 1234567890123456})
    org_server.org.clock.freeze()
    org_server.org.clock.advance(hours=3)
    return org_server


def ids(server: OrgServer) -> list[str]:
    return [row["Id"] for row in server.org.rows("Account")]


def messages(output: bytes, kind: str) -> list[dict[str, Any]]:
    return [message for line in output.splitlines() if (message := json.loads(line))["type"] == kind]


def test_a_stream_map_renames_computes_and_filters(small_org: OrgServer) -> None:
    config = small_org.config(
        objects=["Account"],
        stream_maps={
            "accounts": {
                "__alias__": "companies",
                "__filter__": "name != 'Gone'",
                "shout": "name.upper()",
                "name": "__NULL__",
            }
        },
    )
    outcome = run_tap(config)
    (schema,) = messages(outcome.output, "SCHEMA")
    records = messages(outcome.output, "RECORD")
    assert schema["stream"] == "companies"
    assert "name" not in schema["schema"]["properties"]
    assert [record["record"]["shout"] for record in records] == ["ACME", 'ÜBER "QUOTED"\nLINES']
    assert {record["stream"] for record in records} == {"companies"}


def test_a_tombstone_passes_a_stream_map_and_leaves_other_columns_alone(small_org: OrgServer) -> None:
    config = small_org.config(
        objects=["Account"],
        stream_maps={"accounts": {"kind": "'customer'", "shout": "name and name.upper()"}},
    )
    target = ReferenceTarget()
    target.feed(run_tap(config).output)
    small_org.org.clock.advance(hours=3)
    gone = ids(small_org)[2]
    small_org.org.hard_delete(gone)
    target.feed(run_tap(config, state=target.state).output)
    row = target.tables["accounts"][gone]
    assert row["is_deleted"] is True
    assert row["shout"] == "GONE"


def test_flattening_changes_nothing_about_flat_rows(small_org: OrgServer) -> None:
    plain = run_tap(small_org.config(objects=["Account"]))
    flat = run_tap(small_org.config(objects=["Account"], flattening_enabled=True, flattening_max_depth=2))
    assert [m["record"] for m in messages(flat.output, "RECORD")] == [
        m["record"] for m in messages(plain.output, "RECORD")
    ]


@pytest.mark.parametrize("reader", ["rest", "bulk"])
def test_decimals_as_text_for_targets_that_make_floats_of_numbers(small_org: OrgServer, reader: str) -> None:
    plain = run_tap(small_org.config(objects=["Account"], reader=reader))
    asked = run_tap(small_org.config(objects=["Account"], reader=reader, use_singer_decimal=True))
    (schema,) = messages(asked.output, "SCHEMA")
    revenue = schema["schema"]["properties"]["annual_revenue"]
    assert (revenue["type"], revenue["format"]) == (["string", "null"], "x-singer.decimal")
    expected = [m["record"] for m in messages(plain.output, "RECORD")]
    for record in expected:
        for name, definition in schema["schema"]["properties"].items():
            if definition.get("format") == "x-singer.decimal" and record[name] is not None:
                record[name] = str(record[name])
    assert [m["record"] for m in messages(asked.output, "RECORD")] == expected
    assert {record["annual_revenue"] for record in expected} <= {"1234567890123456", "1234567890123456.0"}


def test_salesforce_naming_keeps_api_names(small_org: OrgServer) -> None:
    outcome = run_tap(small_org.config(objects=["Account"], naming="salesforce"))
    (record, *_) = messages(outcome.output, "RECORD")
    assert record["stream"] == "Account"
    assert {"Id", "Name", "AnnualRevenue", "IsDeleted"} <= record["record"].keys()
    assert messages(outcome.output, "SCHEMA")[0]["key_properties"] == ["Id"]


def test_a_dry_run_reads_one_record_a_stream(
    small_org: OrgServer, processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "c.json").write_text(json.dumps(small_org.config(objects=["Account"])))
    finished = processes.tap("--config", tmp_path / "c.json", "--test=schema").expect()
    assert [message["stream"] for message in finished.messages("SCHEMA")] == ["accounts"]


def test_target_postgres_shows_what_the_org_holds(
    small_org: OrgServer, warehouse: Warehouse, processes: Processes, tmp_path: Path
) -> None:
    target_config = tmp_path / "target.json"
    target_config.write_text(
        json.dumps({"sqlalchemy_url": warehouse.url, "default_target_schema": warehouse.schema})
    )
    state = None
    for _ in range(2):
        outcome = run_tap(small_org.config(objects=["Account"]), state=state)
        feed(processes, "target-postgres", target_config, outcome.output, tmp_path)
        state = messages(outcome.output, "STATE")[-1]["value"]
        small_org.org.clock.advance(hours=3)
        gone = ids(small_org)[-1]
        small_org.org.hard_delete(gone)
    rows = warehouse.query(f'SELECT id, name, is_deleted, annual_revenue FROM "{warehouse.schema}".accounts')
    assert {row["name"]: row["is_deleted"] for row in rows} == {
        "Acme": False,
        'Über "quoted"\nlines': False,
        "Gone": True,
    }
    assert {int(row["annual_revenue"]) for row in rows} == {1234567890123456}


def feed(processes: Processes, target: str, config: Path, output: bytes, folder: Path) -> None:
    (folder / "messages.jsonl").write_bytes(output)
    processes.run(target, "--config", config, stdin=folder / "messages.jsonl").expect()


def test_target_jsonl_writes_the_records(
    small_org: OrgServer, plugin_environment: Callable[[str], Path], processes: Processes, tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"destination_path": str(tmp_path), "do_timestamp_file": False}))
    outcome = run_tap(small_org.config(objects=["Account"]))
    feed(
        processes, str(plugin_environment("target-jsonl") / "target-jsonl"), config, outcome.output, tmp_path
    )
    written = [json.loads(line) for line in (tmp_path / "accounts.jsonl").read_text().splitlines()]
    assert [row["id"] for row in written] == ids(small_org)


# Its duckdb has no wheels for Python 3.13 and newer.
@slow
def test_target_duckdb_shows_what_the_org_holds(
    small_org: OrgServer, plugin_environment: Callable[[str], Path], processes: Processes, tmp_path: Path
) -> None:
    command = plugin_environment("target-duckdb") / "target-duckdb"
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"filepath": str(tmp_path / "x.duckdb"), "default_target_schema": "main"}))
    state = None
    for _ in range(2):
        outcome = run_tap(small_org.config(objects=["Account"]), state=state)
        feed(processes, str(command), config, outcome.output, tmp_path)
        state = messages(outcome.output, "STATE")[-1]["value"]
        small_org.org.clock.advance(hours=3)
        small_org.org.hard_delete(ids(small_org)[-1])
    query = "import duckdb, json, sys; c = duckdb.connect(sys.argv[1]); print(json.dumps(c.execute(sys.argv[2]).fetchall()))"
    finished = processes.run(
        command.parent / "python",
        "-c",
        query,
        tmp_path / "x.duckdb",
        "SELECT name, is_deleted FROM accounts ORDER BY name",
    ).expect()
    assert json.loads(finished.stdout) == [["Acme", False], ["Gone", True], ['Über "quoted"\nlines', False]]
