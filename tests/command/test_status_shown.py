"""What people see: the page in a real browser, and the table that renews itself on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfsource.reports.health import Collection, Health, Trouble
from sfsource.reports.history import Report
from sfsource.status.page import page
from tests.command.runs import Runs, ago, changed, failed, sfsource
from tests.fix_browser import needs_chromium
from tests.fix_process import SCRIPTS
from tests.levels import slow

if TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver import Chrome

    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

NOW = ago()
NASTY = (
    "<script>document.title='hacked'</script> & \"quotes\" <img src=x onerror=\"document.title='hacked'\">"
)


@given(st.text(), st.text(), st.text())
def test_no_text_of_a_run_is_markup(name: str, error: str, trouble: str) -> None:
    part = Collection(name, "failed", error=error)
    run = Report(run_id="1", status="failed", finished_at=NOW, error_message=error)
    text = page(Health(NOW, [run], 1, [part]), [Trouble("failed", name, trouble)])
    plain = page(Health(NOW, [Report(run_id="1", status="failed", finished_at=NOW, error_message="x")], 1, [
        Collection("x", "failed", error="x" if error else None)]), [Trouble("failed", "x", "x")])  # fmt: skip
    tags = re.compile(r"<[^>]*>|=\"")
    assert [tag for tag in tags.findall(text) if "class" not in tag] == [
        tag for tag in tags.findall(plain) if "class" not in tag
    ]


def test_the_page_needs_nothing_but_itself_and_is_replaced_as_a_whole(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    file = tmp_path / "status.html"
    runs = Runs(warehouse)
    runs.add(ago(hours=1), changed("accounts", 1234))
    file.write_text("an old page")
    with file.open() as reader:
        assert sfsource(warehouse, "status", "--html", str(file)).exit_code == 0
        assert reader.read() == "an old page", "who reads it meanwhile sees the old one"
    text = file.read_text()
    assert "1,234" in text
    assert "All is well." in text
    assert not re.search(r"\b(?:src|href)=|url\(|@import|<script|<link", text)
    assert [path.name for path in tmp_path.iterdir()] == ["status.html"]
    missing = sfsource(warehouse, "status", "--html", str(tmp_path / "none" / "status.html"))
    assert missing.exit_code == 2
    assert "status.html cannot be written (No such file or directory)." in missing.stderr


@slow
@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1000])
def test_the_page_in_a_browser(
    scheme: str, width: int, browser: Chrome, warehouse: Warehouse, tmp_path: Path
) -> None:
    runs = Runs(warehouse)
    runs.add(ago(hours=6), changed("accounts", 1234), changed("opportunity_line_item_schedules"))
    runs.add(
        ago(hours=1), failed("cases", NASTY), changed("accounts", 7), status="partial", error_message=NASTY
    )
    file = tmp_path / "status.html"
    sfsource(warehouse, "status", "--max-age", "4h", "--html", str(file))
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(file.as_uri())
    assert browser.title == "Salesforce syncs"
    text = browser.find_element("tag name", "body").text
    assert f"cases is not complete: {NASTY}" in text
    assert "accounts" in text
    assert "opportunity_line_item_schedules" in text
    script = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert browser.execute_script(script), "nothing is cut off at the side"
    style = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(style) == "rgb(255, 255, 255)"
    assert light == (scheme == "light")
    heads = [head.is_displayed() for head in browser.find_elements("tag name", "thead")]
    assert heads == [width > 500] * 2, "on a phone each collection is a list of its own"
    loaded = browser.execute_script("return performance.getEntriesByType('resource').length")
    assert loaded == 0
    if folder := os.environ.get("SFSOURCE_TEST_PICTURES"):
        browser.save_screenshot(f"{folder}/status-{scheme}-{width}.png")


class Terminal:
    """A program on a terminal of its own, and what it shows."""

    def __init__(self, command: list[str], processes: Processes) -> None:
        self._main, other = pty.openpty()
        self.process: subprocess.Popen[str] = subprocess.Popen(
            command,
            text=True,
            stdin=other,
            stdout=other,
            stderr=other,
            env=processes.environment({"TERM": "xterm", "COLUMNS": "120", "LINES": "30"}),
            start_new_session=True,
        )
        processes._running.append(self.process)
        os.close(other)
        self.shown = ""

    def wait_for(self, text: str, deadline: float = 60.0) -> None:
        """Read until a text is shown, from here on."""
        self.shown = ""
        end = time.monotonic() + deadline
        while text not in self.shown:
            assert time.monotonic() < end, self.shown
            ready, _, _ = select.select([self._main], [], [], 0.5)
            self.shown += os.read(self._main, 65536).decode(errors="replace") if ready else ""

    def end(self) -> int:
        """Press Ctrl-C, and give the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        end = time.monotonic() + 60
        # What it still writes is read: a terminal takes no more than it shows.
        while self.process.poll() is None and time.monotonic() < end:
            if select.select([self._main], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    os.read(self._main, 65536)
        status = self.process.wait(1)
        os.close(self._main)
        return status


def test_the_table_renews_itself_on_a_terminal_until_ctrl_c(
    warehouse: Warehouse, processes: Processes
) -> None:
    runs = Runs(warehouse)
    runs.add(ago(hours=1), changed("accounts", 1234))
    file = processes.write("target.json", warehouse.config())
    command = [str(SCRIPTS / "sfsource"), "status", "--target", str(file), "--watch", "--every", "0.5"]
    terminal = Terminal(command, processes)
    terminal.wait_for("1,234")
    runs.add(ago(minutes=5), changed("accounts", 98765))
    terminal.wait_for("98,765")
    mine = warehouse.connection.info.backend_pid
    # The server ends the session; the next look opens another.
    warehouse.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> {mine} AND datname = current_database()"
    )
    runs.add(ago(minutes=1), changed("accounts", 55555))
    terminal.wait_for("55,555")
    assert terminal.end() == 0
    assert "Traceback" not in terminal.shown
