"""A chunk: the rows of one stream that one COPY takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from target_sfwarehouse.loads import Load
    from target_sfwarehouse.rows import RowShape

__all__ = ["CHUNK_BYTES", "CHUNK_ROWS", "Chunk"]

CHUNK_ROWS = 2_000
CHUNK_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True)
class Chunk:
    """Rows on their way to a table.

    Attributes:
        load: The table.
        shape: How the records become rows.
        items: Structs as decoded, or rows that the slow path made.
        extras: For each item the values of the shape's extra columns, if it has any.
        lines: For each item the number of its input line.
        texts: For each item its input line.
        data: The encoded rows; None if they could not be encoded all at once.
    """

    load: Load
    shape: RowShape
    items: list[Any]
    extras: list[tuple[Any, ...]]
    lines: list[int]
    texts: list[bytes]
    data: bytes | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns in the order of a row's values."""
        return self.shape.column_names
