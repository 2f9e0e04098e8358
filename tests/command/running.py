"""Runs `sfsource` in this process, as a person would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from sfsource.cli import cli

if TYPE_CHECKING:
    from click.testing import Result


def sfsource(*arguments: str, status: int | None = 0) -> Result:
    """Run a subcommand; None takes any exit status."""
    outcome = CliRunner().invoke(cli, [str(part) for part in arguments], catch_exceptions=False)
    assert status is None or outcome.exit_code == status, outcome.output
    return outcome


def told(*arguments: str, status: int | None = 0) -> Any:
    """What a subcommand prints with --json."""
    return json.loads(sfsource(*arguments, "--json", status=status).stdout)
