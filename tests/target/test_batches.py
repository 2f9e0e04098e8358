"""BATCH messages: files of every kind, wherever they are."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from singer_sdk.batch import Batcher
from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig, StorageTarget
from upath import UPath

from tests.target.batching import (
    AFTER,
    COMPRESSIONS,
    PROPERTIES,
    RECORDS,
    SCHEMA,
    batch,
    csv_of,
    json_lines,
    table,
)
from tests.target.support import load, loaded, record, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse


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


def test_a_zstd_file_of_many_frames(tmp_path: Path, warehouse: Warehouse) -> None:
    """As `cat a.zst b.zst` makes it; more than one block of each."""
    path = tmp_path / "batch"
    parts = [json_lines([{"id": f"{part}-{n}", "name": "x" * 900} for n in range(400)]) for part in range(3)]
    path.write_bytes(b"".join(map(zstandard.compress, parts)))
    loaded(warehouse.config(), [SCHEMA, batch([path], format="jsonl")])
    assert warehouse.query("SELECT count(*) AS n, sum(length(name)) AS size FROM {schema}.accounts") == [
        {"n": 1200, "size": 1200 * 900}
    ]


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
