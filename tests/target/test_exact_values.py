"""Values reach the table as they are: every digit of a number, a date that every server reads the same, no stall."""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_sfwarehouse.config import Settings
from target_sfwarehouse.errors import BadRecordError, BadSchemaError, InputError
from target_sfwarehouse.rows import moments
from target_sfwarehouse.rows.layout import read_schema
from tests.target.support import INTEGER, STRING, load, loaded, record, schema_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

NUMBER = {"type": ["null", "number"]}
DAY = {"type": ["null", "string"], "format": "date"}
MOMENT = {"type": ["null", "string"], "format": "date-time"}
CLOCK = {"type": ["null", "string"], "format": "time"}
SLOW = 5.0
"""Seconds in which the target has done with any one line, on a busy machine."""


@pytest.fixture(autouse=True)
def _deadline() -> Iterator[None]:
    """No case of this file may take long, whatever number or schema comes."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 2 * SLOW


# Dates

SCHEMA = schema_message("visits", {"id": INTEGER, "at": MOMENT, "day": DAY, "clock": CLOCK})
PROPERTIES = {"at", "day", "clock"}

NO_DATES = [
    "01/02/2024",
    "1/2/24",
    "02-01-2024",
    "2024/01/02",
    "2024.01.02",
    "Jan 2, 2024",
    "Tue, 02 Jan 2024 03:04:05 GMT",
    "240102",
    "24-01-02",
    "2024-002",
    "J2451187",
    "now",
    "NOW",
    " now ",
    "today",
    "tomorrow",
    "yesterday",
    "epoch",
    "infinity",
    "-infinity",
    "allballs",
    "2024-01-02 allballs",
    "2024-01-02 03:04:05 PST",
    "2024-01-02 03:04:05 Europe/Berlin",
    "1704153600",
    "\u0662\u0660\u0662\u0664-\u0660\u0661-\u0660\u0662",
]


def foreign(warehouse: Warehouse, **settings: Any) -> dict[str, Any]:
    """Settings of a role whose dates are those of another country."""
    config = warehouse.config(on_bad_record="quarantine", **settings)
    config["sqlalchemy_url"] += "?options=-c%20DateStyle%3DSQL%2CDMY%20-c%20IntervalStyle%3Dsql_standard"
    return config


def as_records(values: list[dict[str, Any]], folder: Path) -> list[Any]:
    return [record("visits", each) for each in values]


def batch(path: Path, **encoding: Any) -> list[Any]:
    return [{"type": "BATCH", "stream": "visits", "encoding": encoding, "manifest": [path.as_uri()]}]


def as_jsonl(values: list[dict[str, Any]], folder: Path) -> list[Any]:
    path = folder / "visits.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in values))
    return batch(path, format="jsonl", compression="none")


def as_csv(values: list[dict[str, Any]], folder: Path) -> list[Any]:
    path, text = folder / "visits.csv", io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id", "at", "day", "clock"])
    writer.writerows([[each.get(name) for name in ("id", "at", "day", "clock")] for each in values])
    path.write_text(text.getvalue(), newline="")
    return batch(path, format="csv")


def as_parquet(values: list[dict[str, Any]], folder: Path) -> list[Any]:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    path = folder / "visits.parquet"
    parquet.write_table(pa.Table.from_pylist(values), path)
    return batch(path, format="parquet")


WAYS = [as_records, as_jsonl, as_csv, as_parquet]
MAPS: dict[str, dict[str, Any]] = {"none": {}, "mapped": {"stream_maps": {"visits": {"twice": "str(id)"}}}}


@pytest.mark.parametrize("maps", MAPS)
@pytest.mark.parametrize("way", WAYS)
def test_only_iso_8601_is_a_date(warehouse: Warehouse, tmp_path: Path, way: Any, maps: str) -> None:
    """Whatever the role's DateStyle is; every way into the table has the same rule."""
    values = [
        {"id": place * 3 + offset, "at": None, "day": None, "clock": None} | {name: text}
        for place, text in enumerate(NO_DATES)
        for offset, name in enumerate(sorted(PROPERTIES))
    ]
    good = {"id": 1000, "at": "2024-02-01T03:04:05Z", "day": "2024-02-01", "clock": "03:04:05"}
    loaded(foreign(warehouse, **MAPS[maps]), [SCHEMA, *way([*values, good], tmp_path)])
    assert [row["id"] for row in warehouse.query("SELECT id FROM {schema}.visits ORDER BY id")] == [1000]
    rejected = warehouse.query("SELECT property, reason FROM {schema}._rejected")
    assert len(rejected) == len(values)
    assert {row["property"] for row in rejected} == PROPERTIES
    assert all("is no date or time of ISO 8601" in row["reason"] for row in rejected)


