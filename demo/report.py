"""How the demo shows things: headings and tables of plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def say(text: str) -> None:
    """Print a line at once.

    Args:
        text: The line.
    """
    print(text, flush=True)


def heading(text: str) -> None:
    """Print a heading.

    Args:
        text: What follows.
    """
    say(f"\n{text}\n{'-' * len(text)}")


def table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; columns of numbers stand to the right, and their zeros stay blank.

    Args:
        titles: One a column.
        rows: The cells.
    """
    numeric = [all(type(row[place]) is int for row in rows) for place in range(len(titles))]
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for line in (titles, ["-" * width for width in widths], *cells):
        parts = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        )
        say(f"  {'  '.join(parts)}".rstrip())


def answer(statement: str, titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a query and what it gave.

    Args:
        statement: The SQL.
        titles: Column names.
        rows: What came back.
    """
    say(f"  {statement};\n")
    table(titles, rows)


def _cell(value: Any) -> str:
    """A value as psql would show it, booleans spelt out."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value == 0 else str(value)
