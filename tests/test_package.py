"""The wheel has the programs and nothing else; the sdist has all that it takes to test and to change them."""

from __future__ import annotations

import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.built import build
from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    build(PROJECT, folder)
    return folder


def test_the_wheel_has_the_programs_only(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = next(name for name in names if name.endswith("entry_points.txt"))
        text = archive.read(entry_points).decode()
    folders = {name.split("/")[0] for name in names}
    assert {name for name in folders if "." not in name} == {
        "sfsource",
        "tap_sfsource",
        "target_sfwarehouse",
    }
    for program in ("tap-sfsource", "target-sfwarehouse", "sfsource"):
        assert f"\n{program} = " in text


def test_the_sdist_has_all_that_tests_and_docs_need(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        str(path.relative_to(PROJECT))
        for folder in (
            "benchmarks",
            "catalogs",
            "demo",
            "deploy",
            "docs",
            "requirements",
            "salesforce_simulator",
            "tests",
        )
        for path in (PROJECT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and "results" not in path.parts
    }
    wanted |= {"Makefile", "README.md", "CHANGELOG.md", "LICENSE", "meltano.yml", "pyproject.toml"}
    assert wanted - packed == set()
