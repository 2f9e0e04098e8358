"""Which shard reads what: streams, and windows of large streams, so that all shards take about as long."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final

from tap_sfsource.sync.windows import Window

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from tap_sfsource.api.months import Span

_A_STREAM: Final = 100_000
"""What a stream costs whatever its size: its share of a call takes as long as so many cells of a page."""

_MORE_CELLS: Final = 10
"""What a row costs beside its cells, in cells."""


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """What one shard reads of a stream.

    Attributes:
        rows: About how many rows it has.
        columns: How many columns are selected.
        window: Which of the rows, by their creation, which never changes; None for all.
    """

    stream: str
    rows: int
    columns: int
    window: Window | None = None

    @property
    def cost(self) -> int:
        """About how long it takes to read all of it, in cells."""
        return _A_STREAM + self.rows * (self.columns + _MORE_CELLS)


def windows_wanted(pieces: Sequence[Piece], shards: int) -> dict[str, int]:
    """Stream to the number of windows, where one shard would take longer with it than all shards should."""
    share = sum(piece.cost for piece in pieces) / shards
    wanted = {piece.stream: min(shards, math.ceil(piece.cost / share)) for piece in pieces if share}
    return {stream: count for stream, count in wanted.items() if count > 1}


def cut(piece: Piece, spans: Sequence[Span], windows: int) -> list[Piece]:
    """Cut a stream into windows of about as many rows.

    `spans` are in their order, and none of them is cut.
    """
    total = sum(span.rows for span in spans)
    starts: list[datetime.datetime | None] = [None]
    counts = [0]
    passed = 0
    for span in spans:
        rows = span.rows
        # The span goes to the window in which its middle lies.
        begins = (passed + rows / 2) * windows >= total * len(counts)
        if begins and counts[-1] and rows and len(counts) < windows:
            starts.append(span.start)
            counts.append(0)
        counts[-1] += rows
        passed += rows
    ends = [*starts[1:], None]
    return [
        dataclasses.replace(piece, rows=rows, window=Window(start, end))
        for start, end, rows in zip(starts, ends, counts, strict=True)
    ]


def balanced(pieces: Iterable[Piece], shards: int) -> list[list[Piece]]:
    """Give each piece to the shard with the least so far, the costliest first; windows of one stream go to different ones."""
    given: list[list[Piece]] = [[] for _ in range(shards)]
    costs = [0] * shards
    for piece in sorted(pieces, key=lambda part: (-part.cost, part.stream)):
        free = [
            number for number in range(shards) if all(part.stream != piece.stream for part in given[number])
        ]
        lightest = min(free, key=lambda number: (costs[number], number))
        given[lightest].append(piece)
        costs[lightest] += piece.cost
    return given
