"""A table that others read while it has to change: no queue of readers behind the change, and nothing is lost."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from target_sfwarehouse.postgres import waiting
from tests.fix_process import DEADLINE, wait_until
from tests.fix_warehouse import plain_url
from tests.target.support import INTEGER, STRING, Outcome, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fix_warehouse import Warehouse

SCHEMA = schema_message("accounts", {"id": INTEGER, "n": INTEGER})
WIDER = schema_message("accounts", {"id": INTEGER, "n": INTEGER, "added": STRING})
VERSION = {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": 2}
CHANGES: dict[str, list[Any]] = {
    "a new column": [WIDER, record("accounts", {"id": 2, "added": "x"}), state({"n": 2})],
    "a wider column": [SCHEMA, record("accounts", {"id": 2, "n": 2**40}), state({"n": 2})],
    "a version": [SCHEMA, record("accounts", {"id": 2}, version=2), VERSION, state({"n": 2})],
}


@pytest.fixture
def reader(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who has read the table in a transaction that is still open."""
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute("CREATE TABLE {schema}.accounts (id bigint PRIMARY KEY, n integer)")
    warehouse.execute("INSERT INTO {schema}.accounts VALUES (1, 1)")
    with psycopg.connect(plain_url(warehouse.url), application_name="a report") as connection:
        connection.execute(f'SELECT * FROM "{warehouse.schema}".accounts'.encode())
        yield connection
        connection.rollback()


def beside(work: Callable[[], Outcome]) -> tuple[threading.Thread, list[Outcome]]:
    found: list[Outcome] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    return thread, found


@pytest.mark.parametrize("change", CHANGES)
def test_readers_go_on_while_a_change_waits(
    change: str,
    reader: psycopg.Connection[Any],
    warehouse: Warehouse,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "LOCK_TIMEOUT", "100ms")
    caplog.set_level(logging.INFO)
    thread, outcomes = beside(lambda: load(warehouse.config(), CHANGES[change]))
    wait_until(lambda: "Waiting to change" in caplog.text, "the run says that it waits")
    wait_until(lambda: attempts(warehouse) == 0, "the run lets the readers go on")
    warehouse.execute("SET statement_timeout = '5s'")
    assert warehouse.query("SELECT id, n FROM {schema}.accounts") == [{"id": 1, "n": 1}]
    reader.rollback()
    thread.join(DEADLINE)
    assert (outcomes[0].error, outcomes[0].states) == (None, [{"n": 2}])
    assert len(warehouse.query("SELECT * FROM {schema}.accounts")) == 2
    told = [line for line in caplog.messages if "Waiting to change" in line]
    pid = reader.info.backend_pid
    assert told == [
        (
            f"Waiting to change {warehouse.schema}.accounts, which is in use by process {pid} (role "
            f"{reader.info.user}, a report, idle in transaction); readers are not held up"
        )
    ]


def attempts(warehouse: Warehouse) -> int:
    """How many sessions wait for the table."""
    found = warehouse.query(
        "SELECT count(*) AS n FROM pg_locks WHERE relation = to_regclass(%s) AND NOT granted",
        f"{warehouse.schema}.accounts",
    )
    return int(found[0]["n"])


def test_a_change_that_is_given_up_names_who_is_in_the_way(
    reader: psycopg.Connection[Any], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(waiting, "PATIENCE", 0.2)

    outcome = load(warehouse.config(), CHANGES["a new column"])

    pid = reader.info.backend_pid
    assert str(outcome.error) == (
        f"{warehouse.schema}.accounts could not be changed within 0 seconds, as it is in use by process {pid} (role "
        f"{reader.info.user}, a report, idle in transaction). Wait until that ends, or end it (SELECT "
        "pg_terminate_backend(pid)), and run again. Nothing was lost."
    )
    assert outcome.states == []
    reader.rollback()
    loaded(warehouse.config(), CHANGES["a new column"])


def test_a_table_that_nobody_reads_is_changed_at_once(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    loaded(warehouse.config(), [SCHEMA, record("accounts", {"id": 1})])
    loaded(warehouse.config(), CHANGES["a new column"])
    assert "Waiting" not in caplog.text