@pytest.mark.parametrize("way", WAYS)
def test_a_role_s_datestyle_does_not_matter(warehouse: Warehouse, tmp_path: Path, way: Any) -> None:
    values = [
        {"id": n, "at": f"2024-02-01T03:04:0{n}+01:00", "day": "2024-02-01", "clock": "03:04"}
        for n in range(5)
    ]
    loaded(foreign(warehouse), [SCHEMA, *way(values, tmp_path)])
    (row,) = warehouse.query("SELECT at, day FROM {schema}.visits WHERE id = 4")
    assert row == {"at": datetime(2024, 2, 1, 2, 4, 4, tzinfo=UTC), "day": date(2024, 2, 1)}
    assert not {"_rejected"} & warehouse.table_names() or not warehouse.query(
        "SELECT 1 FROM {schema}._rejected"
    )


def test_a_csv_file_that_says_its_dates_are_iso_is_not_looked_at(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """As the tap does for Salesforce's own files: the key `dates` of the encoding."""
    (message,) = as_csv([{"id": 1, "at": "2024-02-01T03:04:05Z", "day": "2024-02-01"}], tmp_path)
    message["encoding"]["dates"] = "iso8601"
    loaded(foreign(warehouse), [SCHEMA, message])
    (row,) = warehouse.query("SELECT day FROM {schema}.visits")
    assert row == {"day": date(2024, 2, 1)}


def test_when_a_record_was_extracted_is_a_date_too(warehouse: Warehouse) -> None:
    messages = [SCHEMA, record("visits", {"id": 1}, time_extracted="now")]
    loaded(foreign(warehouse, add_record_metadata=True), messages)
    (row,) = warehouse.query("SELECT property FROM {schema}._rejected")
    assert row == {"property": "_sdc_extracted_at"}


SHAPES = st.sampled_from(
    [
        "2024-01-02",
        "2024-01-02T03:04:05Z",
        "2024-01-02 03:04:05.123+01",
        "03:04:05",
        "",
        "now",
        "null,",
        '"',
        "\\",
        "01/02/2024",
    ]
)


@given(
    st.lists(
        st.none() | SHAPES | st.text(st.sampled_from('0123456789-:TZ" ,nul\\'), max_size=12), max_size=20
    )
)
def test_many_at_once_pass_only_if_each_one_does(texts: list[str | None]) -> None:
    def passes(text: str | None) -> bool:
        try:
            moments.checked(text or "2024-01-01")
        except ValueError:
            return False
        return True

    if moments.are_moments(texts):
        assert all(map(passes, texts))
    elif len(set(texts)) < 10:
        assert not all(map(passes, texts))


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from("Tt "), st.booleans())
def test_what_python_writes_is_a_date(moment: datetime, separator: str, fraction: bool) -> None:
    text = moment.isoformat(separator, "microseconds" if fraction else "seconds")
    assert moments.checked(text) == text
    assert moments.are_moments([text, None, text])


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


def test_dates_in_an_array_are_dates(warehouse: Warehouse) -> None:
    schema = schema_message("s", {"id": INTEGER, "days": {"type": "array", "x-sql-datatype": "date[]"}})
    messages = [
        schema,
        *(record("s", {"id": n, "days": [day]}) for n, day in enumerate(["2024-02-01", "01/02/2024"])),
    ]
    loaded(foreign(warehouse), messages)
    assert warehouse.query("SELECT id, days FROM {schema}.s") == [{"id": 0, "days": [date(2024, 2, 1)]}]


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


def test_a_type_that_was_asked_for_stays(warehouse: Warehouse) -> None:
    schema = schema_message(
        "s", {"id": INTEGER | {"x-sql-datatype": "int4"}, "p": STRING | {"x-sql-datatype": "varchar(3)"}}
    )
    for _ in range(2):
        loaded(warehouse.config(), [schema, record("s", {"id": 1, "p": "abc"})])
    outcome = load(warehouse.config(), [schema, record("s", {"id": 2**31, "p": "abc"})])
    assert "out of range for type integer" in str(outcome.error)


# Versions and pages


@pytest.mark.parametrize("version", [None, "x", "5", 1.5, [], {}, True])
def test_a_version_that_is_no_integer_is_an_error(warehouse: Warehouse, version: Any) -> None:
    message = {"type": "ACTIVATE_VERSION", "stream": "visits", "version": version}
    error = load(warehouse.config(), [SCHEMA, message]).error
    assert isinstance(error, InputError)
    assert "line 2, stream 'visits': an ACTIVATE_VERSION whose version is no integer" in str(error)


@pytest.mark.parametrize(
    "settings", [{}, {"stream_maps": {"visits": {"__alias__": "v"}}}, {"activate_version": False}]
)
def test_a_version_before_its_schema_is_an_error(warehouse: Warehouse, settings: dict[str, Any]) -> None:
    message = {"type": "ACTIVATE_VERSION", "stream": "visits", "version": 1}
    error = load(warehouse.config(**settings), [message, SCHEMA]).error
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
