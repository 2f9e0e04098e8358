"""What a program or a terminal gets from the command: one JSON document whatever happens, and no control characters."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from sfsource.cli import COMMANDS
from tests.command.asked import ask, written
from tests.command.runs import Runs, ago, changed, failed, sfsource
from tests.fix_process import SCRIPTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

# A title, a colour, a C1 sequence, text that runs from right to left, markup of rich, and a second line.
NASTY = "\x1b]0;owned\x07\x1b[31mred\x1b[0m \x9b31m \u202eold [bold]odd[/wrong]\r\nsecond\tline"
HARMLESS = "]0;owned[31mred[0m 31m old [bold]odd[/wrong] second line"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("doctor",), "No settings were found"),
        (("doctor", "--tap", "none.json"), "none.json cannot be read"),
        (("status", "--max-age", "soon"), "'soon' is no duration"),
        (("status", "--taget", "target.json"), "No such option"),
        (("stauts",), "No such command 'stauts'"),
        (("resync",), "Missing argument 'COLLECTION...'"),
        (("init", "--host", "no host"), "has characters that no URL has"),
        (("verify", "accounts"), "Nothing says where the state is"),
    ],
)
def test_an_error_is_a_document_too(arguments: tuple[str, ...], said: str) -> None:
    answer = ask(*arguments, "--json").expect(2)
    assert said in answer.json["error"]
    assert answer.json.keys() == {"error"}
    assert said in " ".join(answer.stderr.split()), "and a line for who reads the log"
    assert ask(*arguments).expect(2).stdout == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_has_json(name: str) -> None:
    assert "--json" in ask(name, "--help").expect(0).stdout


def test_a_defect_is_told_and_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> Any:
        raise KeyError("what nobody thought of")

    monkeypatch.setattr("importlib.import_module", broken)
    answer = ask("status", "--json").expect(2)
    assert "KeyError" in answer.json["error"]
    assert "Traceback" in answer.stderr
    assert "what nobody thought of" in answer.stderr.splitlines()[-1]


def test_no_text_of_an_org_commands_the_terminal(warehouse: Warehouse) -> None:
    runs = Runs(warehouse)
    runs.add(ago(hours=1), failed(f"cases{NASTY}", NASTY), status="partial")
    for arguments in (("status",), ("status", "--quiet")):
        shown = sfsource(warehouse, *arguments).stdout
        assert HARMLESS in shown, "in one line, however narrow the terminal is"
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(shown)
    runs.add(ago(minutes=1), status="failed", error_message=NASTY)
    document = json.loads(sfsource(warehouse, "status", "--json").stdout)
    assert document["troubles"][0]["text"] == f"The last run failed: {HARMLESS}"


def test_no_error_commands_the_terminal() -> None:
    answer = ask("doctor", "--tap", "\x1b[31m\u202enone.json").expect(2)
    assert answer.stderr == "sfsource: --tap: [31mnone.json cannot be read (No such file or directory).\n"


def test_what_the_doctor_quotes_holds_no_secret_and_no_control_characters(
    org_server: OrgServer, tmp_path: Path
) -> None:
    secret = "a-very-secret-secret"
    host = f"http://127.0.0.1:9/{secret}"
    tap = written(
        tmp_path, "tap.json", org_server.config(client_secret=secret, retry_seconds=0) | {"login_url": host}
    )
    for extra in ((), ("--json",)):
        answer = ask("doctor", "--tap", tap, *extra)
        assert answer.status in {1, 2}
        assert secret not in answer.stdout + answer.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_knows_few_letters_gets_what_it_can_show(encoding: str, warehouse: Warehouse) -> None:
    Runs(warehouse).add(ago(hours=1), changed("accounts" * 20), failed("cases", "größer €"), status="partial")
    target = warehouse.config()
    variables = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    said = {}
    for extra in ("--max-age=4h", "--json"):
        done = subprocess.run(
            [SCRIPTS / "sfsource", "status", "--target", "/dev/stdin", extra],
            input=json.dumps(target).encode(),
            capture_output=True,
            env=variables,
            check=False,
        )
        assert done.returncode == (extra != "--json"), done.stderr
        said[extra] = done.stdout
    assert b"cases is not complete: gr" in said["--max-age=4h"]
    assert "cases is not complete: größer €" in [
        part["text"] for part in json.loads(said["--json"])["troubles"]
    ]
