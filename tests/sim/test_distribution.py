"""salesforce-simulator as it is published: what is in it, what it needs, and that it works where nothing else is."""

from __future__ import annotations

import ast
import json
import re
import shutil
import sys
import tarfile
import tomllib
import urllib.parse
import urllib.request
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.built import build, build_wheel
from tests.fix_process import PROJECT, SCRIPTS
from tests.levels import slow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_process import Processes

SOURCE = PROJECT / "salesforce_simulator"
NOT_INSTALLED = {"pyproject.toml", "hatch_build.py", "README.md", "CHANGELOG.md", "LICENSE"}
IMPORTED_AS = {"pyjwt": "jwt"}


def files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, beside the sdist."""
    folder = tmp_path_factory.mktemp("simulator")
    build(SOURCE, folder)
    [wheel] = folder.glob("*.whl")
    return wheel


def requirements() -> set[str]:
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    return set(project["dependencies"])


def test_the_wheel_has_the_whole_package(wheel: Path) -> None:
    wanted = {
        f"salesforce_simulator/{path.relative_to(SOURCE)}"
        for path in SOURCE.rglob("*")
        if path.is_file() and not {"__pycache__", "examples"} & set(path.parts)
    }
    assert files(wheel) == wanted - {f"salesforce_simulator/{name}" for name in NOT_INSTALLED}
    assert "salesforce_simulator/py.typed" in wanted


def test_the_sdist_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    [sdist] = wheel.parent.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {*NOT_INSTALLED, "examples/test_simple_salesforce.py", "examples/jsforce.test.mjs"} <= packed
    [unpacked] = tmp_path.iterdir()
    assert files(build_wheel(unpacked, tmp_path / "again")) == files(wheel)


def test_it_needs_what_the_code_imports() -> None:
    imported = set()
    for path in SOURCE.rglob("*.py"):
        if "examples" in path.parts or path.name in {"pytest_plugin.py", "hatch_build.py"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    names = {re.split(r"[^a-z]", line)[0] for line in requirements()}
    others = imported - sys.stdlib_module_names - {"salesforce_simulator"}
    assert {IMPORTED_AS.get(name, name) for name in names} == others


def test_the_tests_run_with_what_it_asks_for() -> None:
    root = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    assert requirements() <= {*root["dependency-groups"]["simulator"], *root["project"]["dependencies"]}
    for name in ("LICENSE", "hatch_build.py"):
        assert (SOURCE / name).read_bytes() == (PROJECT / name).read_bytes()


@slow
def test_it_works_alone(wheel: Path, tmp_path: Path, processes: Processes) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    uv: list[str | Path] = [SCRIPTS / "uv", "--quiet"]
    lock = PROJECT / "requirements" / "dev.txt"
    processes.run(*uv, "venv", "--python", sys.executable, python.parents[1]).expect()
    install: list[str | Path] = [*uv, "pip", "install", "--python", python, "--constraint", lock]
    processes.run(*install, wheel).expect()
    listed = processes.run(*uv, "pip", "list", "--python", python, "--format", "json").expect().stdout
    assert not {"sfsource", "singer-sdk", "pytest"} & {line["name"] for line in json.loads(listed)}
    commands: list[list[str | Path]] = [
        [python.with_name("salesforce-simulator")],
        [python, "-m", "salesforce_simulator"],
    ]
    for command in commands:
        process = processes.start([*command, "--company", "--port", "0", "--json"])
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert accounts(told) == 3
        process.terminate()
        assert process.wait(20) == 0
        version = wheel.name.split("-")[1]
        assert version in processes.run(*command, "--version").expect().stdout
    processes.run(*install, "pytest", "simple-salesforce").expect()
    shutil.copy(SOURCE / "examples" / "test_simple_salesforce.py", processes.directory)
    said = processes.run(python, "-m", "pytest", "-q", "test_simple_salesforce.py")
    assert "3 passed" in said.expect().stdout


def accounts(told: dict[str, str]) -> int:
    """What a first query finds, asked as any program would."""
    form = {"grant_type": "client_credentials", **{key: told[key] for key in ("client_id", "client_secret")}}
    body = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{told['url']}/services/oauth2/token", body, timeout=20) as answer:
        token = json.load(answer)
    query = urllib.parse.urlencode({"q": "SELECT Id, Name FROM Account LIMIT 3"})
    url = f"{token['instance_url']}/services/data/v62.0/query?{query}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token['access_token']}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return len(json.load(answer)["records"])
