"""Commands whose stderr is a terminal, and what stays on it."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fix_process import DEADLINE, SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Seen:
    """What a command ended with, wrote to stdout, and wrote to the terminal."""

    status: int
    written: bytes
    said: str

    @property
    def lines(self) -> list[str]:
        """The lines that stay: what stands before a return or a wipe is gone."""
        lines = (re.split(r"\r|\x1b\[K", line.rstrip("\r"))[-1].rstrip() for line in self.said.split("\n"))
        return [line for line in lines if line]


def on_terminal(
    command: str, *arguments: str | Path, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> Seen:
    """Run a command of the project to its end."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SCRIPTS / command, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, **(env or {})},
    )
    os.close(theirs)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(stdin)
    process.stdin.close()
    written = process.stdout.read()
    said = "".join(_written_to(ours))
    os.close(ours)
    return Seen(process.wait(DEADLINE), written, said)


def _written_to(terminal: int) -> Iterator[str]:
    """Everything that was written to a terminal, until nobody has it open any more."""
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 100_000):
            yield part.decode()
