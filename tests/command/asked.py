"""Runs the command in this process, as a person would in a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from sfsource.cli import cli

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What the command said."""

    status: int
    stdout: str
    stderr: str

    @property
    def words(self) -> str:
        """Standard output without the breaks of its lines."""
        return " ".join(self.stdout.split())

    @property
    def json(self) -> Any:
        """The document of --json."""
        return json.loads(self.stdout)

    def expect(self, status: int) -> Answer:
        """Fail with what was said unless the command ended as expected."""
        assert self.status == status, f"exit status {self.status}:\n{self.stdout}\n{self.stderr}"
        return self


def ask(*arguments: str | Path) -> Answer:
    """Run `sfsource`."""
    outcome = CliRunner().invoke(cli, [str(part) for part in arguments])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return Answer(outcome.exit_code, outcome.stdout, outcome.stderr)


def written(folder: Path, name: str, value: Any) -> Path:
    """A JSON file."""
    path = folder / name
    path.write_text(json.dumps(value))
    return path
