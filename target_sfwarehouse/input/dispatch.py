"""Where RECORD lines go, told by their beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from target_sfwarehouse.errors import shown
from target_sfwarehouse.rows.chunks import Span
from target_sfwarehouse.rows.values import load_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_sfwarehouse.input.batcher import Stream

HEAD = 512
"""Bytes of a line in which its `"record"` is looked for."""

KNOWN_HEADS = 4096
"""Beginnings of lines that are remembered, at most."""


class Destination:
    """Where RECORD lines with the same beginning go.

    Attributes:
        head: The beginning, up to `"record":`.
        stream: The stream.
    """

    __slots__ = ("_decoder", "_moving", "_shape", "head", "stream")

    def __init__(self, head: bytes, stream: Stream, decoder: msgspec.json.Decoder[Any]) -> None:
        self.head = head
        self.stream = stream
        self._shape = stream.shape
        self._decoder = decoder
        self._moving = stream.shape.moving
        stream.buffer.recover = self.recover

    def decode(self, line: bytes) -> Any:
        """Decode a line value by value."""
        return self._decoder.decode(line)

    def decode_lines(self, lines: bytes) -> list[Any]:
        """Decode lines that stand together."""
        moving = self._moving
        if moving is not None and not self.stream.buffer.typed:
            return moving.decode_lines(lines)
        return self._decoder.decode_lines(lines)

    def recover(self, line: bytes) -> Any:
        """Decode a line once more, value by value: what `RowShape.row` takes."""
        try:
            return self._decoder.decode(line).record
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        try:
            record = load_json(line)["record"]
        except ValueError:
            raise ValueError(f"this is no JSON: {shown(line[:80])}") from None
        return self._shape.from_record(record)


class Lines(NamedTuple):
    """Lines of one stream that follow each other in a block.

    Attributes:
        destination: Where they go; None for one line that no destination takes.
        start: Where the first one begins.
        stop: Where the last one ends, without its newline.
        first: Number of the first one.
        lines: How many they are.
    """

    destination: Destination | None
    start: int
    stop: int
    first: int
    lines: int


class Dispatcher:
    """Finds where lines go, among the destinations known so far."""

    def __init__(self) -> None:
        self._by_head: dict[bytes, Destination] = {}
        self._last: Destination | None = None

    def __len__(self) -> int:
        return len(self._by_head)

    def learn(self, line: bytes, stream: Stream) -> None:
        """Learn from a RECORD line that took the slow path where lines like it go."""
        head, found, _ = line[:HEAD].partition(b'"record":')
        decoder = stream.shape.message
        if found and b'"type"' in head and b'"stream"' in head and decoder is not None:
            if len(self._by_head) >= KNOWN_HEADS:
                # What stands before the record differs from line to line, such as the time of extraction.
                self.clear()
            self._by_head[head] = Destination(head, stream, decoder)

    def clear(self) -> None:
        """Forget all of them: a stream may have another schema now."""
        self._by_head.clear()
        self._last = None

    def like(self, destination: Destination | None) -> Destination | None:
        """The destination that now has the beginning of one known before."""
        return self._by_head.get(destination.head) if destination is not None else None

    def following(self, block: bytes, start: int, number: int) -> Lines:
        """Find the lines that begin at a place and go where the first of them goes."""
        find = block.find
        destination = self._last
        # Most lines go where the one before them went.
        if destination is None or not block.startswith(destination.head, start):
            record = find(b'"record":', start, start + HEAD)
            destination = self._by_head.get(block[start:record]) if record >= 0 else None
        if (stop := find(b"\n", start)) < 0:
            stop = len(block)
        if destination is None:
            return Lines(None, start, stop, number, 1)
        self._last = destination
        count, begins, head = 1, block.startswith, destination.head
        while begins(head, stop + 1):
            count += 1
            if (stop := find(b"\n", stop + 1)) < 0:
                stop = len(block)
        return Lines(destination, start, stop, number, count)


def joined(block: bytes, runs: Sequence[Lines]) -> Span:
    """Join the lines of one stream."""
    if len(runs) == 1:
        only = runs[0]
        return Span(block[only.start : only.stop], range(only.first, only.first + only.lines))
    texts = [block[run.start : run.stop] for run in runs]
    numbers = [number for run in runs for number in range(run.first, run.first + run.lines)]
    return Span(b"\n".join(texts), numbers)
