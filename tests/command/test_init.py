"""`sfsource init` writes a project, from the checkout and from an installed wheel, and the project runs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_USER
from sfsource.init.texts import LOGINS
from tap_sfsource.config import Settings
from tests.built import build_wheel
from tests.command.terminal import free_port, shown_address
from tests.fix_process import DEADLINE, PROJECT, SCRIPTS, Processes
from tests.levels import slow
from tests.web_login import Person

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

VERSION = metadata.version("sfsource")
RELEASE = rf"sfsource(\[[\w,]+\])?=={re.escape(VERSION)}"
HOST = "https://globex.my.salesforce.com"


def init(processes: Processes, *arguments: str | Path, status: int = 0) -> str:
    finished = processes.run("sfsource", "init", *arguments).expect(status)
    return finished.stderr if status else finished.stdout


def test_a_project_is_the_packages_own_with_released_packages(processes: Processes) -> None:
    folder = processes.directory / "project"
    said = init(processes, "project", "--host", "globex", "--login", "jwt")
    assert said.splitlines()[1:] == [
        "  cd project",
        "  cp .env.example .env    # then fill it in",
        "  meltano install",
        "  meltano invoke sfsource doctor    # what would stop a run",
        "  meltano run tap-sfsource target-sfwarehouse",
    ]
    ours: dict[str, Any] = yaml.safe_load((PROJECT / "meltano.yml").read_text())
    theirs: dict[str, Any] = yaml.safe_load((folder / "meltano.yml").read_text())
    assert theirs.pop("project_id") != ours.pop("project_id")
    urls = [
        plugin.pop("pip_url")
        for project in (theirs, ours)
        for kind in ("extractors", "loaders", "utilities")
        for plugin in project["plugins"].get(kind, [])
        if "pip_url" in plugin
    ]
    assert theirs == ours
    released = urls[: len(urls) // 2]
    assert {f"sfsource=={VERSION}", f"sfsource[embedded]=={VERSION}"} <= set(released)
    assert [url for url in released if not re.fullmatch(RELEASE, url)] == []
    for path in (PROJECT / "catalogs").iterdir():
        assert (folder / "catalogs" / path.name).read_bytes() == path.read_bytes()
    assert os.access(folder / "deploy" / "run-schedule", os.X_OK)
    crontab = (folder / "deploy" / "crontab").read_text()
    assert f" {folder}/deploy/run-schedule salesforce-every-3-hours " in crontab
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "/opt/sfsource" not in text, path
            assert "checkout" not in text, path
            assert "requirements/" not in text, path
    assert ".env" in (folder / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("login", LOGINS)
def test_the_variables_are_those_of_the_login(login: str, processes: Processes) -> None:
    init(processes, "--host", HOST, "--login", login)
    lines = (processes.directory / ".env.example").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if line.startswith("TAP_"))
    assert variables.pop("TAP_SFSOURCE_LOGIN_URL") == HOST
    assert set(variables.values()) == {""}
    assert {name.removeprefix("TAP_SFSOURCE_").lower() for name in variables} <= set(
        Settings.json_schema()["properties"]
    )
    steps = (processes.directory / "README.md").read_text()
    assert ("sfsource login" in steps) == (login == "browser")


def test_nothing_is_overwritten_unless_told(processes: Processes) -> None:
    (processes.directory / "meltano.yml").write_text("mine")
    (processes.directory / ".env").write_text("secret")
    said = init(processes, status=2)
    assert said.startswith("sfsource: ")
    assert "has meltano.yml already, and nothing was written." in said
    assert sorted(path.name for path in processes.directory.iterdir()) == [".env", "meltano.yml"]
    assert (processes.directory / "meltano.yml").read_text() == "mine"
    told = json.loads(init(processes, "--force", "--json"))
    assert "meltano.yml" in told["files"]
    assert yaml.safe_load((processes.directory / "meltano.yml").read_text())["default_environment"] == "dev"
    assert (processes.directory / ".env").read_text() == "secret"


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("http://acme.my.salesforce.com", "is not an https URL"),
        ("https://acme.lightning.force.com", "The same org's API is at https://acme.my.salesforce.com."),
        ("https://", "is not an https URL"),
        ("https://ada:pass@acme.my.salesforce.com", "it has an @"),
    ],
)
def test_a_wrong_host_is_told(host: str, said: str, processes: Processes) -> None:
    line = init(processes, "--host", host, status=2)
    assert line.startswith("sfsource: Setting --host: ")
    assert said in line
    assert "pass" not in line
    assert list(processes.directory.iterdir()) == []


@pytest.mark.parametrize(
    "host",
    [
        "https://globex.my.salesforce.com/lightning/o/Account/list?filterName=Recent#top",
        " globex.my.salesforce.com/ ",
    ],
)
def test_of_a_copied_address_the_host_is_taken(host: str, processes: Processes) -> None:
    assert json.loads(init(processes, "--host", host, "--json"))["login_url"] == HOST


def test_a_folder_that_cannot_be_written_is_told(processes: Processes) -> None:
    (processes.directory / "deploy").write_text("a file")
    assert "cannot be written (" in init(processes, status=2)
    assert [path.name for path in processes.directory.iterdir() if path.is_file()] == ["deploy"]


def test_on_a_terminal_it_asks(processes: Processes) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SCRIPTS / "sfsource", "init", "asked"],
        cwd=processes.directory,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(ours, b"globex\nbrowser\n")
    _, asked = process.communicate(timeout=DEADLINE)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, asked
    assert "The org's My Domain, such as acme.my.salesforce.com:" in asked
    assert "How does the tap log in (browser, client-credentials, jwt) [client-credentials]:" in asked
    variables = (processes.directory / "asked" / ".env.example").read_text()
    assert f"TAP_SFSOURCE_LOGIN_URL={HOST}\n" in variables
    assert "sfsource login" in variables


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(PROJECT, tmp_path_factory.mktemp("wheel"))


@slow
def test_from_an_installed_wheel_to_rows(
    wheel: Path, processes: Processes, company_server: OrgServer, warehouse: Warehouse
) -> None:
    """The way of somebody new: install, init, log in by browser, run."""
    lock = PROJECT / "requirements" / "dev.txt"
    processes.run("uv", "--quiet", "venv", "--python", sys.executable, "venv").expect()
    install = ["uv", "--quiet", "pip", "install", "--python", "venv/bin/python"]
    processes.run(*install, wheel, "--constraint", lock, deadline=300).expect()
    sfsource = processes.directory / "venv" / "bin" / "sfsource"
    options = [
        "--host",
        company_server.url,
        "--login",
        "browser",
        "--pip-url",
        f"{wheel} --constraint {lock}",
    ]
    processes.run(sfsource, "init", "project", *options).expect()
    project = Processes(processes.directory / "project")
    example = (project.directory / ".env.example").read_text()
    filled = example.replace("\nTAP_SFSOURCE_CLIENT_ID=\n", f"\nTAP_SFSOURCE_CLIENT_ID={DEMO_CLIENT_ID}\n")
    assert filled != example
    config = warehouse.config()
    warehouse_lines = [
        f"TARGET_SFWAREHOUSE_{name.upper()}={config[name]}" for name in ("sqlalchemy_url", "schema")
    ]
    (project.directory / ".env").write_text("\n".join([filled, *warehouse_lines, ""]))
    environment = {
        "MELTANO_HUB_URL": "http://127.0.0.1:9",
        "NO_COLOR": "1",
        "XDG_DATA_HOME": str(processes.directory / "data"),
    }
    project.meltano("install", env=environment, deadline=300).expect()
    app = company_server.org.apps[DEMO_CLIENT_ID]
    app.run_as, port = None, free_port()
    app.callback_urls = (f"http://localhost:{port}/OauthRedirect",)
    login = project.start([sfsource, "login", "--no-browser", "--port", str(port)], env=environment)
    requests.get(Person().open(shown_address(login)), timeout=60)
    assert f"Logged in as {DEMO_USER}" in project.finish(login).expect().stdout
    project.meltano("run", "tap-sfsource", "target-sfwarehouse", env=environment, deadline=300).expect()
    # The file that cron is given runs the schedule, and the kept login serves again.
    project.run(project.directory / "deploy" / "run-schedule", env=environment, deadline=300).expect()
    rows = warehouse.query("SELECT count(*) AS loaded FROM {schema}.accounts")
    assert rows == [{"loaded": company_server.org.count("Account")}]
    project.close()
