"""`sfsource status` tells what went wrong, what is old and what fell silent; and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.simulation import DEMO_USER
from salesforce_simulator.users import NO_ACCESS, Permissions
from sfsource.output import console
from sfsource.reports.table import NEEDED
from tests.command.runs import Runs, ago, changed, failed, sfsource
from tests.levels import slow
from tests.pair.both import Pair

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_meltano import Meltano
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse


@pytest.fixture
def runs(warehouse: Warehouse) -> Runs:
    return Runs(warehouse)


def status(runs: Runs, *arguments: str) -> dict[str, Any]:
    """The status as JSON."""
    result = sfsource(runs.warehouse, "status", "--json", *arguments, **runs.target)
    found: dict[str, Any] = json.loads(result.stdout)
    assert bool(result.exit_code) == ("--max-age" in arguments and not found["well"]), result.output
    return found


def collections(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in found["collections"]}


def troubles(found: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(trouble["kind"], trouble["collection"]) for trouble in found["troubles"]]


def test_a_good_run_is_shown_with_its_collections(runs: Runs) -> None:
    runs.add(ago(minutes=30), changed("accounts", 12, deletions=3), changed("cases", 5), api_calls=7)
    result = sfsource(runs.warehouse, "status")
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("accounts")]
    assert line.split()[:2] == ["accounts", "success"]
    assert {"12", "3", "33"} <= set(line.split())
    assert "All is well." in result.stdout
    assert "17 rows, 0 deletions, 0 partial rows, 7 API calls" in result.stdout


def test_a_collection_where_nothing_happens_is_as_fresh_as_the_run(runs: Runs) -> None:
    changed_at = ago(days=3)
    runs.add(changed_at, changed("accounts"), changed("cases"))
    for hours in (9, 6, 3, 1):
        runs.add(ago(hours=hours), changed("cases"), others=("accounts",))
    found = status(runs, "--max-age", "4h")
    quiet = collections(found)["accounts"]
    assert (quiet["outcome"], quiet["rows"]) == ("success", 0)
    assert 3600 <= quiet["behind"] < 2 * 3600
    assert quiet["last_change"] == changed_at.isoformat()
    assert found["well"]


def test_a_login_that_fails_is_the_run_s_own_trouble(runs: Runs) -> None:
    runs.add(ago(hours=9), changed("accounts"))
    for hours in (6, 3, 0.5):
        runs.add(
            ago(hours=hours), status="failed", error_code="auth", error_message="Salesforce refused the login"
        )
    found = status(runs, "--max-age", "4h")
    assert troubles(found) == [("failed", None), ("old", "accounts")]
    assert found["troubles"][0]["text"] == "The last 3 runs failed: Salesforce refused the login"
    assert found["failures_in_a_row"] == 3
    result = sfsource(runs.warehouse, "status", "--max-age", "4h", "--quiet")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "The last 3 runs failed: Salesforce refused the login",
        "Behind the org by more than 4 h: accounts; at most 9 h 3 min.",
    ]


def test_a_collection_that_fails_is_named_until_a_run_reads_it(runs: Runs) -> None:
    runs.add(ago(hours=6), changed("accounts"), changed("cases"))
    runs.add(ago(hours=3), failed("cases", "its page is short"), changed("accounts"), status="partial")
    found = status(runs, "--max-age", "1d")
    assert troubles(found) == [("failed", "cases")]
    assert found["troubles"][0]["text"] == "cases is not complete: its page is short"
    assert collections(found)["cases"]["behind"] > 6 * 3600
    runs.add(ago(hours=1), others=("accounts", "cases"))
    found = status(runs, "--max-age", "4h")
    assert found["well"], "a run without news read it to its end"
    assert collections(found)["cases"]["outcome"] == "success"


def test_what_is_older_is_counted_and_named_in_one_line(runs: Runs) -> None:
    runs.add(ago(hours=5), *(changed(f"c{number}") for number in range(8)))
    result = sfsource(runs.warehouse, "status", "--max-age", "90m", "--quiet")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "The last run ended 5 h ago, longer than 1 h 30 min.",
        "Behind the org by more than 1 h 30 min: c0, c1, c2, c3, c4 and 3 more; at most 5 h 3 min.",
    ]
    well = sfsource(runs.warehouse, "status", "--max-age", "2d", "--quiet")
    assert (well.exit_code, well.stdout) == (0, "")


def history(runs: Runs, name: str, days: list[int], *, until: int = 0) -> None:
    """Loads a run a day, all at once: a collection has changes on some of the days that many days ago."""
    messages = []
    for day in range(max(days), until - 1, -1):
        rows = [changed("busy")] + ([changed(name)] if day in days else [])
        messages += runs.add(ago(days=day, minutes=30), *rows, load_now=False)
    runs.load([message for message in messages if message["stream"] == runs.stream])


def test_a_collection_that_fell_silent_weeks_ago_without_an_error_is_named(runs: Runs) -> None:
    history(runs, "accounts", [day for day in range(49, 100) if day % 7 not in {0, 1}])
    found = status(runs, "--max-age", "4h")
    assert troubles(found) == [("silent", "accounts")]
    assert collections(found)["accounts"]["silent"] == 51
    assert collections(found)["busy"]["silent"] is None
    assert status(runs, "--max-age", "4h", "--may-be-quiet", "acc*")["well"]
    assert "no change for 51 d" in sfsource(runs.warehouse, "status").stdout


@pytest.mark.parametrize(
    "days",
    [
        pytest.param([60], id="one load"),
        pytest.param([*range(50, 60)], id="set up in ten days, then never changed"),
        pytest.param([*range(11, 100, 30)], id="once a month"),
        pytest.param([*range(20, 120, 7)], id="once a week, and now three weeks not"),
        pytest.param([day for day in range(3, 60) if day % 7 not in {0, 1}], id="a weekend"),
        pytest.param([*range(3, 60)], id="three days not"),
    ],
)
def test_a_collection_that_is_simply_quiet_is_not_called_silent(days: list[int], runs: Runs) -> None:
    history(runs, "accounts", days)
    assert status(runs, "--max-age", "4h")["well"]


def test_silence_is_not_counted_while_nothing_runs(runs: Runs) -> None:
    history(runs, "accounts", [*range(30, 90)], until=30)
    assert troubles(status(runs, "--max-age", "4h")) == [("old", None), ("old", None)]


def test_an_earlier_outage_does_not_hide_a_later_one(runs: Runs) -> None:
    history(runs, "accounts", [*range(100, 130), *range(20, 40)])
    assert troubles(status(runs, "--max-age", "4h")) == [("silent", "accounts")]


def test_what_was_never_read_is_told(runs: Runs, tmp_path: Path) -> None:
    runs.add(
        ago(hours=1),
        changed("accounts"),
        failed("cases", "no rights"),
        {
            "collection": "tags",
            "status": "skipped",
            "error_message": "the org has no tags",
            **dict.fromkeys(("started_at", "finished_at", "bookmark")),
        },
        status="partial",
    )
    catalog = tmp_path / "catalog.json"
    streams: list[dict[str, Any]] = [
        {
            "tap_stream_id": name,
            "stream": name,
            "schema": {"properties": {}},
            "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
        }
        for name in ("accounts", "leads")
    ]
    catalog.write_text(json.dumps({"streams": streams}))
    found = status(runs, "--max-age", "4h", "--catalog", str(catalog))
    assert troubles(found) == [("failed", "cases"), ("never", "leads")]
    skipped = collections(found)["tags"]
    assert (skipped["outcome"], skipped["read_until"]) == ("skipped", None)
    assert skipped["error"] == "the org has no tags"


def test_a_collection_that_is_skipped_now_and_was_read_before_is_told(runs: Runs) -> None:
    runs.add(ago(hours=3), changed("accounts"))
    runs.add(ago(hours=1), {"collection": "accounts", "status": "skipped", "error_message": "no rights"})
    assert troubles(status(runs, "--max-age", "1d")) == [("skipped", "accounts")]


def test_without_a_table_it_says_what_to_do(warehouse: Warehouse) -> None:
    for _ in range(2):
        result = sfsource(warehouse, "status")
        assert result.exit_code == 2
        assert result.stderr.startswith(f"sfsource: The schema {warehouse.schema} has no record of a run yet")
        assert "sync_reports must be on" in result.stderr
        warehouse.execute("CREATE SCHEMA IF NOT EXISTS {schema}")


def test_a_table_that_lacks_columns_is_told(warehouse: Warehouse) -> None:
    Runs(warehouse, columns=("id", "run_id", "collection", "started_at")).add(ago(hours=1))
    result = sfsource(warehouse, "status")
    assert result.exit_code == 2
    assert "lacks status, finished_at, rows, deletions" in result.stderr


@pytest.mark.parametrize(
    "runs_of",
    [
        pytest.param({"stream": "crm-audit_of_syncs"}, id="renamed by a stream map"),
        pytest.param({"columns": ("id", *NEEDED)}, id="few columns"),
        pytest.param({"target": {"sync_runs": False, "received_at": False}}, id="without _sync_runs"),
        pytest.param({"target": {"conform_names": "snake_case"}}, id="names conformed"),
        pytest.param({"target": {"history": ["*"]}}, id="with a history"),
    ],
)
def test_it_reads_the_table_whatever_it_is_called_and_has(
    runs_of: dict[str, Any], warehouse: Warehouse
) -> None:
    runs = Runs(warehouse, **runs_of)
    runs.add(ago(hours=6), changed("Account"))
    runs.add(ago(hours=1), changed("Case"), others=("Account",))
    found = status(runs, "--max-age", "4h")
    assert found["well"]
    assert {name: part["outcome"] for name, part in collections(found).items()} == {
        "Account": "success",
        "Case": "success",
    }


def test_a_schema_of_a_prefix_is_looked_into(warehouse: Warehouse) -> None:
    mapped = {
        "schema_mapping": {"crm": {"target_schema": warehouse.schema}},
        "schema": f"{warehouse.schema}_x",
    }
    runs = Runs(warehouse, stream="crm-sync_reports", target=mapped)
    try:
        runs.add(ago(hours=1), changed("accounts"))
        assert status(runs, "--max-age", "4h")["well"]
    finally:
        warehouse.execute(f"DROP SCHEMA IF EXISTS {warehouse.schema}_x CASCADE")


@pytest.mark.parametrize("written", ["4", "h", "-4h", "0h", "4 hours", "", "99999999999d"])
def test_a_wrong_duration_is_refused(written: str, warehouse: Warehouse) -> None:
    result = sfsource(warehouse, "status", "--max-age", written)
    assert result.exit_code == 2
    assert "Write one such as 4h, 90m or 2d." in result.stderr


def test_watch_needs_a_terminal(warehouse: Warehouse) -> None:
    result = sfsource(warehouse, "status", "--watch")
    assert result.exit_code == 2
    assert "--watch needs a terminal" in result.stderr
    assert sfsource(warehouse, "status", "--watch", "--json").exit_code == 2


def test_columns_that_came_or_went_are_shown(runs: Runs) -> None:
    columns: dict[str, Any] = {"new_columns": ["vat_c"], "vanished_columns": ["fax", "sic"]}
    runs.add(ago(hours=1), changed("accounts", partial_rows=1500, **columns))
    assert "1,500 partial rows; new: vat_c; gone: fax, sic" in " ".join(
        sfsource(runs.warehouse, "status").stdout.split()
    )


def test_texts_are_shown_as_they_are(runs: Runs) -> None:
    runs.add(ago(hours=1), failed("accounts", "[red]no[/] [link=x]y"), status="partial")
    assert "accounts is not complete: [red]no[/] [link=x]y" in sfsource(runs.warehouse, "status").stdout


@slow
def test_it_is_a_command_of_the_meltano_project(meltano: Meltano, warehouse: Warehouse) -> None:
    """Meltano starts sfsource, which asks Meltano for the target's settings."""
    Runs(warehouse).add(ago(hours=6), changed("accounts", 12))
    meltano.configure("target-sfwarehouse", {"sqlalchemy_url": warehouse.url})
    meltano.environment["TAP_SFSOURCE__LOAD_SCHEMA"] = warehouse.schema
    shown = meltano.run("invoke", "sfsource", "status").expect()
    (line,) = [line for line in shown.stdout.splitlines() if line.startswith("accounts")]
    assert line.split()[1:3] == ["success", "6"]
    assert json.loads(meltano.run("invoke", "sfsource:status", "--json").expect().stdout)["well"]
    old = meltano.run("--environment=prod", "invoke", "sfsource", "status", "--max-age=4h", "--quiet")
    assert old.status == 1
    assert "Behind the org by more than 4 h: accounts" in old.stdout


