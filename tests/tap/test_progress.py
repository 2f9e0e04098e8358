"""What a person sees of a run while it lasts."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.http.faults import Status
from tap_sfsource.singer import progress
from tests.terminals import on_terminal

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_that_is_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_BAR_SECONDS", 0.0)
    screen = Terminal()
    shown = progress.Progress("auto", 4, screen)
    shown.finished()
    shown.rows("accounts", 1200, 5000)
    assert screen.getvalue().endswith("[#####...............] 1/4 accounts: 1,200 of 5,000 rows")
    shown.wipe()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_elsewhere_there_are_plain_lines(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    caplog.set_level("INFO")
    file = io.StringIO()
    progress.Progress("auto", 4, file).rows("accounts", 1200, None)
    assert file.getvalue() == ""
    assert "accounts: 1,200 rows so far." in caplog.text


def test_none_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_BAR_SECONDS", 0.0)
    screen = Terminal()
    progress.Progress("none", 4, screen).rows("accounts", 1, 2)
    assert screen.getvalue() == ""


def test_a_terminal_shows_the_table_and_nothing_of_the_log(
    org_server: OrgServer, processes: Processes
) -> None:
    org_server.org.create("Account", {"Name": "Acme"})
    config = processes.write("tap.json", org_server.config(objects=["Account"]))
    seen = on_terminal("tap-sfsource", "--config", config)
    assert seen.status == 0
    assert {json.loads(line)["type"] for line in seen.written.splitlines()} == {"SCHEMA", "RECORD", "STATE"}
    assert [line.split()[0] for line in seen.lines] == ["collection", "accounts", "1"]
    assert seen.lines[-1].startswith("1 row, 0 deletions")


def test_the_table_begins_where_the_targets_line_may_stand(
    org_server: OrgServer, processes: Processes
) -> None:
    """Both halves of a pipe write to one terminal, and the target's count has no line end. A bar of the tap's own, which it
    wipes, would hide that.
    """
    config = processes.write("tap.json", org_server.config(objects=["Account"], progress="none"))
    seen = on_terminal("tap-sfsource", "--config", config)
    before, _, _ = seen.said.partition("collection ")
    assert before.endswith("\r\x1b[K")


@pytest.mark.parametrize("name", ["LOGLEVEL", "TAP_SFSOURCE_LOGLEVEL"])
def test_a_terminal_shows_the_log_that_is_asked_for(
    org_server: OrgServer, processes: Processes, name: str
) -> None:
    config = processes.write("tap.json", org_server.config(objects=["Account"]))
    seen = on_terminal("tap-sfsource", "--config", config, env={name: "info"})
    assert "METRIC" in seen.said
    assert "Beginning sync of 'accounts'" in seen.said


def test_elsewhere_the_whole_log_is_there(org_server: OrgServer, processes: Processes) -> None:
    """As Meltano reads it."""
    finished = processes.tap("--config", processes.write("tap.json", org_server.config(objects=["Account"])))
    assert "METRIC" in finished.stderr
    assert "Beginning sync of 'accounts'" in finished.stderr
    assert "\x1b" not in finished.stderr


def test_an_error_is_one_line_and_said_again_below_the_table(
    org_server: OrgServer, processes: Processes
) -> None:
    org_server.org.create("Account", {"Name": "Acme"})
    org_server.faults.add(Status(400, "INVALID", "Something odd."), path="*/queryAll", sobject="Account")
    settings = org_server.config(objects=["Account", "Contact"], reader="rest")
    config = processes.write("tap.json", settings)
    seen = on_terminal("tap-sfsource", "--config", config)
    assert seen.status == 1
    table = next(place for place, line in enumerate(seen.lines) if line.startswith("collection"))
    (before,) = [line for line in seen.lines[:table] if "accounts is not complete" in line]
    (after,) = [line for line in seen.lines[table:] if "accounts is not complete" in line]
    assert "Something odd." in before
    assert after.partition("accounts")[2] == before.partition("accounts")[2]
    assert "Not complete: accounts." in seen.lines[-1]
    # Elsewhere it is said once.
    assert processes.tap("--config", config).stderr.count("accounts is not complete") == 1
