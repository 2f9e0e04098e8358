"""A date means the same for every server, role and day, or it is a bad record: whatever way it comes."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_sfwarehouse.rows import moments
from tests.target.support import INTEGER, load, loaded, record, schema_message

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

DAY = {"type": ["null", "string"], "format": "date"}
MOMENT = {"type": ["null", "string"], "format": "date-time"}
CLOCK = {"type": ["null", "string"], "format": "time"}

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


def test_dates_in_an_array_are_dates(warehouse: Warehouse) -> None:
    schema = schema_message("s", {"id": INTEGER, "days": {"type": "array", "x-sql-datatype": "date[]"}})
    messages = [
        schema,
        *(record("s", {"id": n, "days": [day]}) for n, day in enumerate(["2024-02-01", "01/02/2024"])),
    ]
    loaded(foreign(warehouse), messages)
    assert warehouse.query("SELECT id, days FROM {schema}.s") == [{"id": 0, "days": [date(2024, 2, 1)]}]


@pytest.mark.parametrize("way", ["record", "by the SDK", "csv"])
@pytest.mark.parametrize("kind", ["domain", "daterange", "tstzrange", "date[]"])
def test_a_date_inside_another_type_is_read_by_no_role_and_no_clock(
    kind: str, way: str, tmp_path: Path, warehouse: Warehouse
) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute("CREATE DOMAIN {schema}.domain AS date")
    spelled = "{schema}.domain" if kind == "domain" else kind
    warehouse.execute(f"CREATE TABLE {{schema}}.s (id int PRIMARY KEY, days {spelled})")
    around = {"domain": "%s", "daterange": "[%s,]", "tstzrange": "[%s,)", "date[]": "{%s}"}[kind]
    schema = schema_message("s", {"id": INTEGER, "days": {"type": "string"}})
    days = ["2024-02-01", "01/02/2024", "now", "tomorrow"]
    messages = [record("s", {"id": n, "days": around % day}) for n, day in enumerate(days)]
    if way == "csv":
        path = tmp_path / "s.csv"
        path.write_text("id,days\n" + "".join(f'{n},"{around % day}"\n' for n, day in enumerate(days)))
        encoding = {"format": "csv"}
        messages = [{"type": "BATCH", "stream": "s", "encoding": encoding, "manifest": [str(path)]}]
    assert load(foreign(warehouse), [schema, *messages], by_sdk=way == "by the SDK").error is None
    assert [row["id"] for row in warehouse.query("SELECT id FROM {schema}.s")] == [0]
    nothing = record("s", {"id": 9, "days": None})
    loaded(foreign(warehouse), [schema, nothing])
    assert warehouse.query("SELECT days FROM {schema}.s WHERE id = 9") == [{"days": None}]
