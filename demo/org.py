"""The simulated org as a process of its own, seeded with the example company."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANSWER_SECONDS = 60
MODULE = "salesforce_simulator"


class ExampleOrg:
    """A running org, and what may be asked of it beside Salesforce's API."""

    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        """Keep where it is and how to log in.

        Args:
            url: Its My Domain.
            client_id: Consumer key of the app that it knows.
            client_secret: That app's secret.
        """
        self.url = url
        self.client_id = client_id
        self.client_secret = client_secret

    def api_calls(self) -> int:
        """API calls that it was charged for since it started."""
        answer = requests.get(f"{self.url}/_simulator/ledger", timeout=ANSWER_SECONDS)
        answer.raise_for_status()
        return int(answer.json()["apiCalls"])

    def next_day(self) -> None:
        """Let the company live a day: updates, a deletion, an undeletion, new rows, a new custom field."""
        answer = requests.post(f"{self.url}/_simulator/next-day", timeout=ANSWER_SECONDS)
        answer.raise_for_status()

    def wait_hours(self, hours: int) -> None:
        """Move the org's clock on.

        Args:
            hours: How far.
        """
        wish = {"advance": {"hours": hours}}
        answer = requests.post(f"{self.url}/_simulator/clock", json=wish, timeout=ANSWER_SECONDS)
        answer.raise_for_status()


@contextmanager
def running_org(project: Path, folder: Path) -> Iterator[ExampleOrg]:
    """Start the org, and end it whatever happens; one that a killed demo left behind is ended first.

    Args:
        project: The checkout.
        folder: Takes the org's log, and its process id while it runs.

    Yields:
        The org, ready for requests.

    Raises:
        RuntimeError: It did not start; the message holds what it said.
    """
    log, pid_file = folder / "org.log", folder / "org.pid"
    _end_leftover(pid_file)
    command = [sys.executable, "-m", MODULE, "--port", "0", "--company", "--json"]
    with log.open("w") as errors:
        process = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        pid_file.write_text(str(process.pid))
        assert process.stdout is not None
        yield _introduced(process.stdout, log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        pid_file.unlink(missing_ok=True)


def _end_leftover(pid_file: Path) -> None:
    """End the org that a process id file names, if that process still is one."""
    try:
        process = psutil.Process(int(pid_file.read_text()))
        if MODULE in process.cmdline():
            process.terminate()
    except (OSError, ValueError, psutil.Error):
        return


def _introduced(output: IO[str], log: Path) -> ExampleOrg:
    """Read where the org is and how to log in, which is the first line that it writes."""
    line = output.readline()
    if not line:
        raise RuntimeError(f"The simulated org did not start:\n{log.read_text()}")
    told = json.loads(line)
    return ExampleOrg(told["url"], told["client_id"], told["client_secret"])
