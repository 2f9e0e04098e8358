"""The record of each run in the warehouse: what the tap says, joined with what the target did."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.http.faults import Status
from tap_sfsource import errors
from tap_sfsource.catalog.sync_reports import COLUMNS
from tap_sfsource.errors import DiscoveryError, SalesforceError, TapError, code_of
from tests.fix_process import PROJECT
from tests.pair.both import Pair
from tests.tap.syncs import accounts

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_process import Finished, Processes
    from tests.fix_warehouse import Warehouse

VIEW = "_sync_status"
PIPE = (
    "tap-sfsource --config tap.json --state state.json"
    " | target-sfwarehouse --config target.json > new-state.json"
)


@pytest.fixture
def pair(org_server: OrgServer, warehouse: Warehouse) -> Pair:
    org_server.org.clock.freeze()
    accounts(org_server, 3)
    org_server.org.clock.advance(hours=3)
    return Pair(org_server, warehouse, {"objects": ["Account", "Contact"]})


def by_run(warehouse: Warehouse) -> list[dict[str | None, dict[str, Any]]]:
    """The rows of the view by collection, run by run."""
    rows = warehouse.query(f"SELECT * FROM {{schema}}.{VIEW}")
    order = [
        row["tap_run_id"]
        for row in warehouse.query(
            "SELECT tap_run_id, max(ended_at) FROM {schema}._sync_runs GROUP BY 1 ORDER BY 2"
        )
    ]
    return [{row["collection"]: row for row in rows if row["run_id"] == run} for run in order]


def test_a_view_joins_what_the_tap_says_and_what_the_target_did(pair: Pair) -> None:
    pair.good()
    pair.server.org.update(pair.server.org.rows("Account")[0]["Id"], {"Name": "Borg"})
    accounts(pair.server, 1)
    pair.server.org.clock.advance(hours=3)
    pair.good()

    first, second = by_run(pair.warehouse)
    assert first.keys() == {"accounts", None}
    assert (first["accounts"]["rows"], first["accounts"]["rows_inserted"]) == (3, 3)
    assert (second["accounts"]["rows_inserted"], second["accounts"]["rows_updated"]) == (1, 1)
    run = second[None]
    assert (run["status"], run["rows_inserted"], run["rows_updated"]) == ("success", 1, 1)
    assert run["loaded_at"] is not None
    types = pair.warehouse.query(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
        pair.warehouse.schema,
        "sync_reports",
    )
    kinds = {row["column_name"]: row["data_type"] for row in types}
    assert kinds["started_at"] == "timestamp with time zone"
    assert (kinds["notices"], kinds["rows"]) == ("jsonb", "bigint")


def test_a_run_that_is_loaded_twice_is_shown_once(pair: Pair) -> None:
    run = pair.good()
    pair.load(run.output)
    (rows,) = by_run(pair.warehouse)
    shown = pair.warehouse.query(f"SELECT id FROM {{schema}}.{VIEW}")
    assert len(shown) == len(rows) == 2
    assert (rows["accounts"]["rows_inserted"], rows["accounts"]["rows_unchanged"]) == (0, 3)


@pytest.mark.parametrize("kind", ["VIEW", "TABLE", "MATERIALIZED VIEW"])
def test_a_relation_of_that_name_is_left_as_it_is(pair: Pair, kind: str) -> None:
    pair.warehouse.execute("CREATE SCHEMA IF NOT EXISTS {schema}")
    pair.warehouse.execute(f"CREATE {kind} {{schema}}.{VIEW} AS SELECT 1 AS mine")
    pair.good()
    pair.good()
    assert pair.warehouse.query(f"SELECT mine FROM {{schema}}.{VIEW}") == [{"mine": 1}]
    assert len(pair.rows("sync_reports")) == 3


def test_fewer_and_then_more_columns_of_the_reports(pair: Pair) -> None:
    few = {"breadcrumb": ["properties", "*"], "metadata": {"selected": False}}
    names = ("run_id", "collection", "status")
    some = [{"breadcrumb": ["properties", name], "metadata": {"selected": True}} for name in names]
    entries: list[dict[str, Any]] = [{"tap_stream_id": "accounts"}, {"tap_stream_id": "sync_reports"}]
    entries[1]["metadata"] = [few, *some]
    pair.good({"streams": entries}, objects=[])
    (rows,) = by_run(pair.warehouse)
    assert rows["accounts"]["status"] == "success"
    assert "lag_seconds" not in rows["accounts"]
    pair.good()
    assert "lag_seconds" in by_run(pair.warehouse)[1][None]


def test_a_column_under_the_view_may_still_get_a_wider_type(pair: Pair) -> None:
    pair.good()
    (view,) = pair.warehouse.query(f"SELECT pg_get_viewdef('{{schema}}.{VIEW}'::regclass) AS told")
    pair.warehouse.execute(f"DROP VIEW {{schema}}.{VIEW}")
    pair.warehouse.execute(
        "ALTER TABLE {schema}.sync_reports ALTER bookmark TYPE varchar(4) USING left(bookmark, 4)"
    )
    pair.warehouse.execute(f"CREATE VIEW {{schema}}.{VIEW} AS {view['told']}")
    pair.good()
    assert len(by_run(pair.warehouse)[1][None]["bookmark"]) == len("2026-03-02T09:00:30Z")


def test_a_target_that_cannot_take_the_reports_has_taken_everything_else(pair: Pair) -> None:
    pair.warehouse.execute("CREATE SCHEMA IF NOT EXISTS {schema}")
    pair.warehouse.execute("CREATE VIEW {schema}.sync_reports AS SELECT 1 AS mine")
    run = pair.sync()
    assert "is a view; rows can go into a table only" in str(pair.target_error)
    assert len(pair.rows("accounts")) == 3
    assert pair.state == run.of("STATE")[-1]["value"]


def test_without_sync_runs_there_is_no_view(pair: Pair) -> None:
    pair.target = {"sync_runs": False}
    pair.good()
    assert "sync_reports" in pair.warehouse.table_names()
    assert not pair.warehouse.query("SELECT 1 FROM pg_views WHERE schemaname = %s", pair.warehouse.schema)


def test_a_table_from_before_gets_the_column(pair: Pair) -> None:
    pair.good(sync_reports=False)
    columns = "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = '_sync_runs'"
    assert {"column_name": "tap_run_id"} not in pair.warehouse.query(columns, pair.warehouse.schema)
    pair.good()
    assert {"column_name": "tap_run_id"} in pair.warehouse.query(columns, pair.warehouse.schema)


def sync(processes: Processes) -> Finished:
    return processes.shell(PIPE)


def test_a_first_run_that_may_not_log_in_leaves_its_row_and_nothing_else(
    org_server: OrgServer, warehouse: Warehouse, processes: Processes
) -> None:
    accounts(org_server, 2)
    processes.write("target.json", warehouse.config())
    processes.write("tap.json", org_server.config(objects=["Account"], client_secret="rotated"))
    (processes.directory / "state.json").write_text("")

    finished = sync(processes)

    assert finished.status != 0
    assert "client_secret" in finished.stderr
    assert warehouse.table_names() == {"sync_reports", "_sync_runs"} | own(warehouse)
    (row,) = warehouse.query("SELECT * FROM {schema}.sync_reports")
    assert (row["status"], row["error_code"], row["collection"]) == ("failed", "auth", None)
    assert (processes.directory / "new-state.json").read_text() == ""


def own(warehouse: Warehouse) -> set[str]:
    """Tables that the target keeps in each schema."""
    return {name for name in warehouse.table_names() if name == "_received_at"}


def test_a_later_run_that_fails_keeps_the_state_and_the_tables(
    org_server: OrgServer, warehouse: Warehouse, processes: Processes
) -> None:
    accounts(org_server, 2)
    processes.write("target.json", warehouse.config())
    processes.write("tap.json", org_server.config(objects=["Account"]))
    (processes.directory / "state.json").write_text("")
    sync(processes).expect()
    state = (processes.directory / "new-state.json").read_text().splitlines()[-1]
    (processes.directory / "state.json").write_text(state)
    org_server.faults.add(Status(403, code="REQUEST_LIMIT_EXCEEDED", message="too many"), path="*", times=99)
    processes.write("tap.json", org_server.config(objects=["Account"], retry_seconds=0))

    finished = sync(processes)

    assert finished.status != 0
    assert (processes.directory / "new-state.json").read_text() == "", "no state: the last one stays"
    rows = warehouse.query(
        "SELECT * FROM {schema}.sync_reports WHERE collection IS NULL ORDER BY finished_at"
    )
    assert [row["status"] for row in rows] == ["success", "failed"]
    marks = json.loads(state)["bookmarks"]["accounts"]["replication_key_value"]
    assert rows[1]["bookmark"] == marks
    assert len(warehouse.query("SELECT id FROM {schema}.accounts")) == 2


def test_the_queries_of_the_docs_say_what_their_text_says(pair: Pair) -> None:
    pair.good()
    pair.server.faults.add(Status(400, code="INSUFFICIENT_ACCESS", message="no"), path="*/Contact/describe")
    pair.sync()
    page = (PROJECT / "docs" / "sync-reports.md").read_text()
    troubles, days = re.findall(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)

    (row,) = pair.warehouse.query(troubles.replace("salesforce.", "{schema}."))
    assert (row["collection"], row["status"], row["error_code"]) == (
        "contacts",
        "failed",
        "INSUFFICIENT_ACCESS",
    )
    pair.warehouse.execute("UPDATE {schema}.sync_reports SET started_at = now()")
    (row,) = pair.warehouse.query(days.replace("salesforce.", "{schema}."))
    assert (row["runs"], row["not_complete"], row["rows_read"], row["rows_written"]) == (2, 1, 3, 3)


def test_the_page_lists_the_columns_and_the_kinds_of_error() -> None:
    page = (PROJECT / "docs" / "sync-reports.md").read_text()
    tables = re.findall(r"^\| (?:column|error_code) \|.*?\n\n", page, re.MULTILINE | re.DOTALL)
    cells = [re.findall(r"^\| ([a-z_`, ]+) \|", table, re.MULTILINE)[1:] for table in tables]
    columns, codes = (set(re.findall(r"\w+", " ".join(part))) for part in cells)
    assert columns == COLUMNS.keys()
    kinds = {
        code_of(kind.__new__(kind))
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, TapError)
        and not issubclass(kind, SalesforceError | DiscoveryError)
    }
    assert codes == {*kinds, "terminated", "unexpected", "skipped"}
