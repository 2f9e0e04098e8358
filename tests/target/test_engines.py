"""What is sent to the server is what docs/warehouses.md lists, whatever the engine can do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import psycopg
import pytest

from target_sfwarehouse.postgres import capabilities
from target_sfwarehouse.postgres.capabilities import Capabilities
from tests.fix_process import PROJECT
from tests.fix_warehouse import plain_url
from tests.target.support import BOOLEAN, INTEGER, STRING, load, record, schema_message, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

DOCS = (PROJECT / "docs" / "warehouses.md").read_text()

VERSIONS: list[tuple[str, int, bool, Capabilities]] = [
    ("PostgreSQL 18.4", 180004, False, Capabilities()),
    ("PostgreSQL 17.0", 170000, False, Capabilities()),
    ("PostgreSQL 16.3", 160003, False, Capabilities(merge=False)),
    ("PostgreSQL 13.11", 130011, False, Capabilities(merge=False)),
    ("Citus", 170002, True, Capabilities(merge=False, row_origin=False)),
]


@pytest.mark.parametrize(
    ("name", "number", "citus", "expected"), VERSIONS, ids=[case[0] for case in VERSIONS]
)
def test_a_server_is_known_by_its_version(
    name: str, number: int, citus: bool, expected: Capabilities
) -> None:
    assert capabilities.capabilities_of(number, citus=citus) == expected


def documented() -> set[str]:
    section = DOCS.split("## Statements\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def kind_of(statement: str, known: set[str]) -> str:
    """The documented name of a statement; a CTE's is that of what it does."""
    text = " ".join(statement.split())
    text = re.sub(r"^WITH changed AS \(", "", text)
    text = re.sub(r"^COPY \S+ .* FROM STDIN .*", "COPY ... FROM STDIN", text)
    matching = [name for name in known if text.startswith(name)]
    return max(matching, key=len, default=text)


def eventful(directory: Path) -> list[Any]:
    """Messages that make the target do everything it can."""
    path = directory / "batch.csv"
    path.write_text('id,name\n"9",""\n')
    full = {"id": INTEGER, "name": {**STRING, "title": "Name"}, "is_deleted": BOOLEAN}
    csv = {"format": "csv", "quoted_empty": "null"}
    return [
        schema_message("accounts", full),
        *(record("accounts", {"id": n % 3, "name": str(n)}, version=1) for n in range(5)),
        schema_message("accounts", {"id": INTEGER, "added": INTEGER}),
        record("accounts", {"id": 1, "added": 1}, version=1),
        schema_message("accounts", {"id": INTEGER, "added": {"type": ["null", "number"]}}),
        record("accounts", {"id": 1, "added": 1.5}, version=1),
        {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": 2},
        schema_message("leads", full),
        record("leads", {"id": 1}),
        record("leads", {"id": "x"}),
        {"type": "BATCH", "stream": "leads", "encoding": csv, "manifest": [path.as_uri()]},
        schema_message("log", {"text": STRING}, []),
        record("log", {"text": "a"}),
        state(1),
        record("log", {"text": "b"}),
        schema_message("names", {"id": STRING}),
        # No index can hold it.
        record("names", {"id": "".join(f"{n:x}" for n in range(100_000, 106_000))}),
    ]


@pytest.mark.parametrize("less", [False, True], ids=["as it is", "as if it could do less"])
def test_the_statements_are_the_documented_ones(less: bool, tmp_path: Path, warehouse: Warehouse) -> None:
    sent: set[str] = set()
    known = documented()
    execute, copy = psycopg.Cursor.execute, psycopg.Cursor.copy

    def recorded_execute(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent.add(kind_of(query.decode() if isinstance(query, bytes) else query, known))
        return execute(self, query, *arguments, **options)

    def recorded_copy(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent.add(kind_of(query.decode(), known))
        return copy(self, query, *arguments, **options)

    reduced = Capabilities(merge=False, row_origin=False)
    messages = eventful(tmp_path)
    with (
        patch.object(psycopg.Cursor, "execute", recorded_execute),
        patch.object(psycopg.Cursor, "copy", recorded_copy),
        patch(
            "target_sfwarehouse.postgres.capabilities.detect",
            (lambda _: reduced) if less else capabilities.detect,
        ),
    ):
        for hard in (False, True):
            config = warehouse.config(
                indexes=["name"], on_bad_record="quarantine", hard_delete=hard, batch_size_rows=2
            )
            assert load(config, messages).error is None
    assert sent <= known
    # The driver opens and closes transactions by itself; a savepoint and ROLLBACK are for what goes wrong.
    untold = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}
    by_engine = (
        {"MERGE"}
        if less or warehouse.connection.info.server_version < capabilities.MERGE_RETURNING
        else set()
    )
    assert known - sent - untold == by_engine


def test_a_session_that_has_been_used_before(warehouse: Warehouse) -> None:
    """As a pooler hands one over: its temporary buffers are fixed already."""
    with psycopg.connect(plain_url(warehouse.url), autocommit=True) as used:
        used.execute("CREATE TEMP TABLE t (id int)")
        used.execute("INSERT INTO t VALUES (1)")
        with patch("target_sfwarehouse.load.loader.connector", lambda _settings: lambda: used):
            messages = [schema_message("accounts", {"id": INTEGER}), record("accounts", {"id": 1}), state(1)]
            assert load(warehouse.config(), messages).states == [1]
