"""What a person meets at the command line: one clear line for an error, a true exit status, no secret."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.http.faults import Latency, Status
from salesforce_simulator.simulation import DEMO_CLIENT_SECRET
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.cli import read_input
from tap_sfsource.config import Settings
from tap_sfsource.errors import ConfigError
from tests.fix_process import SCRIPTS, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.http.faults import Action
    from tests.fix_org import OrgServer
    from tests.fix_process import Finished, Processes


def error_line(finished: Finished) -> str:
    """The one error line of a process that failed as it should."""
    finished.expect(1)
    assert "Traceback" not in finished.said
    (line,) = [line for line in finished.stderr.splitlines() if "| ERROR" in line]
    return line.split("|", 3)[3].strip()


def test_version_loads_no_more_than_the_sdk_and_the_settings() -> None:
    heavy = (
        "simple_salesforce",
        "jwt",
        "zeep",
        "tap_sfsource.api.client",
        "tap_sfsource.singer.stream",
        "tap_sfsource.catalog.discovery",
    )
    program = (
        "import sys, tap_sfsource.tap as tap; tap.TapSFSource.get_singer_command().main(['--version'], "
        f"standalone_mode=False); print([name for name in {heavy!r} if name in sys.modules])"
    )

    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert told.startswith("tap-sfsource v")
    assert told.endswith("[]\n")


def test_about_lists_every_setting_and_capability(processes: Processes) -> None:
    about = json.loads(processes.tap("--about", "--format=json").expect().stdout)

    assert about["name"] == "tap-sfsource"
    assert Settings.json_schema()["properties"].keys() <= about["settings"]["properties"].keys()
    assert {"catalog", "discover", "state", "about", "stream-maps", "batch", "structured-logging"} <= set(
        about["capabilities"]
    )


def test_discovery_prints_a_catalog_that_a_sync_takes_as_it_is(
    org_server: OrgServer, processes: Processes
) -> None:
    processes.write("tap.json", org_server.config())
    catalog = processes.tap("--config", "tap.json", "--discover").expect().stdout
    (processes.directory / "catalog.json").write_text(catalog)

    synced = processes.tap("--config", "tap.json", "--catalog", "catalog.json").expect()

    streams = {message["stream"] for message in synced.messages("SCHEMA")}
    assert streams <= {*COLLECTIONS.values(), "sync_reports"}
    assert {"accounts", "users", "_group", "sync_reports"} <= streams
    assert DEMO_CLIENT_SECRET not in synced.said


def test_settings_come_from_the_environment_as_well(org_server: OrgServer, processes: Processes) -> None:
    config = {**org_server.config(), "objects": '["Account"]', "sync_reports": "false"}
    env = {f"TAP_SFSOURCE_{name.upper()}": value for name, value in config.items()}

    synced = processes.tap("--config=ENV", env=env).expect()

    assert {message["stream"] for message in synced.messages("SCHEMA")} == {"accounts"}


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({}, "Setting client_id: no credentials are set."),
        ({"environment": "staging"}, "Setting environment: 'staging' is not a choice."),
        ({"password": 12345678}, "Setting password: it must be text, not a number."),
        ({"stream_maps": "x"}, "'x' is not of type 'object'"),
        ({"stream_maps": {"accounts": {"__else__": "x"}}}, "{'__else__': 'x'} is not valid"),
    ],
)
def test_a_bad_setting_is_one_line(processes: Processes, config: dict[str, Any], line: str) -> None:
    processes.write("tap.json", config)

    told = error_line(processes.tap("--config", "tap.json", "--discover"))

    assert told.startswith(line)
    assert "12345678" not in told


@pytest.mark.parametrize(
    "settings",
    [
        {"objects": "Account, Contact"},
        {"objects": '["Account", "Contact"]'},
        {"objects": [" Account ", "Contact\n"]},
        {"objects": ["Account", "Contact"], "max_workers": "2", "exclude_objects": "", "start_date": " "},
    ],
)
def test_settings_as_text_are_taken_from_a_file_too(
    org_server: OrgServer, processes: Processes, settings: dict[str, Any]
) -> None:
    org_server.org.create("Account", {"Name": "Acme"})
    processes.write("tap.json", org_server.config(**settings))
    assert '"RECORD"' in processes.tap("--config", "tap.json").expect().stdout


def test_a_start_date_in_the_future_is_one_line(org_server: OrgServer, processes: Processes) -> None:
    processes.write("tap.json", org_server.config(objects=["Account"], start_date="2090-01-01"))
    assert error_line(processes.tap("--config", "tap.json")).startswith(
        "Setting start_date: 2090-01-01 is in"
    )


@pytest.mark.parametrize(
    ("part", "expression"),
    [
        ("big", "name +"),
        ("big", ""),
        ("big", "name\u0000"),
        ("__filter__", "name ="),
        ("__alias__", "a b"),
        ("__key_properties__", ["nosuch"]),
        ("id", None),
        ("__else__", None),
    ],
)
def test_a_bad_stream_map_is_one_line_that_names_its_place(
    org_server: OrgServer, processes: Processes, part: str, expression: Any
) -> None:
    maps = {"accounts": {"good": "name", part: expression}}
    processes.write("tap.json", org_server.config(objects=["Account"], stream_maps=maps))

    told = error_line(processes.tap("--config", "tap.json"))

    assert told.startswith(f"Setting stream_maps: the map of accounts cannot be used at {part} (")


@pytest.mark.parametrize(
    "expression", ["nosuch(name)", "nosuch + 1", "a\nb", "1/0", "md5(5)", "name.nosuch()"]
)
def test_a_stream_map_that_fails_on_a_row_names_its_place(
    org_server: OrgServer, processes: Processes, expression: str
) -> None:
    org_server.org.create("Account", {"Name": "Acme"})
    maps = {"acc*": {"good": "name", "bad": expression}}
    processes.write("tap.json", org_server.config(objects=["Account"], stream_maps=maps))

    finished = processes.tap("--config", "tap.json").expect(1)

    first, last = (line for line in finished.stderr.splitlines() if "| ERROR" in line)
    assert "accounts: its stream map cannot be applied to a row at bad (" in first
    assert "setting stream_maps" in first
    assert "Not complete: accounts" in last
    assert "Traceback" not in finished.said


def test_a_misspelt_setting_is_a_warning(org_server: OrgServer, processes: Processes) -> None:
    processes.write("tap.json", {**org_server.config(objects=["Account"]), "star_date": "2024-01-01"})

    assert (
        "There is no setting star_date; it is ignored. Is it start_date?"
        in processes.tap("--config", "tap.json").expect().stderr
    )


@pytest.mark.parametrize(
    ("option", "text", "line"),
    [
        ("--config", None, "Setting --config: given.json cannot be read (No such file or directory)"),
        (
            "--config",
            '{"password": "hush-hush",}',
            "Setting --config: given.json is not JSON (line 1, column",
        ),
        ("--config", "[]", "Setting --config: given.json holds no JSON object"),
        ("--catalog", "{", "The catalog given.json cannot be used: it is not JSON"),
        ("--catalog", "[]", "The catalog given.json cannot be used: it holds an array, not an object"),
        ("--catalog", "{}", 'The catalog has no list "streams"'),
        ("--state", "nonsense", "Setting --state: given.json: it is not JSON"),
        ("--state", "null", "Setting --state: given.json: it holds null, not an object"),
        ("--state", "3", "Setting --state: given.json: it holds a number, not an object"),
        ("--state", '{"x": 1}', 'The state cannot be used: it has no "bookmarks"'),
        (
            "--state",
            '{"accounts": {"replication_key": "x"}}',
            'The state cannot be used: it has no "bookmarks"',
        ),
        ("--state", '{"bookmarks": []}', "The state cannot be used: its bookmarks are no JSON object"),
        ("--state", '{"bookmarks": null}', "The state cannot be used: its bookmarks are no JSON object"),
        ("--state", '{"singer_state": null}', "The state cannot be used: its singer_state is no JSON object"),
        (
            "--state",
            '{"bookmarks": {}, "singer_state": {"bookmarks": {}}}',
            'The state cannot be used: it has "bookmarks" beside "singer_state"',
        ),
        ("--state", '{"singer_state": {"x": 1}}', 'The state cannot be used: it has no "bookmarks"'),
        ("--state", '{"type": "STATE", "value": 3}', "The state cannot be used: its value is no JSON object"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    org_server: OrgServer, processes: Processes, option: str, text: str | None, line: str
) -> None:
    processes.write("tap.json", org_server.config())
    if text is not None:
        (processes.directory / "given.json").write_text(text)

    finished = processes.tap("--config", "tap.json", option, "given.json")

    assert error_line(finished).startswith(line)
    assert "hush-hush" not in finished.said


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"bookmarks": {}}'.encode("utf-16"), "it is not UTF-8"),
        (b'{"a":' * 5_000, "it is not JSON"),
    ],
)
def test_a_state_that_no_program_could_read_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    """A shell of Windows redirects in UTF-16."""
    path = tmp_path / "state.json"
    path.write_bytes(content)

    with path.open(encoding="utf-8") as file, pytest.raises(ConfigError, match=problem):
        read_input("state", file)


def test_an_empty_state_file_is_a_first_run(org_server: OrgServer, processes: Processes) -> None:
    processes.write("tap.json", org_server.config(objects=["Account"]))
    (processes.directory / "state.json").write_text("")

    processes.tap("--config", "tap.json", "--state", "state.json").expect()


@pytest.mark.parametrize("wrapped", ["singer_state", "message"])
def test_a_state_is_taken_out_of_what_a_tool_wrapped_it_in(
    org_server: OrgServer, processes: Processes, wrapped: str
) -> None:
    processes.write("tap.json", org_server.config(objects=["Account"], sync_reports=False))
    org_server.org.create("Account", {"Name": "Acme"})
    org_server.org.clock.advance(hours=2)
    state = processes.tap("--config", "tap.json").expect().messages("STATE")[-1]
    processes.write("state.json", state if wrapped == "message" else {"singer_state": state["value"]})

    again = processes.tap("--config", "tap.json", "--state", "state.json").expect()

    assert not again.messages("RECORD")


@pytest.mark.parametrize(
    "bookmark",
    [
        {"replication_key_value": "2024-01-31T00:00:00Z"},
        {"replication_key": "last_modified_date", "replication_key_value": "2024-01-31T00:00:00Z"},
        {"replication_key": "system_modstamp", "replication_key_value": None},
        {"SystemModstamp": "2024-01-31T00:00:00Z"},
    ],
)
def test_a_bookmark_that_is_not_used_is_told(
    org_server: OrgServer, processes: Processes, bookmark: dict[str, Any]
) -> None:
    processes.write("tap.json", org_server.config(objects=["Account"]))
    processes.write("state.json", {"bookmarks": {"accounts": bookmark}})

    finished = processes.tap("--config", "tap.json", "--state", "state.json").expect()

    assert "State of accounts: it has no value of system_modstamp. Reading all rows." in finished.stderr


def test_an_error_that_nobody_foresaw_shows_no_secret(org_server: OrgServer, processes: Processes) -> None:
    org_server.faults.add(Status(200, code="x", message="not what a describe looks like"), path="*/sobjects")
    processes.write("tap.json", org_server.config())

    finished = processes.tap("--config", "tap.json", "--discover", env={"LOGLEVEL": "DEBUG"})

    assert finished.status != 0
    assert DEMO_CLIENT_SECRET not in finished.said


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_imports_is_one_line(signum: signal.Signals) -> None:
    program = (
        "import os, sys, tap_sfsource.__main__ as tap\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == 'tap_sfsource.tap': os.kill(os.getpid(), {int(signum)})\n"
        "sys.meta_path.insert(0, Finder())\n"
        "tap.main()\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == 128 + signum
    assert ended.stderr == f"Stopped by {signum.name} before the start.\n"


def test_a_stream_that_cannot_be_described_is_not_complete_and_the_others_are_read(
    org_server: OrgServer, processes: Processes
) -> None:
    org_server.faults.add(Status(400, code="INSUFFICIENT_ACCESS", message="no"), path="*/Lead/describe")
    processes.write("tap.json", org_server.config(objects=["Account", "Lead"]))

    finished = processes.tap("--config", "tap.json").expect(1)

    assert [message["stream"] for message in finished.messages("SCHEMA")] == ["accounts", "sync_reports"]
    assert "Not complete: leads." in finished.stderr
    assert "INSUFFICIENT_ACCESS" in finished.stderr


def test_what_is_skipped_is_told_at_the_end_and_is_no_failure(
    org_server: OrgServer, processes: Processes
) -> None:
    processes.write("tap.json", org_server.config(objects=["Account", "AccountTag", "CaseTag"]))

    finished = processes.tap("--config", "tap.json").expect(0)

    assert (
        "skipped, because the org lacks it or the user may not see it: account_tags, case_tags"
        in finished.stderr.splitlines()
    )


def test_a_run_that_can_read_nothing_of_what_is_selected_is_no_success(
    org_server: OrgServer, processes: Processes
) -> None:
    processes.write("tap.json", org_server.config(objects=["AccountTag", "CaseTag"]))

    line = error_line(processes.tap("--config", "tap.json"))

    assert line.startswith(
        "Nothing of what is selected can be read (the org lacks it or the user may not see it)"
    )
    assert "account_tags, case_tags" in line


def test_objects_that_are_all_misspelt_are_no_empty_success(
    org_server: OrgServer, processes: Processes
) -> None:
    processes.write("tap.json", org_server.config(objects=["Acount", "Thing_*__c"]))

    finished = processes.tap("--config", "tap.json")

    line = error_line(finished)
    assert line.startswith("Setting objects: Acount, Thing_*__c leads to no object that the user may see")
    assert "Is it Account?" in finished.stderr


def test_a_catalog_that_selects_nothing_says_so(org_server: OrgServer, processes: Processes) -> None:
    processes.write("tap.json", org_server.config())
    processes.write("catalog.json", {"streams": [{"tap_stream_id": "accounts", "selected": False}]})

    finished = processes.tap("--config", "tap.json", "--catalog", "catalog.json").expect(0)

    assert "Nothing is selected, so nothing is read. Select" in finished.stderr


def test_an_api_version_that_the_org_does_not_speak_is_no_empty_success(
    org_server: OrgServer, processes: Processes
) -> None:
    processes.write("tap.json", org_server.config(api_version="99.0"))

    line = error_line(processes.tap("--config", "tap.json"))

    assert line.startswith("Setting api_version: the org does not speak 99.0")
    assert "67.0" in line


@pytest.mark.parametrize(
    ("signum", "fault"),
    [
        pytest.param(signal.SIGTERM, Latency(12), id="SIGTERM while an answer is awaited"),
        pytest.param(signal.SIGINT, Status(503), id="SIGINT in a pause before another attempt"),
    ],
)
def test_a_signal_ends_the_tap_soon_and_not_as_a_success(
    org_server: OrgServer, processes: Processes, signum: signal.Signals, fault: Action
) -> None:
    rule = org_server.faults.add(fault, path="*/composite")
    processes.write("tap.json", org_server.config())
    process = processes.start([SCRIPTS / "tap-sfsource", "--config", "tap.json"])
    wait_until(lambda: rule.fired, "the call that the signal interrupts")
    process.send_signal(signum)

    finished = processes.finish(process, deadline=10)

    assert finished.status == 128 + signum
    assert f"Stopped by {signum.name} before the end." in finished.stderr
    assert "Traceback" not in finished.stderr


def test_settings_may_come_from_a_pipe(org_server: OrgServer, processes: Processes) -> None:
    processes.write("settings", org_server.config(objects=["Account"]))
    finished = processes.shell("tap-sfsource --config <(cat settings)").expect()
    assert '"SCHEMA"' in finished.stdout
