"""When a batch ends, and what a batch goes through."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.target.support import BOOLEAN, INTEGER, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

SCHEMA = schema_message("accounts", {"id": INTEGER, "text": STRING})


def numbered(count: int, text: str = "") -> list[Any]:
    """Records, and a STATE after each."""
    pairs = ((record("accounts", {"id": n, "text": text}), state({"n": n})) for n in range(count))
    return [SCHEMA, *(message for pair in pairs for message in pair)]


def test_a_batch_ends_after_so_many_rows(warehouse: Warehouse) -> None:
    outcome = loaded(warehouse.config(batch_size_rows=10), numbered(95))
    # The tenth record ends the batch; the STATE after it comes before the rows of the next.
    assert outcome.states == [{"n": n} for n in sorted({*range(8, 95, 10), *range(9, 95, 10), 94})]


def test_a_batch_ends_after_so_many_bytes(warehouse: Warehouse) -> None:
    """Over all streams; the input is looked at a block at a time."""
    messages = numbered(3000, "x" * 1000)
    assert loaded(warehouse.config(), messages).states == [{"n": 2999}]
    few = loaded(warehouse.config(batch_size_bytes=1_500_000), messages).states
    many = loaded(warehouse.config(batch_size_bytes=1), messages).states
    assert 1 < len(few) < len(many)
    assert few[-1] == many[-1] == {"n": 2999}


def test_of_many_states_the_last_goes_out(warehouse: Warehouse) -> None:
    messages = [SCHEMA, record("accounts", {"id": 1}), *(state({"n": n}) for n in range(5000))]
    assert loaded(warehouse.config(), messages).states == [{"n": 4999}]
    bad = [*messages, record("accounts", {"id": "x"}), state({"n": 5000})]
    assert load(warehouse.config(), bad).states == [{"n": 4999}]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Statements in the order in which the target sends them."""
    statements: list[str] = []
    execute, copy = psycopg.Cursor.execute, psycopg.Cursor.copy

    def noted(original: Any) -> Any:
        def call(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
            statements.append(query.decode() if isinstance(query, bytes) else str(query))
            return original(self, query, *arguments, **options)

        return call

    monkeypatch.setattr(psycopg.Cursor, "execute", noted(execute))
    monkeypatch.setattr(psycopg.Cursor, "copy", noted(copy))
    return statements


def merges(statements: list[str]) -> int:
    return sum(text.startswith("WITH changed AS") for text in statements)


def test_a_table_that_the_run_made_is_loaded_without_staging(warehouse: Warehouse, sent: list[str]) -> None:
    messages = [SCHEMA, *(record("accounts", {"id": n}) for n in range(5000)), state({"n": 1})]
    loaded(warehouse.config(), messages)
    assert not [text for text in sent if "TEMPORARY" in text]
    assert merges(sent) == 0
    sent.clear()
    loaded(warehouse.config(), messages)
    # One for each of at most two sessions.
    assert len([text for text in sent if text.startswith("CREATE TEMPORARY TABLE")]) <= 2
    assert merges(sent) == 1


def test_csv_files_go_straight_into_a_table_that_the_run_made(
    tmp_path: Path, warehouse: Warehouse, sent: list[str]
) -> None:
    """As long as each row says whether it is deleted and no key comes twice; from there on they are staged."""
    schema = schema_message("accounts", {"id": INTEGER, "text": STRING, "is_deleted": BOOLEAN})
    encoding = {"format": "csv", "columns": ["id", "text", "is_deleted"], "quoted_empty": "null"}

    def loaded_files(*contents: str, table: str) -> list[tuple[Any, ...]]:
        messages = [schema | {"stream": table}]
        for number, content in enumerate(contents):
            path = tmp_path / f"{table}-{number}.csv"
            path.write_text("Id,Text,IsDeleted\n" + content)
            messages.append(
                {"type": "BATCH", "stream": table, "encoding": encoding, "manifest": [path.as_uri()]}
            )
        sent.clear()
        outcome = loaded(warehouse.config(), [*messages, state(1)])
        assert outcome.states == [1]
        rows = warehouse.query(f"SELECT id, text, is_deleted FROM {{schema}}.{table} ORDER BY id")
        return [tuple(row.values()) for row in rows]

    plain = '"1","a","true"\n"2","","false"\n', '"3","c","false"\n'
    assert loaded_files(*plain, table="plain") == [(1, "a", True), (2, None, False), (3, "c", False)]
    assert not [text for text in sent if "TEMPORARY" in text]
    unsaid = '"1","a","true"\n', '"2","b",""\n"3","c","true"\n', '"4","d",""\n'
    assert loaded_files(*unsaid, table="unsaid") == [
        (1, "a", True),
        (2, "b", False),
        (3, "c", True),
        (4, "d", False),
    ]
    again = '"1","a","false"\n"2","b","false"\n', '"1","x","true"\n"1","y","false"\n'
    assert loaded_files(*again, table="again") == [(1, "y", False), (2, "b", False)]
    counts = "SELECT rows_inserted, rows_updated FROM {schema}._sync_runs WHERE collection = 'again'"
    assert warehouse.query(counts) == [{"rows_inserted": 2, "rows_updated": 1}]


def test_one_statement_a_batch_brings_the_rows_in(warehouse: Warehouse, sent: list[str]) -> None:
    loaded(warehouse.config(), [SCHEMA])
    sent.clear()
    messages = [SCHEMA, *(record("accounts", {"id": n}) for n in range(950)), state({"n": 1})]
    loaded(warehouse.config(batch_size_rows=100), messages)
    assert merges(sent) == 10
    # One for each of at most two sessions.
    assert len([text for text in sent if text.startswith("CREATE TEMPORARY TABLE")]) <= 2


def test_a_table_that_the_run_made_takes_a_repeated_key(warehouse: Warehouse, sent: list[str]) -> None:
    keys = [*range(3000), *range(10)]
    messages = [SCHEMA, *(record("accounts", {"id": n, "text": str(i)}) for i, n in enumerate(keys))]
    loaded(warehouse.config(), messages)
    assert merges(sent) == 1
    found = warehouse.query(
        "SELECT count(*) AS n, max(text::int) FILTER (WHERE id < 10) AS last FROM {schema}.accounts"
    )
    assert found == [{"n": 3000, "last": 3009}]


@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_batch_files_that_were_moved(by_sdk: bool, tmp_path: Path, warehouse: Warehouse) -> None:
    """`batch_config` says where files are, whatever folder the tap wrote them to."""
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": 1, "text": "A"}) + "\n")
    batch = {
        "type": "BATCH",
        "stream": "accounts",
        "encoding": {"format": "jsonl"},
        "manifest": ["file:///elsewhere/a.jsonl"],
    }
    config = warehouse.config(
        batch_config={"encoding": {"format": "jsonl"}, "storage": {"root": tmp_path.as_uri()}}
    )
    assert load(config, [SCHEMA, batch], by_sdk=by_sdk).error is None
    assert warehouse.query("SELECT id, text FROM {schema}.accounts") == [{"id": 1, "text": "A"}]