def shard(number: int, *collections: str) -> tuple[str, ...]:
    """What the catalog of a shard has: each has `names`."""
    return (*(f"s{number}_{name}" for name in collections), "names")


def test_a_shard_that_has_stopped_is_told_though_another_runs_on(runs: Runs) -> None:
    first, second = shard(0, "accounts", "cases"), shard(1, "leads")
    runs.add(ago(days=2), changed("s0_accounts"), changed("s0_cases"), others=first)
    runs.add(ago(days=2), changed("s1_leads"), others=second)
    runs.add(ago(hours=1), others=second)
    found = status(runs, "--max-age", "4h")
    assert [trouble["text"] for trouble in found["troubles"]] == [
        "Behind the org by more than 4 h: s0_accounts, s0_cases; at most 2 d."
    ]
    assert collections(found)["s1_leads"]["behind"] < 2 * 3600


def test_a_collection_that_is_deselected_is_no_trouble(runs: Runs) -> None:
    runs.add(ago(days=3), changed("accounts"), changed("cases"))
    runs.add(ago(days=2), failed("cases", "no rights"), others=("accounts",), status="partial")
    assert troubles(status(runs)) == [("failed", "cases")]
    runs.add(ago(hours=1), others=("accounts",))
    found = status(runs, "--max-age", "4h")
    assert found["well"]
    assert collections(found)["cases"]["outcome"] == "deselected"


