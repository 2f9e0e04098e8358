"""The column that marks deleted rows: the SCHEMA names it by `"x-soft-delete": true`, or it is `is_deleted`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.support import BOOLEAN, INTEGER, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

MARK = {"x-soft-delete": True}
TIME = {"type": ["null", "string"], "format": "date-time"}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "the usual name": ("is_deleted", BOOLEAN),
    "Salesforce's name": ("IsDeleted", {**BOOLEAN, **MARK}),
    "a time": ("removed_at", {**TIME, **MARK}),
    "a name that hurts": ('50% "off"', {**BOOLEAN, **MARK}),
    "behind a reference": ("gone", {"$ref": "#/definitions/flag", **MARK}),
    "none": ("_sdc_deleted_at", {}),
}


def full(name: str, definition: dict[str, Any]) -> Any:
    properties = {"Id": STRING, "Name": STRING} | ({name: definition} if definition else {})
    return schema_message("accounts", properties, ["Id"], definitions={"flag": BOOLEAN})


def activate(version: int) -> dict[str, object]:
    return {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": version}


def deleted(warehouse: Warehouse, name: str) -> dict[str, bool]:
    rows = warehouse.query("SELECT * FROM {schema}.accounts")
    return {row["Id"]: row[name] is not None and row[name] is not False for row in rows}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
@pytest.mark.parametrize("narrow", [False, True], ids=["whole rows", "partial rows"])
def test_a_sweep_marks_what_has_gone(kind: str, by_sdk: bool, narrow: bool, warehouse: Warehouse) -> None:
    name, definition = KINDS[kind]
    first = [full(name, definition), *(record("accounts", {"Id": i}, version=1) for i in "abc"), activate(1)]
    assert load(warehouse.config(), first, by_sdk=by_sdk).error is None
    if definition:
        assert deleted(warehouse, name) == {"a": False, "b": False, "c": False}
    messages = [full(name, definition)]
    messages += [schema_message("accounts", {"Id": STRING}, ["Id"])] if narrow else []
    messages += [
        *(record("accounts", {"Id": i}, version=2) for i in "bd"),
        activate(2),
        messages[0],
        state(1),
    ]
    assert load(warehouse.config(), messages, by_sdk=by_sdk).states == [1]
    assert deleted(warehouse, name) == {"a": True, "b": False, "c": True, "d": False}
    columns = set(warehouse.query("SELECT * FROM {schema}.accounts")[0])
    assert columns == {"Id", "Name", name, "_sdc_table_version"}
    # A second sweep leaves the time of the first.
    before = warehouse.query("SELECT * FROM {schema}.accounts WHERE \"Id\" = 'a'")
    loaded(
        warehouse.config(),
        [messages[0], *(record("accounts", {"Id": i}, version=3) for i in "bd"), activate(3)],
    )
    assert warehouse.query("SELECT * FROM {schema}.accounts WHERE \"Id\" = 'a'") == before


def test_a_row_that_comes_back_is_no_longer_deleted(warehouse: Warehouse) -> None:
    for kind in ("Salesforce's name", "a time"):
        name, definition = KINDS[kind]
        warehouse.execute("DROP SCHEMA IF EXISTS {schema} CASCADE")
        loaded(
            warehouse.config(),
            [full(name, definition), record("accounts", {"Id": "a"}, version=1), activate(2)],
        )
        assert deleted(warehouse, name) == {"a": True}
        loaded(
            warehouse.config(),
            [full(name, definition), record("accounts", {"Id": "a"}, version=3), activate(3)],
        )
        assert deleted(warehouse, name) == {"a": False}


def test_both_marks_are_set_where_a_schema_has_two(warehouse: Warehouse) -> None:
    properties = {"Id": STRING, "gone": {**BOOLEAN, **MARK}, "gone_at": {**TIME, **MARK}}
    loaded(
        warehouse.config(),
        [
            schema_message("accounts", properties, ["Id"]),
            record("accounts", {"Id": "a"}, version=1),
            activate(2),
        ],
    )
    (row,) = warehouse.query("SELECT gone, gone_at IS NOT NULL AS at FROM {schema}.accounts")
    assert row == {"gone": True, "at": True}


@pytest.mark.parametrize(
    "definition",
    [{**INTEGER, **MARK}, {**BOOLEAN, "x-soft-delete": False}, {**BOOLEAN, "x-soft-delete": "yes"}],
)
def test_what_cannot_mark_is_left_alone(definition: dict[str, Any], warehouse: Warehouse) -> None:
    loaded(
        warehouse.config(),
        [
            schema_message("accounts", {"Id": STRING, "gone": definition}, ["Id"]),
            record("accounts", {"Id": "a"}, version=1),
            activate(2),
        ],
    )
    (row,) = warehouse.query("SELECT gone, _sdc_deleted_at IS NOT NULL AS at FROM {schema}.accounts")
    assert row == {"gone": None, "at": True}


@pytest.mark.parametrize("known", [False, True], ids=["new table", "staged"])
@pytest.mark.parametrize("kind", ["Salesforce's name", "a name that hurts"])
def test_a_mark_that_nobody_sets_is_false(
    kind: str, known: bool, tmp_path: Path, warehouse: Warehouse
) -> None:
    """In records and in files, as `is_deleted` always was."""
    name, definition = KINDS[kind]
    if known:
        loaded(warehouse.config(), [full(name, definition)])
    path = tmp_path / "batch.csv"
    quoted = '"' + name.replace('"', '""') + '"'
    path.write_text(f'Id,{quoted}\n"a",\n"b",true\n')
    encoding = {"format": "csv"}
    batch = {"type": "BATCH", "stream": "accounts", "encoding": encoding, "manifest": [str(path)]}
    loaded(warehouse.config(), [full(name, definition), batch, record("accounts", {"Id": "c", name: None})])
    loaded(warehouse.config(), [full(name, definition), record("accounts", {"Id": "d"})])
    rows = warehouse.query("SELECT * FROM {schema}.accounts")
    assert {row["Id"]: row[name] for row in rows} == {"a": False, "b": True, "c": False, "d": False}


def test_a_mark_keeps_its_meaning_under_another_name(warehouse: Warehouse) -> None:
    maps = {"accounts": {"deleted": "IsDeleted", "IsDeleted": None}}
    config = warehouse.config(stream_maps=maps)
    schema = full("IsDeleted", KINDS["Salesforce's name"][1])
    first = [
        schema,
        *(record("accounts", {"Id": i, "IsDeleted": False}, version=1) for i in "ab"),
        activate(1),
    ]
    loaded(config, first)
    loaded(config, [schema, record("accounts", {"Id": "b", "IsDeleted": False}, version=2), activate(2)])
    assert deleted(warehouse, "deleted") == {"a": True, "b": False}
    assert "_sdc_deleted_at" not in json.dumps(warehouse.query("SELECT * FROM {schema}.accounts"))
