"""A chunk: the rows of one stream that one COPY takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_sfwarehouse.loads import Load
    from target_sfwarehouse.rows import RowShape

__all__ = ["CHUNK_BYTES", "CHUNK_ROWS", "Chunk"]

CHUNK_ROWS = 2_000
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Chunk:
    """Rows on their way to a table.

    Attributes:
        load: The table.
        shape: How the records become rows.
        items: Structs as decoded, or rows that the slow path made; None where `recover` gets them back, so that
            memory holds each record once.
        extras: For each item the values of the shape's extra columns, if it has any.
        lines: For each item the number of its input line.
        texts: For each item its input line.
        data: The encoded rows; None if they could not be encoded all at once.
        recover: Decodes an item from its input line.
    """

    load: Load
    shape: RowShape
    items: list[Any] | None
    extras: list[tuple[Any, ...]]
    lines: list[int]
    texts: list[bytes]
    data: bytes | None
    recover: Callable[[bytes], Any] | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.lines)

    def row(self, position: int) -> tuple[Any, ...]:
        """Return one row.

        Args:
            position: Its place in the chunk.

        Returns:
            Values in the order of `columns`.

        Raises:
            BadValueError: A value that cannot be converted.
        """
        extra = self.extras[position] if self.extras else ()
        if self.items is not None:
            return self.shape.row(self.items[position], extra)
        assert self.recover is not None
        return self.shape.row(self.recover(self.texts[position]), extra)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns in the order of a row's values."""
        return self.shape.column_names
