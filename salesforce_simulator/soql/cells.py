"""Bulk CSV, made by SQLite itself, so that no value becomes a Python object.

SQLite has one function that takes many values and gives one text quickly: `json_array`. A row comes as a JSON array of
its cells' texts; where it holds no backslash, which is nearly always, nothing in it was escaped, and the array without
its brackets is the row's CSV. The others are decoded and quoted one by one.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from salesforce_simulator.schema import NUMBER_TYPES
from salesforce_simulator.store import datetime_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from salesforce_simulator.schema import Field

# Java writes doubles plainly from 0.001 up to below 10,000,000; fields have 18 digits at most.
_PLAIN_ZEROS, _PLAIN_DIGITS, _MOST_DIGITS = 3, 7, 18
# Digits that a float keeps whatever they are.
_FLOAT_DIGITS = 15
# SQLite's functions take 127 arguments, unless it was compiled to take fewer.
_ARGUMENTS = 100
_BACKSLASH = ord("\\")
_ESCAPE = re.compile(rb"\\(?:u.{4}|.)")


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a Bulk result: its header, SQL of the stored value, the field, and SQL of the text."""

    header: str
    sql: str
    field: Field
    text: str


def array_sql(cells: Sequence[Cell]) -> str:
    """SQL of a row as a blob: the JSON array of its cells, every one a text."""
    parts = [
        f"json_array({', '.join(cell.text for cell in cells[start : start + _ARGUMENTS])})"
        for start in range(0, len(cells), _ARGUMENTS)
    ]
    # What is next to an outer bracket is a quote, so no other bracket goes with it.
    parts[:-1] = [f"rtrim({part}, ']')" for part in parts[:-1]]
    parts[1:] = [f"ltrim({part}, '[')" for part in parts[1:]]
    row = " || ',' || ".join(parts)
    return f"CAST({row} AS BLOB)"


def csv_lines(arrays: Sequence[bytes], delimiter: str, line_ending: str) -> tuple[bytes, list[int]]:
    """Rows of `array_sql` as lines of CSV, all cells quoted: the lines, and how long each is."""
    end = line_ending.encode()
    if delimiter == ",":
        lines = [array[1:-1] for array in arrays]
    else:
        between = f'"{delimiter}"'.encode()
        # From behind the first quote on, a quote that is found first always closes a cell.
        lines = [b'"' + array[2:-1].replace(b'","', between) for array in arrays]
    for place in [place for place, array in enumerate(arrays) if _BACKSLASH in array]:
        lines[place] = _unescaped(arrays[place], delimiter)
    extra = len(end)
    return end.join([*lines, b""]), [len(line) + extra for line in lines]


def _unescaped(array: bytes, delimiter: str) -> bytes:
    if delimiter == ",":
        return _ESCAPE.sub(_plain, array[1:-1])
    between = f'"{delimiter}"'
    cells = [cell.replace('"', '""') for cell in json.loads(array)]
    return f'"{between.join(cells)}"'.encode()


def _plain(escape: re.Match[bytes]) -> bytes:
    return _of_escape(escape[0])


@cache
def _of_escape(escape: bytes) -> bytes:
    """What CSV has in place of an escape; SQLite escapes quotes, backslashes and control characters alone."""
    return str(json.loads(b'"%b"' % escape)).replace('"', '""').encode()


def header_line(cells: Sequence[Cell], delimiter: str, line_ending: str) -> bytes:
    """The header line."""
    return (delimiter.join(f'"{cell.header}"' for cell in cells) + line_ending).encode()


def cell_sql(sql: str, field: Field) -> str:
    """SQL of a cell's text, `values.to_csv` in SQL: a text, never NULL."""
    kind = field.type
    if kind == "boolean":
        return f"iif({sql}, 'true', 'false')"
    if kind == "int":
        return f"ifnull({sql} || '.0', '')" if field.decimal_text else f"ifnull(CAST({sql} AS TEXT), '')"
    if kind == "datetime":
        return f"ifnull({datetime_text(sql)}, '')"
    if kind == "time":
        return f"ifnull(strftime('%H:%M:%fZ', {sql} / 1000.0, 'unixepoch'), '')"
    if kind in NUMBER_TYPES:
        return _number(sql, field.scale)
    return f"ifnull({sql}, '')"


def _number(sql: str, scale: int) -> str:
    """`values.number_text` in SQL."""
    # Few digits in the plain range come right from a float, and much quicker; whatever has more decimals is a float.
    least = 10 ** (scale - _PLAIN_ZEROS)
    most = 10 ** min(scale + _PLAIN_DIGITS, _FLOAT_DIGITS) - 1
    quick = _float_text(f"{sql} / 1e{scale}")
    return (
        f"CASE WHEN {sql} IS NULL THEN '' WHEN {sql} BETWEEN {least} AND {most} THEN {quick} "
        f"WHEN {sql} BETWEEN -{most} AND -{least} THEN {quick} WHEN {sql} = 0 THEN '0.0' "
        f"WHEN typeof({sql}) = 'real' THEN soql_number({scale}, {sql}) ELSE {_long_number(sql, scale)} END"
    )


def _float_text(sql: str) -> str:
    """SQL of the shortest text of a float that has few digits."""
    return f"CAST({sql} AS TEXT)" if _casts_to_15_digits() else f"printf('%!.15g', {sql})"


@cache
def _casts_to_15_digits() -> bool:
    """Whether this SQLite does so when it turns floats to text; `printf` always can, but is slower."""
    with closing(sqlite3.connect(":memory:")) as connection:
        return bool(connection.execute("SELECT CAST(0.1 + 0.2 AS TEXT) = '0.3'").fetchone()[0])


def _long_number(sql: str, scale: int) -> str:
    """The same of any number, by its digits."""
    power = 10**scale
    # Trailing zeros go, but one digit stays behind the point. (|| binds tighter than / and %.)
    fraction = f"rtrim(substr(abs({sql}) % {power} + {power}, 2), '0')"
    plain = f"(abs({sql}) / {power}) || '.' || ifnull(nullif({fraction}, ''), '0')" if scale else ""
    plain = f"iif({sql} < 0, '-', '') || {plain}" if scale else f"{sql} || '.0'"
    exponential = []
    if scale + _PLAIN_DIGITS < _MOST_DIGITS:
        exponential.append(f"abs({sql}) >= {10 ** (scale + _PLAIN_DIGITS)}")
    if scale > _PLAIN_ZEROS:
        exponential.append(f"abs({sql}) < {10 ** (scale - _PLAIN_ZEROS)} AND {sql} <> 0")
    if not exponential:
        return plain
    mantissa = f"ifnull(nullif(rtrim(substr(abs({sql}), 2), '0'), ''), '0')"
    power_of_ten = f"(length(abs({sql})) - {scale + 1})"
    other = (
        f"iif({sql} < 0, '-', '') || substr(abs({sql}), 1, 1) || '.' || {mantissa} || 'E' || {power_of_ten}"
    )
    return f"iif({' OR '.join(exponential)}, {other}, {plain})"
