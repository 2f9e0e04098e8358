"""Each run ends with its record: the stream `sync_reports`, also where a run fails before it has begun."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from salesforce_simulator.http.faults import Status, UseUp
from tap_sfsource.catalog.sync_reports import COLUMNS
from tests.fix_process import wait_until
from tests.pair.both import TapRun, batch_config, run_tap
from tests.tap.syncs import accounts

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes

SECRET = "s3cret-that-nobody-may-see"
RUN = None
"""The collection of the run's own row."""


def reports(run: TapRun) -> dict[str | None, dict[str, Any]]:
    """The rows of a run by collection."""
    rows = [message["record"] for message in run.of("RECORD", "sync_reports")]
    found = {row["collection"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def last_state(run: TapRun) -> dict[str, Any]:
    state: dict[str, Any] = run.of("STATE")[-1]["value"]
    return state


def test_a_row_for_each_collection_with_news_and_one_for_the_run(
    org_server: OrgServer, frozen: Clock
) -> None:
    ids = accounts(org_server, 3)
    frozen.advance(hours=3)
    config = org_server.config(objects=["Account", "Contact", "Lead"])
    first = run_tap(config)
    org_server.org.hard_delete(ids[0])
    org_server.org.create("Lead", {"LastName": "Roe", "Company": "Roe & Co"})
    frozen.advance(hours=3)

    again = run_tap(config, state=last_state(first))

    assert reports(first).keys() == {"accounts", RUN}
    rows = reports(again)
    assert rows.keys() == {"accounts", "leads", RUN}
    # A whole row goes before the first partial one.
    assert (rows["accounts"]["rows"], rows["accounts"]["deletions"]) == (1, 1)
    assert (rows["leads"]["rows"], rows["leads"]["deletions"], rows["leads"]["object"]) == (1, 0, "Lead")
    run = rows[RUN]
    assert (run["status"], run["rows"], run["deletions"], run["partial_rows"]) == ("success", 2, 1, 0)
    assert run["api_calls"] == org_server.ledger.api_calls - reports(first)[RUN]["api_calls"]
    assert run["api_calls_left"] > 0
    assert run["error_code"] is None
    assert run["org_id"] == org_server.org.id[:15]
    assert {row["run_id"] for row in rows.values()} == {run["id"]}
    assert rows["leads"]["id"] == f"{run['id']}/leads"
    assert rows["leads"]["lag_seconds"] < 120
    marks = last_state(again)["bookmarks"]
    assert rows["leads"]["bookmark"] == marks["leads"]["replication_key_value"]
    assert run["bookmark"] == min(mark["replication_key_value"] for mark in marks.values())
    assert run["id"] != reports(first)[RUN]["id"]


def test_the_record_comes_behind_the_last_state_which_does_not_know_it(org_server: OrgServer) -> None:
    accounts(org_server, 1)
    run = run_tap(org_server.config(objects=["Account"]))
    kinds = [(message["type"], message.get("stream")) for message in run.messages]
    last = max(place for place, (kind, _) in enumerate(kinds) if kind == "STATE")
    assert kinds[last + 1 :] == [("SCHEMA", "sync_reports"), *[("RECORD", "sync_reports")] * 2]
    assert last_state(run)["bookmarks"].keys() == {"accounts"}
    (schema,) = run.of("SCHEMA", "sync_reports")
    assert schema["key_properties"] == ["id"]
    assert [*schema["schema"]["properties"]] == [*COLUMNS]
    assert all(message["record"].keys() == COLUMNS.keys() for message in run.of("RECORD", "sync_reports"))


def test_a_run_that_finds_nothing_has_one_row(org_server: OrgServer) -> None:
    assert reports(run_tap(org_server.config(objects=["Account", "Contact"]))).keys() == {RUN}


@pytest.mark.parametrize(
    "config", [{"client_secret": SECRET}, {"refresh_token": SECRET, "client_secret": "x"}]
)
def test_a_refused_login_has_a_record_without_a_secret(org_server: OrgServer, config: dict[str, Any]) -> None:
    accounts(org_server, 1)
    state = last_state(run_tap(org_server.config(objects=["Account"])))

    run = run_tap(org_server.config(objects=["Account"], **config), state=state)

    assert run.failed_aloud
    assert [message["type"] for message in run.messages] == ["SCHEMA", "RECORD"], (
        "no STATE, which could be a worse one"
    )
    (row,) = reports(run).values()
    assert (row["status"], row["error_code"], row["org_id"], row["rows"]) == ("failed", "auth", None, 0)
    assert row["error_message"] == str(run.error).replace(SECRET, "***")
    assert row["bookmark"] == state["bookmarks"]["accounts"]["replication_key_value"]
    assert SECRET not in run.output.decode()


def test_an_error_that_quotes_a_secret_is_masked(org_server: OrgServer) -> None:
    config = org_server.config(objects=["Account"])
    message = f"bad {config['client_secret']}\n\x00 line"
    org_server.faults.add(Status(400, code="MALFORMED_QUERY", message=message), path="*/describe", times=99)
    run = run_tap(config)
    assert config["client_secret"] not in run.output.decode()
    rows = reports(run)
    assert (rows[RUN]["status"], rows["accounts"]["status"]) == ("failed", "failed")
    assert "bad *** line" in rows[RUN]["error_message"]


def test_one_collection_that_fails_is_told_and_the_run_is_partial(org_server: OrgServer) -> None:
    accounts(org_server, 1)
    org_server.faults.add(Status(400, code="INSUFFICIENT_ACCESS", message="no"), path="*/Lead/describe")
    run = run_tap(org_server.config(objects=["Account", "Lead"]))
    rows = reports(run)
    assert rows["accounts"]["status"] == "success"
    assert (rows["leads"]["status"], rows["leads"]["error_code"]) == ("failed", "INSUFFICIENT_ACCESS")
    assert (rows[RUN]["status"], rows[RUN]["error_code"]) == ("partial", "INSUFFICIENT_ACCESS")
    assert rows[RUN]["error_message"].endswith("Not complete: leads.")


def test_a_collection_that_fails_behind_some_rows_is_partial(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 450)
    frozen.advance(hours=3)
    org_server.faults.add(
        Status(400, code="INVALID_QUERY_LOCATOR", message="gone"), path="*/queryAll/*", times=9
    )
    run = run_tap(org_server.config(objects=["Account"], reader="rest", page_size=200))
    row = reports(run)["accounts"]
    assert run.failed_aloud
    assert row["status"] == "partial"
    assert row["rows"] == len(run.of("RECORD", "accounts")) > 0
    assert reports(run)[RUN]["status"] == "failed"


def test_a_quota_that_is_used_up_in_the_middle(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 900)
    frozen.advance(hours=3)
    org_server.org.limits.daily_api_requests.maximum = 50
    config = org_server.config(
        objects=["Account", "Contact"], reader="rest", page_size=200, quota_percent_per_run=8
    )
    run = run_tap(config)
    rows = reports(run)
    assert (rows["accounts"]["status"], rows["accounts"]["error_code"]) == ("partial", "quota_reached")
    assert rows["accounts"]["rows"] == len(run.of("RECORD", "accounts")) > 0
    assert rows[RUN]["error_code"] == "quota_reached"
    assert "quota_percent_per_run" in rows[RUN]["error_message"]


def test_a_quota_that_is_gone_before_the_run(org_server: OrgServer) -> None:
    org_server.faults.add(UseUp(), path="*/composite")
    run = run_tap(org_server.config(objects=["Account"]))
    assert run.failed_aloud
    assert (reports(run)[RUN]["status"], reports(run)[RUN]["rows"]) == ("failed", 0)


def test_a_user_without_the_api(org_server: OrgServer) -> None:
    user = org_server.user
    org_server.org.set_permissions(user.username, replace(user.permissions, api_enabled=False))
    (row,) = reports(run_tap(org_server.config(objects=["Account"]))).values()
    assert (row["status"], row["error_code"]) == ("failed", "permission_denied")


def test_what_the_user_may_not_see_is_skipped_with_its_reason(org_server: OrgServer) -> None:
    user = org_server.user
    org_server.org.set_permissions(user.username, user.permissions.without_object("Case"))
    row = reports(run_tap(org_server.config(objects=["Account", "Case"])))["cases"]
    assert row["status"] == "skipped"
    assert row["object"] == "Case"
    assert "the user may not see it" in row["error_message"]


def test_new_and_vanished_columns_are_named(org_server: OrgServer, frozen: Clock) -> None:
    org = org_server.org
    accounts(org_server, 1)
    org.add_field("Account", custom_field("Old__c", "string"))
    org.add_field("Account", custom_field("Anew__c", "string"))
    frozen.advance(hours=3)
    config = org_server.config(objects=["Account"])
    full = _discovered(config)
    first = run_tap(config, catalog=full)
    assert reports(first)["accounts"]["new_columns"] == []
    org.remove_field("Account", "Old__c")
    org.remove_field("Account", "Anew__c")
    org.add_field("Account", custom_field("Anew__c", "double"))
    org.add_field("Account", custom_field("Fresh__c", "string"))
    frozen.advance(hours=3)

    second = run_tap(config, catalog=full, state=last_state(first))
    third = run_tap(config, catalog=full, state=last_state(second))
    row = reports(second)["accounts"]
    assert set(row["new_columns"]) == {"anew_c", "fresh_c"}
    assert row["vanished_columns"] == ["anew_c", "old_c"]
    assert row["notices"] == []
    assert reports(third).keys() == {RUN}, "it is told once"

    unnamed = reports(run_tap(config, state=last_state(first)))["accounts"]
    assert unnamed["vanished_columns"] == ["anew_c"]
    assert "whose names the state does not keep" in unnamed["notices"][-1]


def _discovered(config: dict[str, Any]) -> dict[str, Any]:
    from tap_sfsource.tap import TapSFSource  # noqa: PLC0415

    return TapSFSource(config=config, setup_mapper=False).catalog_dict


def test_a_deselected_column_is_named_too(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 1)
    frozen.advance(hours=3)
    config = org_server.config()
    marks = [{"breadcrumb": ["properties", "phone"], "metadata": {"selected": False}}]
    entries = [{"tap_stream_id": "accounts"}, {"tap_stream_id": "sync_reports"}]
    first = run_tap(config, catalog={"streams": entries})
    entries[0] = {"tap_stream_id": "accounts", "metadata": marks}  # type: ignore[dict-item]
    second = run_tap(config, catalog={"streams": entries}, state=last_state(first))
    assert reports(second)["accounts"]["vanished_columns"] == ["phone"]


def test_warnings_of_the_run_are_its_notices(org_server: OrgServer) -> None:
    config = org_server.config(objects=["Account"])
    state = {"bookmarks": {"accounts": {"org": "00D000000000999", "replication_key": "system_modstamp"}}}
    (notice, *_) = reports(run_tap(config, state=state))[RUN]["notices"]
    assert "The state is of org 00D000000000999" in notice


@pytest.mark.parametrize(
    ("catalog", "config", "columns"),
    [
        (None, {}, COLUMNS.keys()),
        (None, {"sync_reports": False}, None),
        ([{"tap_stream_id": "accounts"}], {}, None),
        ([{"tap_stream_id": "accounts"}, {"tap_stream_id": "sync_reports"}], {}, COLUMNS.keys()),
        ([{"tap_stream_id": "accounts"}, {"tap_stream_id": "sync_reports"}], {"sync_reports": False}, None),
        (
            [
                {"tap_stream_id": "accounts"},
                {
                    "tap_stream_id": "sync_reports",
                    "metadata": [
                        {"breadcrumb": ["properties", "*"], "metadata": {"selected": False}},
                        {"breadcrumb": ["properties", "status"], "metadata": {"selected": True}},
                    ],
                },
            ],
            {},
            {"id", "status"},
        ),
    ],
)
def test_a_catalog_decides_and_the_setting_can_only_say_no(
    org_server: OrgServer, catalog: Any, config: dict[str, Any], columns: Any
) -> None:
    settings = org_server.config(**({"objects": ["Account"]} if catalog is None else {}), **config)
    given = None if catalog is None else {"streams": catalog}
    run = run_tap(settings, catalog=given)
    assert run.error is None, run.said
    schemas = run.of("SCHEMA", "sync_reports")
    assert [set(schema["schema"]["properties"]) for schema in schemas] == ([set(columns)] if columns else [])


def test_discovery_lists_it_in_order_unless_it_is_off(org_server: OrgServer) -> None:
    config = org_server.config(objects=["Account", "Task"])
    streams = [entry["tap_stream_id"] for entry in _discovered(config)["streams"]]
    assert streams == ["accounts", "sync_reports", "tasks"]
    streams = [entry["tap_stream_id"] for entry in _discovered({**config, "sync_reports": False})["streams"]]
    assert streams == ["accounts", "tasks"]


@pytest.mark.parametrize(
    ("maps", "stream"),
    [
        ({"*": {"name": None, "__filter__": "False"}}, "sync_reports"),
        ({"accounts": {"name": None}, "__else__": None}, "sync_reports"),
        ({"sync_reports": {"__alias__": "salesforce_runs"}}, "salesforce_runs"),
        ({"sync_reports": None}, None),
    ],
)
def test_only_a_map_that_names_the_stream_changes_it(
    org_server: OrgServer, tmp_path: Path, maps: dict[str, Any], stream: str | None
) -> None:
    accounts(org_server, 1)
    config = org_server.config(
        objects=["Account"],
        stream_maps=maps,
        flattening_enabled=True,
        flattening_max_depth=1,
        batch_config=batch_config("jsonl", tmp_path),
    )
    run = run_tap(config)
    assert run.error is None, run.said
    assert {message["stream"] for message in run.of("RECORD")} == ({stream} if stream else set())
    for schema in run.of("SCHEMA", stream) if stream else ():
        assert schema["schema"]["x-run-id"] == run.of("RECORD", stream)[-1]["record"]["id"]


def test_a_map_of_it_that_cannot_be_used_ends_the_run_at_its_beginning(org_server: OrgServer) -> None:
    run = run_tap(org_server.config(objects=["Account"], stream_maps={"sync_reports": {"x": "what("}}))
    assert "the map of sync_reports cannot be used" in str(run.error)
    assert not run.messages


def test_another_stream_may_not_take_its_name(org_server: OrgServer) -> None:
    maps = {"accounts": {"__alias__": "sync_reports"}}
    run = run_tap(org_server.config(objects=["Account"], stream_maps=maps))
    assert "both go out as sync_reports" in str(run.error)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_leaves_a_record(
    org_server: OrgServer, frozen: Clock, processes: Processes, number: signal.Signals
) -> None:
    accounts(org_server, 60)
    frozen.advance(hours=3)
    org_server.server.settings.latency = 50
    config = org_server.config(objects=["Account"], reader="bulk", bulk_page_size=5, progress="none")
    processes.write("tap.json", {**config, "download_connections": 1})
    running = processes.start(["tap-sfsource", "--config", "tap.json"])
    wait_until(lambda: len(org_server.ledger.matching("/results")) > 2, "the tap reads rows")
    running.send_signal(number)
    finished = processes.finish(running)
    assert finished.status == 128 + number
    rows = {
        message["record"]["collection"]: message["record"]
        for message in finished.messages("RECORD")
        if message["stream"] == "sync_reports"
    }
    assert (rows[RUN]["status"], rows[RUN]["error_code"]) == ("failed", "terminated")
    assert rows[RUN]["error_message"] == f"Stopped by {number.name} before the end."
    written = [message for message in finished.messages("RECORD") if message["stream"] == "accounts"]
    assert rows["accounts"]["rows"] == len(written)


def test_a_discovery_that_fails_hands_its_error_to_the_run(
    org_server: OrgServer, processes: Processes
) -> None:
    config = org_server.config(client_secret=SECRET)
    processes.write("tap.json", config)
    assert processes.tap("--config", "tap.json", "--discover").expect(1).stdout == ""

    processes.write("tap.json", {**config, "report_failed_discovery": True})
    discovered = processes.tap("--config", "tap.json", "--discover").expect()
    assert "Check client_id and client_secret" in discovered.stderr
    (entry,) = json.loads(discovered.stdout)["streams"]
    assert entry["tap_stream_id"] == "sync_reports"
    catalog = processes.write("catalog.json", {"streams": [entry]})

    run = processes.tap("--config", "tap.json", "--catalog", "catalog.json").expect(1)

    (row,) = (message["record"] for message in run.messages("RECORD"))
    assert (row["status"], row["error_code"]) == ("failed", "auth")
    assert "Check client_id and client_secret" in row["error_message"]
    assert "Check client_id and client_secret" in run.stderr
    assert SECRET not in discovered.said + run.said
    assert not catalog.exists(), "a tool that keeps the catalog makes another one"
