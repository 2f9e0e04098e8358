"""What CI runs, with a `make` in its place that notes what it was asked for."""

from __future__ import annotations

import re
import shutil
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
    cases = "\n".join(f"{target}) exit {statuses.get(target, 0)};;" for target in TARGETS)
    program(processes, "make", f'echo "$1"\ncat\ncase "$1" in\n{cases}\nesac\nexit 9')
    program(processes, "chromedriver", "exit 9")
    path = {"PATH": f"{processes.directory}:/usr/bin:/bin"}
    finished = processes.run(PROJECT / ".ci" / "run", env=path).expect(expected)
    assert finished.stdout.split() == TARGETS


def program(processes: Processes, name: str, script: str) -> None:
    path = processes.directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("status", [0, 100])
def test_root_installs_a_browser_and_goes_on_without(status: int, processes: Processes) -> None:
    for name in ("bash", "dirname", "timeout"):
        (processes.directory / name).symlink_to(str(shutil.which(name)))
    program(processes, "id", "echo 0")
    program(processes, "make", 'echo "$1"')
    program(processes, "apt-get", f'echo "$@" >>{processes.directory}/asked\nexit {status}')
    finished = processes.run(PROJECT / ".ci" / "run", env={"PATH": str(processes.directory)}).expect()
    assert finished.stdout.split() == TARGETS
    assert ("browser tests will be skipped" in finished.stderr) == bool(status)
    asked = (processes.directory / "asked").read_text()
    assert ("install" in asked) == (not status)


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
