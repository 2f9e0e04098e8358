"""A chunk: the rows of one stream that one COPY takes."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from target_sfwarehouse.load.loads import Load
    from target_sfwarehouse.rows.decode import RowShape

__all__ = ["CHUNK_BYTES", "CHUNK_ROWS", "Chunk", "Span"]

CHUNK_ROWS = 2_000
CHUNK_BYTES = 1024 * 1024


class Span(NamedTuple):
    """Input lines, taken apart only where one of them has to be looked at again.

    Attributes:
        text: The lines, a newline between two.
        numbers: The number of each.
        start: The first one that counts.
        stop: The one after the last that counts; None is the end.
    """

    text: bytes
    numbers: Sequence[int]
    start: int = 0
    stop: int | None = None

    def texts(self) -> list[bytes]:
        """The lines that count."""
        lines = self.text.split(b"\n") if len(self.numbers) > 1 else [self.text]
        return lines[self.start : self.stop]


@dataclass(frozen=True)
class Chunk:
    """Rows on their way to a table.

    Attributes:
        load: The table.
        shape: How the records become rows.
        count: How many there are.
        items: Structs as decoded, or rows that the slow path made; None where `recover` gets them back, so that
            memory holds each record once.
        extras: For each item the values of the shape's extra columns, if it has any.
        spans: The input lines that the items came from, in order.
        data: The encoded rows; None if they could not be encoded all at once.
        recover: Decodes an item from its input line.
    """

    load: Load
    shape: RowShape
    count: int
    items: list[Any] | None
    extras: list[tuple[Any, ...]]
    spans: list[Span]
    data: bytes | None
    recover: Callable[[bytes], Any] | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.count

    @property
    def first_line(self) -> int:
        """Number of the first row's input line."""
        span = self.spans[0]
        return span.numbers[span.start]

    @cached_property
    def _origins(self) -> list[tuple[int, bytes]]:
        return list(self._all_origins())

    def _all_origins(self) -> Iterator[tuple[int, bytes]]:
        for span in self.spans:
            yield from zip(span.numbers[span.start : span.stop], span.texts(), strict=True)

    def origin(self, position: int) -> tuple[int, bytes]:
        """Return where a row came from.

        Args:
            position: Its place in the chunk.

        Returns:
            Number and text of the input line.
        """
        return self._origins[position]

    def lines(self, start: int = 0, stop: int | None = None) -> list[tuple[int, Sequence[int]]]:
        """Return the numbers of rows' input lines, without the lines and compactly.

        Args:
            start: Place of the first row.
            stop: The one after the last; None is the end.

        Returns:
            Runs of rows, in order: how many, and a number for each or one for all.
        """
        if start or stop is not None:
            numbers = [number for number, _ in self._origins[start:stop]]
        elif len(self.spans) < self.count:
            runs = [span.numbers[span.start : span.stop] for span in self.spans]
            return [(len(run), run if isinstance(run, range) else array("q", run)) for run in runs]
        else:
            numbers = [span.numbers[span.start] for span in self.spans]
        same = numbers[0] == numbers[-1]
        return [(len(numbers), numbers[:1] if same else array("q", numbers))]

    def row(self, position: int) -> tuple[Any, ...]:
        """Return one row.

        Args:
            position: Its place in the chunk.

        Returns:
            Values in the order of `columns`.

        Raises:
            ValueError: A value that cannot be converted, or a line that is no message after all.
        """
        extra = self.extras[position] if self.extras else ()
        if self.items is not None:
            item = self.items[position]
            if type(item) is not self.shape.moved:
                return self.shape.row(item, extra)
        assert self.recover is not None
        return self.shape.row(self.recover(self.origin(position)[1]), extra)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns in the order of a row's values."""
        return self.shape.column_names
