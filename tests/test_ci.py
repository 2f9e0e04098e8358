"""What CI runs, with a `make` in its place that notes what it was asked for."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from tests.fix_process import Processes

TARGETS = ["test", "demo", "test-prerelease", "test-wide"]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({}, 0),
        ({"test": 2}, 2),
        ({"demo": 3}, 3),
        ({"test": 2, "demo": 3}, 2),
        ({"test-prerelease": 4}, 4),
        ({"test-wide": 5}, 5),
        ({"demo": 3, "test-wide": 5}, 3),
    ],
    ids=str,
)
def test_all_are_run_in_order_and_the_first_failure_counts(
    statuses: dict[str, int], expected: int, processes: Processes
) -> None:
    make = processes.directory / "make"
    cases = "\n".join(f"{target}) exit {statuses.get(target, 0)};;" for target in TARGETS)
    make.write_text(f'#!/bin/sh\necho "$1"\ncat\ncase "$1" in\n{cases}\nesac\nexit 9\n')
    make.chmod(0o755)
    path = {"PATH": f"{processes.directory}:/usr/bin:/bin"}
    finished = processes.run(PROJECT / ".ci" / "run", env=path).expect(expected)
    assert finished.stdout.split() == TARGETS


def test_the_makefile_has_what_ci_runs() -> None:
    assert set(TARGETS) <= set(
        re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    )


def test_the_readme_names_the_same_commands() -> None:
    readme = (PROJECT / "README.md").read_text()
    assert re.findall(r"^```bash\nmake (\w+)\n```$", readme, re.MULTILINE) == ["demo", "test"]


def test_modules_that_the_import_linter_passes_over_are_still_there() -> None:
    """The linter complains about an unused `ignore_imports`, but not about an unused `exhaustive_ignores`."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        for name in contract.get("exhaustive_ignores", []):
            [container] = contract["containers"]
            assert (PROJECT / container / f"{name}.py").exists(), f"{contract['name']}: {name}"
