"""ACTIVATE_VERSION beside what the message files show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.target.support import BOOLEAN, STRING, load, loaded, record, schema_message

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

FULL = schema_message("accounts", {"id": STRING, "name": STRING, "is_deleted": BOOLEAN})
NARROW = schema_message("accounts", {"id": STRING, "name": STRING})


def activate(version: int) -> dict[str, object]:
    return {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": version}


def deleted(warehouse: Warehouse) -> dict[str, bool]:
    return {
        row["id"]: row["is_deleted"]
        for row in warehouse.query("SELECT id, is_deleted FROM {schema}.accounts")
    }


@pytest.mark.parametrize("metadata", [False, True])
@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_a_full_table_run_marks_what_has_gone(metadata: bool, by_sdk: bool, warehouse: Warehouse) -> None:
    config = warehouse.config(add_record_metadata=metadata)
    rows = [record("accounts", {"id": id_}, version=1) for id_ in "abc"]
    assert load(config, [FULL, *rows, activate(1)], by_sdk=by_sdk).error is None
    assert deleted(warehouse) == {"a": False, "b": False, "c": False}
    rows = [record("accounts", {"id": id_}, version=2) for id_ in "bd"]
    assert load(config, [FULL, *rows, activate(2)], by_sdk=by_sdk).error is None
    assert deleted(warehouse) == {"a": True, "b": False, "c": True, "d": False}
    (run,) = warehouse.query(
        "SELECT rows_inserted AS i, rows_updated AS u, rows_unchanged AS n, rows_marked_deleted AS d "
        "FROM {schema}._sync_runs ORDER BY started_at DESC LIMIT 1"
    )
    assert run == {"i": 1, "u": 0, "n": 1, "d": 2}


def test_a_version_after_a_narrow_schema(warehouse: Warehouse) -> None:
    """Found by the model: the narrow SCHEMA had brought no record, so its stream seemed to have no versions."""
    loaded(warehouse.config(), [FULL, record("accounts", {"id": "a"}, version=1), NARROW, activate(2)])
    assert deleted(warehouse) == {"a": True}


def test_an_empty_full_table_marks_everything(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [FULL, record("accounts", {"id": "a"}, version=1), activate(1)])
    loaded(warehouse.config(), [FULL, activate(2)])
    assert deleted(warehouse) == {"a": True}


def test_a_version_resumed_in_a_second_run(warehouse: Warehouse) -> None:
    """A full table that takes two runs keeps its version; what the first run brought is not marked."""
    loaded(warehouse.config(), [FULL, record("accounts", {"id": "old"}, version=1), activate(1)])
    loaded(warehouse.config(), [FULL, record("accounts", {"id": "a"}, version=2)])
    loaded(warehouse.config(), [FULL, record("accounts", {"id": "b"}, version=2), activate(2)])
    assert deleted(warehouse) == {"old": True, "a": False, "b": False}
