"""What CI runs, with a `make` in its place that notes what it was asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from tests.fix_process import Processes


@pytest.mark.parametrize(("test", "demo", "status"), [(0, 0, 0), (2, 0, 2), (0, 3, 3), (2, 3, 2)], ids=str)
def test_tests_then_demo_and_the_first_failure_counts(
    test: int, demo: int, status: int, processes: Processes
) -> None:
    make = processes.directory / "make"
    make.write_text(
        f'#!/bin/sh\necho "$1"\ncat\n[ "$1" = test ] && exit {test}\n[ "$1" = demo ] && exit {demo}\nexit 9\n'
    )
    make.chmod(0o755)
    path = {"PATH": f"{processes.directory}:/usr/bin:/bin"}
    finished = processes.run(PROJECT / ".ci" / "run", env=path).expect(status)
    assert finished.stdout.split() == ["test", "demo"]


def test_the_readme_names_the_same_commands() -> None:
    readme = (PROJECT / "README.md").read_text()
    assert re.findall(r"^```bash\nmake (\w+)\n```$", readme, re.MULTILINE) == ["demo", "test"]
