"""Numbers reach the table with every digit, types are those asked for, and no number or schema stalls the run."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from target_sfwarehouse.config import Settings
from target_sfwarehouse.errors import BadRecordError, BadSchemaError, InputError
from target_sfwarehouse.rows.layout import read_schema
from tests.levels import PATIENCE
from tests.target.support import INTEGER, STRING, load, loaded, record, schema_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

NUMBER = {"type": ["null", "number"]}
DAY = {"type": ["null", "string"], "format": "date"}
SLOW = 5.0
"""Seconds in which the target has done with any one line, on a busy machine."""


@pytest.fixture(autouse=True)
def _deadline() -> Iterator[None]:
    """No case of this file may take long, whatever number or schema comes."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 2 * SLOW * PATIENCE


# Numbers

TEN_THOUSAND = "9" * 10_000
HURTFUL = {
    "1e20000000": "1e20000000",
    "-1e20000000": "-1e20000000",
    "1e-20000000": "1e-20000000",
    "1e4301": "1e4301",
    "10,000 digits": TEN_THOUSAND,
    "10,000 decimals": "0." + TEN_THOUSAND,
    "a million digits": "9" * 1_000_000,
    "10,000 zeros": "1." + "0" * 10_000,
}
WHOLE = schema_message(
    "numbers",
    {
        "id": INTEGER,
        "whole": INTEGER,
        "number": NUMBER,
        "cents": NUMBER | {"multipleOf": 0.01},
        "flag": {"type": ["null", "boolean"]},
        "day": DAY,
        "text": STRING,
        "any": {},
    },
)
PATHS: dict[str, dict[str, Any]] = {
    "plain": {},
    "validated": {"validate_records": True},
    "mapped": {"stream_maps": {"numbers": {"whole": "int(whole)", "twice": "str(number)"}}},
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("place", ["first", "later"])
@pytest.mark.parametrize("number", HURTFUL)
def test_no_number_stalls_the_run(warehouse: Warehouse, number: str, place: str, path: str) -> None:
    """It fits its column, or the quarantine has it and says why; the records around it are loaded."""
    names = list(WHOLE["schema"]["properties"])
    hurtful = [
        # The last of two members with the same name counts.
        f'{{"type":"RECORD","stream":"numbers","record":{{"id":{n},"whole":1,"number":1,"{name}":{HURTFUL[number]}}}}}\n'.encode()
        for n, name in enumerate(names, 10)
    ]
    good = [record("numbers", {"id": n, "whole": 1, "number": 1}) for n in range(100, 103)]
    messages = [WHOLE, *good, *hurtful] if place == "later" else [WHOLE, *hurtful, *good]
    loaded(warehouse.config(on_bad_record="quarantine", **PATHS[path]), messages)
    found = {row["id"] for row in warehouse.query("SELECT id FROM {schema}.numbers")}
    rejected = warehouse.query("SELECT reason FROM {schema}._rejected")
    assert found >= {100, 101, 102}
    assert len(found) + len(rejected) == len(good) + len(hurtful)
    assert all(row["reason"] and "this is no JSON" not in row["reason"] for row in rejected)
    assert max(len(row["reason"]) for row in rejected) < 2000


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("number", HURTFUL)
def test_no_number_in_a_file_stalls_the_run(
    warehouse: Warehouse, tmp_path: Path, number: str, kind: str
) -> None:
    names = list(WHOLE["schema"]["properties"])
    path = tmp_path / f"numbers.{kind}"
    if kind == "jsonl":
        lines = [f'{{"id":{n},"{name}":{HURTFUL[number]}}}' for n, name in enumerate(names, 10)]
    else:
        cells = [[HURTFUL[number] if name == each else "" for each in names[1:]] for name in names]
        lines = [",".join(names), *(",".join([str(n), *row]) for n, row in enumerate(cells, 10))]
    path.write_text(
        "\n".join([*lines, '{"id":100}' if kind == "jsonl" else "100" + "," * (len(names) - 1)]) + "\n"
    )
    message = {
        "type": "BATCH",
        "stream": "numbers",
        "encoding": {"format": kind},
        "manifest": [path.as_uri()],
    }
    loaded(warehouse.config(on_bad_record="quarantine"), [WHOLE, message])
    found = {row["id"] for row in warehouse.query("SELECT id FROM {schema}.numbers")}
    rejected = warehouse.query("SELECT reason FROM {schema}._rejected")
    assert 100 in found
    assert len(found) + len(rejected) == len(names) + 1
    assert max(len(row["reason"]) for row in rejected) < 2000


@pytest.mark.parametrize("place", ["first", "later"])
def test_a_number_of_any_length_stays_whole(warehouse: Warehouse, place: str) -> None:
    """Python reads integers of 4,300 digits; Postgres keeps 131,072."""
    line = f'{{"type":"RECORD","stream":"numbers","record":{{"id":1,"number":{TEN_THOUSAND},"text":{TEN_THOUSAND}}}}}\n'
    good = [record("numbers", {"id": n}) for n in range(2, 5)]
    loaded(warehouse.config(), [WHOLE, *(good if place == "later" else []), line.encode()])
    (row,) = warehouse.query("SELECT number::text AS number, text FROM {schema}.numbers WHERE id = 1")
    assert row == {"number": TEN_THOUSAND, "text": TEN_THOUSAND}


# Columns of doubles that are there already

ROUNDED = 9007199254740993


def table_of_doubles(warehouse: Warehouse, key: str = "id") -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE TABLE {schema}.t (id double precision, amount double precision, PRIMARY KEY (" + key + "))"
    )
    warehouse.execute("INSERT INTO {schema}.t VALUES (9007199254740992, 0.30000000000000004)")


