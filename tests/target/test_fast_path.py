"""The fast path is taken where it can be, and gives what the slow one gives."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from target_sfwarehouse.reader import FastReader
from target_sfwarehouse.rows import RowShape, encode_rows
from target_sfwarehouse.target import TargetSFWarehouse
from target_sfwarehouse.types import SqlType
from target_sfwarehouse.values import Column, load_json
from tests.target.support import INTEGER, STRING, as_lines, load, record, schema_message, state

if TYPE_CHECKING:
    import pytest

    from tests.fix_warehouse import Warehouse

SCHEMA = schema_message("accounts", {"id": INTEGER, "name": STRING})


def slow_lines(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Lines that are decoded whole, as only the slow path does."""
    seen: list[bytes] = []
    decode = FastReader.deserialize_json

    def noted(self: FastReader, line: bytes) -> dict[str, Any]:
        seen.append(line)
        return decode(self, line)

    monkeypatch.setattr(FastReader, "deserialize_json", noted)
    return seen


def test_all_but_the_first_record_of_a_schema_are_fast(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = slow_lines(monkeypatch)
    other = schema_message("leads", {"id": INTEGER})
    records = [record(stream, {"id": n}) for n in range(500) for stream in ("accounts", "leads")]
    assert load(warehouse.config(), [SCHEMA, other, *records, state(1)]).error is None
    assert len(seen) == 4
    (found,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    assert found == {"n": 500}


def test_records_with_versions_and_metadata_are_fast(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = slow_lines(monkeypatch)
    for metadata in (False, True):
        records = [
            record("accounts", {"id": n}, version=1, time_extracted="2026-01-01T00:00:00Z")
            for n in range(500)
        ]
        assert load(warehouse.config(add_record_metadata=metadata), [SCHEMA, *records]).error is None
    assert len(seen) == 4


def test_a_record_that_the_decoder_refuses_does_not_make_the_next_slow(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = slow_lines(monkeypatch)
    records = [record("accounts", {"id": n, "name": 5 if n % 100 == 50 else "x"}) for n in range(500)]
    assert load(warehouse.config(), [SCHEMA, *records]).error is None
    assert len(seen) == 2 + 5


def test_the_key_may_be_the_last_property(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found with tap-github's schemas: a field that must be there followed ones that may be absent."""
    seen = slow_lines(monkeypatch)
    schema = schema_message("accounts", {"name": STRING, "size": INTEGER, "id": INTEGER})
    records = [record("accounts", {"id": n, "name": "x"}) for n in range(100)]
    assert load(warehouse.config(), [schema, *records]).error is None
    assert len(seen) == 2
    assert warehouse.query("SELECT * FROM {schema}.accounts WHERE id = 7") == [
        {"name": "x", "size": None, "id": 7}
    ]


def test_records_before_their_stream_name_are_loaded(warehouse: Warehouse) -> None:
    """Some taps sort the keys of a message: where it goes is told at its end."""
    lines = [json.dumps(record("accounts", {"id": n}), sort_keys=True).encode() + b"\n" for n in range(300)]
    assert lines[0].startswith(b'{"record"')
    assert load(warehouse.config(), [SCHEMA, *lines]).error is None
    (found,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    assert found == {"n": 300}


def test_lines_that_begin_differently_each_time_are_not_all_remembered(warehouse: Warehouse) -> None:
    """A tap that writes the time of extraction before the record."""
    lines = [
        b'{"type": "RECORD", "stream": "accounts", "time_extracted": "%d", "record": {"id": %d}}\n' % (n, n)
        for n in range(5000)
    ]
    target = TargetSFWarehouse(config=warehouse.config())
    target.listen(io.BytesIO(as_lines([SCHEMA, *lines])))  # type: ignore[arg-type]
    assert isinstance(target.message_reader, FastReader)
    assert len(target.message_reader._routes) <= 4096
    (found,) = warehouse.query("SELECT count(*) AS n FROM {schema}.accounts")
    assert found == {"n": 5000}


COLUMNS = [
    Column("id", "id", SqlType("text"), frozenset({"string"}), key=True),
    Column("any", "any", SqlType("text"), frozenset({"string", "integer", "object"})),
    Column("flag", "flag", SqlType("boolean"), frozenset({"boolean"})),
    Column("whole", "whole", SqlType("bigint"), frozenset({"integer"})),
    Column("exact", "exact", SqlType("numeric", (18, 2)), frozenset({"number"})),
    Column("tree", "tree", SqlType("jsonb"), frozenset()),
    Column("bytes", "bytes", SqlType("bytea"), frozenset({"string"}), encoding="base16"),
    Column("is_deleted", "is_deleted", SqlType("boolean"), frozenset({"boolean"}), default_false=True),
]
SHAPE = RowShape("s", COLUMNS)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda t: st.lists(t) | st.dictionaries(texts, t)
)
records = st.fixed_dictionaries(
    {"id": texts},
    optional={
        "any": st.none() | texts | st.integers() | st.dictionaries(texts, st.integers(), max_size=2),
        "flag": st.none() | st.booleans(),
        "whole": st.none() | st.integers(),
        "exact": st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=2).map(float),
        "tree": trees,
        "bytes": st.none() | st.binary(max_size=8).map(bytes.hex),
        "is_deleted": st.booleans(),
        "unknown": trees,
    },
)


def meaning(row: tuple[Any, ...]) -> list[Any]:
    """What Postgres makes of a row: numbers are told as bytes or text, documents with any spaces."""
    values: list[Any] = []
    for column, value in zip(COLUMNS, row, strict=True):
        told = bytes(value).decode() if isinstance(value, msgspec.Raw) else value
        if column.type.family == "number":
            values.append(None if told in {None, "null"} else Decimal(told))
        else:
            values.append(json.loads(told) if column.type.family == "json" and told is not None else told)
    return values


@given(st.lists(records, min_size=1, max_size=5), st.booleans())
def test_both_paths_make_the_same_rows(values: list[dict[str, Any]], ascii_only: bool) -> None:
    lines = [json.dumps(record("s", v), ensure_ascii=ascii_only).encode() for v in values]
    assert SHAPE.message is not None
    fast = SHAPE.rows([SHAPE.message.decode(line).record for line in lines])
    slow = [SHAPE.from_record(load_json(line)["record"]) for line in lines]
    assert [meaning(row) for row in fast] == [meaning(row) for row in slow]
    together = encode_rows(fast, replace_nul=True)
    assert together == b"".join(encode_rows([row], replace_nul=True) for row in fast)
