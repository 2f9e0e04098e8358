"""What a person sees of a run: progress while it lasts, a table at its end."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
from typing import TYPE_CHECKING

from tap_sfsource import progress
from tap_sfsource.summary import StreamSummary, table
from tests.fix_process import SCRIPTS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.fix_org import OrgServer


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


def test_the_summary_is_a_table() -> None:
    text = table(
        [
            StreamSummary("accounts", rows=1200, tombstones=3, reader="Bulk", seconds=1.25),
            StreamSummary("contacts", problem="it broke"),
            StreamSummary("leads"),
        ],
        calls=17,
        seconds=2.0,
    )
    assert text.splitlines() == [
        "collection   rows  deleted  partial  reader  seconds  notes",
        "accounts    1,200        3        0  Bulk        1.2",
        "contacts        0        0        0  REST        0.0  INCOMPLETE: it broke",
        "(1 collection without a change)",
        "1,200 rows, 3 deletions, 17 API calls, 2.0 s",
    ]


def test_messages_stay_clean_while_a_terminal_shows_progress(org_server: OrgServer, tmp_path: Path) -> None:
    org_server.org.create("Account", {"Name": "Acme"})
    (tmp_path / "config.json").write_text(json.dumps(org_server.config(objects=["Account"])))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SCRIPTS / "tap-sfsource", "--config", "config.json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    said = os.read(ours, 100_000).decode()
    assert process.wait(30) == 0
    os.close(ours)
    assert {json.loads(line)["type"] for line in lines} == {"SCHEMA", "RECORD", "STATE"}
    assert "1 rows, 0 deletions" in said
