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


@pytest.mark.parametrize("hard_delete", [False, True])
def test_names_with_a_percent_sign(hard_delete: bool, warehouse: Warehouse) -> None:
    """The driver takes it for a parameter where a statement has some."""
    for version in (1, 2):
        messages = [
            schema_message("50%s off", {"id": STRING, "a%b": STRING}),
            record("50%s off", {"id": str(version), "a%b": "x"}, version=version),
            {"type": "ACTIVATE_VERSION", "stream": "50%s off", "version": version},
        ]
        loaded(warehouse.config(hard_delete=hard_delete), messages)
    found = warehouse.connection.execute(f'SELECT id FROM {warehouse.schema}."50%s off"'.encode()).fetchall()
    assert len(found) == (1 if hard_delete else 2)


@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_a_mark_that_the_tap_sends(by_sdk: bool, warehouse: Warehouse) -> None:
    """Log-based taps say `_sdc_deleted_at`; without `add_record_metadata` the SDK would leave it out."""
    schema = schema_message(
        "accounts", {"id": STRING, "_sdc_deleted_at": {"type": ["null", "string"], "format": "date-time"}}
    )
    records = [
        record("accounts", {"id": "gone", "_sdc_deleted_at": "2026-01-02T03:04:05Z"}, version=1),
        record("accounts", {"id": "here", "_sdc_deleted_at": None}, version=1),
        record("accounts", {"id": "gone, too", "_sdc_deleted_at": "2026-01-02T03:04:05Z"}, version=1),
    ]
    assert load(warehouse.config(), [schema, *records], by_sdk=by_sdk).error is None
    assert load(warehouse.config(), [schema, *records], by_sdk=by_sdk).error is None
    found = warehouse.query("SELECT id FROM {schema}.accounts WHERE _sdc_deleted_at IS NOT NULL ORDER BY id")
    assert [row["id"] for row in found] == ["gone", "gone, too"]


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
