"""Partial rows: records under a SCHEMA with some of the stream's properties, whichever message or file brings them."""

from __future__ import annotations

import json
from hashlib import md5
from typing import TYPE_CHECKING, Any

import pytest

from target_sfwarehouse.errors import SettingsError
from tests.target.support import (
    BOOLEAN,
    INTEGER,
    STRING,
    as_lines,
    load,
    loaded,
    record,
    schema_message,
    state,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

FULL = {"id": STRING, "name": STRING, "email": STRING, "amount": INTEGER, "is_deleted": BOOLEAN}
ROWS = [
    {"id": "a", "name": "Ann", "email": "ann@x.org", "amount": 5, "is_deleted": False},
    {"id": "b", "name": "Bob", "email": "bob@x.org", "amount": 50, "is_deleted": False},
]


def narrow(*names: str) -> Any:
    return schema_message("accounts", {name: FULL[name] for name in ("id", *names)})


def hidden(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def table(
    warehouse: Warehouse, columns: str = "id, name, email, amount, is_deleted"
) -> list[tuple[Any, ...]]:
    return [
        tuple(row.values())
        for row in warehouse.query(f"SELECT {columns} FROM {{schema}}.accounts ORDER BY 1")
    ]


def cell(value: Any) -> str:
    return "" if value is None else json.dumps(value)


def file_of(kind: str, rows: list[dict[str, Any]], path: Path) -> Any:
    """A BATCH message, and the file that it names."""
    if kind == "parquet":
        import pyarrow  # noqa: PLC0415 - heavy
        from pyarrow import parquet  # noqa: PLC0415

        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = [list(rows[0]), *([cell(value) for value in row.values()] for row in rows)]
        path.write_text("".join(",".join(line) + "\n" for line in lines))
    encoding = {"format": kind, "compression": "none"}
    return {"type": "BATCH", "stream": "accounts", "encoding": encoding, "manifest": [path.as_uri()]}


def brought(kind: str, rows: list[dict[str, Any]], path: Path, version: int | None = None) -> list[Any]:
    """Messages that bring rows, one a record or by a file."""
    extra = {} if version is None else {"version": version}
    if kind == "record":
        return [record("accounts", row, **extra) for row in rows]
    return [file_of(kind, rows, path) | extra]


@pytest.mark.parametrize("new", [True, False], ids=["new table", "old table"])
@pytest.mark.parametrize("version", [None, 7])
@pytest.mark.parametrize("kind", ["record", "jsonl", "csv", "parquet"])
@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_partial_rows_set_their_columns_only(
    *, kind: str, by_sdk: bool, version: int | None, new: bool, tmp_path: Path, warehouse: Warehouse
) -> None:
    full = [schema_message("accounts", FULL), *brought(kind, ROWS, tmp_path / "full", version)]
    parts = [{"id": "a", "amount": 6}, {"id": "c", "amount": 7}]
    partial = [narrow("amount"), *brought(kind, parts, tmp_path / "part", version)]
    again = [schema_message("accounts", FULL), state(1)]
    if new:
        assert load(warehouse.config(), [*full, *partial, *again], by_sdk=by_sdk).error is None
    else:
        assert load(warehouse.config(), full, by_sdk=by_sdk).error is None
        assert load(warehouse.config(), [*partial, *again], by_sdk=by_sdk).error is None
    assert table(warehouse) == [
        ("a", "Ann", "ann@x.org", 6, False),
        ("b", "Bob", "bob@x.org", 50, False),
        ("c", None, None, 7, False),
    ]


WHOLE = [schema_message("accounts", FULL), *(record("accounts", row) for row in ROWS), state(1)]
TOMBSTONE = [narrow("is_deleted"), record("accounts", {"id": "a", "is_deleted": True})]
REFRESH = [narrow("amount"), record("accounts", {"id": "a", "amount": 6})]

CARRIED: list[tuple[str, dict[str, Any], list[Any], str, list[tuple[Any, ...]]]] = [
    (
        "a masked key",
        {"id": "md5(id)"},
        TOMBSTONE,
        "name, is_deleted",
        [("Ann", True), ("Bob", False)],
    ),
    (
        "a computed column that the partial row does not touch",
        {"name": "name.upper()", "domain": "record['email'].split('@')[1]"},
        TOMBSTONE,
        "name, domain, is_deleted",
        [("ANN", "x.org", True), ("BOB", "x.org", False)],
    ),
    (
        "a computed column that it does touch",
        {"amount": "self * 2"},
        REFRESH,
        "name, amount",
        [("Ann", 12), ("Bob", 100)],
    ),
    ("a removal", {"email": None}, REFRESH, "name, amount", [("Ann", 6), ("Bob", 50)]),
    (
        "other names",
        {"title": "name", "total": "amount", "name": None, "amount": None},
        REFRESH,
        "title, total",
        [("Ann", 6), ("Bob", 50)],
    ),
    ("a filter on the key", {"__filter__": "id != 'b'"}, TOMBSTONE, "id, is_deleted", [("a", True)]),
    (
        "a constant",
        {"source": "'sf'"},
        TOMBSTONE,
        "name, source, is_deleted",
        [("Ann", "sf", True), ("Bob", "sf", False)],
    ),
]


@pytest.mark.parametrize("kind", ["record", "jsonl", "csv", "parquet"])
@pytest.mark.parametrize(
    ("name", "stream_map", "partial", "columns", "rows"), CARRIED, ids=[c[0] for c in CARRIED]
)
def test_a_stream_map_that_carries_partial_rows(
    *,
    name: str,
    stream_map: dict[str, Any],
    partial: list[Any],
    columns: str,
    rows: list[tuple[Any, ...]],
    kind: str,
    tmp_path: Path,
    warehouse: Warehouse,
) -> None:
    config = warehouse.config(stream_maps={"accounts": stream_map})
    values = [message["record"] for message in partial[1:]]
    messages = [*WHOLE, partial[0], *brought(kind, values, tmp_path / "part"), WHOLE[0], state(2)]
    assert loaded(config, messages).states[-1] == 2
    assert table(warehouse, columns) == rows


NOT_CARRIED = [
    ("a filter", {"__filter__": "amount > 10"}, TOMBSTONE, "`__filter__` needs amount"),
    ("a filter by the whole record", {"__filter__": "str(record) > str(2)"}, TOMBSTONE, "`__filter__` needs"),
    ("some properties are there", {"label": "name or id"}, TOMBSTONE, "`label` needs name"),
    ("a raw value would get out", {"amount": "amount if email else 0"}, REFRESH, "`amount` needs email"),
    ("a key of other properties", {"id": "md5(email)"}, TOMBSTONE, "`id` needs email"),
    (
        "a new key of other properties",
        {"mail": "md5(email)", "__key_properties__": ["mail"]},
        TOMBSTONE,
        "`mail` needs",
    ),
]


@pytest.mark.parametrize("quarantine", [False, True])
@pytest.mark.parametrize(
    ("name", "stream_map", "partial", "said"), NOT_CARRIED, ids=[c[0] for c in NOT_CARRIED]
)
def test_a_stream_map_that_cannot_carry_partial_rows(
    *,
    name: str,
    stream_map: dict[str, Any],
    partial: list[Any],
    said: str,
    quarantine: bool,
    warehouse: Warehouse,
) -> None:
    config = warehouse.config(
        stream_maps={"accounts": stream_map}, on_bad_record="quarantine" if quarantine else "fail"
    )
    outcome = load(config, [*WHOLE, *partial, WHOLE[0], state(2)])
    assert str(outcome.error).startswith("line 5, stream 'accounts': the stream map's " + said)
    assert "`partial_rows` to `whole`" in str(outcome.error)
    assert outcome.states == [1]
    raw = {row["id"] for row in warehouse.query("SELECT * FROM {schema}.accounts") if "id" in row}
    assert "id" not in stream_map or not raw & {"a", "b"}


def test_it_is_one_line_and_no_traceback(processes: Processes, warehouse: Warehouse) -> None:
    config = processes.write(
        "config.json", warehouse.config(stream_maps={"accounts": {"__filter__": "amount > 10"}})
    )
    path = processes.directory / "in"
    path.write_bytes(as_lines([*WHOLE, *TOMBSTONE, state(2)]))
    finished = processes.target("--config", config, stdin=path)
    assert finished.status == 1
    assert "Traceback" not in finished.stderr
    assert "line 5, stream 'accounts': the stream map's `__filter__` needs amount" in finished.stderr
    assert finished.stdout == "1\n"


def test_a_misspelt_property_is_an_error_and_not_left_out(warehouse: Warehouse) -> None:
    outcome = load(warehouse.config(stream_maps={"accounts": {"name": "nmae.upper()"}}), [*WHOLE, *TOMBSTONE])
    assert str(outcome.error).startswith("line 2, stream 'accounts': its stream map cannot be applied")
    assert "nmae" in str(outcome.error)


BAD = {"id": "c", "name": None, "email": None, "amount": 7, "is_deleted": False}


@pytest.mark.parametrize("kind", ["record", "jsonl", "csv", "parquet"])
def test_a_record_that_a_map_cannot_map_is_a_bad_record_and_none_of_its_values_gets_out(
    kind: str, tmp_path: Path, warehouse: Warehouse
) -> None:
    maps = {"accounts": {"id": "md5(id)", "name": "name.upper()"}}
    messages = [schema_message("accounts", FULL), *brought(kind, [*ROWS, BAD], tmp_path / "f"), state(1)]
    outcome = load(warehouse.config(stream_maps=maps), messages)
    assert "stream 'accounts': its stream map cannot be applied" in str(outcome.error)
    outcome = loaded(warehouse.config(stream_maps=maps, on_bad_record="quarantine"), messages)
    assert outcome.states == [1]
    assert {row[0] for row in table(warehouse)} == {hidden("a"), hidden("b")}
    (rejected,) = warehouse.query("SELECT message, reason FROM {schema}._rejected")
    assert json.loads(rejected["message"]) == {"type": "RECORD", "stream": "accounts", "record": None}


def test_the_quarantine_of_a_mapped_stream_holds_mapped_values(warehouse: Warehouse) -> None:
    maps = {"accounts": {"id": "md5(id)"}}
    config = warehouse.config(stream_maps=maps, on_bad_record="quarantine")
    loaded(config, [*WHOLE, record("accounts", {**BAD, "amount": "many"}), state(2)])
    (rejected,) = warehouse.query("SELECT message FROM {schema}._rejected")
    assert json.loads(rejected["message"])["record"]["id"] == hidden("c")


def test_a_line_of_a_file_that_is_no_json_is_not_kept_where_a_map_hides_values(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    path = tmp_path / "f"
    path.write_text('{"id": "secret"\n')
    message = {
        "type": "BATCH",
        "stream": "accounts",
        "encoding": {"format": "jsonl"},
        "manifest": [str(path)],
    }
    config = warehouse.config(stream_maps={"accounts": {"id": "md5(id)"}}, on_bad_record="quarantine")
    loaded(config, [*WHOLE, message])
    (rejected,) = warehouse.query("SELECT message FROM {schema}._rejected")
    assert "secret" not in rejected["message"]


def test_a_map_that_is_wrong_is_told(warehouse: Warehouse) -> None:
    for stream_map in ({"name": "("}, {"__key_properties__": ["nowhere"]}, {"id": None}):
        outcome = load(warehouse.config(stream_maps={"accounts": stream_map}), WHOLE)
        assert str(outcome.error).startswith("line 1, stream 'accounts': ")


@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
@pytest.mark.parametrize("where", ["append-only", "overwrite", "no key"])
@pytest.mark.parametrize("kind", ["columns", "versions", "versions behind tombstones", "tombstones"])
def test_partial_rows_that_cannot_be_merged(
    kind: str, where: str, by_sdk: bool, warehouse: Warehouse
) -> None:
    """They would be rows of nothing but a key; the version of such rows would delete the whole ones."""
    keys = () if where == "no key" else ("id",)
    full = schema_message("accounts", {"id": STRING, "name": STRING, "is_deleted": BOOLEAN}, keys)
    config = warehouse.config(load_method="upsert" if where == "no key" else where)
    loaded(config, [full, record("accounts", {"id": "a", "name": "A"}, version=1)])
    part = {"id": STRING, **({"name": STRING} if kind == "columns" else {"is_deleted": BOOLEAN})}
    tombstone, row = {"id": "gone", "is_deleted": True}, {"id": "a"}
    rows = {
        "columns": [record("accounts", row)],
        "versions": [record("accounts", row, version=2)] * 2,
        "versions behind tombstones": [record("accounts", tombstone), record("accounts", row, version=2)],
        "tombstones": [record("accounts", tombstone)] * 2,
    }[kind]
    messages = [
        full,
        record("accounts", {"id": "b"}),
        schema_message("accounts", part, keys),
        *rows,
        full,
        state(2),
    ]
    outcome = load(config, messages, by_sdk=by_sdk)
    found = {row["id"] for row in warehouse.query("SELECT id FROM {schema}.accounts")}
    if kind == "tombstones":
        assert (outcome.error, outcome.states) == (None, [2])
        assert found >= {"b", "gone"}
        return
    assert isinstance(outcome.error, SettingsError)
    assert "Set the tap's `partial_rows` to `whole`." in str(outcome.error)
    assert outcome.states == []
    assert found == {"a"}
