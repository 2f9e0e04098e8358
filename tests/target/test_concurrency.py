"""Two runs into one schema at a time: no deadlock, no corruption; waiting or a clear message, as set."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from target_sfwarehouse.config import Settings
from target_sfwarehouse.errors import TableLockedError
from target_sfwarehouse.postgres import ddl
from tests.fix_process import DEADLINE, wait_until
from tests.fix_warehouse import plain_url
from tests.target.support import INTEGER, Outcome, as_lines, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

PROPERTIES = {"id": INTEGER, "run": INTEGER, "n": INTEGER}


def messages(run: int, streams: list[str], rows: int) -> list[Any]:
    """Rows of several streams, record by record; every run brings the same keys."""
    found: list[Any] = [schema_message(stream, PROPERTIES) for stream in streams]
    for n in range(rows):
        found += [record(stream, {"id": n, "run": run, "n": n}) for stream in streams]
        if n % 50 == 0:
            found.append(state({"run": run, "n": n}))
    return found


def test_runs_in_opposite_order_end_well(processes: Processes, warehouse: Warehouse) -> None:
    """Eight tables, one run takes them forwards and one backwards, in batches of 37 records."""
    streams = [f"s{n}" for n in range(8)]
    started = []
    config = processes.write("config.json", warehouse.config(batch_size_rows=37))
    for run, order in ((1, streams), (2, streams[::-1])):
        path = processes.directory / f"{run}.jsonl"
        path.write_bytes(as_lines([*messages(run, order, 200), state({"run": run, "done": True})]))
        started.append(processes.start(["target-sfwarehouse", "--config", config], stdin=path))
    for process in started:
        assert '"done": true' in processes.finish(process).expect(0).stdout
    for stream in streams:
        (found,) = warehouse.query(
            f"SELECT count(*) AS rows, count(DISTINCT id) AS ids, count(*) FILTER (WHERE n <> id) AS wrong, "
            f"count(*) FILTER (WHERE run IN (1, 2)) AS known FROM {{schema}}.{stream}"
        )
        assert found == {"rows": 200, "ids": 200, "wrong": 0, "known": 200}
    counted = warehouse.query(
        "SELECT collection, sum(rows_inserted)::int AS inserted FROM {schema}._sync_runs GROUP BY 1 ORDER BY 1"
    )
    assert counted == [{"collection": stream, "inserted": 200} for stream in streams]


@pytest.fixture
def held(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    """Another run's connection that holds the lock of `accounts`."""
    with psycopg.connect(plain_url(warehouse.url)) as connection:
        ddl.lock(connection, Settings(), f"{warehouse.schema}.accounts")
        yield connection
        connection.rollback()


ACCOUNTS = [schema_message("accounts", PROPERTIES), record("accounts", {"id": 1}), state({"n": 1})]


def test_the_loser_stops_when_told_to(held: psycopg.Connection[Any], warehouse: Warehouse) -> None:
    outcome = load(warehouse.config(lock_behavior="fail"), ACCOUNTS)
    assert isinstance(outcome.error, TableLockedError)
    assert f"Another run is writing {warehouse.schema}.accounts" in str(outcome.error)
    assert outcome.states == []
    held.rollback()
    assert load(warehouse.config(lock_behavior="fail"), ACCOUNTS).states == [{"n": 1}]


def test_the_loser_waits_otherwise(
    held: psycopg.Connection[Any], warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(load(warehouse.config(), ACCOUNTS)))
    thread.start()
    waiting = "SELECT 1 AS one FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    wait_until(lambda: warehouse.query(waiting), "the run waits for the lock")
    assert outcomes == []
    assert f"Waiting for another run that is writing {warehouse.schema}.accounts" in caplog.text
    held.rollback()
    thread.join(DEADLINE)
    assert outcomes == [Outcome([{"n": 1}])]


def test_a_run_on_other_tables_does_not_wait(held: psycopg.Connection[Any], warehouse: Warehouse) -> None:
    loaded(
        warehouse.config(lock_behavior="fail"),
        [schema_message("leads", PROPERTIES), record("leads", {"id": 1})],
    )
    assert held.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS


def test_states_go_out_after_what_they_vouch_for(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a STATE appears, another connection sees every record that came before it."""
    streams = ["a", "b", "c"]
    sent = [*messages(1, streams, 300), state({"run": 1, "n": 299})]
    seen: list[tuple[int, list[int]]] = []

    def emit(text: bytes) -> None:
        number = int(text.rpartition(b":")[2].strip(b" }"))
        counts = [
            warehouse.query(f"SELECT count(*) AS n FROM {{schema}}.{s} WHERE n <= %s", number)
            for s in streams
        ]
        seen.append((number, [rows[0]["n"] for rows in counts]))

    monkeypatch.setattr("target_sfwarehouse.target.TargetSFWarehouse._emit", lambda _, state: emit(state))
    loaded(warehouse.config(batch_size_rows=40), sent)
    assert len(seen) > 5
    assert seen[-1][0] == 299
    assert all(counts == [number + 1] * 3 for number, counts in seen)
