"""Types and their widening: docs/types.md is the rule, Postgres the judge."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from target_sfwarehouse.config import Settings
from target_sfwarehouse.postgres.alternatives import alternatives
from target_sfwarehouse.postgres.schema import identifier
from target_sfwarehouse.postgres.types import SqlType, column_type, parse_type, widened
from target_sfwarehouse.rows.layout import read_schema
from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

DOCS = (PROJECT / "docs" / "types.md").read_text()

SCHEMAS: list[tuple[str, dict[str, Any], dict[str, bool]]] = [
    ("boolean", {"type": ["null", "boolean"]}, {}),
    ("bigint", {"type": ["null", "integer"]}, {}),
    ("bigint", {"type": "integer", "maximum": 2**63 - 1}, {}),
    ("numeric", {"type": "integer", "maximum": 2**63}, {}),
    ("numeric", {"type": "integer", "minimum": -(2**64)}, {}),
    ("numeric(18,2)", {"type": ["null", "number"], "multipleOf": 0.01, "precision": 18, "scale": 2}, {}),
    ("numeric(18,2)", {"type": "number", "multipleOf": 0.01, "precision": 18}, {}),
    ("numeric(18,0)", {"type": "number", "multipleOf": 1, "precision": 18}, {}),
    ("numeric(18,18)", {"type": "number", "multipleOf": 1e-18, "precision": 18}, {}),
    ("numeric", {"type": "number", "multipleOf": 0.01}, {}),
    ("numeric", {"type": "number", "multipleOf": 0.25, "precision": 18}, {}),
    ("numeric(18,2)", {"type": ["null", "number"], "precision": 18, "scale": 2}, {}),
    ("numeric", {"type": ["null", "number"]}, {}),
    ("double precision", {"type": ["null", "number"], "format": "double"}, {}),
    ("text", {"enum": ["a", "b", None]}, {}),
    ("bigint", {"const": 5}, {}),
    ("text", {"anyOf": [{"enum": ["auto"]}, {"type": "integer"}]}, {}),
    ("text", {"type": ["null", "string"], "maxLength": 80}, {}),
    ("character varying(80)", {"type": ["null", "string"], "maxLength": 80}, {"varchar": True}),
    ("text", {"type": ["null", "string"], "maxLength": 10**9}, {"varchar": True}),
    ("text", {"type": ["null", "string"]}, {"varchar": True}),
    ("date", {"type": "string", "format": "date"}, {}),
    ("time without time zone", {"type": "string", "format": "time"}, {}),
    ("timestamp with time zone", {"type": ["string", "null"], "format": "date-time"}, {}),
    ("uuid", {"type": "string", "format": "uuid"}, {}),
    ("numeric", {"type": "string", "format": "x-singer.decimal"}, {}),
    ("text", {"type": "string", "contentEncoding": "base64"}, {}),
    ("bytea", {"type": "string", "contentEncoding": "base64"}, {"decode_bytes": True}),
    ("jsonb", {"type": ["null", "object"]}, {}),
    ("jsonb", {"type": "array", "items": {"type": "string"}}, {}),
    ("jsonb", {}, {}),
    ("text", {"type": "null"}, {}),
    (
        "timestamp with time zone",
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
        {},
    ),
    (
        "timestamp with time zone",
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]},
        {},
    ),
    ("text", {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string"}]}, {}),
    ("text", {"type": ["string", "integer", "boolean"]}, {}),
    ("numeric", {"type": ["integer", "number"]}, {}),
    ("numeric", {"anyOf": [{"type": "integer"}, {"type": "number", "format": "double"}]}, {}),
    (
        "timestamp with time zone",
        {"format": "date-time", "anyOf": [{"type": "string"}, {"type": "null"}]},
        {},
    ),
    ("timestamp with time zone", {"allOf": [{"type": ["string", "null"]}, {"format": "date-time"}]}, {}),
    ("date", {"type": ["string", "null"], "allOf": [{"anyOf": [{"format": "date"}, {"type": "null"}]}]}, {}),
    ("text", {"type": "string", "anyOf": [{"format": "date-time"}, {"maxLength": 3}]}, {}),
    (
        "numeric(18,2)",
        {"multipleOf": 0.01, "precision": 18, "oneOf": [{"type": "number"}, {"type": "null"}]},
        {},
    ),
    ("bigint", {"type": "number", "allOf": [{"type": "integer"}]}, {}),
    ("text", {"type": "integer", "anyOf": [{"type": "string"}, {"type": "integer"}]}, {}),
    (
        "numeric(21,2)",
        {"oneOf": [{"type": "integer"}, {"type": "number", "multipleOf": 0.01, "precision": 5}]},
        {},
    ),
    ("jsonb", {"type": ["boolean", "integer"]}, {}),
    ("jsonb", {"type": ["string", "object"]}, {}),
    (
        "character varying(9)",
        {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "string", "maxLength": 9}]},
        {"varchar": True},
    ),
]

ASKED: list[tuple[str, dict[str, Any], dict[str, bool]]] = [
    ("double precision", {"type": ["null", "number"], "x-sql-datatype": "DOUBLE  PRECISION"}, {}),
    ("real", {"type": ["null", "number"], "x-sql-datatype": "float4"}, {}),
    ("smallint", {"type": ["null", "integer"], "x-sql-datatype": "smallint"}, {}),
    ("numeric(20,4)", {"type": ["null", "number"], "x-sql-datatype": "decimal(20, 4)"}, {}),
    ("numeric(20,0)", {"type": ["null", "number"], "x-sql-datatype": "numeric(20)"}, {}),
    ("timestamp(3) without time zone", {"type": "string", "x-sql-datatype": "timestamp(3)"}, {}),
    (
        "timestamp with time zone",
        {"anyOf": [{"type": "string", "x-sql-datatype": "timestamptz"}, {"type": "null"}]},
        {},
    ),
    ("character varying(20)", {"type": "string", "x-sql-datatype": "VARCHAR(20)"}, {}),
    ("integer[]", {"type": "array", "x-sql-datatype": "int4[]"}, {}),
]


@pytest.mark.parametrize(
    ("expected", "schema", "options"), SCHEMAS + ASKED, ids=[json.dumps(case[1:]) for case in SCHEMAS + ASKED]
)
def test_the_type_of_a_property(expected: str, schema: dict[str, Any], options: dict[str, bool]) -> None:
    assert str(column_type(alternatives(schema, {}), **options)) == expected


ROOT: dict[str, Any] = {
    "$defs": {"a/b~": {"type": "integer"}, "loop": {"$ref": "#/$defs/loop"}, "text": "no schema"},
    "properties": {"first": {"type": "string", "format": "date"}},
}


@pytest.mark.parametrize(
    ("expected", "schema"),
    [
        ("bigint", {"$ref": "#/$defs/a~1b~0"}),
        ("bigint", {"$ref": "#/%24defs/a~1b~0"}),
        ("date", {"$ref": "#/properties/first"}),
        ("timestamp with time zone", {"$ref": "#/properties/first", "format": "date-time"}),
        ("jsonb", {"$ref": "#"}),
        ("jsonb", {"$ref": "#/$defs/loop"}),
        ("jsonb", {"$ref": "#/$defs/absent"}),
        ("jsonb", {"$ref": "#/$defs/text"}),
        ("jsonb", {"$ref": "https://example.com/schema.json#/$defs/a"}),
        ("date", {"oneOf": [{"$ref": "#/properties/first"}, {"type": "null"}, True]}),
    ],
)
def test_a_reference_is_followed(expected: str, schema: dict[str, Any]) -> None:
    whole = {**ROOT, "type": "object", "properties": {**ROOT["properties"], "p": schema}}
    wanted = read_schema(whole, (), (), Settings())
    assert str(wanted.columns[1].type) == expected


def documented(title: str) -> list[list[str]]:
    """Rows of a table of the docs, cells without backticks."""
    section = DOCS.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def test_every_type_that_comes_out_is_documented() -> None:
    named = {
        name for row in documented("From JSON schema to column") for name in re.findall("`([^`]+)`", row[1])
    }
    named |= {"numeric(18,2)"}
    assert {re.sub(r"\(.*", "", expected) for expected, _, _ in SCHEMAS} == {
        re.sub(r"\(.*", "", n) for n in named
    } - {"DEFAULT false", "is_deleted"}


VALUES: dict[str, list[str]] = {
    "boolean": ["true", "false"],
    "smallint": ["-32768", "7"],
    "integer": ["2147483647", "0"],
    "bigint": ["9223372036854775807", "-9223372036854775808"],
    "numeric(5,2)": ["123.45", "-0.01"],
    "numeric(10,4)": ["123456.7891", "0"],
    "numeric": ["12345678901234567890.123456789", "1"],
    "real": ["1.5", "3.4028235e38"],
    "double precision": ["0.1", "1.7976931348623157e308", "123456789.12345679"],
    "character varying(3)": ["abc", ""],
    "character varying(9)": ["abcdefghi"],
    "text": ["any text", "12"],
    "date": ["2024-02-29", "0001-01-01"],
    "time without time zone": ["23:59:59.999999"],
    "time(3) without time zone": ["23:59:59.123"],
    "timestamp without time zone": ["2026-03-29 02:30:00"],
    "timestamp(3) without time zone": ["2026-03-29 02:30:00.123"],
    "timestamp(0) with time zone": ["2026-03-29 02:30:00+00"],
    "timestamp(6) with time zone": ["2026-03-29 02:30:00.123456+00"],
    "timestamp with time zone": ["2026-03-29 02:30:00.123456+00"],
    "uuid": ["f47ac10b-58cc-4372-a567-0e02b2c3d479"],
    "jsonb": ['{"a": [1, "x"]}', '"text"', "12.5"],
    "bytea": ["\\xdeadbeef"],
    "text[]": ["{a,b}"],
}

SAME = {
    "numbers": "SELECT bool_and(v::text::numeric = o::text::numeric) AS same FROM t",
    "moments": "SELECT bool_and(v = o::timestamp AT TIME ZONE 'UTC') AS same FROM t",
    "spelled": "SELECT bool_and(v::timestamptz = o::timestamp AT TIME ZONE 'UTC') AS same FROM t",
    "binary": "SELECT bool_and(v = o) AS same FROM t",
    "json": "SELECT bool_and(v = to_jsonb(o)) AS same FROM t",
    "text": "SELECT bool_and(v::text = o::text) AS same FROM t",
}


def comparison(current: SqlType, to: SqlType) -> str:
    if to.family == "json":
        return SAME["json"]
    if to.name in {"double precision", "timestamp without time zone", "time without time zone"}:
        return SAME["binary"]
    if {current.family, to.family} <= {"integer", "number"}:
        return SAME["numbers"]
    if current.name.startswith("timestamp") and to.family == "text":
        return SAME["spelled"]
    return SAME["moments"] if to.name == "timestamp with time zone" != current.name else SAME["text"]


@pytest.mark.parametrize("current", VALUES)
def test_widening_loses_nothing(current: str, warehouse: Warehouse) -> None:
    """Each type to each other: what is there stays what it was, and what the new type may bring fits."""
    warehouse.execute("SET timezone = 'UTC'")
    refused = set()
    for wanted, brought in VALUES.items():
        way = widened(parse_type(current), parse_type(wanted))
        if way is None:
            refused.add(wanted)
            continue
        warehouse.execute("DROP TABLE IF EXISTS pg_temp.t")
        warehouse.execute(f"CREATE TEMP TABLE t (o {current}, v {current})")
        for value in VALUES[current]:
            warehouse.connection.execute(
                "INSERT INTO t SELECT x, x FROM (SELECT %s::text::" + current + " AS x) y", [value]
            )
        if way.to != parse_type(current):
            warehouse.execute(
                f"ALTER TABLE t ALTER COLUMN v TYPE {way.to} USING {way.using.format(column='v')}"
            )
        (found,) = warehouse.query(comparison(parse_type(current), way.to))
        assert found["same"], (current, wanted, way)
        (found,) = warehouse.query(
            "SELECT format_type(atttypid, atttypmod) AS t FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'v'"
        )
        assert found["t"] == str(way.to)
        if way.to.family != "json":
            for value in brought:
                warehouse.connection.execute("INSERT INTO t (v) SELECT %s::text::" + str(way.to), [value])
    assert current not in refused
    assert "jsonb" not in refused


def test_widening_again_changes_nothing() -> None:
    for current, wanted in itertools.product(VALUES, VALUES):
        way = widened(parse_type(current), parse_type(wanted))
        if way is not None:
            assert widened(way.to, parse_type(wanted)) is not None
            again = widened(way.to, parse_type(wanted))
            assert again is not None
            assert again.to == way.to
            back = widened(way.to, parse_type(current))
            assert back is not None
            assert back.to == way.to


def test_documented_widenings_are_those_of_the_code() -> None:
    checked = 0
    for row in documented("When the schema changes"):
        currents, wanteds, becomes = (re.findall("`([^`]+)`", cell) for cell in row)
        if not currents or not becomes or "is_deleted" in becomes:
            continue
        for current, wanted in itertools.product(currents, wanteds):
            if "(p,s)" in current + wanted + becomes[0]:
                spelled = current.replace("(p,s)", "(5,2)"), wanted.replace("(p,s)", "(10,4)")
            else:
                spelled = current, wanted
            way = widened(parse_type(spelled[0]), parse_type(spelled[1]))
            assert way is not None
            assert str(way.to).partition("(")[0] == becomes[0].partition("(")[0], (current, wanted)
            checked += 1
    assert checked >= 15


@pytest.mark.parametrize("spelled", list(VALUES))
def test_types_are_read_as_they_are_spelled(spelled: str) -> None:
    assert str(parse_type(spelled)) == spelled


def test_long_names_are_cut_and_told_apart() -> None:
    names = ["x" * 70, "x" * 69 + "y", "é" * 40, "é" * 39 + "e"]
    cut = [identifier(name) for name in names]
    assert len(set(cut)) == 4
    assert all(len(name.encode()) <= 63 for name in cut)
    assert identifier("x" * 63) == "x" * 63
