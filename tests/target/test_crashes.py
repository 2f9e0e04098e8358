"""kill -9 of the target and of Postgres: a rerun from the last emitted STATE ends where an undisturbed run does."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row

from target_sfwarehouse import embedded
from tests.fix_process import DEADLINE, wait_until
from tests.fix_warehouse import plain_url
from tests.levels import at_level, search
from tests.target.support import INTEGER, STRING, as_lines, record, schema_message, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

TARGET_KILLS = at_level(normal=3, wide=40, long=120)
POSTGRES_KILLS = at_level(normal=2, wide=25, long=80)
MISSES = 5
"""Runs for each kill wanted, at most: some end before their moment."""
RECORDS = 12_000
NEARLY_ALL = 10_000
"""A STATE from which on so little is left that the next run begins anew."""
STREAMS = ("a", "b", "c")
SCHEMAS = [schema_message(stream, {"id": INTEGER, "n": INTEGER, "text": STRING}) for stream in STREAMS]


def all_messages() -> list[Any]:
    """Records of three streams in turn that update few keys many times, with a STATE now and then."""
    messages: list[Any] = []
    for n in range(RECORDS):
        messages.append(record(STREAMS[n % 3], {"id": n % 997, "n": n, "text": f"text {n}" * 20}))
        if n % 100 == 99:
            messages.append(state({"n": n}))
    return messages


MESSAGES = all_messages()


def expected_until(last: int) -> dict[tuple[str, int], int]:
    """The newest `n` of each row after the records up to `last`."""
    return {(STREAMS[n % 3], n % 997): n for n in range(last + 1)}


class Run:
    """One process of the target, fed from the last STATE on."""

    def __init__(self, processes: Processes, config: Path, after: int) -> None:
        position = next((i + 1 for i, m in enumerate(MESSAGES) if m.get("value") == {"n": after}), 0)
        self.source = processes.directory / "in.jsonl"
        self.source.write_bytes(as_lines([*SCHEMAS, *MESSAGES[position:]]))
        self.out = processes.directory / "out.jsonl"
        self.started = time.monotonic()
        with self.source.open() as stdin, self.out.open("w") as stdout:
            self.process = subprocess.Popen(
                ["target-sfwarehouse", "--config", str(config)],
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                env=processes.environment({}),
            )

    def states(self) -> int:
        """How many STATEs were written whole."""
        return self.out.read_bytes().count(b"\n")

    def last_state(self, before: int) -> int:
        """The newest STATE that was written whole, or the one that the run began with."""
        lines = self.out.read_text().split("\n")[:-1]
        return int(json.loads(lines[-1])["n"]) if lines else before


OPEN = """
SELECT count(*) AS wrong FROM {schema}.a AS t
FULL JOIN (SELECT * FROM {schema}.a_history WHERE is_current) AS h ON t.id = h.id
WHERE ROW(t.id, t.n, t.text) IS DISTINCT FROM ROW(h.id, h.n, h.text)
"""
"""Rows of a table that are not those of its history's open versions."""


def newest(query: Callable[[str], list[dict[str, Any]]], schema: str) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for stream in STREAMS:
        if query(f"SELECT to_regclass('{schema}.{stream}') AS t")[0]["t"] is not None:
            rows = query(f"SELECT id, n FROM {schema}.{stream}")
            assert len(rows) == len({row["id"] for row in rows})
            found |= {(stream, row["id"]): row["n"] for row in rows}
    if found:
        assert query(OPEN.format(schema=schema)) == [{"wrong": 0}]
    return found


def check(found: dict[tuple[str, int], int], vouched: int) -> None:
    """What the last STATE vouches for is there, in that version or a newer one; nothing else is."""
    for row, n in expected_until(vouched).items():
        assert found.get(row, -1) >= n, row
    assert found.keys() <= expected_until(RECORDS - 1).keys()


