"""A chunk is the rows of one stream that one COPY takes; a buffer holds the records that become the next chunk."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from target_sfwarehouse.rows.decode import (
    EscapedTextError,
    NestedValueError,
    NulError,
    RowShape,
    UncheckedError,
    encode_rows,
)
from target_sfwarehouse.rows.values import BadValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CHUNK_ROWS = 2_000
CHUNK_BYTES = 1024 * 1024

TYPED_CHUNKS = 16
"""Chunks that are decoded value by value after one whose text could not be moved as it was."""


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
        shape: How the records become rows.
        count: How many there are.
        items: Structs as decoded, or rows that the slow path made; None where `recover` gets them back, so that
            memory holds each record once.
        extras: For each item the values of the shape's extra columns, if it has any.
        spans: The input lines that the items came from, in order.
        data: The encoded rows; None if they could not be encoded all at once.
        recover: Decodes an item from its input line.
    """

    shape: RowShape
    count: int
    items: list[Any] | None
    extras: list[tuple[Any, ...]]
    spans: list[Span]
    data: bytes | None
    recover: Callable[[bytes], Any] | None = None

    def __len__(self) -> int:
        return self.count

    @property
    def stream(self) -> str:
        """The stream that the rows are of."""
        return self.shape.stream

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
        """Return where a row came from."""
        return self._origins[position]

    def lines(self, start: int = 0, stop: int | None = None) -> list[tuple[int, Sequence[int]]]:
        """Return the numbers of rows' input lines, without the lines and compactly."""
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
        """Return one row."""
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


class Buffer:
    """Records of one stream, under one SCHEMA, that wait to become a chunk.

    Attributes:
        shape: How they become rows.
        items: Decoded records, or rows.
        extras: Values of the shape's extra columns, item by item.
        spans: The input lines that they came from, in order.
        size: Bytes of these lines.
        limit: Items that make a chunk.
        recover: Decodes an item value by value from its line, where that can be done; see `Chunk`.
        slow: Whether the slow path made one of the items.
        typed: Chunks left that are better decoded value by value.
    """

    __slots__ = ("extras", "items", "limit", "recover", "shape", "size", "slow", "spans", "typed")

    def __init__(self, shape: RowShape, limit: int) -> None:
        self.shape = shape
        self.items: list[Any] = []
        self.extras: list[tuple[Any, ...]] = []
        self.spans: list[Span] = []
        self.size = 0
        self.limit = limit
        self.recover: Callable[[bytes], Any] | None = None
        self.slow = False
        self.typed = 0

    @property
    def full(self) -> bool:
        """Whether the records make a chunk."""
        return len(self.items) >= self.limit or self.size >= CHUNK_BYTES

    @property
    def first_line(self) -> int:
        """Number of the input line of the first record; there is one."""
        return self.spans[0].numbers[self.spans[0].start]

    def add(self, item: Any, extra: tuple[Any, ...], line: int, text: bytes) -> None:
        """Take one record in."""
        self.items.append(item)
        if extra:
            self.extras.append(extra)
        self.spans.append(Span(text, (line,)))
        self.size += len(text)

    def extend(self, items: Sequence[Any], extras: Sequence[tuple[Any, ...]], span: Span) -> None:
        """Take in records that were decoded together."""
        self.items += items
        self.extras += extras
        self.spans.append(span)
        self.size += len(span.text) * len(items) // len(span.numbers)

    def take(self, *, replace_nul: bool) -> Chunk:
        """Return the records as a chunk and be empty again."""
        self.typed = max(0, self.typed - 1)
        data = self._encoded(replace_nul=replace_nul)
        keep = data is None or self.slow or self.recover is None
        chunk = Chunk(
            self.shape,
            len(self.items),
            self.items[:] if keep else None,
            self.extras[:],
            self.spans[:],
            data,
            self.recover,
        )
        self.items.clear()
        self.extras.clear()
        self.spans.clear()
        self.size = 0
        self.slow = False
        return chunk

    def _encoded(self, *, replace_nul: bool) -> bytes | None:
        moved = self.shape.moved is not None and self.recover is not None
        try:
            rows = self.shape.rows(self.items, self.extras)
            data = encode_rows(rows, replace_nul=replace_nul, moved=moved)
            self.shape.check(rows)
        except (EscapedTextError, NestedValueError):
            self.typed = TYPED_CHUNKS
        except (BadValueError, UncheckedError, NulError, UnicodeEncodeError, OverflowError):
            return None
        else:
            return data
        return self._encoded_by_value(replace_nul=replace_nul)

    def _encoded_by_value(self, *, replace_nul: bool) -> bytes | None:
        """Encode what was decoded with its text as it was, after decoding it once more value by value."""
        assert self.recover is not None
        moved, texts = self.shape.moved, (text for span in self.spans for text in span.texts())
        try:
            self.items[:] = [
                self.recover(text) if type(item) is moved else item
                for item, text in zip(self.items, texts, strict=True)
            ]
            rows = self.shape.rows(self.items, self.extras)
            self.shape.check(rows)
            return encode_rows(rows, replace_nul=replace_nul)
        except (ValueError, OverflowError):
            return None
