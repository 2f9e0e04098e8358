"""What a person sees of a run while it lasts."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import subprocess
from typing import TYPE_CHECKING

from tap_sfsource.singer import progress
from tests.fix_process import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterator
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


def written_to(terminal: int) -> Iterator[str]:
    """Everything that was written to a terminal, until nobody has it open any more."""
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 100_000):
            yield part.decode()


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
    said = "".join(written_to(ours))
    assert process.wait(30) == 0
    os.close(ours)
    assert {json.loads(line)["type"] for line in lines} == {"SCHEMA", "RECORD", "STATE"}
    assert "1 rows, 0 deletions" in said
