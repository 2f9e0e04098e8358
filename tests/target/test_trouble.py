"""A warehouse in trouble: what the server says becomes one line with what to do, and no STATE goes out for lost rows."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest

from target_sfwarehouse.errors import SettingsError, WarehouseError
from target_sfwarehouse.postgres.connect import explained
from tests.fix_process import DEADLINE, Finished, wait_until
from tests.target.support import INTEGER, STRING, as_lines, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

SCHEMA = schema_message("accounts", {"id": INTEGER, "name": STRING})
MESSAGES = [SCHEMA, record("accounts", {"id": 1, "name": "A"}), state({"n": 1})]


def with_options(warehouse: Warehouse, **options: str) -> dict[str, Any]:
    """Configuration of a session for which a server's owner set something, as for a role or a database."""
    flags = quote(" ".join(f"-c {name}={value}" for name, value in options.items()))
    return warehouse.config(sqlalchemy_url=f"{warehouse.url}?options={flags}")


def test_a_server_that_may_only_be_read(warehouse: Warehouse) -> None:
    outcome = load(with_options(warehouse, default_transaction_read_only="on"), MESSAGES)
    assert "in a read-only transaction" in str(outcome.error)
    assert "configure the primary" in str(outcome.error)
    assert outcome.states == []


def test_a_statement_that_may_not_take_so_long(warehouse: Warehouse) -> None:
    """The limit that somebody set stays, and the message says what it is."""
    loaded(warehouse.config(), MESSAGES)
    slow = (
        "CREATE FUNCTION {schema}.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); "
        "RETURN NEW; END $$"
    )
    warehouse.execute(slow)
    warehouse.execute(
        "CREATE TRIGGER slow BEFORE INSERT ON {schema}.accounts FOR EACH ROW EXECUTE FUNCTION {schema}.slow()"
    )
    second = [SCHEMA, record("accounts", {"id": 2}), state({"n": 2})]
    outcome = load(with_options(warehouse, statement_timeout="500"), second)
    assert "canceling statement due to statement timeout" in str(outcome.error)
    assert "Raise the role's statement_timeout" in str(outcome.error)
    assert outcome.states == []


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("53100", "The server's disk is full: make room"),
        ("53200", "lower `batch_size_rows`"),
        ("57P01", "The server was stopped, or somebody ended the session"),
    ],
)
def test_what_a_server_in_trouble_says(code: str, advice: str, warehouse: Warehouse) -> None:
    """A trigger raises what the server itself would."""
    loaded(warehouse.config(), MESSAGES)
    warehouse.execute(
        "CREATE FUNCTION {schema}.full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{code}'; END $$"
    )
    warehouse.execute(
        "CREATE TRIGGER filled BEFORE INSERT ON {schema}.accounts FOR EACH ROW EXECUTE FUNCTION {schema}.full()"
    )
    outcome = load(warehouse.config(), [SCHEMA, record("accounts", {"id": 2}), state({"n": 2})])
    assert isinstance(outcome.error, WarehouseError)
    assert "could not extend file" in str(outcome.error)
    assert advice in str(outcome.error)
    assert outcome.states == []


@pytest.mark.parametrize("created", [False, True], ids=["directly", "staged"])
def test_a_value_of_a_type_that_this_server_lacks(created: bool, warehouse: Warehouse) -> None:
    """As xml on a server that was built without it: what the server refuses is no lost connection."""
    warehouse.execute("CREATE SCHEMA IF NOT EXISTS {schema}")
    warehouse.execute(
        "CREATE FUNCTION {schema}.lacks(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'unsupported XML feature' USING ERRCODE = '0A000'; END $$"
    )
    warehouse.execute("CREATE DOMAIN {schema}.page AS text CHECK ({schema}.lacks(value))")
    if created:
        warehouse.execute("CREATE TABLE {schema}.pages (id bigint PRIMARY KEY, page {schema}.page)")
    page = {**STRING, "x-sql-datatype": f"{warehouse.schema}.page"}
    pages = schema_message("pages", {"id": INTEGER, "page": page})
    messages = [pages, record("pages", {"id": 1, "page": "<a/>"}), state({"n": 1})]
    outcome = load(warehouse.config(), messages)
    said = "line 2, stream 'pages': the warehouse refuses the rows for .*pages: unsupported XML feature$"
    assert re.fullmatch(said, str(outcome.error))
    assert outcome.states == []


