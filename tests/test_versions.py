"""The version of both distributions is the tag's, and where there is none it counts on from the last release."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import HeaderParser
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = (PROJECT, PROJECT / "salesforce_simulator")
HATCHLING = (sys.executable, "-m", "hatchling")
LAST = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["hatch"]["version"]["fallback-version"]
# What the programs that upload and the indexes of companies take: a newer one is refused when all else is done.
UPLOADED = "2.4"
RELEASE = {
    "GITHUB_SERVER_URL": "https://git.example.com",
    "GITHUB_REPOSITORY": "somebody/somewhere",
    "GITHUB_REF_NAME": "v9.9.9",
}


def run(*command: str | Path, folder: Path, env: dict[str, str] | None = None) -> str:
    """Run a command as on a machine that is no workflow of GitHub's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "GIT_"))}
    told = {**kept, "GIT_CONFIG_GLOBAL": "/dev/null", **(env or {})}
    return subprocess.run(command, cwd=folder, env=told, check=True, capture_output=True, text=True).stdout


def git(folder: Path, *arguments: str) -> None:
    run("git", "-c", "user.name=A", "-c", "user.email=a@example.com", *arguments, folder=folder)


def version_of(folder: Path, env: dict[str, str] | None = None) -> str:
    return run(*HATCHLING, "version", folder=folder, env=env).strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What decides the version, without a history."""
    for folder in FOLDERS:
        place = tmp_path / "clone" / folder.relative_to(PROJECT)
        place.mkdir()
        for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
            shutil.copy(folder / name, place)
    return tmp_path / "clone"


def test_it_is_the_tag_or_counts_on(clone: Path) -> None:
    both = (clone, clone / "salesforce_simulator")
    assert {version_of(folder) for folder in both} == {LAST}
    git(clone, "init", "--quiet")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "--message", "first")
    major, minor, patch = LAST.split(".")
    untagged = rf"{major}\.{minor}\.{int(patch) + 1}\.dev1\+g[0-9a-f]+"
    assert re.fullmatch(untagged, version_of(clone))
    git(clone, "tag", "v7.8.9")
    assert {version_of(folder) for folder in both} == {"7.8.9"}
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "second")
    assert version_of(clone).startswith("7.8.10.dev1+g")
    without_git = clone / "bin"
    without_git.mkdir()
    assert version_of(clone, {"PATH": str(without_git)}) == LAST


def test_a_release_has_addresses_and_its_sdist_keeps_them(tmp_path: Path) -> None:
    for source in FOLDERS:
        run(*HATCHLING, "build", "-t", "sdist", "-d", tmp_path / "dist", folder=source, env=RELEASE)
    for sdist in (tmp_path / "dist").iterdir():
        with tarfile.open(sdist) as archive:
            archive.extractall(tmp_path, filter="data")
        about = HeaderParser().parsestr(
            (tmp_path / sdist.name.removesuffix(".tar.gz") / "PKG-INFO").read_text()
        )
        assert about["Metadata-Version"] == UPLOADED
    pair, simulator = sorted(tmp_path.glob("s*-*/"), reverse=True)
    version = pair.name.removeprefix("sfsource-")
    # The pair's sdist has the source of the simulated org too, which takes the version from there.
    for folder in (pair, simulator, pair / "salesforce_simulator"):
        assert json.loads(run(*HATCHLING, "metadata", folder=folder))["version"] == version
    run(*HATCHLING, "build", "-t", "wheel", "-d", tmp_path / "again", folder=pair)
    [wheel] = (tmp_path / "again").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        about = HeaderParser().parsestr(archive.read(name).decode())
    assert about["Version"] == version
    assert about["Metadata-Version"] == UPLOADED
    home = "https://git.example.com/somebody/somewhere"
    assert about.get_all("Project-URL") == [
        f"Homepage, {home}",
        f"Documentation, {home}/tree/main/docs",
        f"Changelog, {home}/blob/main/CHANGELOG.md",
        f"Issues, {home}/issues",
    ]
    text = str(about.get_payload())
    assert f"({home}/raw/v9.9.9/docs/pictures/pick-objects.svg)" in text
    assert f"({home}/blob/v9.9.9/docs/deletes.md)" in text
    assert not re.search(r"\]\((?!https?://)", text)


def test_no_address_is_invented(clone: Path) -> None:
    for name in ("sfsource", "tap_sfsource", "target_sfwarehouse"):
        (clone / name).mkdir()
        (clone / name / "__init__.py").touch()
    for folder in (clone, clone / "salesforce_simulator"):
        told = run(*HATCHLING, "metadata", folder=folder)
        assert "urls" not in told
        assert "The sfsource authors" in told


def test_the_changelogs_have_the_last_release() -> None:
    for folder in FOLDERS:
        text = (folder / "CHANGELOG.md").read_text()
        heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert heads[0] == "Unreleased"
        assert re.fullmatch(rf"{re.escape(LAST)} - \d{{4}}-\d\d-\d\d", heads[1])
        project = tomllib.loads((folder / "pyproject.toml").read_text())
        assert project["tool"]["hatch"]["version"]["fallback-version"] == LAST


def test_the_state_and_the_tables_of_the_last_release_are_kept() -> None:
    kept = {path.name for path in (PROJECT / "tests" / "upgrades" / LAST).iterdir()}
    assert kept == {"schema.sql", "state.json"}


def locked(name: str, lock: str) -> Version:
    text = (PROJECT / "requirements" / lock).read_text()
    [found] = re.findall(rf"^{name}==(\S+)", text, re.MULTILINE)
    return Version(found)


def test_the_bound_of_the_sdk_is_what_the_tests_run_with() -> None:
    """The tests run with both locks; the next minor version is let in once its pre-release is locked, and passes."""
    needed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    [sdk] = [found for line in needed if (found := Requirement(line)).name == "singer-sdk"]
    now, following = (locked("singer-sdk", f"{lock}.txt") for lock in ("dev", "prerelease"))
    for version in (now, following):
        assert sdk.specifier.contains(version, prereleases=True)
    assert not sdk.specifier.contains(f"{following.major}.{following.minor + 1}.0")
