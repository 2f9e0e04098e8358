"""`python -m salesforce_simulator`: the org started alone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Start the command with arguments; gives the process and what it said once it was up."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "salesforce_simulator", *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        lines = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if "next-day" in line:
                break
        watchdog.cancel()
        return process, "".join(lines)

    yield run
    for process in started:
        process.kill()
        process.communicate()


def url_of(what: str, text: str) -> str:
    match = re.search(rf"{what}\s+(https?://\S+)", text)
    assert match, text
    return match[1]


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("bash")), reason="the commands need curl and bash"
)
def test_the_commands_that_it_prints_work(start: Callable[..., tuple[subprocess.Popen[str], str]]) -> None:
    process, text = start("--port", "0", "--company", "--tls")
    commands = "\n".join(
        line.strip() for line in text.splitlines() if line.startswith("  ") and "  $" not in line
    )
    script = commands[commands.index("TOKEN=") :]
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    run = subprocess.run(
        ["bash", "-euc", script], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert run.returncode == 0, run.stderr
    assert '"totalSize":3' in run.stdout
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_the_ledger_and_the_next_day(start: Callable[..., tuple[subprocess.Popen[str], str]]) -> None:
    _, text = start("--port", "0", "--company")
    url = url_of("My Domain", text)
    assert requests.post(f"{url}/_simulator/next-day", timeout=60).status_code == 200
    assert requests.get(f"{url}/_simulator/ledger", timeout=20).json()["apiCalls"] == 0


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "salesforce_simulator", "--port", port]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 2
    assert (
        run.stderr == f"Cannot listen on 127.0.0.1:{port}: Address already in use. Choose another --port.\n"
    )
