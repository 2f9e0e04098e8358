"""The README's commands, run as they are written."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

README = (PROJECT / "README.md").read_text()


def commands(*words: str) -> str:
    """The one shell example that holds all these words."""
    blocks = re.findall(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
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
    pipe = commands("--state state.json", "target-sfwarehouse")
    workplace.shell(pipe.replace("--state state.json", "")).expect()  # as it says: left out the first time
    first = json.loads((workplace.directory / "state.json").read_text())
    assert len(warehouse.table_names()) > 40
    workplace.shell(pipe).expect()
    second = json.loads((workplace.directory / "state.json").read_text())
    assert first["bookmarks"].keys() == second["bookmarks"].keys()


def test_the_tap_with_another_target(workplace: Processes) -> None:
    written = workplace.shell(commands("target-jsonl").replace("target-jsonl", "cat")).expect()
    accounts = [message for message in written.messages("RECORD") if message["stream"] == "Account"]
    assert len(accounts) > 200
    assert {"Id", "BillingCity", "IsDeleted"} <= accounts[0]["record"].keys()


def test_another_tap_with_the_target(workplace: Processes, warehouse: Warehouse) -> None:
    (workplace.directory / "messages.singer").write_text(
        '{"type":"SCHEMA","stream":"issues","key_properties":["number"],"schema":{"type":"object","properties":'
        '{"number":{"type":"integer"},"title":{"type":["null","string"]}}}}\n'
        '{"type":"RECORD","stream":"issues","record":{"number":1,"title":"It works"}}\n'
    )
    line = commands("tap-github").replace("tap-github --config github.json", "cat messages.singer")
    workplace.shell(line).expect()
    assert warehouse.query("SELECT number, title FROM {schema}.issues") == [
        {"number": 1, "title": "It works"}
    ]


def test_discovery(workplace: Processes) -> None:
    (line,) = re.findall(r"`(tap-sfsource [^`]*--discover[^`]*)`", README)
    workplace.shell(line).expect()
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
