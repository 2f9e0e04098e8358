"""What is gone: tables that a run overwrites with nothing, and the count of rows that became deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_sfwarehouse.postgres.capabilities import MERGE_RETURNING, Capabilities
from tests.target.support import BOOLEAN, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

SCHEMA = schema_message("accounts", {"id": {"type": "string"}, "name": STRING, "is_deleted": BOOLEAN})


def test_overwrite_without_a_record_leaves_an_empty_table(warehouse: Warehouse) -> None:
    """As in the SDK's targets: what the source does not have any more is not there."""
    config = warehouse.config(load_method="overwrite")
    first = [SCHEMA, record("accounts", {"id": "a"}), state({"n": 1})]
    rows = "SELECT id FROM {schema}.accounts"
    loaded(config, first)
    bad = [SCHEMA, record("accounts", {"id": None}), state({"n": 2})]

    assert load(config, [SCHEMA, b"no JSON\n"]).error is not None
    assert load(config, [SCHEMA, {**SCHEMA, "stream": "other", "schema": {}}]).error is not None
    assert load(config, bad).error is not None
    loaded({**config, "on_bad_record": "quarantine"}, bad)
    load(config, [SCHEMA], torn=True)
    assert warehouse.query(rows) == [{"id": "a"}]

    outcome = loaded(config, [SCHEMA, state({"n": 3})])
    assert (warehouse.query(rows), outcome.states) == ([], [{"n": 3}])
    loaded(config, first)
    assert warehouse.query(rows) == [{"id": "a"}]


def test_overwrite_without_a_record_says_what_refuses_to_be_emptied(warehouse: Warehouse) -> None:
    config = warehouse.config(load_method="overwrite")
    loaded(config, [SCHEMA, record("accounts", {"id": "a"})])
    warehouse.execute("CREATE TABLE {schema}.notes (account text REFERENCES {schema}.accounts)")
    warehouse.execute("INSERT INTO {schema}.notes VALUES ('a')")

    outcome = load(config, [SCHEMA, state({"n": 1})])

    assert "the rows of" in str(outcome.error)
    assert "that are gone cannot be marked or removed" in str(outcome.error)
    assert len(warehouse.query("SELECT * FROM {schema}.accounts")) == 1


@pytest.mark.parametrize("able", [(True, True), (False, True), (False, False)])
@pytest.mark.parametrize("way", ["record", "tombstone", "version", "hard delete", "a time", "csv"])
def test_rows_that_become_deleted_are_counted(
    way: str, able: tuple[bool, bool], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By whichever way; a row that was deleted before, or came deleted, did not become so in the run."""
    server = warehouse.connection.info.server_version >= MERGE_RETURNING
    less = Capabilities(merge=able[0] and server, row_origin=able[1])
    monkeypatch.setattr("target_sfwarehouse.postgres.capabilities.detect", lambda _: less)
    mark = "gone_at" if way == "a time" else "is_deleted"
    kind = {"type": ["null", "string"], "format": "date-time", "x-soft-delete": True}
    whole = schema_message(
        "accounts", {"id": STRING, "name": STRING, mark: kind if way == "a time" else BOOLEAN}
    )
    yes = "2026-01-01T00:00:00Z" if way == "a time" else True
    first = [record("accounts", {"id": key, mark: yes if key == "d" else None}, version=1) for key in "abcd"]
    config = warehouse.config(hard_delete=way == "hard delete")
    loaded(config, [whole, *first])
    (tmp_path / "a.csv").write_text("id,is_deleted\na,true\nb,true\nd,true\ne,true\n")
    narrow = schema_message("accounts", {"id": STRING, mark: whole["schema"]["properties"][mark]})
    file = {
        "type": "BATCH",
        "stream": "accounts",
        "encoding": {"format": "csv"},
        "manifest": [str(tmp_path / "a.csv")],
    }
    kept = [record("accounts", {"id": key}, version=2) for key in "ce"]
    second: dict[str, list[Any]] = {
        "record": [whole, *(record("accounts", {"id": key, mark: yes}) for key in "abde")],
        "tombstone": [whole, narrow, *(record("accounts", {"id": key, mark: True}) for key in "abde")],
        "a time": [whole, *(record("accounts", {"id": key, mark: yes}) for key in "abde")],
        "csv": [whole, narrow, file],
        "version": [whole, *kept, {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": 2}],
        "hard delete": [whole, *kept, {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": 2}],
    }

    loaded(config, second[way])

    (counted,) = warehouse.query(
        "SELECT rows_marked_deleted AS n FROM {schema}._sync_runs ORDER BY started_at DESC LIMIT 1"
    )
    assert counted == {"n": 2}