DOUBLES = schema_message("t", {"id": {"type": "number"}, "amount": NUMBER})


@pytest.mark.parametrize("by_sdk", [False, True])
def test_a_column_of_doubles_stays_while_values_go_in_exactly(warehouse: Warehouse, by_sdk: bool) -> None:
    table_of_doubles(warehouse)
    warehouse.execute("CREATE VIEW {schema}.uses AS SELECT amount FROM {schema}.t")
    values: list[Any] = [0.1, 1e300, 123456789.123456, 0.30000000000000004, "12.5", -0.0, None, 1e-7]
    messages = [DOUBLES, *(record("t", {"id": n, "amount": value}) for n, value in enumerate(values))]
    assert load(warehouse.config(), messages, by_sdk=by_sdk).error is None
    rows = warehouse.query("SELECT amount FROM {schema}.t WHERE id < 100 ORDER BY id")
    assert [row["amount"] for row in rows] == [
        float(value) if value is not None else None for value in values
    ]


@pytest.mark.parametrize("way", ["fast", "by the SDK", "csv"])
@pytest.mark.parametrize("number", [str(ROUNDED), "0.30000000000000001", "1.23456789e-320"])
def test_a_value_that_a_double_would_round_makes_its_column_numeric(
    warehouse: Warehouse, tmp_path: Path, number: str, way: str
) -> None:
    table_of_doubles(warehouse)
    if way == "csv":
        path = tmp_path / "t.csv"
        path.write_text(f"id,amount\n1,{number}\n")
        after: list[Any] = [
            {"type": "BATCH", "stream": "t", "encoding": {"format": "csv"}, "manifest": [path.as_uri()]}
        ]
    else:
        after = [f'{{"type":"RECORD","stream":"t","record":{{"id":1,"amount":{number}}}}}\n'.encode()]
    messages: list[Any] = [DOUBLES, record("t", {"id": 2, "amount": 0.1}), *after]
    assert load(warehouse.config(), messages, by_sdk=way == "by the SDK").error is None
    rows = warehouse.query("SELECT amount FROM {schema}.t WHERE id < 100 ORDER BY id")
    assert [row["amount"] for row in rows] == [Decimal(number), Decimal("0.1")]