def test_a_collection_that_the_target_renames_is_judged(runs: Runs) -> None:
    """The target's own record has the new name only, which says nothing of a selection."""
    runs.target = {"stream_maps": {"cases": {"__alias__": "tickets"}}}
    runs.add(ago(days=3), changed("accounts"), changed("cases"))
    runs.add(ago(days=2), others=("accounts", "cases"))
    found = status(runs, "--max-age", "4h")
    assert collections(found)["cases"]["outcome"] == "success"
    assert "Behind the org by more than 4 h: accounts, cases; at most 2 d." in [
        trouble["text"] for trouble in found["troubles"]
    ]


def test_a_schema_may_have_any_name(warehouse: Warehouse) -> None:
    """% and braces have a meaning for the driver and for Python."""
    name = f'{warehouse.schema} %s "Odd" {{reports}}'
    runs = Runs(warehouse, target={"schema": name})
    try:
        runs.add(ago(minutes=5), changed("accounts"))
        found = status(runs, "--max-age", "4h")
        assert found["well"]
        assert collections(found).keys() == {"accounts"}
    finally:
        quoted = '"' + name.replace('"', '""') + '"'
        warehouse.connection.execute(f"DROP SCHEMA {quoted} CASCADE".encode())


def test_it_says_where_it_looks(runs: Runs, tmp_path: Path) -> None:
    runs.add(ago(minutes=5), changed("accounts"))
    where = f"Schema {runs.warehouse.schema} at "
    page = tmp_path / "status.html"
    shown = sfsource(runs.warehouse, "status", "--html", str(page)).stdout
    assert [line for line in shown.splitlines() if line.startswith(where)]
    assert where in page.read_text()
    assert status(runs)["place"].startswith(where)


