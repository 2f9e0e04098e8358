"""BATCH messages: the SDK's files and CSV."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_sdk.batch import Batcher
from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig, StorageTarget
from upath import UPath

from tests.target.support import BOOLEAN, INTEGER, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

PROPERTIES = {
    "id": STRING,
    "name": STRING,
    "amount": {"type": ["null", "number"], "multipleOf": 0.01, "precision": 10, "scale": 2},
    "count": INTEGER,
    "at": {"type": ["null", "string"], "format": "date-time"},
    "is_deleted": BOOLEAN,
    "details": {"type": ["null", "object"]},
}
SCHEMA = schema_message("accounts", PROPERTIES)
RECORDS: list[dict[str, Any]] = [
    {
        "id": "a",
        "name": 'quote " comma , newline \n end',
        "amount": 1.5,
        "count": 1,
        "is_deleted": True,
        "details": {"x": ["y"]},
    },
    {
        "id": "b",
        "name": "",
        "amount": None,
        "count": None,
        "at": "2026-03-29T10:11:12.000Z",
        "is_deleted": False,
    },
    {"id": "c", "name": None, "amount": 12345678.9, "count": -5, "details": {}},
    {"id": "a", "name": "again", "amount": 2, "count": 2, "is_deleted": False},
]
TABLE = (
    "SELECT id, name, amount, count, at::text AS at, is_deleted, details FROM {schema}.accounts ORDER BY id"
)
AFTER: list[tuple[Any, ...]] = [
    ("a", "again", "2.00", 2, None, False, None),
    ("b", "", None, None, "2026-03-29 10:11:12+00", False, None),
    ("c", None, "12345678.90", -5, None, False, {}),
]


def batch(files: Sequence[Path | str], **encoding: Any) -> Any:
    manifest = [str(file) for file in files]
    return {"type": "BATCH", "stream": "accounts", "encoding": encoding, "manifest": manifest}


def table(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    warehouse.execute("SET timezone = 'UTC'")
    rows = warehouse.query(TABLE)
    return [tuple(str(v) if n == "amount" and v is not None else v for n, v in row.items()) for row in rows]


def json_lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(values).encode() + b"\n" for values in records)


def csv_of(names: list[str], rows: list[list[str | None]]) -> bytes:
    """CSV in which NULL is an empty field and every text is quoted."""
    lines: list[Sequence[str | None]] = [names, *rows]
    quoted = [",".join("" if v is None else '"' + v.replace('"', '""') + '"' for v in row) for row in lines]
    return ("\n".join(quoted) + "\n").encode()


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_json_lines(compression: str, by_sdk: bool, tmp_path: Path, warehouse: Warehouse) -> None:
    path = tmp_path / "batch.jsonl"
    path.write_bytes(COMPRESSIONS[compression](json_lines(RECORDS)))
    message = batch([path.as_uri()], format="jsonl", compression=compression)
    outcome = load(warehouse.config(), [SCHEMA, message, state({"n": 1})], by_sdk=by_sdk)
    assert (outcome.error, outcome.states) == (None, [{"n": 1}])
    assert table(warehouse) == AFTER


@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
@pytest.mark.parametrize("encoding", ["jsonl", "csv"])
def test_files_that_the_sdk_itself_writes(
    encoding: str, by_sdk: bool, tmp_path: Path, warehouse: Warehouse
) -> None:
    """Including its csv encoder, which this package registers."""
    batcher = Batcher(
        "tap-test",
        "accounts",
        BatchConfig(BaseBatchFileEncoding(encoding, "gzip"), StorageTarget(tmp_path.as_uri()), 3),
    )
    messages = [
        batch(files, format=encoding, compression="gzip") for files in batcher.get_batches(iter(RECORDS))
    ]
    assert len(messages) == 2
    outcome = load(warehouse.config(), [SCHEMA, *messages], by_sdk=by_sdk)
    assert outcome.error is None
    assert table(warehouse) == AFTER


FLAT = [{name: values.get(name) for name in PROPERTIES if name != "details"} for values in RECORDS]
FLAT_AFTER = [row[:-1] for row in AFTER]


def encoded(form: str, compression: str) -> bytes:
    """The records without their documents, as a file of any kind."""
    if form == "parquet":
        import pyarrow  # noqa: PLC0415 - heavy
        from pyarrow import parquet  # noqa: PLC0415

        out = io.BytesIO()
        parquet.write_table(pyarrow.Table.from_pylist(FLAT), out, compression=compression)
        return out.getvalue()
    if form == "csv":
        text = {True: "true", False: "false", None: None}
        rows = [
            [
                text.get(v, str(v)) if v not in {0, 1} or v is True or v is False else str(v)
                for v in values.values()
            ]
            for values in FLAT
        ]
        plain = csv_of(list(FLAT[0]), rows)
    else:
        plain = json_lines(FLAT)
    return COMPRESSIONS[compression](plain)


def stored_at(place: str, name: str, content: bytes, directory: Path) -> str:
    """Put a file somewhere; gives its URL."""
    path = directory / name
    if place == "memory":
        UPath(f"memory://batches/{name}").write_bytes(content)
        return f"memory://batches/{name}"
    if place == "in a zip file":
        with zipfile.ZipFile(directory / "batches.zip", "w") as archive:
            archive.writestr(name, content)
        return f"zip://{name}::{(directory / 'batches.zip').as_uri()}"
    path.write_bytes(content)
    return str(path) if place == "a path" else path.as_uri()


@pytest.mark.parametrize("place", ["a path", "a file URL", "memory", "in a zip file"])
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_files_of_every_kind_anywhere(
    form: str, compression: str, place: str, tmp_path: Path, warehouse: Warehouse
) -> None:
    url = stored_at(place, f"batch.{form}", encoded(form, compression), tmp_path)
    message = batch([url], format=form, compression=compression)
    for by_sdk in (False, True):
        outcome = load(warehouse.config(), [SCHEMA, message, state({"n": 1})], by_sdk=by_sdk)
        assert (outcome.error, outcome.states) == (None, [{"n": 1}])
        assert [row[:-1] for row in table(warehouse)] == FLAT_AFTER


@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
@pytest.mark.parametrize(
    ("form", "compression"),
    [("jsonl", "gzip"), ("csv", "gzip"), ("jsonl", "zstd"), ("csv", "zstd"), ("parquet", "none")],
)
def test_a_damaged_file(
    form: str, compression: str, by_sdk: bool, tmp_path: Path, warehouse: Warehouse
) -> None:
    whole = encoded(form, compression)
    path = tmp_path / "batch"
    messages = [SCHEMA, record("accounts", {"id": "z"}), state(1), batch([path], format=form), state(2)]
    broken = [whole[:-9], whole[: len(whole) // 2] + b"\xff" * 40 + whole[len(whole) // 2 :]]
    for content in broken:
        path.write_bytes(content)
        outcome = load(warehouse.config(), messages, by_sdk=by_sdk)
        assert str(outcome.error).startswith("line 4, stream 'accounts'")
        assert str(path) in str(outcome.error)
        assert outcome.states == [1]


@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize(
    ("url", "said"),
    [("nonsense://bucket/file", "nonsense"), ("/nowhere/file", "is not there"), ("/", "cannot be read")],
)
def test_a_place_that_is_none(url: str, said: str, form: str, by_sdk: bool, warehouse: Warehouse) -> None:
    messages = [SCHEMA, record("accounts", {"id": "z"}), state(1), batch([url], format=form), state(2)]
    outcome = load(warehouse.config(), messages, by_sdk=by_sdk)
    assert str(outcome.error).startswith(f"line 4, stream 'accounts': batch file {url}")
    assert said in str(outcome.error)
    assert outcome.states == [1]


def test_a_line_that_is_nested_too_deeply(tmp_path: Path, warehouse: Warehouse) -> None:
    path = tmp_path / "batch.jsonl"
    path.write_bytes(b'{"id":"d","details":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001 + b'\n{"id":"e"}\n')
    message = batch([path.as_uri()], format="jsonl")
    for by_sdk in (False, True):
        outcome = load(
            warehouse.config(on_bad_record="quarantine"), [SCHEMA, message, state(1)], by_sdk=by_sdk
        )
        assert (outcome.error, outcome.states) == (None, [1])
        outcome = load(warehouse.config(), [SCHEMA, message, state(1)], by_sdk=by_sdk)
        assert "nested too deeply" in str(outcome.error)
    assert [row[0] for row in table(warehouse)] == ["e"]


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


def test_a_zstd_file_of_many_frames(tmp_path: Path, warehouse: Warehouse) -> None:
    """As `cat a.zst b.zst` makes it; more than one block of each."""
    path = tmp_path / "batch"
    parts = [json_lines([{"id": f"{part}-{n}", "name": "x" * 900} for n in range(400)]) for part in range(3)]
    path.write_bytes(b"".join(map(zstandard.compress, parts)))
    loaded(warehouse.config(), [SCHEMA, batch([path], format="jsonl")])
    assert warehouse.query("SELECT count(*) AS n, sum(length(name)) AS size FROM {schema}.accounts") == [
        {"n": 1200, "size": 1200 * 900}
    ]


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


def test_records_and_files_of_one_stream_keep_their_order(tmp_path: Path, warehouse: Warehouse) -> None:
    path = tmp_path / "batch.csv"
    path.write_bytes(csv_of(["id", "name"], [["a", "file"], ["b", "file"]]))
    messages = [
        SCHEMA,
        record("accounts", {"id": "a", "name": "before"}),
        record("accounts", {"id": "c", "name": "before"}),
    ]
    messages += [batch([path.as_uri()], format="csv"), record("accounts", {"id": "b", "name": "after"})]
    loaded(warehouse.config(), messages)
    assert [row[:2] for row in table(warehouse)] == [("a", "file"), ("b", "after"), ("c", "before")]


@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
@pytest.mark.parametrize("known", [False, True], ids=["new table", "staged"])
def test_the_last_row_of_a_key_wins_whichever_of_them_says_that_it_is_deleted(
    known: bool, by_sdk: bool, tmp_path: Path, warehouse: Warehouse
) -> None:
    if known:
        loaded(warehouse.config(), [SCHEMA, record("accounts", {"id": "z"})])
    path = tmp_path / "batch.csv"
    path.write_bytes(
        csv_of(
            ["id", "name", "is_deleted"],
            [["a", "first", None], ["b", "first", "true"], ["a", "second", "false"], ["b", "second", None]],
        )
    )
    messages = [SCHEMA, batch([path.as_uri()], format="csv"), state(1)]
    assert load(warehouse.config(), messages, by_sdk=by_sdk).error is None
    found = warehouse.query("SELECT id, name, is_deleted FROM {schema}.accounts WHERE id < 'z' ORDER BY id")
    assert [tuple(row.values()) for row in found] == [("a", "second", False), ("b", "second", False)]


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


@pytest.mark.parametrize(
    ("content", "encoding", "reason"),
    [
        (b"id,colour\na,red\n", {"format": "csv"}, "has column 'colour', which is no property of the SCHEMA"),
        (b"name\na\n", {"format": "csv"}, "lacks the key property 'id'"),
        (b"", {"format": "csv"}, "has no usable columns"),
        (
            b"a,b\n",
            {"format": "csv", "header": False},
            "has no header, and the message does not name its columns",
        ),
        (b"id,name\na\n", {"format": "csv"}, "1 fields for 2 columns"),
        (b"", {"format": "avro"}, "batch format 'avro' is none of jsonl, parquet, csv"),
        (b'{"id": 1\n', {"format": "jsonl"}, "has a line that is no JSON"),
        (
            gzip.compress(b'{"id": "a"}\n', mtime=0)[:-6],
            {"format": "jsonl"},
            "ended before the end-of-stream marker",
        ),
        (None, {"format": "jsonl"}, "is not there"),
    ],
)
def test_a_bad_batch_ends_the_run_after_what_came_before(
    content: bytes | None, encoding: dict[str, Any], reason: str, tmp_path: Path, warehouse: Warehouse
) -> None:
    path = tmp_path / "batch"
    if content is not None:
        path.write_bytes(content)
    messages = [
        SCHEMA,
        record("accounts", {"id": "z"}),
        state(1),
        batch([path.as_uri()], **encoding),
        state(2),
    ]
    outcome = load(warehouse.config(), messages)
    assert str(outcome.error).startswith("line 4, stream 'accounts'")
    assert reason in str(outcome.error)
    assert outcome.states == [1]
    assert "z" in [row[0] for row in table(warehouse)]


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
