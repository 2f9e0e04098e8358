"""`python -m salesforce_simulator`: the org started alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from salesforce_simulator.__main__ import main
from salesforce_simulator.http.fault_specs import CONDITIONS, rule_of
from salesforce_simulator.http.faults import ACTIONS
from salesforce_simulator.org import Org
from tests.fix_process import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Start the command with arguments; gives the process and what it said once it was up."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "salesforce_simulator", *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        lines = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if "next-day" in line or line.startswith("{"):
                break
        watchdog.cancel()
        return process, "".join(lines)

    yield run
    for process in started:
        process.kill()
        process.communicate()


def url_of(what: str, text: str) -> str:
    match = re.search(rf"{what}\s+(https?://\S+)", text)
    assert match, text
    return match[1]


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("bash")), reason="the commands need curl and bash"
)
def test_the_commands_that_it_prints_work(start: Callable[..., tuple[subprocess.Popen[str], str]]) -> None:
    process, text = start("--port", "0", "--company", "--tls")
    commands = "\n".join(
        line.strip() for line in text.splitlines() if line.startswith("  ") and "  $" not in line
    )
    script = commands[commands.index("TOKEN=") :]
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    run = subprocess.run(
        ["bash", "-euc", script], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert run.returncode == 0, run.stderr
    assert '"totalSize":3' in run.stdout
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_the_ledger_and_the_next_day(start: Callable[..., tuple[subprocess.Popen[str], str]]) -> None:
    _, text = start("--port", "0", "--company")
    url = url_of("My Domain", text)
    assert requests.post(f"{url}/_simulator/next-day", timeout=60).status_code == 200
    assert requests.get(f"{url}/_simulator/ledger", timeout=20).json()["apiCalls"] == 0


@pytest.mark.parametrize("flags", [(), ("--tls",)], ids=["http", "https"])
def test_others_reach_it_by_a_name(
    flags: tuple[str, ...], start: Callable[..., tuple[subprocess.Popen[str], str]]
) -> None:
    told = json.loads(start("--host", "localhost", "--port", "0", "--json", *flags)[1])
    form = {name: told[name] for name in ("client_id", "client_secret")}
    answer = requests.post(
        f"{told['url']}/services/oauth2/token",
        data={"grant_type": "client_credentials", **form},
        timeout=20,
        verify=told["ca_file"] or True,
    )
    assert answer.json()["instance_url"] == told["url"]
    assert told["url"].startswith(f"{'https' if flags else 'http'}://localhost:")


def test_it_ends_at_once_while_it_makes_records(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "salesforce_simulator",
        "--records",
        "Account=9000000",
        "--directory",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until((tmp_path / "org.sqlite-wal").exists, "the org is being filled")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "salesforce_simulator", "--port", port]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 2
    assert (
        run.stderr
        == f"Cannot listen on 127.0.0.1:{port} or one of the two ports after it: Address already in use. "
        "Choose another --port, or 0 for any.\n"
    )


def test_flags_for_data_faults_and_versions(start: Callable[..., tuple[subprocess.Popen[str], str]]) -> None:
    flags = [
        *(
            "--port",
            "0",
            "--json",
            "--api-version",
            "60",
            "--feature",
            "tags",
            "--sandbox",
            "--custom-objects",
            "2",
        ),
        *(
            "--records",
            "Account=1500",
            "--records",
            "Custom_2__c=7",
            "--fault",
            "Status=503,path=*/query*,nth=2",
        ),
    ]
    told = json.loads(start(*flags)[1])
    form = {name: told[name] for name in ("client_id", "client_secret")}
    login = requests.post(
        f"{told['url']}/services/oauth2/token", data={"grant_type": "client_credentials", **form}, timeout=20
    ).json()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {login['access_token']}"
    assert login["instance_url"] == told["url"]

    def count(sobject: str, version: str = "60.0") -> requests.Response:
        query = {"q": f"SELECT COUNT() FROM {sobject}"}
        return session.get(f"{told['url']}/services/data/v{version}/query", params=query, timeout=20)

    assert count("Account").json()["totalSize"] == 1500
    assert count("Account").status_code == 503
    assert count("Custom_2__c").json()["totalSize"] == 7
    assert count("Custom_1__c").json()["totalSize"] == 0
    assert count("AccountTag").json()["totalSize"] == 0
    assert count("Account", "61.0").status_code == 404
    assert requests.get(f"{told['url']}/services/data", timeout=20).json()[-1]["version"] == "60.0"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--records Acount=5", "argument --records: the org has no object Acount; nearest: Account"),
        ("--records ActivityHistory=5", "argument --records: the org has no object ActivityHistory"),
        (
            "--records CampaignMember=5",
            "argument --records: CampaignMember records need records of Campaign before them, for CampaignId",
        ),
        ("--records Account", "argument --records: 'Account' is not OBJECT=N with N from 1"),
        ("--records Account=0", "argument --records: 'Account=0' is not OBJECT=N with N from 1"),
        ("--custom-objects -1", "argument --custom-objects: '-1' is not a number from 0 to 10000"),
        ("--seed 0", "argument --seed: '0' is not a number from 1"),
        ("--port 70000", "argument --port: '70000' is not a number from 0 to 65533"),
        ("--host http://org", "argument --host: 'http://org' is no host name and no IPv4 address"),
        ("--latency inf", "argument --latency: 'inf' is not a number from 0"),
        ("--bandwidth fast", "argument --bandwidth: 'fast' is not a number from 0"),
        ("--api-version 30", "argument --api-version: '30' is not a number from 31 to 99"),
        ("--feature magic", "argument --feature: invalid choice: 'magic'"),
        ("--fault Statsu=503", "argument --fault: 'Statsu=503': 'Statsu' is no fault; there are AbortJob"),
        ("--directory /no/such/folder", "argument --directory: '/no/such/folder' is no folder"),
        ("--compny", "unrecognized arguments: --compny"),
    ],
)
def test_a_wrong_option_is_named(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in error
    assert len(error.splitlines()) == 2


def test_the_folder_of_another_org_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Org(directory=tmp_path).close()
    with pytest.raises(SystemExit):
        main(["--directory", str(tmp_path)])
    assert "has the data of another org; choose an empty folder" in capsys.readouterr().err


def test_the_help_names_each_fault_and_condition(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    for name in (*ACTIONS, *CONDITIONS):
        assert name in text
    for spec in re.findall(r"--fault '([^']+)'", text):
        rule_of(spec)
