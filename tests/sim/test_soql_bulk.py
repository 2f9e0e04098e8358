"""Bulk results: flat CSV, made by SQLite and the same as `values.to_csv` makes."""

from __future__ import annotations

import csv
import io
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesforce_simulator.schema import Field
from salesforce_simulator.soql import cells, functions
from salesforce_simulator.values import to_csv
from tests.sim.soql_things import THING, World, sobject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from salesforce_simulator.soql import BulkResult


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def quoted(result: BulkResult, delimiter: str = ",", line_ending: str = "\n") -> bytes:
    """The lines as the slow way gives them."""
    lines = (
        delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) + line_ending
        for row in result.csv_rows()
    )
    return "".join(lines).encode()


def lines_of(result: BulkResult, delimiter: str = ",", line_ending: str = "\n") -> bytes:
    """The lines as the quick way gives them; they are as long as it says."""
    found = []
    for lines, lengths in result.csv_lines(delimiter, line_ending):
        ends = list(accumulate(lengths))
        assert ends[-1] == len(lines)
        found += [lines[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert all(line.endswith(line_ending.encode()) for line in found)
    assert len(found) == result.total_size
    return b"".join(found)


def test_columns_in_the_order_asked_for_under_their_own_names(world: World) -> None:
    user = world.add("User", Name="Ann", LastName="Ann")
    parent = world.add("Thing__c", Name="p", OwnerId=user)
    world.add("Thing__c", Name="c", Parent__c=parent, Money__c=-5, Moment__c=1_700_000_000_000)
    result = world.export(
        "select name, PARENT__R.name, parent__r.owner.name, ID, money__c, moment__c from thing__c order by name"
    )
    assert result.columns == ("Name", "Parent__r.Name", "Parent__r.Owner.Name", "Id", "Money__c", "Moment__c")
    assert result.total_size == 2
    assert list(result.csv_rows()) == [
        ("c", "p", "Ann", "a00Hs0000000002IAA", "-0.05", "2023-11-14T22:13:20.000Z"),
        ("p", "", "", "a00Hs0000000001IAA", "", ""),
    ]
    assert result.csv_header() + lines_of(result) == (
        b'"Name","Parent__r.Name","Parent__r.Owner.Name","Id","Money__c","Moment__c"\n'
        b'"c","p","Ann","a00Hs0000000002IAA","-0.05","2023-11-14T22:13:20.000Z"\n'
        b'"p","","","a00Hs0000000001IAA","",""\n'
    )


@pytest.mark.parametrize(
    ("delimiter", "line_ending"), [(",", "\n"), (";", "\r\n"), ("\t", "\n"), ("'", "\r\n"), ("`", "\n")]
)
def test_delimiters_and_line_endings(world: World, delimiter: str, line_ending: str) -> None:
    world.add("Thing__c", Name='a "b", c;d\te\r\nf', Pick__c="'x'")
    result = world.export("SELECT Name, Pick__c FROM Thing__c")
    text = (result.csv_header(delimiter, line_ending) + lines_of(result, delimiter, line_ending)).decode()
    assert text.endswith(line_ending)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert rows == [["Name", "Pick__c"], ['a "b", c;d\te\r\nf', "'x'"]]
    assert text.partition(line_ending)[2].encode() == quoted(result, delimiter, line_ending)


def test_as_many_columns_as_an_object_can_have() -> None:
    from_salesforce = 800
    fields = [Field(f"Text{n}__c", "string", length=255, custom=True) for n in range(from_salesforce)]
    world = World(sobject("Wide__c", "a99", *fields))
    try:
        names = [field.name for field in fields]
        world.add("Wide__c", **{name: f'"{name}"' for name in names})
        result = world.export(f"SELECT {', '.join(names)} FROM Wide__c")
        assert lines_of(result) == quoted(result)
        [record] = world.ask("SELECT FIELDS(CUSTOM) FROM Wide__c LIMIT 1")
        assert list(record) == names
    finally:
        world.close()


def test_lines_come_some_at_a_time(world: World) -> None:
    for n in range(2500):
        world.add("Thing__c", Name=str(n))
    result = world.export("SELECT Name FROM Thing__c")
    assert max(len(lengths) for _, lengths in result.csv_lines()) < 1000
    expected = [b'"%d"' % n for n in range(2500)]
    assert lines_of(result).splitlines() == expected
    shuffled = b"".join(lines for lines, _ in result.csv_lines(seed=1)).splitlines()
    assert shuffled != expected
    assert sorted(shuffled) == sorted(expected)


def test_limit_and_deleted_rows(world: World) -> None:
    for n in range(3):
        world.add("Thing__c", Name=str(n), IsDeleted=int(n == 1))
    assert [row[0] for row in world.export("SELECT Name FROM Thing__c").csv_rows()] == ["0", "2"]
    assert [row[0] for row in world.export("SELECT Name FROM Thing__c LIMIT 1").csv_rows()] == ["0"]
    assert world.export("SELECT Name FROM Thing__c", all_rows=True).total_size == 3


_TEXT = (
    st.none()
    | st.text(min_size=1, max_size=12)
    | st.text('",;[]{}\x01\x1f\b\f\tu0\\\0\r\n\x7f😀n', min_size=1, max_size=8)
    | st.sampled_from(['"', '""', "\0", 'a\0"b', "\r\n", "😀", "\u202ex", '","', "],[", "null", "\\u0022"])
)
_SCALED = (
    st.none()
    | st.integers(-(10**18) + 1, 10**18 - 1)
    | st.integers(0, 18).flatmap(lambda digits: st.integers(-(10**digits), 10**digits))
    | st.integers(0, 17).map(lambda digits: 10**digits)
    # More decimals than the scale has.
    | st.builds(
        lambda digits, places: float(f"{digits}.5e{-places}"),
        st.integers(-(10**13), 10**13),
        st.integers(0, 20),
    ).filter(lambda stored: not stored.is_integer())
)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": _TEXT,
    "textarea": _TEXT,
    "picklist": _TEXT,
    "multipicklist": _TEXT,
    "boolean": st.none() | st.integers(0, 1),
    "int": st.none() | st.integers(-(2**31), 2**31 - 1),
    "currency": _SCALED,
    "double": _SCALED,
    "date": st.none() | st.dates().map(str),
    # 1700-01-01 to 4000-12-31, whole seconds and odd milliseconds.
    "datetime": st.none()
    | st.integers(-8_520_336_000, 64_092_211_199).map(lambda seconds: seconds * 1000)
    | st.integers(-8_520_336_000_000, 64_092_211_199_999),
    "time": st.none() | st.integers(0, 86_399_999),
    "reference": st.none() | st.just("005Hs0000000001IAA"),
}
_FIELDS = [field for field in THING.fields.values() if field.type in _VALUES and field.name != "IsDeleted"]


@given(
    rows=st.lists(st.fixed_dictionaries({f.name: _VALUES[f.type] for f in _FIELDS}), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;`^|\t"),
    line_ending=st.sampled_from(["\n", "\r\n"]),
)
def test_lines_made_by_sqlite_are_those_made_by_python(
    rows: list[dict[str, Any]], delimiter: str, line_ending: str
) -> None:
    world = _shared()
    world.store.writer.execute('DELETE FROM "Thing__c"')
    for row in rows:
        world.add("Thing__c", **row)
    names = ", ".join(["Id", *(f.name for f in _FIELDS)])
    result = world.export(f"SELECT {names} FROM Thing__c")
    assert lines_of(result, delimiter, line_ending) == quoted(result, delimiter, line_ending)


@given(st.integers(0, 18), st.lists(_SCALED, min_size=1, max_size=20))
def test_numbers_of_any_scale(scale: int, stored: list[float | None]) -> None:
    connection, field = _shared().store.reader(), Field("N", "double", precision=18, scale=scale)
    functions.prepare(connection)
    for value in stored:
        [made] = connection.execute(f"SELECT {cells.cell_sql(':value', field)}", {"value": value}).fetchone()
        assert made == to_csv(field, value)


_worlds: list[World] = []


def _shared() -> World:
    """One world for all examples: making one costs a good part of a second."""
    if not _worlds:
        _worlds.append(World())
    return _worlds[0]


def teardown_module() -> None:
    for world in _worlds:
        world.close()
