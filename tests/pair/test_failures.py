"""What goes wrong between the halves and the world: one clear line, a non-zero exit, no secret, nothing half done."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.fix_warehouse import plain_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_process import Finished, Processes
    from tests.fix_warehouse import Warehouse

SECRET = "s3cret-that-nobody-may-see"


def clear(finished: Finished, *words: str) -> str:
    """The one line that a failed process told, which holds these words, no secret and no traceback."""
    assert finished.status != 0
    assert "Traceback" not in finished.stderr, finished.stderr[-3000:]
    assert SECRET not in finished.said
    lines = [line for line in finished.stderr.splitlines() if all(word in line for word in words)]
    assert lines, f"no line with {words} in:\n{finished.stderr[-3000:]}"
    return lines[-1]


def run_tap(processes: Processes, config: Mapping[str, object]) -> Finished:
    processes.write("tap.json", {"objects": ["Case", "CaseComment"], **config})
    return processes.tap("--config", "tap.json")


def run_target(processes: Processes, config: Mapping[str, object], messages: Path) -> Finished:
    processes.write("target.json", config)
    return processes.target("--config", "target.json", stdin=messages)


@pytest.fixture
def messages(processes: Processes) -> Path:
    """A small stream of Singer messages."""
    path = processes.directory / "messages.singer"
    path.write_text(
        '{"type":"SCHEMA","stream":"accounts","key_properties":["id"],"schema":{"type":"object","properties":'
        '{"id":{"type":"string"},"name":{"type":["null","string"]}}}}\n'
        '{"type":"RECORD","stream":"accounts","record":{"id":"001000000000001AAA","name":"Acme"}}\n'
        '{"type":"STATE","value":{"bookmarks":{}}}\n'
    )
    return path


def test_a_wrong_secret(org_server: OrgServer, processes: Processes) -> None:
    line = clear(run_tap(processes, org_server.config(client_secret=SECRET)), "client_secret")
    assert "client_id" in line, "it says what to check"


def test_a_wrong_refresh_token(org_server: OrgServer, processes: Processes) -> None:
    clear(run_tap(processes, org_server.config(refresh_token=SECRET)), "refresh")


def test_sandbox_credentials_at_the_production_login(org_server: OrgServer, processes: Processes) -> None:
    org_server.org.login.sandbox = True
    user = org_server.user
    config = org_server.config(
        login_url=org_server.server.login_url, username=user.username, password=SECRET, security_token="x"
    )
    line = clear(run_tap(processes, config), "sandbox")
    assert "environment" in line or "login_url" in line


def test_an_org_that_is_not_there(org_server: OrgServer, processes: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = org_server.config(login_url=f"http://127.0.0.1:{port}", client_secret=SECRET, retry_seconds=1)
    clear(run_tap(processes, config), str(port))


def test_a_user_without_the_api(org_server: OrgServer, processes: Processes) -> None:
    org = org_server.org
    org.set_permissions(org_server.user.username, replace(org_server.user.permissions, api_enabled=False))
    clear(run_tap(processes, org_server.config()), "API")


def test_a_user_who_may_not_read_what_is_selected(org_server: OrgServer, processes: Processes) -> None:
    org = org_server.org
    permissions = org_server.user.permissions.without_object("Case")
    org.set_permissions(org_server.user.username, permissions)
    finished = run_tap(processes, org_server.config())
    told = [line for line in finished.stderr.splitlines() if "cases" in line or "Case" in line]
    assert told, finished.stderr[-3000:]
    assert not [message for message in finished.messages("RECORD") if message["stream"] == "cases"]


def test_a_warehouse_that_is_not_there(processes: Processes, messages: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = {
        "host": "127.0.0.1",
        "port": port,
        "user": "loader",
        "password": SECRET,
        "database": "analytics",
    }
    finished = run_target(processes, config, messages)
    line = clear(finished, f"127.0.0.1:{port}")
    assert "host" in line
    assert finished.messages("STATE") == []


def test_a_wrong_warehouse_password(warehouse: Warehouse, processes: Processes, messages: Path) -> None:
    parts = conninfo_to_dict(plain_url(warehouse.url))
    config = {
        "host": parts["host"],
        "port": int(parts["port"] or 5432),
        "user": parts["user"],
        "password": SECRET,
        "database": parts["dbname"],
    }
    clear(run_target(processes, config, messages), "password")


@pytest.fixture
def weak_role(warehouse: Warehouse) -> Iterator[str]:
    """A role that may log in and nothing else."""
    name = f"weak_{warehouse.schema}"
    warehouse.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}'")
    yield name
    warehouse.execute(f"DROP ROLE {name}")


def test_a_schema_that_the_role_may_not_create(
    warehouse: Warehouse, weak_role: str, processes: Processes, messages: Path
) -> None:
    parts = conninfo_to_dict(plain_url(warehouse.url))
    config = {
        "host": parts["host"],
        "port": int(parts["port"] or 5432),
        "user": weak_role,
        "password": SECRET,
        "database": parts["dbname"],
        "schema": warehouse.schema,
    }
    line = clear(run_target(processes, config, messages), warehouse.schema)
    assert "CREATE" in line, "it says what right is missing"


def test_a_failed_target_fails_the_pipe(
    org_server: OrgServer, processes: Processes, warehouse: Warehouse
) -> None:
    org_server.org.create("Case", {"Subject": "Printer on fire"})
    processes.write("tap.json", org_server.config())
    processes.write("target.json", warehouse.config(sqlalchemy_url="postgresql://loader@127.0.0.1:1/none"))
    line = "tap-sfsource --config tap.json | target-sfwarehouse --config target.json"
    finished = processes.shell(line)
    assert finished.status != 0
    assert "127.0.0.1:1" in finished.stderr
