"""Records of one stream that wait to become a chunk, and where in the input each came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_sfwarehouse.rows.chunks import CHUNK_BYTES, Chunk, Span
from target_sfwarehouse.rows.decode import EscapedTextError, NestedValueError, NulError, RowShape, encode_rows
from target_sfwarehouse.rows.layout import BadValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_sfwarehouse.load.loads import Load

__all__ = ["Buffer"]

TYPED_CHUNKS = 16
"""Chunks that are decoded value by value after one whose text could not be moved as it was."""


class Buffer:
    """Records of one stream, under one SCHEMA, that wait to become a chunk.

    Attributes:
        load: The table they go to.
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

    __slots__ = (
        "extras",
        "items",
        "limit",
        "load",
        "recover",
        "shape",
        "size",
        "slow",
        "spans",
        "typed",
    )

    def __init__(self, load: Load, shape: RowShape, limit: int) -> None:
        self.load = load
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

    def add(self, item: Any, extra: tuple[Any, ...], line: int, text: bytes) -> None:
        """Take one record in.

        Args:
            item: What the decoder made of it, or a row.
            extra: Values of the shape's extra columns, if it has any.
            line: Number of its input line.
            text: The line.
        """
        self.items.append(item)
        if extra:
            self.extras.append(extra)
        self.spans.append(Span(text, (line,)))
        self.size += len(text)

    def extend(self, items: Sequence[Any], extras: Sequence[tuple[Any, ...]], span: Span) -> None:
        """Take in records that were decoded together.

        Args:
            items: What the decoder made of them.
            extras: For each the values of the shape's extra columns, if it has any.
            span: Their lines.
        """
        self.items += items
        self.extras += extras
        self.spans.append(span)
        self.size += len(span.text) * len(items) // len(span.numbers)

    def take(self, *, replace_nul: bool) -> Chunk:
        """Return the records as a chunk and be empty again.

        Args:
            replace_nul: As for `encode_rows`.

        Returns:
            The chunk, encoded unless one of its records stands in the way.
        """
        self.typed = max(0, self.typed - 1)
        data = self._encoded(replace_nul=replace_nul)
        keep = data is None or self.slow or self.recover is None
        chunk = Chunk(
            self.load,
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
            return encode_rows(self.shape.rows(self.items, self.extras), replace_nul=replace_nul, moved=moved)
        except (EscapedTextError, NestedValueError):
            self.typed = TYPED_CHUNKS
        except (BadValueError, NulError, UnicodeEncodeError, OverflowError):
            return None
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
            return encode_rows(self.shape.rows(self.items, self.extras), replace_nul=replace_nul)
        except (ValueError, OverflowError):
            return None