def test_a_view_in_the_way_of_a_number_that_a_double_would_round_is_named(warehouse: Warehouse) -> None:
    table_of_doubles(warehouse)
    warehouse.execute("CREATE VIEW {schema}.uses AS SELECT amount FROM {schema}.t")
    error = load(warehouse.config(), [DOUBLES, record("t", {"id": 1, "amount": ROUNDED})]).error
    assert "uses uses it" in str(error)
    assert "ALTER TABLE" in str(error)


def test_keys_of_doubles_become_exact(warehouse: Warehouse) -> None:
    table_of_doubles(warehouse)
    loaded(warehouse.config(), [DOUBLES, record("t", {"id": ROUNDED})])
    assert [row["id"] for row in warehouse.query("SELECT id FROM {schema}.t ORDER BY id")] == [
        Decimal(ROUNDED - 1),
        Decimal(ROUNDED),
    ]


def test_a_schema_that_asks_for_doubles_has_them_rounded(warehouse: Warehouse) -> None:
    schema = schema_message("t", {"id": INTEGER, "amount": NUMBER | {"format": "double"}})
    loaded(warehouse.config(), [schema, *(record("t", {"id": n, "amount": ROUNDED}) for n in range(3))])
    (row,) = warehouse.query("SELECT DISTINCT amount FROM {schema}.t")
    assert row == {"amount": float(ROUNDED)}


def test_keys_that_ask_for_doubles_are_not_merged(warehouse: Warehouse) -> None:
    schema = schema_message("t", {"id": {"type": "number", "format": "double"}})
    loaded(warehouse.config(), [schema, *(record("t", {"id": number}) for number in (ROUNDED - 1, ROUNDED))])
    assert warehouse.query("SELECT count(*) AS n FROM {schema}.t") == [{"n": 2}]


# Schemas


def doubling(keyword: str) -> dict[str, Any]:
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for n in range(1, 26):
        definitions[f"d{n}"] = {keyword: [{"$ref": f"#/definitions/d{n - 1}"}] * 2}
    return {"properties": {"id": INTEGER, "p": {"$ref": "#/definitions/d25"}}, "definitions": definitions}


def chained(length: int, link: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    definitions = {f"d{n}": link({"$ref": f"#/definitions/d{n + 1}"}) for n in range(length)}
    return {"properties": {"id": INTEGER, "p": {"$ref": "#/definitions/d0"}}, "definitions": definitions}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"anyOf": [schema]}
    return {"properties": {"id": INTEGER, "p": schema}}


ENDLESS = {
    "doubling anyOf": doubling("anyOf"),
    "doubling oneOf": doubling("oneOf"),
    "doubling allOf": doubling("allOf"),
    "a chain of 5,000": chained(5000, lambda link: {"anyOf": [link]}),
    "400 levels": nested(400),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_a_schema_without_end_is_an_error_that_names_the_property(warehouse: Warehouse, case: str) -> None:
    message = {
        "type": "SCHEMA",
        "stream": "s",
        "schema": {"type": "object", **ENDLESS[case]},
        "key_properties": ["id"],
    }
    error = load(warehouse.config(), [message, record("s", {"id": 1})]).error
    assert isinstance(error, BadSchemaError | InputError)
    assert "line 1, stream 's'" in str(error)
    assert ("property 'p'" in str(error)) == (case != "400 levels"), error


@pytest.mark.parametrize("schema", [chained(5000, dict), nested(100)])
def test_a_long_schema_has_its_type(schema: dict[str, Any]) -> None:
    schema["definitions"] = schema.get("definitions", {}) | {"d5000": {"type": "string"}}
    assert str(read_schema(schema, (), (), Settings()).columns[1].type) == "text"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("nvarchar(80)", 'type "nvarchar" does not exist'),
        ("text); DROP TABLE x; --", "is not how Postgres spells a type"),
        (["text"], "is not how Postgres spells a type"),
    ],
)
def test_a_type_that_the_server_lacks_is_named(warehouse: Warehouse, asked: Any, reason: str) -> None:
    schema = schema_message("s", {"id": INTEGER, "p": STRING | {"x-sql-datatype": asked}})
    error = load(warehouse.config(), [schema]).error
    assert isinstance(error, BadSchemaError)
    assert reason in str(error)
    assert "x-sql-datatype" in str(error)


