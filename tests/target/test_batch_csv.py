"""BATCH messages: CSV files, as the SDK and as Salesforce write them; rows that are bad, files that are cut."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.target.batching import AFTER, COMPRESSIONS, PROPERTIES, SCHEMA, batch, csv_of, table
from tests.target.support import INTEGER, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse


def test_csv_of_a_property_behind_a_reference(tmp_path: Path, warehouse: Warehouse) -> None:
    """007 is text, also where rows have to be looked at."""
    schema = schema_message(
        "accounts",
        {"id": {"$ref": "#/definitions/code"}, "n": INTEGER},
        definitions={"code": {"type": "string"}},
    )
    path = tmp_path / "batch.csv"
    path.write_bytes(csv_of(["id", "n"], [["007", "1"], ["008", "x"]]))
    config = warehouse.config(on_bad_record="quarantine")
    for by_sdk in (False, True):
        assert load(config, [schema, batch([path], format="csv")], by_sdk=by_sdk).error is None
    assert warehouse.query("SELECT id, n FROM {schema}.accounts") == [{"id": "007", "n": 1}]


NAMES = list(PROPERTIES)


ROWS: list[list[str | None]] = [
    ["a", 'quote " comma , newline \n end', "1.5", "1", None, "true", '{"x": ["y"]}'],
    ["b", "", None, None, "2026-03-29T10:11:12.000Z", "false", None],
    ["c", None, "12345678.9", "-5", None, None, "{}"],
    ["a", "again", "2", "2", None, "false", None],
]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_csv(compression: str, by_sdk: bool, tmp_path: Path, warehouse: Warehouse) -> None:
    path = tmp_path / "batch.csv"
    path.write_bytes(COMPRESSIONS[compression](csv_of(NAMES, ROWS)))
    message = batch([path.as_uri()], format="csv", compression=compression)
    outcome = load(warehouse.config(), [SCHEMA, message, state(1)], by_sdk=by_sdk)
    assert (outcome.error, outcome.states) == (None, [1])
    assert table(warehouse) == AFTER


@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_csv_as_salesforce_writes_it(by_sdk: bool, tmp_path: Path, warehouse: Warehouse) -> None:
    """The header has API names, every field is quoted, and an empty one is NULL."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(
        [["Id", "Name", "IsDeleted"], ["a", "", "true"], ["b", "B", ""], ["c", 'x "y"', "false"]]
    )
    path = tmp_path / "page.csv"
    path.write_text(out.getvalue())
    message = batch([path.as_uri()], format="csv", columns=["id", "name", "is_deleted"], quoted_empty="null")
    assert load(warehouse.config(), [SCHEMA, message], by_sdk=by_sdk).error is None
    assert table(warehouse) == [
        ("a", None, None, None, None, True, None),
        ("b", "B", None, None, None, False, None),
        ("c", 'x "y"', None, None, None, False, None),
    ]


