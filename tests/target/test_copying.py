"""One COPY takes many chunks: what is wrong in one of them, and an input that pauses, must not show."""

from __future__ import annotations

import gc
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from target_sfwarehouse.load.copying import copy_blocks
from tests.fix_process import wait_until
from tests.fix_warehouse import plain_url
from tests.target.support import (
    INTEGER,
    STRING,
    TornError,
    as_lines,
    load,
    loaded,
    record,
    schema_message,
    state,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

ROWS = 12_000
MOMENT = {"type": ["null", "string"], "format": "date-time"}
SCHEMA = schema_message("accounts", {"id": INTEGER, "at": MOMENT, "name": STRING})


def rows() -> list[dict[str, Any]]:
    return [{"id": n, "at": "2026-01-01T00:00:00Z", "name": f"name {n} " + "x" * 400} for n in range(ROWS)]


def messages(values: list[dict[str, Any]]) -> list[Any]:
    return [SCHEMA, *(record("accounts", each) for each in values), state("all")]


@pytest.fixture(params=["new table", "staged"])
def config(request: pytest.FixtureRequest, warehouse: Warehouse) -> dict[str, Any]:
    """The target's settings, where the table is new or has been there before."""
    if request.param == "staged":
        loaded(warehouse.config(), [SCHEMA, record("accounts", {"id": 0})])
    return warehouse.config()


def test_a_bad_row_in_the_middle_ends_the_run_behind_the_rows_before_it(
    config: dict[str, Any], warehouse: Warehouse
) -> None:
    values = rows()
    values[7_777]["at"] = "soon"
    outcome = load(config, messages(values))
    assert str(outcome.error).startswith("line 7779, stream 'accounts', key 7777, property 'at'")
    assert outcome.states == []
    (found,) = warehouse.query(
        "SELECT count(*) AS n, count(at) AS at, max(id) AS last FROM {schema}.accounts"
    )
    assert found == {"n": 7_777, "at": 7_777, "last": 7_776}


def test_bad_rows_in_several_chunks_go_to_quarantine_and_no_other_row_does(
    config: dict[str, Any], warehouse: Warehouse
) -> None:
    values, bad = rows(), {5, 3_000, 3_001, 11_999}
    for position in bad:
        values[position]["at"] = "soon"
    outcome = loaded(config | {"on_bad_record": "quarantine"}, messages(values))
    assert outcome.states == ["all"]
    rejected = warehouse.query("SELECT line FROM {schema}._rejected ORDER BY line")
    assert [row["line"] for row in rejected] == sorted(position + 2 for position in bad)
    found = warehouse.query("SELECT id FROM {schema}.accounts WHERE at IS NOT NULL ORDER BY id")
    assert [row["id"] for row in found] == [n for n in range(ROWS) if n not in bad]
    (run,) = warehouse.query("SELECT * FROM {schema}._sync_runs ORDER BY started_at DESC LIMIT 1")
    assert run["rows_rejected"] == len(bad)
    assert run["rows_inserted"] + run["rows_updated"] + run["rows_unchanged"] == ROWS - len(bad)


def test_a_key_that_comes_again_much_later_keeps_its_last_record(
    config: dict[str, Any], warehouse: Warehouse
) -> None:
    values = [*rows(), {"id": 3, "at": None, "name": "last"}, {"id": ROWS, "at": None, "name": "new"}]
    loaded(config, messages(values))
    (count,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    assert count == {"n": ROWS + 1}
    (row,) = warehouse.query("SELECT name, at FROM {schema}.accounts WHERE id = 3")
    assert row == {"name": "last", "at": None}


def test_an_input_that_pauses_leaves_no_statement_open(processes: Processes, warehouse: Warehouse) -> None:
    """A COPY that waits for rows holds back the server's clean-up, and a timeout would end it."""
    path = processes.write("config.json", warehouse.config())
    read, write = os.pipe()
    target = subprocess.Popen(
        [
            processes.environment({})["PATH"].split(os.pathsep)[0] + "/target-sfwarehouse",
            "--config",
            str(path),
        ],
        stdin=read,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        pipe.write(as_lines(messages(rows())[:-1]))
        pipe.flush()
        wait_until(lambda: open_copies(warehouse), "a COPY waits for more")
        wait_until(lambda: not open_copies(warehouse), "no COPY is open")
        pipe.write(as_lines([record("accounts", {"id": ROWS}), state("all")]))
    assert target.communicate(timeout=60)[0] == b'"all"\n'
    (found,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    assert found == {"n": ROWS + 1}


def open_copies(warehouse: Warehouse) -> list[dict[str, Any]]:
    return warehouse.query(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'target-sfwarehouse' AND state = 'active' "
        "AND query LIKE 'COPY %' AND datname = current_database()"
    )


def test_a_server_that_takes_nothing_stops_the_reading_of_a_file(warehouse: Warehouse) -> None:
    """What it has not taken must not pile up in memory."""
    loaded(warehouse.config(), [schema_message("notes", {"text": STRING}, keys=[])])
    table = f"{warehouse.schema}.notes"
    warehouse.execute(
        "CREATE FUNCTION {schema}.pause() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END'"
    )
    warehouse.execute(
        "CREATE TRIGGER pause BEFORE INSERT ON {schema}.notes FOR EACH ROW EXECUTE FUNCTION {schema}.pause()"
    )
    block = b"x" * 1023 + b"\n"
    read = 0

    def blocks() -> Iterator[bytes]:
        nonlocal read
        for _ in range(64):
            read += 1
            yield block * 1024

    def copy() -> int:
        with psycopg.connect(plain_url(warehouse.url)) as connection:
            return copy_blocks(connection, table, ["text"], blocks(), "(FORMAT csv)")

    with ThreadPoolExecutor() as pool, psycopg.connect(plain_url(warehouse.url)) as other:
        other.execute("SELECT pg_advisory_xact_lock(7)")
        copied = pool.submit(copy)
        seen: list[int] = []

        def pauses() -> bool:
            seen.append(read)
            return len(seen) > 20 and seen[-20] == read > 0

        wait_until(pauses, "no more is read")
        assert read < 32
        other.rollback()
        assert copied.result(timeout=60) == 64 * 1024
    assert warehouse.query("SELECT count(*) AS n FROM {schema}.notes") == [{"n": 64 * 1024}]


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("first", [True, False], ids=["into the table", "into a staging table"])
def test_a_run_that_is_torn_leaves_no_copy_open(first: bool, warehouse: Warehouse) -> None:
    """The driver's generator would end when it is collected, and say that the connection is closed."""
    schema = schema_message("accounts", {"id": INTEGER})
    if not first:
        loaded(warehouse.config(), [schema, record("accounts", {"id": 0})])
    rows = [record("accounts", {"id": number}) for number in range(1, 3000)]
    outcome = load(warehouse.config(), [schema, *rows, schema], torn=True)
    assert isinstance(outcome.error, TornError)
    del outcome
    gc.collect()