def test_one_of_a_thing_is_one(runs: Runs) -> None:
    runs.add(
        ago(minutes=5), changed("accounts", partial_rows=1), rows=1, deletions=1, partial_rows=1, api_calls=1
    )
    shown = sfsource(runs.warehouse, "status").stdout
    assert "1 row, 1 deletion, 1 partial row, 1 API call\n" in shown


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_narrow_terminal_has_the_remarks_below(
    width: int, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", width)
    runs.add(ago(minutes=5), changed("opportunity_line_item_schedules", partial_rows=12), changed("cases"))
    lines = sfsource(runs.warehouse, "status").stdout.splitlines()
    remark = "12 partial rows"
    (found,) = [line.strip() for line in lines if remark in line]
    assert found.endswith(remark)
    assert found.startswith("opportunity_line_item_schedules")
    assert (found == f"opportunity_line_item_schedules: {remark}") == (width < 200)
    (cases,) = [line for line in lines if line.startswith("cases")]
    assert "success" in cases or width < 80
    assert max(map(len, lines[:3])) <= width


def test_a_real_pair_is_well_until_something_happens(org_server: OrgServer, warehouse: Warehouse) -> None:
    org_server.org.create("Account", {"Name": "Acme"})
    pair = Pair(org_server, warehouse, {"objects": ["Account", "Case", "Lead"]})
    runs = Runs(warehouse)
    pair.good()
    found = status(runs, "--max-age", "4h")
    assert found["well"], found["troubles"]
    shown = collections(found)
    assert {"accounts", "cases", "leads"} <= shown.keys(), "also those without a row since the first run"
    assert (shown["accounts"]["rows"], shown["cases"]["rows"]) == (1, 0)
    assert {part["outcome"] for part in shown.values()} == {"success"}
    org_server.org.set_permissions(DEMO_USER, Permissions(objects={"Case": NO_ACCESS}))
    pair.sync()
    found = status(runs, "--max-age", "4h")
    assert troubles(found) == [("skipped", "cases")], found["troubles"]
    assert pair.sync(client_secret="wrong").failed_aloud
    found = status(runs, "--max-age", "4h")
    assert found["runs"][0]["status"] == "failed"
    assert troubles(found)[0] == ("failed", None)
    assert "Salesforce refused the login" in found["troubles"][0]["text"]


def test_api_names_and_renamed_streams_are_followed(org_server: OrgServer, warehouse: Warehouse) -> None:
    org_server.org.create("Account", {"Name": "Acme"})
    maps = {"Account": {"__alias__": "Customer"}, "sync_reports": {"__alias__": "syncs_of_crm"}}
    config = {"objects": ["Account", "Case"], "naming": "salesforce", "stream_maps": maps}
    schema = {"schema": None, "default_target_schema": warehouse.schema}
    pair = Pair(org_server, warehouse, config, target=schema)
    runs = Runs(warehouse, target=schema)
    for _ in range(2):
        pair.good()
    assert "syncs_of_crm" in warehouse.table_names()
    found = status(runs, "--max-age", "4h")
    assert found["well"], found["troubles"]
    shown = collections(found)
    assert (shown["Account"]["outcome"], shown["Case"]["outcome"]) == ("success", "success")
    assert "Customer" not in shown
