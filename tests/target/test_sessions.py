"""The rows of a batch are taken in while the batch before it is merged, by a second session."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.fix_process import wait_until
from tests.fix_warehouse import plain_url
from tests.target.support import INTEGER, STRING, as_lines, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

SCHEMA = schema_message("accounts", {"id": INTEGER, "name": STRING})
SESSIONS = "SELECT wait_event_type, query FROM pg_stat_activity WHERE usename = %s ORDER BY backend_start"


def rows(numbers: range, name: str) -> list[dict[str, Any]]:
    return [record("accounts", {"id": number, "name": name}) for number in numbers]


def test_rows_come_in_while_a_batch_waits_for_its_table(
    processes: Processes, loader: tuple[str, str], warehouse: Warehouse
) -> None:
    role, url = loader
    settings = warehouse.config(sqlalchemy_url=url, batch_size_rows=4000)
    loaded(settings, [SCHEMA, record("accounts", {"id": 0, "name": "old"})])
    config = processes.write("config.json", settings)
    read, write = os.pipe()
    process = processes.start(["target-sfwarehouse", "--config", config], stdin=f"/dev/fd/{read}")
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        with psycopg.connect(plain_url(warehouse.url)) as other:
            other.execute(f"LOCK TABLE {warehouse.schema}.accounts IN EXCLUSIVE MODE".encode())
            first = [SCHEMA, *rows(range(4000), "first"), state({"n": 1})]
            pipe.write(as_lines([*first, *rows(range(2000, 5000), "second")]))
            pipe.flush()
            merging, taking = wait_until(
                lambda: (
                    len(found := warehouse.query(SESSIONS, role)) == 2
                    and found[0]["wait_event_type"] == "Lock"
                    and found[1]["query"].startswith("COPY ")
                    and found
                ),
                "one of two sessions waits for the table",
            )
            assert merging["wait_event_type"] == "Lock"
            assert taking["wait_event_type"] != "Lock"
        pipe.write(as_lines([*rows(range(4500, 5500), "third"), state({"n": 2})]))
    finished = processes.finish(process).expect(0)
    assert [int(line[6]) for line in finished.stdout.splitlines()] in ([1, 2], [2])
    counts = warehouse.query("SELECT name, count(*) AS n FROM {schema}.accounts GROUP BY name ORDER BY name")
    assert counts == [
        {"name": "first", "n": 2000},
        {"name": "second", "n": 2500},
        {"name": "third", "n": 1000},
    ]
    (run,) = warehouse.query("SELECT * FROM {schema}._sync_runs ORDER BY started_at DESC LIMIT 1")
    changed = [run[f"rows_{what}"] for what in ("inserted", "updated", "unchanged")]
    assert (changed[0], sum(changed)) == (5499, 8000)


def test_a_role_that_may_have_one_session(loader: tuple[str, str], warehouse: Warehouse) -> None:
    role, url = loader
    warehouse.execute(f"ALTER ROLE {role} CONNECTION LIMIT 1")
    settings = warehouse.config(sqlalchemy_url=url, batch_size_rows=10)
    loaded(settings, [SCHEMA, record("accounts", {"id": 0, "name": "old"})])
    wait_until(lambda: not warehouse.query(SESSIONS, role), "the server has ended the session")
    messages = [SCHEMA, *rows(range(100), "a"), *rows(range(50, 150), "b"), state({"n": 1})]
    assert loaded(settings, messages).states[-1] == {"n": 1}
    counts = warehouse.query("SELECT name, count(*) AS n FROM {schema}.accounts GROUP BY name ORDER BY name")
    assert counts == [{"name": "a", "n": 50}, {"name": "b", "n": 100}]


@pytest.mark.parametrize("name", ["bad", "x" * 3000])
def test_rows_behind_one_that_the_table_refuses_stay_out(name: str, warehouse: Warehouse) -> None:
    """They are on their way, in the other session, when the server tells."""
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE TABLE {schema}.accounts (id bigint PRIMARY KEY, name text CHECK (name <> 'bad' AND length(name) < 999))"
    )
    messages = [SCHEMA, *rows(range(25), "good"), state({"n": 1}), *rows(range(25, 26), name)]
    messages += [*rows(range(26, 500), "behind"), state({"n": 2})]
    outcome = load(warehouse.config(batch_size_rows=10), messages)
    assert str(outcome.error).startswith("line 28, stream 'accounts', key 25:")
    assert {"n": 2} not in outcome.states
    assert warehouse.query("SELECT count(*) AS n, max(id) AS last FROM {schema}.accounts") == [
        {"n": 25, "last": 24}
    ]
    assert outcome.states[-1] == {"n": 1}


@pytest.mark.parametrize("there", [False, True], ids=["into the table", "into a staging table"])
def test_a_state_before_all_rows_of_a_batch_is_out_before_they_are_committed(
    there: bool, warehouse: Warehouse
) -> None:
    """A tap says so when its first sync began, which nothing but a restart behind its first rows needs."""
    accounts, contacts = (schema_message(name, {"id": INTEGER}) for name in ("accounts", "contacts"))
    if there:
        loaded(warehouse.config(), [accounts])
    two = [record("accounts", {"id": number}) for number in (1, 2)]
    torn = load(
        warehouse.config(), [accounts, state("begins"), *two, state("later"), accounts, contacts], torn=True
    )
    assert torn.states == ["begins"]
    last = [*two, state("done"), state("begins again"), *two, state("done again")]
    ended = loaded(warehouse.config(batch_size_rows=2), [accounts, state("begins"), *last])
    assert ended.states[0] == "begins"
    assert ended.states[-1] == "done again"
