"""What both distributions need can be had: each package has a wheel for the system and the Python, or for any.

Windows is resolved too, although the programs run there only inside WSL: what imports a half may be developed there.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tests.built import build_wheel
from tests.fix_process import PROJECT
from tests.levels import slow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_process import Processes

PROJECTS = {"sfsource": PROJECT, "salesforce-simulator": PROJECT / "salesforce_simulator"}
SYSTEMS = ("linux", "macos", "windows")


def about(name: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text())["project"]
    return found


PYTHONS = [
    line.rpartition(" ")[2]
    for line in about("sfsource")["classifiers"]
    if line.startswith("Programming Language :: Python :: 3.")
]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of the simulated org, which is an extra."""
    folder = tmp_path_factory.mktemp("simulator")
    build_wheel(PROJECTS["salesforce-simulator"], folder)
    return folder


@slow
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_everything_has_a_wheel(system: str, python: str, simulator: Path, processes: Processes) -> None:
    """With each extra, and for the Python that a classifier names."""
    place = ("--python-platform", system, "--python-version", python)
    links = ("--find-links", simulator, "--only-binary", ":all:", "--no-header", "--all-extras")
    for name, folder in PROJECTS.items():
        command = ("uv", "--quiet", "pip", "compile", folder / "pyproject.toml", *place, *links)
        found = processes.run(*command, deadline=300).expect().stdout
        for line in about(name)["dependencies"]:
            assert f"\n{line.partition('>')[0].partition('[')[0]}==" in f"\n{found}".replace("[binary]", "")


def test_both_are_for_the_same_pythons_and_systems() -> None:
    def told(name: str) -> set[str]:
        lines = about(name)["classifiers"]
        return {line for line in lines if line.startswith(("Programming Language", "Operating System"))}

    assert told("sfsource") == told("salesforce-simulator")
    assert (
        about("sfsource")["requires-python"]
        == about("salesforce-simulator")["requires-python"]
        == f">={PYTHONS[0]}"
    )
    assert not any("Windows" in line for line in told("sfsource"))
