"""Runs commands and says what each process cost: wall-clock time, CPU time and peak memory, from the kernel's accounts.

A process's peak memory starts at that of the process that forked it, so whoever calls this stays small: orgs, floors
and everything else that holds data run in processes of their own.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SAID = 3000


class FailedError(Exception):
    """A command that did not do its work; the message ends with what it said."""


@dataclass(frozen=True)
class Command:
    """A process to start.

    Attributes:
        name: What it is called in results.
        argv: Program and arguments.
        env: Added to the environment.
        directory: Where it runs; None for here.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None


@dataclass(frozen=True)
class Usage:
    """What one process cost, children that it waited for included.

    Attributes:
        name: The command's name.
        cpu: User and system time, seconds.
        peak_mb: Largest resident set of the process or of one of its children, MB of 10**6 bytes.
    """

    name: str
    cpu: float
    peak_mb: float


@dataclass(frozen=True)
class Measurement:
    """What a pipe of processes cost.

    Attributes:
        wall: Seconds from the start of the first process to the end of the last.
        processes: Each process's share.
    """

    wall: float
    processes: tuple[Usage, ...]

    @property
    def cpu(self) -> float:
        """User and system seconds of all processes."""
        return sum(usage.cpu for usage in self.processes)

    @property
    def peak_mb(self) -> float:
        """The largest peak of one process."""
        return max(usage.peak_mb for usage in self.processes)


def run(commands: Sequence[Command], *, stdin: Path | None = None, stdout: Path | None = None) -> Measurement:
    """Run commands joined by pipes.

    Args:
        commands: The pipe's parts, first to last.
        stdin: File that the first one reads; nothing if None.
        stdout: File that the last one writes to; thrown away if None.

    Returns:
        What it cost.

    Raises:
        FailedError: One of them ended with another status than 0.
    """
    with ExitStack() as opened:
        logs: list[IO[bytes]] = [opened.enter_context(tempfile.TemporaryFile()) for _ in commands]
        begun = time.perf_counter()
        processes = _start(commands, logs, stdin or Path(os.devnull), stdout or Path(os.devnull))
        ended: dict[int, Usage] = {}
        waiters = [
            threading.Thread(target=_wait, args=(place, process, commands[place].name, ended))
            for place, process in enumerate(processes)
        ]
        for waiter in waiters:
            waiter.start()
        for waiter in waiters:
            waiter.join()
        wall = time.perf_counter() - begun
        complaints = [
            f"{command.name} ended with {process.returncode}: {_tail(log)}"
            for command, process, log in zip(commands, processes, logs, strict=True)
            if process.returncode != 0
        ]
    if complaints:
        raise FailedError("\n".join(complaints))
    return Measurement(wall, tuple(ended[place] for place in range(len(processes))))


def _wait(place: int, process: subprocess.Popen[bytes], name: str, ended: dict[int, Usage]) -> None:
    """Wait for a process and note what the kernel says it used."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    ended[place] = Usage(name, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)


def _start(
    commands: Sequence[Command], logs: Sequence[IO[bytes]], stdin: Path, stdout: Path
) -> list[subprocess.Popen[bytes]]:
    processes: list[subprocess.Popen[bytes]] = []
    with stdin.open("rb") as first, stdout.open("wb") as last:
        source: IO[bytes] = first
        for place, (command, log) in enumerate(zip(commands, logs, strict=True)):
            process = subprocess.Popen(
                command.argv,
                stdin=source,
                stdout=last if place == len(commands) - 1 else subprocess.PIPE,
                stderr=log,
                env={**os.environ, **command.env},
                cwd=command.directory,
            )
            if processes:
                # Only the reader may hold the pipe, so that a writer learns when it is gone.
                source.close()
            if process.stdout is not None:
                source = process.stdout
            processes.append(process)
    return processes


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")[-_SAID:]
