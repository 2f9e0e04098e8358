"""Bulk CSV, formatted by SQLite itself: an SQL expression a cell, so rows never become Python objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator.schema import NUMBER_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulator.schema import Field
    from tests.simulator.soql.selection import Cell

# Java writes doubles plainly from 0.001 up to below 10,000,000; fields have 18 digits at most.
_PLAIN_ZEROS, _PLAIN_DIGITS, _MOST_DIGITS = 3, 7, 18


def line_sql(cells: Sequence[Cell], delimiter: str, line_ending: str) -> str:
    """SQL of a whole line as a blob: quoted cells, delimiters and the line's end.

    Args:
        cells: The columns in order.
        delimiter: One character.
        line_ending: LF or CRLF.
    """
    between, end = _literal(f'"{delimiter}"'), _literal('"' + line_ending)
    parts = [f"{_escaped(cell)} || {between}" for cell in cells[:-1]]
    line = _concatenated(["'\"'", *parts, f"{_escaped(cells[-1])} || {end}"])
    return f"CAST({line} AS BLOB)"


def _concatenated(parts: Sequence[str]) -> str:
    """Join as a shallow tree: SQLite refuses expressions over 1000 levels deep, and objects have 800 fields."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_concatenated(parts[:middle])} || {_concatenated(parts[middle:])})"


def header_line(cells: Sequence[Cell], delimiter: str, line_ending: str) -> bytes:
    """The header line."""
    return (delimiter.join(f'"{cell.header}"' for cell in cells) + line_ending).encode()


def _literal(text: str) -> str:
    if "\r" in text or "\n" in text:
        # Line ends cannot stand in a statement literally without being hard to read in a trace.
        return f"CAST(x'{text.encode().hex()}' AS TEXT)"
    return "'" + text.replace("'", "''") + "'"


def _escaped(cell: Cell) -> str:
    text = cell_sql(cell.sql, cell.field)
    return f"""replace({text}, '"', '""')""" if _may_hold_quotes(cell.field) else text


def _may_hold_quotes(field: Field) -> bool:
    return field.type not in (
        "id", "reference", "boolean", "int", *NUMBER_TYPES, "date", "datetime", "time",
    )  # fmt: skip


def cell_sql(sql: str, field: Field) -> str:
    """SQL of a cell's text, `values.to_csv` in SQL: never NULL, quotes not yet doubled."""
    kind = field.type
    if kind == "boolean":
        return f"iif({sql}, 'true', 'false')"
    if kind == "int":
        return f"ifnull({sql} || '.0', '')" if field.decimal_text else f"ifnull({sql}, '')"
    if kind == "datetime":
        return f"ifnull(strftime('%Y-%m-%dT%H:%M:%fZ', {sql} / 1000.0, 'unixepoch'), '')"
    if kind == "time":
        return f"ifnull(strftime('%H:%M:%fZ', {sql} / 1000.0, 'unixepoch'), '')"
    if kind in NUMBER_TYPES:
        return _number(sql, field.scale)
    return f"ifnull({sql}, '')"


def _number(sql: str, scale: int) -> str:
    """`values.number_text` in SQL."""
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
        return f"ifnull({plain}, '')"
    mantissa = f"ifnull(nullif(rtrim(substr(abs({sql}), 2), '0'), ''), '0')"
    power_of_ten = f"(length(abs({sql})) - {scale + 1})"
    other = (
        f"iif({sql} < 0, '-', '') || substr(abs({sql}), 1, 1) || '.' || {mantissa} || 'E' || {power_of_ten}"
    )
    return f"ifnull(iif({' OR '.join(exponential)}, {other}, {plain}), '')"
