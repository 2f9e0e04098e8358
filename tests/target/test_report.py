"""What a person sees: progress on a terminal only, and a summary."""

from __future__ import annotations

import io
import logging
import os
import pty
import subprocess
from typing import TYPE_CHECKING

import pytest

from target_sfwarehouse.load.audit import Counts
from target_sfwarehouse.report import Report, summary_lines
from tests.fix_process import DEADLINE
from tests.target.support import INTEGER, as_lines, load, record, schema_message
from tests.terminals import on_terminal

if TYPE_CHECKING:
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

SCHEMA = schema_message("accounts", {"id": INTEGER})


def test_the_summary_names_what_happened_and_nothing_else() -> None:
    counted = [
        (
            "accounts",
            Counts(inserted=1234567, updated=2, unchanged=3, marked_deleted=4, rejected=5, read=1234577),
        ),
        ("leads", Counts()),
        ("notes", Counts(unchanged=7, read=7)),
    ]
    assert summary_lines(counted, 12.34) == [
        "accounts: 1,234,567 inserted, 2 updated, 3 unchanged, 4 marked deleted, 5 rejected",
        "notes: 7 unchanged",
        "1,234,584 records in 12.3 s",
    ]


@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_the_summary_and_the_metric_are_logged(
    by_sdk: bool, warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    messages = [SCHEMA, *(record("accounts", {"id": n}) for n in range(5))]
    assert load(warehouse.config(), messages, by_sdk=by_sdk).error is None
    said = [entry.getMessage() for entry in caplog.records]
    assert "accounts: 5 inserted" in said
    (metric,) = [text for text in said if '"metric":"record_count"' in text.replace(" ", "")]
    assert '"value":5' in metric.replace(" ", "")


def test_no_progress_without_a_terminal() -> None:
    out = io.StringIO()
    progress = Report(out)
    progress.update(1)
    progress.clear()
    assert out.getvalue() == ""


def test_progress_on_a_terminal(processes: Processes, warehouse: Warehouse) -> None:
    config = processes.write("config.json", warehouse.config(batch_wait_limit_seconds=0))
    terminal, its_end = pty.openpty()
    process = subprocess.Popen(
        ["target-sfwarehouse", "--config", str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=its_end,
        env=processes.environment({}),
    )
    os.close(its_end)
    assert process.stdin is not None
    process.stdin.write(as_lines([SCHEMA, record("accounts", {"id": 1})]))
    process.stdin.flush()
    said = b""
    while b"2 lines read" not in said:
        said += os.read(terminal, 4096)
    process.stdin.close()
    assert process.wait(DEADLINE) == 0
    os.close(terminal)


def test_a_terminal_shows_the_summary_and_nothing_of_the_log(
    processes: Processes, warehouse: Warehouse
) -> None:
    config = processes.write("config.json", warehouse.config())
    lines = as_lines([SCHEMA, record("accounts", {"id": 1})])
    seen = on_terminal("target-sfwarehouse", "--config", config, stdin=lines)
    assert seen.status == 0
    assert seen.lines[0] == "accounts: 1 inserted"
    assert len(seen.lines) == 2
    assert seen.lines[1].startswith("1 records in ")
    asked = {"TARGET_SFWAREHOUSE_LOGLEVEL": "INFO"}
    seen = on_terminal("target-sfwarehouse", "--config", config, stdin=lines, env=asked)
    assert "METRIC" in seen.said


def test_a_terminal_shows_an_error_in_one_line_that_stays(processes: Processes, warehouse: Warehouse) -> None:
    config = processes.write("config.json", warehouse.config())
    seen = on_terminal("target-sfwarehouse", "--config", config, stdin=as_lines([SCHEMA]) + b"no JSON\n")
    assert seen.status == 1
    assert seen.lines[0].startswith("0 records in ")
    assert [line for line in seen.lines if "line 2" in line] == seen.lines[1:]