@pytest.mark.parametrize(
    "asked", ["serial", "bigserial", "SERIAL4", "pg_catalog.int8", "pg_catalog.float8", "double"]
)
def test_a_type_that_the_server_names_in_another_way_serves_each_run(
    warehouse: Warehouse, asked: str
) -> None:
    schema = schema_message("s", {"id": INTEGER, "p": INTEGER | {"x-sql-datatype": asked}})
    for number in (1, None):
        loaded(warehouse.config(), [schema, record("s", {"id": 1, "p": number})])
        assert warehouse.query("SELECT p FROM {schema}.s") == [{"p": number}]


def test_a_type_that_was_asked_for_stays(warehouse: Warehouse) -> None:
    schema = schema_message(
        "s", {"id": INTEGER | {"x-sql-datatype": "int4"}, "p": STRING | {"x-sql-datatype": "varchar(3)"}}
    )
    for _ in range(2):
        loaded(warehouse.config(), [schema, record("s", {"id": 1, "p": "abc"})])
    outcome = load(warehouse.config(), [schema, record("s", {"id": 2**31, "p": "abc"})])
    assert "out of range for type integer" in str(outcome.error)


# Versions and pages

VISITS = schema_message("visits", {"id": INTEGER})


@pytest.mark.parametrize("version", [None, "x", "5", 1.5, [], {}, True])
def test_a_version_that_is_no_integer_is_an_error(warehouse: Warehouse, version: Any) -> None:
    message = {"type": "ACTIVATE_VERSION", "stream": "visits", "version": version}
    error = load(warehouse.config(), [VISITS, message]).error
    assert isinstance(error, InputError)
    assert "line 2, stream 'visits': an ACTIVATE_VERSION whose version is no integer" in str(error)


@pytest.mark.parametrize(
    "settings", [{}, {"stream_maps": {"visits": {"__alias__": "v"}}}, {"activate_version": False}]
)
def test_a_version_before_its_schema_is_an_error(warehouse: Warehouse, settings: dict[str, Any]) -> None:
    message = {"type": "ACTIVATE_VERSION", "stream": "visits", "version": 1}
    error = load(warehouse.config(**settings), [message, VISITS]).error
    assert isinstance(error, InputError)
    assert "line 1, stream 'visits'" in str(error)
    assert "before the SCHEMA of its stream" in str(error)


@pytest.mark.parametrize("keys", [("id",), ()])
def test_a_row_over_the_page_limit_is_a_bad_record(warehouse: Warehouse, keys: tuple[str, ...]) -> None:
    names = [f"c{n}" for n in range(470)]
    schema = schema_message("wide", {"id": INTEGER} | dict.fromkeys(names, STRING), keys=keys)
    long = {
        name: "".join(chr(97 + (place * 31 + at * at) % 26) for at in range(2500))
        for place, name in enumerate(names)
    }
    values = [{"id": 1, "c1": "x"}, {"id": 2, **long}, {"id": 3, "c1": "x"}]
    messages = [schema, *(record("wide", each) for each in values)]
    error = load(warehouse.config(), messages).error
    assert isinstance(error, BadRecordError)
    assert str(error).startswith("line 3, stream 'wide'")
    assert "row is too big" in str(error)
    assert "440 long texts" in str(error)
    warehouse.execute("DROP TABLE {schema}.wide")
    loaded(warehouse.config(on_bad_record="quarantine"), messages)
    assert [row["id"] for row in warehouse.query("SELECT id FROM {schema}.wide ORDER BY id")] == [1, 3]
    (row,) = warehouse.query("SELECT line, reason FROM {schema}._rejected")
    assert row["line"] == 3
    assert "row is too big" in row["reason"]
