"""How the demo shows things: headings and tables of plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def heading(text: str) -> None:
    """Print a heading.

    Args:
        text: What follows.
    """
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; numbers stand to the right.

    Args:
        titles: One a column.
        rows: The cells; None and 0 stay blank.
    """
    cells = [["" if cell is None or cell is False or cell == 0 else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    numeric = [all(isinstance(row[i], int) for row in rows) for i in range(len(titles))]
    for line in (list(titles), ["-" * width for width in widths], *cells):
        parts = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        )
        print(f"  {'  '.join(parts)}".rstrip(), flush=True)


def answer(statement: str, titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a query and what it gave, as psql does.

    Args:
        statement: The SQL.
        titles: Column names.
        rows: What came back.
    """
    print(f"  {statement}\n", flush=True)
    table(titles, [["null" if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell) for cell in row] for row in rows])
