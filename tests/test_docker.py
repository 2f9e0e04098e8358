"""The images and the compose file, as far as they can be checked without Docker: what they copy, start and set is there."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from tap_sfsource.config import Settings as TapSettings
from target_sfwarehouse.config import Settings as TargetSettings
from tests.built import build_wheel
from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = PROJECT / "deploy" / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())


@pytest.mark.parametrize("name", ["Dockerfile", "org.Dockerfile"])
def test_what_an_image_copies_is_there(name: str) -> None:
    text = (FOLDER / name).read_text()
    copied = [path for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE) for path in line.split()[:-1]]
    assert copied
    assert [path for path in copied if not (PROJECT / path).exists()] == []
    assert re.search(r"^USER (?!root)", text, re.MULTILINE), "no image runs as root"


def test_each_service_is_built_from_a_file_that_is_there() -> None:
    for name, service in COMPOSE["services"].items():
        if build := service.get("build"):
            assert (FOLDER / build["context"] / build["dockerfile"]).is_file(), name
        for volume in service.get("volumes", ()):
            place = volume.split(":")[0]
            assert place in COMPOSE["volumes"] or (FOLDER / place).exists(), volume


def test_the_variables_are_settings() -> None:
    known = {f"TAP_SFSOURCE_{name.upper()}" for name in TapSettings.json_schema()["properties"]}
    known |= {f"TARGET_SFWAREHOUSE_{name.upper()}" for name in TargetSettings.json_schema()["properties"]}
    assert set(COMPOSE["services"]["pair"]["environment"]) <= known


def test_the_login_is_that_of_the_simulated_org() -> None:
    environment = COMPOSE["services"]["pair"]["environment"]
    assert DEMO_CLIENT_ID in environment["TAP_SFSOURCE_CLIENT_ID"]
    assert DEMO_CLIENT_SECRET in environment["TAP_SFSOURCE_CLIENT_SECRET"]


def test_no_secret_goes_into_an_image() -> None:
    assert "**/.env" in (PROJECT / ".dockerignore").read_text().splitlines()


def test_what_the_pair_starts_is_there() -> None:
    (line,) = COMPOSE["services"]["pair"]["command"]
    scripts = set(re.findall(r"deploy/[\w-]+", line))
    assert scripts
    assert all((PROJECT / script).is_file() for script in scripts)


@pytest.mark.parametrize("name", ["Dockerfile", "org.Dockerfile"])
def test_what_an_image_copies_can_be_built(name: str, tmp_path: Path) -> None:
    for line in re.findall(r"^COPY (.*)$", (FOLDER / name).read_text(), re.MULTILINE):
        *sources, place = line.split()
        for source in map(PROJECT.joinpath, sources):
            target = tmp_path / place.removeprefix("/source/")
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                target.mkdir(exist_ok=True)
                shutil.copy(source, target)
    folder = tmp_path if name == "Dockerfile" else tmp_path / "salesforce_simulator"
    assert build_wheel(folder, tmp_path / "dist").is_file()
