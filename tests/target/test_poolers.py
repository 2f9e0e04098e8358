"""Behind PgBouncer: a pool of sessions serves, a pool of transactions is found before the first row."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from target_sfwarehouse.postgres import pooler
from tests.fix_process import wait_until
from tests.fix_warehouse import plain_url
from tests.levels import slow
from tests.target.support import INTEGER, STRING, as_lines, load, loaded, record, schema_message, state
from tests.target.test_process import errors_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="needs pgbouncer (Debian's package of that name)")

SCHEMA = schema_message("accounts", {"id": INTEGER, "name": STRING})
FOUND = "is behind a pooler that gives each transaction another session"


def rows(numbers: range, name: str) -> list[dict[str, Any]]:
    return [record("accounts", {"id": number, "name": name}) for number in numbers]


@contextmanager
def pgbouncer(directory: Path, server: str, *settings: str) -> Iterator[str]:
    """A pooler in front of a server; gives the URL of its end."""
    parts = urlsplit(plain_url(server))
    with psycopg.connect(plain_url(server)) as connection:
        password = unquote(parts.password or "").replace("'", "''")
        database = connection.info.dbname
        login = f"user='{unquote(parts.username or '')}' password='{password}'"
    sockets = directory / "sockets"
    sockets.mkdir(parents=True)
    sockets.chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    lines = [
        "[databases]",
        f"d = host={parts.hostname} port={parts.port} dbname={database} {login}",
        "[pgbouncer]",
        f"listen_port = {port}",
        "listen_addr = 127.0.0.1",
        f"unix_socket_dir = {sockets}",
        "auth_type = any",
        *settings,
    ]
    path = directory / "pgbouncer.ini"
    path.write_text("\n".join(lines) + "\n")
    # It does not run as root, and reads its file before it changes the account.
    account = ["--user", "nobody"] if os.geteuid() == 0 else []
    log = (directory / "pgbouncer.log").open("w")
    process = subprocess.Popen([str(PGBOUNCER), *account, str(path)], stdout=log, stderr=log)
    url = f"postgresql://anybody@127.0.0.1:{port}/d"
    try:
        wait_until(lambda: process.poll() is not None or answers(url), "the pooler answers")
        assert process.poll() is None, (directory / "pgbouncer.log").read_text()
        yield url
    finally:
        process.kill()
        process.wait()
        log.close()


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("more", [(), ("default_pool_size = 1",), ("server_round_robin = 1",)], ids=str)
def test_a_pool_of_transactions_is_found_before_the_first_row(
    mode: str,
    more: tuple[str, ...],
    open_directory: Path,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pooler, "PATIENCE", 1.0)
    with pgbouncer(open_directory / warehouse.schema, warehouse.url, f"pool_mode = {mode}", *more) as url:
        outcome = load(warehouse.config(sqlalchemy_url=url), [SCHEMA, *rows(range(3), "a"), state(1)])
        assert FOUND in str(outcome.error)
        assert "pool_mode is session" in str(outcome.error)
        assert outcome.states == []
        assert warehouse.table_names() == set()
        assert set_by_us(url) == []


def set_by_us(url: str) -> list[Any]:
    """What a session of the pool keeps for the next client."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        statement = (
            "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name IN ('jit', 'work_mem')"
        )
        return connection.execute(statement).fetchall()


@slow
def test_a_pool_of_transactions_under_load(
    processes: Processes, open_directory: Path, warehouse: Warehouse
) -> None:
    """Others take and return sessions all the time: no run gets through, and none gets a row in."""
    (processes.directory / "in").write_bytes(as_lines([SCHEMA, *rows(range(300), "a"), state(1)]))
    with pgbouncer(
        open_directory / warehouse.schema, warehouse.url, "pool_mode = transaction", "default_pool_size = 5"
    ) as url:
        config = processes.write("config.json", warehouse.config(sqlalchemy_url=url))
        runs = [
            processes.start(["target-sfwarehouse", "--config", config], stdin=processes.directory / "in")
            for _ in range(4)
        ]
        for run in runs:
            finished = processes.finish(run).expect(1)
            assert FOUND in errors_of(finished)[0]
            assert finished.stdout == ""
    assert warehouse.table_names() == set()


def test_a_pool_of_sessions(open_directory: Path, warehouse: Warehouse) -> None:
    with pgbouncer(open_directory / warehouse.schema, warehouse.url, "pool_mode = session") as url:
        config = warehouse.config(sqlalchemy_url=url, batch_size_rows=100)
        for name in ("first", "second"):
            messages = [SCHEMA, *rows(range(1000), name), *rows(range(500, 1500), name), state(name)]
            assert loaded(config, messages).states[-1] == name
        assert set_by_us(url) == []
    found = warehouse.query("SELECT name, count(*) AS n FROM {schema}.accounts GROUP BY name")
    assert found == [{"name": "second", "n": 1500}]


def test_a_kill_in_the_middle_behind_a_pool_of_sessions(
    processes: Processes, open_directory: Path, warehouse: Warehouse
) -> None:
    """The pool has two sessions, so the next run gets those that the killed one had."""
    loaded(warehouse.config(), [SCHEMA, *rows(range(10), "old"), state(0)])
    settings = ("pool_mode = session", "default_pool_size = 2")
    with pgbouncer(open_directory / warehouse.schema, warehouse.url, *settings) as url:
        config = processes.write("config.json", warehouse.config(sqlalchemy_url=url, batch_size_rows=2000))
        for kill in range(3):
            read, write = os.pipe()
            run = processes.start(["target-sfwarehouse", "--config", config], stdin=f"/dev/fd/{read}")
            os.close(read)
            with os.fdopen(write, "wb") as pipe:
                pipe.write(as_lines([SCHEMA, *rows(range(3000), f"killed {kill}")]))
                pipe.flush()
                wait_until(lambda: staged(warehouse), "rows are staged")
                run.send_signal(signal.SIGKILL)
            processes.finish(run).expect(-signal.SIGKILL)
        wait_until(lambda: not staged(warehouse), "staging tables are gone")
        assert loaded(
            warehouse.config(sqlalchemy_url=url), [SCHEMA, *rows(range(4000), "new"), state(1)]
        ).states == [1]
    found = warehouse.query("SELECT name, count(*) AS n FROM {schema}.accounts GROUP BY name")
    assert found == [{"name": "new", "n": 4000}]


def staged(warehouse: Warehouse) -> bool:
    return bool(warehouse.query("SELECT 1 FROM pg_class WHERE relname LIKE '\\_sfw%%'"))