@pytest.mark.parametrize("code", ["0A000", "42P01", "55000", "58030", "P0001", "XX000"])
def test_only_a_lost_connection_is_told_as_lost(code: str) -> None:
    said = str(explained(psycopg.errors.lookup(code)("it says no")))
    assert "refuses a statement" in said
    assert "went away" not in said
    assert "went away" in str(explained(psycopg.errors.AdminShutdown("terminating connection")))
    assert "went away" in str(explained(psycopg.errors.ConnectionFailure("cut")))
    assert "went away" in str(explained(psycopg.OperationalError("server closed the connection")))


def test_a_tap_that_takes_its_time(
    processes: Processes, loader: tuple[str, str], warehouse: Warehouse
) -> None:
    """Servers end sessions that idle, in a transaction and outside; a target that waits for its tap is not idle."""
    role, url = loader
    warehouse.execute(f"ALTER ROLE {role} SET idle_in_transaction_session_timeout = 2000")
    if warehouse.connection.info.server_version >= 140_000:
        warehouse.execute(f"ALTER ROLE {role} SET idle_session_timeout = 2000")
    config = processes.write("config.json", warehouse.config(sqlalchemy_url=url))
    read, write = os.pipe()
    process = processes.start(["target-sfwarehouse", "--config", config], stdin=f"/dev/fd/{read}")
    os.close(read)
    first = [record("accounts", {"id": n}) for n in range(2500)]
    try:
        os.write(write, as_lines([SCHEMA]))
        writer = open(write, "wb", closefd=False)  # noqa: SIM115 - closed below
        writer.write(as_lines(first))
        writer.flush()
        idle = (
            "SELECT 1 FROM pg_stat_activity WHERE usename = %s AND state = 'idle in transaction' "
            "AND now() - state_change > '3 seconds'"
        )
        wait_until(
            lambda: warehouse.query(idle, role), "the session has idled for longer than the server lets it"
        )
        writer.write(as_lines([record("accounts", {"id": -1}), state({"n": 2})]))
        writer.close()
    finally:
        os.close(write)
    assert processes.finish(process).expect(0).stdout == '{"n": 2}\n'
    assert warehouse.query("SELECT count(*) AS n FROM {schema}.accounts") == [{"n": 2501}]


def test_a_session_that_somebody_ends(
    processes: Processes, loader: tuple[str, str], warehouse: Warehouse
) -> None:
    role, url = loader
    config = processes.write("config.json", warehouse.config(sqlalchemy_url=url, batch_wait_limit_seconds=0))
    process = subprocess.Popen(
        ["target-sfwarehouse", "--config", str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=processes.environment({}),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(as_lines(MESSAGES))
    process.stdin.flush()
    first = process.stdout.readline()
    sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
    assert len(warehouse.query(sessions, role)) == 1
    stdout, stderr = process.communicate(
        as_lines([record("accounts", {"id": 2}), state({"n": 2})]), timeout=DEADLINE
    )
    finished = Finished(process.returncode, (first + stdout).decode(), stderr.decode())
    assert (finished.status, finished.stdout) == (1, '{"n": 1}\n')
    (line,) = [text for text in finished.stderr.splitlines() if "| ERROR" in text]
    assert "the next run goes on from the last STATE" in line
    assert "somebody ended the session" in line
    assert "Traceback" not in finished.said


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("postgresql://u:hunter2@h/d?nonsense=1", SettingsError, "libpq does not know, 'nonsense'"),
        ("postgresql://u:hunter2@[h/d", SettingsError, "is not host:port with a port from 1 to 65535"),
        ("postgresql://u:half@hunter2@h/d", SettingsError, "as %40"),
        (
            "postgresql://u:hunter2@h:99999999/d",
            SettingsError,
            "is not host:port with a port from 1 to 65535",
        ),
        (
            "postgresql://u:hunter2@/d?host=/nowhere",
            WarehouseError,
            "Cannot connect to the warehouse at /nowhere",
        ),
    ],
)
def test_a_url_that_cannot_be_used(url: str, kind: type[Exception], said: str) -> None:
    outcome = load({"sqlalchemy_url": url}, MESSAGES)
    assert type(outcome.error) is kind
    assert said in str(outcome.error)
    assert "hunter2" not in str(outcome.error)
