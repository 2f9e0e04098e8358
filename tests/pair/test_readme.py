"""The commands of the first pages, run as they are written."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from tests.fix_process import PROJECT
from tests.levels import slow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

README = PROJECT / "README.md"
FIRST_SYNC = PROJECT / "docs" / "first-sync.md"
PIPE = PROJECT / "docs" / "pipe.md"
SELECTIVE_SYNC = PROJECT / "docs" / "selective-sync.md"


def commands(page: Path, *words: str) -> str:
    """The one shell example of a page that holds all these words."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    found: list[str] = [block for block in blocks if all(word in block for word in words)]
    assert len(found) == 1, words
    return found[0]


@pytest.fixture
def workplace(company_server: OrgServer, warehouse: Warehouse, processes: Processes) -> Processes:
    """A folder in which the README's file names mean the example company and a fresh schema."""
    (processes.directory / "catalogs").symlink_to(PROJECT / "catalogs")
    processes.write("tap.json", company_server.config())
    processes.write("target.json", warehouse.config())
    return processes


def test_the_shell_pipe(workplace: Processes, warehouse: Warehouse) -> None:
    words = ("--state state.json", "--state-file state.json")
    pipe = commands(FIRST_SYNC, *words)
    assert commands(README, *words) == pipe
    workplace.shell(pipe).expect()
    kept = workplace.directory / "state.json"
    first = json.loads(kept.read_text())
    assert len(warehouse.table_names()) > 40
    workplace.shell(pipe).expect()
    assert first["bookmarks"].keys() == json.loads(kept.read_text())["bookmarks"].keys()
    workplace.write("tap.json", {"login_url": "http://127.0.0.1:9", "client_id": "a", "client_secret": "b"})
    good = kept.read_text()
    assert workplace.shell(pipe).status != 0
    assert kept.read_text() == good


@slow
def test_the_script_for_a_schedule(workplace: Processes) -> None:
    """It fails if only the tap fails, and leaves a run alone that is still going."""
    script = workplace.directory / "sync.sh"
    script.write_text(commands(PIPE, "flock"))
    few = json.loads((workplace.directory / "tap.json").read_text()) | {"objects": ["Account"]}
    workplace.write("tap.json", few)
    sync = f"bash {shlex.quote(str(script))}"
    workplace.shell(sync).expect()
    state = workplace.directory / "state.json"
    good = state.read_text()
    skipped = workplace.shell(f"exec 9> sync.lock; flock 9; {sync} 9>&-").expect()
    assert "this one is skipped" in skipped.stderr
    workplace.write("tap.json", {"login_url": "http://127.0.0.1:9", "client_id": "a", "client_secret": "b"})
    assert workplace.shell(sync).status == 1
    assert state.read_text() == good


@slow
def test_the_shell_pipe_for_a_target_that_prints_its_states(workplace: Processes) -> None:
    pipe = commands(FIRST_SYNC, "target-jsonl --config jsonl.json", "tail -n 1")
    pipe = pipe.replace("target-jsonl --config jsonl.json", "target-sfwarehouse --config target.json")
    few = json.loads((workplace.directory / "tap.json").read_text()) | {"objects": ["Account"]}
    workplace.write("tap.json", few)
    kept = workplace.directory / "state.json"
    kept.write_text("{}")
    workplace.shell(pipe).expect()
    good = kept.read_text()
    assert json.loads(good)["bookmarks"]
    workplace.write("tap.json", {"login_url": "http://127.0.0.1:9", "client_id": "a", "client_secret": "b"})
    workplace.shell(pipe)
    assert kept.read_text() == good


def test_the_test_of_a_login(workplace: Processes) -> None:
    workplace.shell(commands(FIRST_SYNC, "--test")).expect()


def test_the_tap_with_another_target(workplace: Processes) -> None:
    written = workplace.shell(commands(FIRST_SYNC, "target-jsonl\n").replace("target-jsonl", "cat")).expect()
    accounts = [message for message in written.messages("RECORD") if message["stream"] == "Account"]
    assert len(accounts) > 200
    assert {"Id", "BillingCity", "IsDeleted"} <= accounts[0]["record"].keys()


def test_another_tap_with_the_target(workplace: Processes, warehouse: Warehouse) -> None:
    (workplace.directory / "messages.singer").write_text(
        '{"type":"SCHEMA","stream":"issues","key_properties":["number"],"schema":{"type":"object","properties":'
        '{"number":{"type":"integer"},"title":{"type":["null","string"]}}}}\n'
        '{"type":"RECORD","stream":"issues","record":{"number":1,"title":"It works"}}\n'
    )
    line = commands(FIRST_SYNC, "tap-github").replace(
        "tap-github --config github.json", "cat messages.singer"
    )
    workplace.shell(line).expect()
    assert warehouse.query("SELECT number, title FROM {schema}.issues") == [
        {"number": 1, "title": "It works"}
    ]


def test_discovery(workplace: Processes) -> None:
    workplace.shell(commands(SELECTIVE_SYNC, "--discover")).expect()
    streams = json.loads((workplace.directory / "catalog.json").read_text())["streams"]
    assert {"accounts", "invoice_c"} <= {stream["tap_stream_id"] for stream in streams}


def test_without_a_warehouse_the_target_starts_its_own(workplace: Processes) -> None:
    workplace.write("own.json", {"schema": "sfdc"})
    tap = "tap-sfsource --config tap.json --catalog catalogs/accounts_contacts.json"
    line = f"{tap} | target-sfwarehouse --config own.json"
    said = workplace.shell(line).expect().stderr
    try:
        (notice,) = [text for text in said.splitlines() if "the target's own Postgres" in text]
        (psql,) = re.findall(r"Look inside: (PGSERVICEFILE=.*?) {2}Stop it: ", notice)
        counted = workplace.shell(f"{psql} -Atc 'SELECT count(*) FROM sfdc.accounts'").expect()
        assert int(counted.stdout) > 200
    finally:
        workplace.python("-m", "target_sfwarehouse.embedded", "remove", ".sfwarehouse").expect()
