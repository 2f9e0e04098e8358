"""Rows become the same RECORD lines whichever reader fetched them."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_sfsource.api.bulk import BulkPage
from tap_sfsource.api.framing import last_row_start
from tap_sfsource.catalog.columns import Column
from tap_sfsource.catalog.types import SINGER_DECIMAL
from tap_sfsource.errors import TapError
from tap_sfsource.rows.bulk_csv import BulkCsv
from tap_sfsource.rows.json_rows import JsonRows
from tap_sfsource.rows.layout import Layout
from tap_sfsource.rows.pages import lines as page_lines

if TYPE_CHECKING:
    from collections.abc import Callable

EXTRACTED = "2026-01-02T03:04:05Z"
TYPES = ("id", "string", "double", "int", "boolean", "datetime", "anyType", "date", "textarea")
COLUMNS = [Column(f"Field{n}__c", f"field_{n}_c", sf_type, {}) for n, sf_type in enumerate(TYPES)]

# Whatever CSV and JSON treat specially, next to one another, and text that only looks like null.
pieces = st.sampled_from(
    [
        '"',
        "\n",
        '","',
        '"\n"',
        "\\",
        "\x00",
        "\x1f",
        "é",
        "😀",
        "a",
        ",",
        "\r\n",
        "\t",
        '""',
        "null",
        ":",
        ':""',
        "\u2028",
    ]
)
texts = st.lists(pieces, max_size=6).map("".join) | st.text(max_size=20)
numbers = st.sampled_from(["1.50", "47", "123456789012345678.25", "-0.000000000000001", "1.0E7"])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.just("001000000000001AAA"),
    "string": texts.map(lambda text: text or None),
    "textarea": texts.map(lambda text: text or None),
    "anyType": st.sampled_from([None, "007", "true", '"x"']),
    "double": st.none() | numbers,
    "int": st.none() | st.sampled_from(["47.0", "3", "-12.0", "0"]),
    "boolean": st.sampled_from(["true", "false"]),
    "datetime": st.none() | st.just("2026-03-29T10:11:12.000Z"),
    "date": st.none() | st.just("4000-12-31"),
}
rows_strategy = st.lists(st.tuples(*(VALUES[name] for name in TYPES)), min_size=1, max_size=8)


def as_csv(rows: list[tuple[str | None, ...]]) -> bytes:
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [cell or "" for cell in row] for row in rows
    )
    return file.getvalue().encode()


def as_json(rows: list[tuple[str | None, ...]]) -> bytes:
    def literal(sf_type: str, value: str | None) -> str:
        if value is None:
            return "null"
        if sf_type in {"double", "int", "boolean"}:
            return value
        if sf_type == "datetime":
            value = value.replace("Z", "+0000")
        return json.dumps(value)

    records = (
        '{"attributes":{"type":"X","url":"/x"},'
        + ",".join(
            f'"{column.api_name}":{literal(column.sf_type, value)}'
            for column, value in zip(COLUMNS, row, strict=True)
        )
        + "}"
        for row in rows
    )
    return f"[{','.join(records)}]".encode()


def expected(row: tuple[str | None, ...]) -> dict[str, Any]:
    def value(sf_type: str, text: str | None) -> Any:
        if text is None:
            return None
        if sf_type == "boolean":
            return text == "true"
        if sf_type == "int":
            return int(Decimal(text))
        return Decimal(text) if sf_type == "double" else text

    return {column.property: value(column.sf_type, text) for column, text in zip(COLUMNS, row, strict=True)}


@given(rows_strategy)
def test_both_readers_give_the_same_lines(rows: list[tuple[str | None, ...]]) -> None:
    layout = Layout("things", COLUMNS, {"is_deleted": False})
    lines, count = BulkCsv(layout).lines(as_csv(rows), EXTRACTED)
    assert count == len(rows)
    assert JsonRows(layout).lines(as_json(rows), EXTRACTED) == (lines, count)
    messages = [json.loads(line, parse_float=Decimal) for line in lines.splitlines()]
    assert [message["record"] for message in messages] == [
        {**expected(row), "is_deleted": False} for row in rows
    ]
    assert {(message["type"], message["stream"], message["time_extracted"]) for message in messages} == {
        ("RECORD", "things", EXTRACTED)
    }


@given(rows_strategy)
def test_decimals_may_be_text(rows: list[tuple[str | None, ...]]) -> None:
    """With `use_singer_decimal` a decimal has all of its digits, between quotes."""
    columns = [
        dataclasses.replace(column, schema=SINGER_DECIMAL if column.sf_type == "double" else {})
        for column in COLUMNS
    ]
    layout = Layout("things", columns)
    lines, count = BulkCsv(layout).lines(as_csv(rows), EXTRACTED)
    assert JsonRows(layout).lines(as_json(rows), EXTRACTED) == (lines, count)
    records = [json.loads(line)["record"] for line in lines.splitlines()]
    for row, found in zip(rows, records, strict=True):
        for column, text in zip(COLUMNS, row, strict=True):
            if column.sf_type == "double":
                assert found[column.property] == (text and format(Decimal(text), "f"))


@given(rows_strategy, st.integers(min_value=16, max_value=200))
def test_a_page_cut_into_blocks_loses_nothing(rows: list[tuple[str | None, ...]], block: int) -> None:
    layout = Layout("things", COLUMNS)
    data = as_csv(rows) * 3
    page = BulkPage(io.BytesIO(data), 3 * len(rows), "", EXTRACTED, block)
    chunks = list(page_lines(page, layout))
    assert b"".join(lines for lines, _ in chunks) == BulkCsv(layout).lines(data, EXTRACTED)[0]
    assert sum(count for _, count in chunks) == 3 * len(rows)


# The first column is text of any kind, or null, so that nothing tells where a row begins.
ANY_FIRST = [Column("Text__c", "text_c", "string", {}), *COLUMNS]
any_first = st.lists(st.tuples(VALUES["string"], *(VALUES[name] for name in TYPES)), min_size=1, max_size=12)


@given(any_first, st.integers(min_value=1, max_value=400))
def test_rows_taken_in_parts_of_any_size_give_the_same_lines(
    rows: list[tuple[str | None, ...]], part: int
) -> None:
    layout = Layout("things", ANY_FIRST, {"is_deleted": False})
    data = as_csv(rows)
    lines, count = BulkCsv(layout, part).lines(data, EXTRACTED)
    one_by_one = b"".join(line(layout, cells) for cells in read(data))
    assert (lines, count) == (one_by_one, len(rows))


@pytest.mark.parametrize("cell", ['5"', '"', '""', '","', '"\n"', 'a "b" c', None])
def test_rows_full_of_quotes(cell: str | None) -> None:
    """More of them in one part than are mended where they stand; a plain row in between now and then."""
    layout = Layout("things", [Column(f"F{n}__c", f"f_{n}_c", "string", {}) for n in range(7)])
    rows = [(f"id{n}", *([cell] * 6 if n % 5 else ["plain"] * 6)) for n in range(100)]
    data = as_csv(rows)
    lines, count = BulkCsv(layout).lines(data, EXTRACTED)
    assert count == len(rows)
    assert lines == b"".join(line(layout, cells) for cells in read(data))


@given(any_first, st.data())
def test_the_last_row_start_is_where_a_row_starts(
    rows: list[tuple[str | None, ...]], data: st.DataObject
) -> None:
    text = as_csv(rows)
    starts = {len(as_csv(rows[:n])) if n else 0 for n in range(len(rows) + 1)}
    cut = data.draw(st.integers(min_value=0, max_value=len(text)))
    assert last_row_start(text[:cut]) in starts


def line(layout: Layout, cells: list[str]) -> bytes:
    return layout.encoded([layout.message(layout.cell_values(cells), EXTRACTED)])


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@pytest.mark.parametrize("nulls", [set(), {1}, {0, 1, 2}, {2}])
def test_columns_that_are_null_in_part_throughout_or_never(nulls: set[int]) -> None:
    columns = [
        Column(f"F{n}__c", f"f_{n}_c", sf_type, {}) for n, sf_type in enumerate(("string", "int", "string"))
    ]
    layout = Layout("things", columns)
    rows = [tuple(None if n in nulls and row % 2 else str(row) for n in range(3)) for row in range(10)]
    rows += [tuple(None if n in nulls else str(row) for n in range(3)) for row in range(10)]
    lines, _ = BulkCsv(layout, 40).lines(as_csv(rows), EXTRACTED)
    found = [json.loads(line)["record"] for line in lines.splitlines()]
    assert found == [
        {"f_0_c": first, "f_1_c": second and int(second), "f_2_c": third} for first, second, third in rows
    ]


@pytest.mark.parametrize(
    ("written", "plain"), [("1.154E-10", "0.0000000001154"), ("1.0E7", "10000000"), ("-2E+3", "-2000")]
)
def test_numbers_are_written_without_an_exponent(written: str, plain: str) -> None:
    layout = Layout("things", [Column("N__c", "n_c", "double", {})])
    csv_line, _ = BulkCsv(layout).lines(f'"{written}"\n'.encode(), EXTRACTED)
    json_line, _ = JsonRows(layout).lines(f'[{{"N__c":{written}}}]'.encode(), EXTRACTED)
    assert csv_line == json_line
    assert f'{{"n_c":{plain}}}' in csv_line.decode()


def test_a_version_is_part_of_each_record() -> None:
    layout = Layout("things", COLUMNS[:1], version=7)
    for lines, _ in (
        BulkCsv(layout).lines(b'"a"\n', EXTRACTED),
        JsonRows(layout).lines(b'[{"Field0__c":"a"}]', EXTRACTED),
    ):
        assert json.loads(lines) == {
            "type": "RECORD",
            "stream": "things",
            "version": 7,
            "record": {"field_0_c": "a"},
            "time_extracted": EXTRACTED,
        }


def test_a_row_with_too_few_cells_names_the_stream() -> None:
    layout = Layout("things", COLUMNS)
    with pytest.raises(TapError, match="things: a Bulk row has 2 cells where the query asked for 9"):
        BulkCsv(layout).lines(b'"a","b"\n', EXTRACTED)


def test_a_page_that_ends_inside_a_value_is_refused() -> None:
    layout = Layout("things", COLUMNS[:2])
    with pytest.raises(TapError, match="ends inside a quoted value"):
        BulkCsv(layout).lines(b'"a","b\n', EXTRACTED)


def test_a_page_with_fewer_rows_than_told_is_refused() -> None:
    page = BulkPage(io.BytesIO(b'"a"\n"b"\n'), 3, "", EXTRACTED)
    with pytest.raises(TapError, match="things: a Bulk page of 3 rows has 2"):
        list(page_lines(page, Layout("things", COLUMNS[:1])))


def test_a_value_that_describe_does_not_allow_names_the_stream() -> None:
    layout = Layout("things", [Column("Flag", "flag", "boolean", {})])
    with pytest.raises(TapError, match="things: Salesforce sent a value that its describe does not allow"):
        JsonRows(layout).lines(b'[{"Flag":"maybe"}]', EXTRACTED)


BAD_CELLS = [
    ("double", "#Error!"),
    ("double", "1,2"),
    ("double", "1.2.3"),
    ("double", "NaN"),
    ("currency", "abc"),
    ("int", "abc"),
    ("int", "12.5"),
    ("int", "--1"),
    ("int", "\n7"),
    ("int", ".0"),
    ("double", "1_000"),
    ("double", "\u0661"),
    ("boolean", "maybe"),
    ("boolean", "TRUE"),
]


@pytest.mark.parametrize(("sf_type", "cell"), BAD_CELLS)
@pytest.mark.parametrize("neighbour", ["plain", 'a ""quoted"" one'])
def test_a_cell_that_its_column_cannot_have_is_refused(sf_type: str, cell: str, neighbour: str) -> None:
    layout = Layout("things", [Column("A__c", "a_c", "string", {}), Column("B__c", "b_c", sf_type, {})])
    block = f'"{neighbour}",""\n"{neighbour}","{cell}"\n'.encode()
    with pytest.raises(TapError, match=rf"things: Salesforce sent .* for B__c, whose type is {sf_type}"):
        BulkCsv(layout).lines(block, EXTRACTED)
    with pytest.raises(TapError, match="for B__c"):
        BulkCsv(layout).verified(block)


def outcome(read: Callable[[], int]) -> int | None:
    try:
        return read()
    except TapError:
        return None


@given(any_first, st.data())
def test_a_page_that_stays_csv_is_refused_when_its_lines_are(
    rows: list[tuple[str | None, ...]], data: st.DataObject
) -> None:
    text = as_csv(rows)
    begin = data.draw(st.integers(min_value=0, max_value=len(text)), "begin")
    end = data.draw(st.integers(min_value=begin, max_value=min(begin + 3, len(text))), "end")
    put = data.draw(
        st.sampled_from([b"", b'"', b",", b"\n", b'""', b" ", b"7", b".", b"E5", b"\xc3", b"-"]), "put"
    )
    broken = text[:begin] + put + text[end:]
    csv_rows = BulkCsv(Layout("things", ANY_FIRST))
    lines = outcome(lambda: csv_rows.lines(broken, EXTRACTED)[1])
    assert outcome(lambda: csv_rows.verified(broken)) == lines
    if lines is not None:
        assert len(read(broken)) == lines


@pytest.mark.parametrize(
    ("sf_type", "value"),
    [("double", '"#Error!"'), ("double", '"n/a"'), ("int", '"abc"'), ("int", "12.5"), ("int", "true")],
)
def test_a_rest_value_that_its_column_cannot_have_is_refused(sf_type: str, value: str) -> None:
    layout = Layout("things", [Column("B__c", "b_c", sf_type, {})])
    with pytest.raises(TapError, match=r"things: Salesforce sent .* for B__c"):
        JsonRows(layout).lines(f'[{{"B__c":{value}}}]'.encode(), EXTRACTED)


@pytest.mark.parametrize("cell", ["959.0", "959.00", "9.59E2", "959"])
def test_an_integer_may_be_spelled_as_a_decimal(cell: str) -> None:
    layout = Layout("things", [Column("B__c", "b_c", "int", {})])
    lines, _ = BulkCsv(layout).lines(f'"{cell}"\n""\n'.encode(), EXTRACTED)
    assert [json.loads(row)["record"] for row in lines.splitlines()] == [{"b_c": 959}, {"b_c": None}]


two_texts = st.lists(texts, min_size=2, max_size=2)


@given(first=two_texts, last=two_texts)
def test_of_a_page_that_is_cut_anywhere_the_last_row_is_no_row(first: list[str], last: list[str]) -> None:
    """Only a cut between two quotes that stand for one cannot be told from an end."""
    layout = Layout("things", [Column("A__c", "a_c", "string", {}), Column("B__c", "b_c", "string", {})])
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([first, [text.replace('"', "") for text in last]])
    block = out.getvalue().encode()
    for end in range(1, len(block) - 1):
        with contextlib.suppress(TapError):
            assert BulkCsv(layout).lines(block[:end], EXTRACTED)[1] < 2
        with contextlib.suppress(TapError):
            assert BulkCsv(layout).verified(block[:end]) < 2


def test_text_that_is_no_utf_8_is_refused() -> None:
    layout = Layout("things", [Column("A__c", "a_c", "string", {})])
    with pytest.raises(TapError, match="things: a Bulk page holds text that is no UTF-8"):
        BulkCsv(layout).lines(b'"a\xff"\n', EXTRACTED)
    with pytest.raises(TapError, match="things: Salesforce sent"):
        JsonRows(layout).lines(b'[{"A__c":"a\xff"}]', EXTRACTED)