def no_staging_is_left(query: Callable[[str], list[dict[str, Any]]]) -> None:
    left = "SELECT relname FROM pg_class WHERE relname LIKE '\\_sfw%%'"
    wait_until(lambda: not query(left), "staging tables are gone", deadline=DEADLINE)


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody disturbed: how long it took, how long from its first STATE on, and how many it emitted."""

    took: float
    working: float
    states: int


def undisturbed(run: Run) -> Undisturbed:
    """Let a run come to its end."""
    wait_until(lambda: run.states() or run.process.poll() is not None, "it works", deadline=DEADLINE)
    began = time.monotonic()
    run.process.communicate(timeout=DEADLINE)
    assert run.process.returncode == 0
    ended = time.monotonic()
    return Undisturbed(ended - run.started, ended - began, run.states())


def wait_for_a_moment(chance: random.Random, whole: Undisturbed, run: Run, after: int) -> None:
    """Wait for a random number of STATEs and a random while, so that every part of a run is hit.

    Time alone would not do: on a loaded machine it falls into the start-up.

    Args:
        chance: Decides.
        whole: What an undisturbed run is like.
        run: The run, just started.
        after: The STATE that it goes on from.
    """
    left = round(whole.states * (RECORDS - 1 - after) / RECORDS)
    number = chance.randrange(max(1, left))
    pause = chance.uniform(0, whole.working / whole.states if number else whole.took)
    wait_until(
        lambda: run.states() >= number or run.process.poll() is not None,
        "the STATE is there",
        deadline=DEADLINE,
    )
    time.sleep(pause)


def chance_of(name: str) -> random.Random:
    """The same kills each time, or those that SFSOURCE_TEST_SEED asks for."""
    return random.Random(os.environ.get("SFSOURCE_TEST_SEED", name))


@search
def test_kill_of_the_target(processes: Processes, warehouse: Warehouse) -> None:
    config = processes.write("config.json", warehouse.config(batch_size_rows=100, history=["a"]))
    whole = undisturbed(Run(processes, config, -1))
    warehouse.execute("DROP SCHEMA {schema} CASCADE")
    last, hits = -1, 0
    chance = chance_of("target")
    for _ in range(MISSES * TARGET_KILLS):
        run = Run(processes, config, last)
        wait_for_a_moment(chance, whole, run, last)
        run.process.kill()
        run.process.communicate()
        hits += run.process.returncode == -signal.SIGKILL
        last = run.last_state(last)
        check(newest(warehouse.query, warehouse.schema), last)
        no_staging_is_left(warehouse.query)
        if hits == TARGET_KILLS:
            break
        if last > NEARLY_ALL:
            warehouse.execute("DROP SCHEMA {schema} CASCADE")
            last = -1
    assert hits == TARGET_KILLS
    run = Run(processes, config, last)
    undisturbed(run)
    assert run.last_state(last) == RECORDS - 1
    assert newest(warehouse.query, warehouse.schema) == expected_until(RECORDS - 1)
    no_staging_is_left(warehouse.query)


@pytest.fixture
def server(open_directory: Path) -> Iterator[embedded.EmbeddedServer]:
    """A Postgres of the test's own. It need not outlive the machine, so the disk need not confirm what is written."""
    started = embedded.start(open_directory / "killed")
    with psycopg.connect(plain_url(started.url), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield started
    embedded.stop(open_directory / "killed")


@contextmanager
def queries(server: embedded.EmbeddedServer) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    with psycopg.connect(plain_url(server.url), autocommit=True, row_factory=dict_row) as connection:

        def query(text: str) -> list[dict[str, Any]]:
            cursor = connection.execute(text.replace("%%", "%").encode())
            return cursor.fetchall() if cursor.description else []

        yield query


def kill_all(postmaster: int) -> None:
    """End a server as a loss of power does: its sessions, which would finish what they have, go with it."""
    found = subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True, check=False)
    for pid in (postmaster, *map(int, found.stdout.split())):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@search
def test_kill_of_postgres(server: embedded.EmbeddedServer, processes: Processes) -> None:
    schema = "killed"
    settings = {"sqlalchemy_url": server.url, "schema": schema, "batch_size_rows": 100, "history": ["a"]}
    config = processes.write("config.json", settings)
    whole = undisturbed(Run(processes, config, -1))
    with queries(server) as query:
        query(f"DROP SCHEMA {schema} CASCADE")
    last, hits = -1, 0
    chance = chance_of("postgres")
    for _ in range(MISSES * POSTGRES_KILLS):
        run = Run(processes, config, last)
        wait_for_a_moment(chance, whole, run, last)
        kill_all(int((server.data / "postmaster.pid").read_text().split()[0]))
        _, said = run.process.communicate(timeout=DEADLINE)
        status = run.process.returncode
        assert "Traceback" not in said
        assert status == 0 or "The warehouse went away" in said or "Cannot connect to the warehouse" in said
        hits += status != 0
        last = run.last_state(last)
        assert status != 0 or last == RECORDS - 1
        server = embedded.start(server.directory)
        settings["sqlalchemy_url"] = server.url
        config = processes.write("config.json", settings)
        with queries(server) as query:
            check(newest(query, schema), last)
            if last > NEARLY_ALL and hits < POSTGRES_KILLS:
                query(f"DROP SCHEMA {schema} CASCADE")
                last = -1
        if hits == POSTGRES_KILLS:
            break
    assert hits == POSTGRES_KILLS
    run = Run(processes, config, last)
    undisturbed(run)
    with queries(server) as query:
        assert newest(query, schema) == expected_until(RECORDS - 1)
        no_staging_is_left(query)