@pytest.mark.parametrize("metadata", [False, True])
def test_csv_of_a_version(metadata: bool, tmp_path: Path, warehouse: Warehouse) -> None:
    """Columns that the file cannot have are filled by the staging table's defaults, not row by row."""
    path = tmp_path / "page.csv"
    config = warehouse.config(add_record_metadata=metadata)
    encoding = {"format": "csv", "columns": ["id", "name"], "header": False, "quoted_empty": "null"}
    for version, ids in ((1, "ab"), (2, "bc")):
        path.write_text("".join(f'"{id_}",""\n' for id_ in ids))
        message = batch([path.as_uri()], **encoding) | {"version": version}
        activate = {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": version}
        loaded(config, [SCHEMA, message, activate])
    found = warehouse.query(
        "SELECT id, is_deleted, _sdc_table_version AS v FROM {schema}.accounts ORDER BY id"
    )
    assert [tuple(row.values()) for row in found] == [("a", True, 1), ("b", False, 2), ("c", False, 2)]
    if metadata:
        (row,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts WHERE _sdc_received_at IS NULL")
        assert row["n"] == 0


def test_a_bad_row_of_a_csv_file_is_named(tmp_path: Path, warehouse: Warehouse) -> None:
    path = tmp_path / "batch.csv"
    path.write_bytes(
        csv_of(["id", "name", "count"], [["a", "x\ny", "1"], ["b", "x", "many"], ["c", "x", "3"]])
    )
    messages = [
        SCHEMA,
        record("accounts", {"id": "z"}),
        state(1),
        batch([path.as_uri()], format="csv"),
        state(2),
    ]
    outcome = load(warehouse.config(), messages)
    assert str(outcome.error).startswith(
        "line 4, stream 'accounts', key 'b', property 'count': invalid input syntax"
    )
    assert outcome.states == [1]
    outcome = load(warehouse.config(on_bad_record="quarantine"), messages)
    assert (outcome.error, outcome.states[-1]) == (None, 2)
    assert [row[0] for row in table(warehouse)] == ["a", "c", "z"]
    (rejected,) = warehouse.query("SELECT message, property FROM {schema}._rejected")
    assert rejected == {"message": '"b","x","many"', "property": "count"}


@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
@pytest.mark.parametrize("known", [False, True], ids=["new table", "staged"])
def test_an_integer_may_be_spelled_in_a_file_as_in_a_record(
    known: bool, by_sdk: bool, tmp_path: Path, warehouse: Warehouse
) -> None:
    """Salesforce's Bulk API writes 959.0 for 959."""
    cells = ["959.0", "1e3", "-0.0", "12", "9.59E+2", "9223372036854775807", None]
    schema = schema_message("files", {"id": STRING, "n": INTEGER})
    lines = [
        f'{{"type":"RECORD","stream":"records","record":{{"id":"{i}","n":{n or "null"}}}}}\n'.encode()
        for i, n in enumerate(cells)
    ]
    path = tmp_path / "batch.csv"
    path.write_text("id,n\n" + "".join(f"{i},{n or ''}\n" for i, n in enumerate(cells)))
    if known:
        loaded(warehouse.config(), [schema])
    messages = [schema, batch([path], format="csv") | {"stream": "files"}, {**schema, "stream": "records"}]
    messages += lines
    assert load(warehouse.config(), messages, by_sdk=by_sdk).error is None
    for name in ("files", "records"):
        found = warehouse.query(f"SELECT n FROM {{schema}}.{name} ORDER BY id")
        assert [row["n"] for row in found] == [959, 1000, 0, 12, 959, 9223372036854775807, None]


@pytest.mark.parametrize("cell", ["1.5", "many", "1e40", "1e999999999"])
def test_a_number_that_is_no_integer_is_refused_in_a_file_as_in_a_record(
    cell: str, tmp_path: Path, warehouse: Warehouse
) -> None:
    """And soon: the digits of 1e999999999 are not written out."""
    schema = schema_message("accounts", {"id": STRING, "n": INTEGER})
    path = tmp_path / "batch.csv"
    path.write_text(f"id,n\na,1.0\nb,{cell}\nc,3\n")
    value = cell if cell.startswith("1e") or cell == "1.5" else json.dumps(cell)
    line = f'{{"type":"RECORD","stream":"accounts","record":{{"id":"b","n":{value}}}}}\n'.encode()
    config = warehouse.config(on_bad_record="quarantine")
    loaded(config, [schema, batch([path], format="csv"), line])
    assert warehouse.query("SELECT id, n FROM {schema}.accounts ORDER BY id") == [
        {"id": "a", "n": 1},
        {"id": "c", "n": 3},
    ]
    rejected = warehouse.query("SELECT line, property FROM {schema}._rejected ORDER BY line")
    assert rejected == [{"line": 2, "property": "n"}, {"line": 3, "property": "n"}]


CUT = {
    "within quotes": (b'id,name\n"a","x"\n"b","y, "\n"c","z', 4, "the file ends within quotes"),
    "before a cell": (b'id,name\n"a","x"\n"b"', 3, "1 fields for 2 columns"),
    "a row too long": (b'id,name\n"a","x","x"\n"b","y"\n', 2, "3 fields for 2 columns"),
    "a quote too many": (b'id,name\n"a","x""\n"b","y"\n', 3, "the file ends within quotes"),
    "an empty line": (b'id,name\n"a","x"\n\n"b","y"\n', 3, "1 fields for 2 columns"),
}


@pytest.mark.parametrize("known", [False, True], ids=["new table", "staged"])
@pytest.mark.parametrize("quarantine", [False, True])
@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
@pytest.mark.parametrize("fault", CUT)
def test_of_a_file_that_is_cut_nothing_is_loaded(
    *,
    fault: str,
    by_sdk: bool,
    compression: str,
    quarantine: bool,
    known: bool,
    tmp_path: Path,
    warehouse: Warehouse,
) -> None:
    content, line, said = CUT[fault]
    if known:
        loaded(warehouse.config(), [SCHEMA, record("accounts", {"id": "z"})])
    path = tmp_path / "batch"
    path.write_bytes(COMPRESSIONS[compression](content))
    config = warehouse.config(on_bad_record="quarantine" if quarantine else "fail")
    messages = [SCHEMA, record("accounts", {"id": "z"}), state(1), batch([path], format="csv"), state(2)]
    outcome = load(config, messages, by_sdk=by_sdk)
    assert str(outcome.error) == f"line 4, stream 'accounts': batch file {path}, line {line}: {said}"
    assert outcome.states == [1]
    assert [row[0] for row in table(warehouse)] == ["z"]


texts = st.text(st.sampled_from('",\n\r ab\\'), max_size=6)


two_texts = st.lists(st.none() | texts, min_size=2, max_size=2)


@given(rows=st.lists(two_texts, min_size=1, max_size=6), empty_is_null=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_taken_row_by_row_has_the_cells_that_copy_reads(
    rows: list[list[str | None]], empty_is_null: bool, tmp_path: Path, warehouse: Warehouse
) -> None:
    warehouse.execute("DROP SCHEMA IF EXISTS {schema} CASCADE")
    schema = schema_message("accounts", {"id": INTEGER, "a": STRING, "b": STRING})
    path = tmp_path / "batch.csv"
    path.write_bytes(csv_of(["id", "a", "b"], [[str(n), *row] for n, row in enumerate(rows)]))
    extra = {"quoted_empty": "null"} if empty_is_null else {}
    message = batch([path], format="csv", **extra)
    loaded(warehouse.config(), [schema, message])
    copied = warehouse.query("SELECT * FROM {schema}.accounts ORDER BY id")
    warehouse.execute("DROP SCHEMA IF EXISTS {schema} CASCADE")
    assert load(warehouse.config(), [schema, message], by_sdk=True).error is None
    assert warehouse.query("SELECT * FROM {schema}.accounts ORDER BY id") == copied


@pytest.mark.parametrize("kind", ["json", "jsonb"])
def test_a_nul_character_in_json_is_replaced_whatever_type_its_column_has(
    kind: str, tmp_path: Path, warehouse: Warehouse
) -> None:
    warehouse.execute(f"CREATE SCHEMA {{schema}}; CREATE TABLE {{schema}}.t (id bigint, made {kind})")
    schema = schema_message("t", {"id": INTEGER, "made": {"type": "object"}}, ())
    value = {"text": "a\0b"}
    path = tmp_path / "t.csv"
    path.write_bytes(csv_of(["id", "made"], [["1", json.dumps(value)]]))
    message = batch([path], format="csv") | {"stream": "t"}
    loaded(warehouse.config(), [schema, message, record("t", {"id": 2, "made": value})])
    assert warehouse.query("SELECT made FROM {schema}.t") == [{"made": {"text": "a\ufffdb"}}] * 2
