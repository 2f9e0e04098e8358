"""The parts of the demo that a run of it would not show to be wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from demo.org import running_org
from demo.report import table
from demo.warehouse import Row, changes
from tests.fix_process import PROJECT, wait_until

if TYPE_CHECKING:
    from pathlib import Path

ALIVE = Row("a", is_deleted=False)
OTHER = Row("b", is_deleted=False)
GONE = Row("a", is_deleted=True)


def test_changes_are_told_apart() -> None:
    before = {"leads": {"1": ALIVE, "2": ALIVE, "3": GONE, "4": ALIVE}}
    after = {"leads": {"1": ALIVE, "2": GONE, "3": ALIVE, "4": OTHER, "5": ALIVE, "6": GONE}, "notes": {}}
    leads, notes = changes(before, after)
    assert (leads.rows, leads.new, leads.changed, leads.deleted, leads.restored, leads.marked) == (
        6,
        2,
        1,
        1,
        1,
        2,
    )
    assert leads.touched
    assert not notes.touched


def test_tables_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    table(["name", "rows", "open"], [("leads", 12, True), ("a", 0, None)])
    assert capsys.readouterr().out.splitlines() == [
        "  name   rows  open",
        "  -----  ----  ----",
        "  leads    12  true",
        "  a            null",
    ]


def test_an_org_that_a_killed_demo_left_behind_is_ended(tmp_path: Path) -> None:
    with running_org(PROJECT, tmp_path):
        first = int((tmp_path / "org.pid").read_text())
        with running_org(PROJECT, tmp_path) as second:
            assert second.api_calls() == 0
            wait_until(lambda: not _runs(first), "the first org ends")


def test_an_org_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "salesforce_simulator").mkdir()
    (tmp_path / "salesforce_simulator" / "__init__.py").touch()
    org = running_org(tmp_path, tmp_path)
    with pytest.raises(RuntimeError, match=r"No module named salesforce_simulator\.__main__"):
        org.__enter__()


def _runs(pid: int) -> bool:
    """Whether a process is alive; a child that has ended is collected by the way."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False
