"""The console scripts as real processes, alone and joined by a shell pipe, each with a deadline."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.levels import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROJECT = Path(__file__).resolve().parent.parent
"""The checkout."""

SCRIPTS = Path(sysconfig.get_path("scripts"))
"""Where the console scripts of the running environment are."""

DEADLINE = 120.0
"""Seconds that a process may take unless a test says otherwise."""


@dataclass(frozen=True)
class Finished:
    """A process that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """Everything that a person would have seen."""
        return self.stdout + self.stderr

    def messages(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The Singer messages on stdout, of one type or all; values may hold other line separators than \\n."""
        found = [json.loads(line) for line in self.stdout.split("\n") if line]
        return [message for message in found if kind is None or message["type"] == kind]

    def expect(self, status: int = 0) -> Finished:
        """Fail with everything that was said unless the process ended as expected."""
        assert self.status == status, f"exit status {self.status}, not {status}:\n{self.said[-6000:]}"
        return self


class Processes:
    """Starts processes in one working folder; ends those that are left when the test ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._running: list[subprocess.Popen[str]] = []

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """The caller's environment without settings of the plugins, with this environment's scripts first."""
        plugins = ("TAP_SFSOURCE_", "TARGET_SFWAREHOUSE_", "MELTANO_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(plugins)}
        return {**kept, "PATH": f"{SCRIPTS}{os.pathsep}{kept['PATH']}", **extra}

    def start(
        self,
        command: list[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        stdin: str | Path | None = None,
    ) -> subprocess.Popen[str]:
        """Start a process in a group of its own, so that whatever it starts can be ended with it."""
        source = Path(stdin).open() if stdin else None  # noqa: SIM115 - the child keeps it
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=self.directory,
            env=self.environment(env or {}),
            stdin=source or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        if source:
            source.close()
        self._running.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], *, deadline: float = DEADLINE) -> Finished:
        """Wait for a process; one that is late is ended, and the test fails with what it said."""
        try:
            stdout, stderr = process.communicate(timeout=deadline * PATIENCE)
        except subprocess.TimeoutExpired:
            end_group(process)
            stdout, stderr = process.communicate()
            pytest.fail(
                f"{process.args!r} took longer than {deadline * PATIENCE} s:\n{(stdout + stderr)[-6000:]}"
            )
        return Finished(process.returncode, stdout, stderr)

    def run(
        self,
        *command: str | Path,
        env: Mapping[str, str] | None = None,
        stdin: str | Path | None = None,
        deadline: float = DEADLINE,
    ) -> Finished:
        """Start a process and wait for it."""
        return self.finish(self.start(list(command), env=env, stdin=stdin), deadline=deadline)

    def tap(self, *arguments: str | Path, **options: Any) -> Finished:
        """Run tap-sfsource."""
        return self.run("tap-sfsource", *arguments, **options)

    def target(self, *arguments: str | Path, **options: Any) -> Finished:
        """Run target-sfwarehouse."""
        return self.run("target-sfwarehouse", *arguments, **options)

    def meltano(self, *arguments: str | Path, **options: Any) -> Finished:
        """Run meltano."""
        return self.run("meltano", *arguments, **options)

    def shell(self, line: str, **options: Any) -> Finished:
        """Run a line as a person would type it; a failure of any part of a pipe is a failure."""
        return self.run("bash", "-o", "pipefail", "-c", line, **options)

    def python(self, *arguments: str | Path, **options: Any) -> Finished:
        """Run this environment's Python."""
        return self.run(sys.executable, *arguments, **options)

    def write(self, name: str, content: Any) -> Path:
        """Write a JSON file (a config, a catalog, a state) into the working folder."""
        path = self.directory / name
        path.write_text(json.dumps(content, indent=2))
        return path

    def close(self) -> None:
        """End what is left."""
        for process in self._running:
            if process.poll() is None:
                end_group(process)
            process.communicate()


def end_group(process: subprocess.Popen[str]) -> None:
    """Kill a process and everything that it started in its group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_until(condition: Callable[[], Any], what: str, *, deadline: float = 30.0) -> Any:
    """Poll until a condition holds and give what it gave; fail with `what` at the deadline."""
    deadline *= PATIENCE
    end = time.monotonic() + deadline
    while not (found := condition()):
        if time.monotonic() > end:
            pytest.fail(f"not within {deadline} s: {what}")
        time.sleep(0.02)
    return found


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Starts the console scripts in the test's own folder."""
    running = Processes(tmp_path)
    yield running
    running.close()
