"""Streams are divided so that shards take about as long, and every row of every stream is in one shard."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tap_sfsource.api.months import Span
from tap_sfsource.shards.balance import Piece, balanced, cut, windows_wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.sync.windows import Window

MONTHS = [
    datetime.datetime(2020 + number // 12, number % 12 + 1, 1, tzinfo=datetime.UTC) for number in range(60)
]

sizes = st.lists(
    st.tuples(st.integers(min_value=0, max_value=10_000_000), st.integers(min_value=1, max_value=500)),
    min_size=1,
    max_size=60,
)
months = st.lists(st.integers(min_value=0, max_value=1_000_000), min_size=0, max_size=60).map(
    lambda counts: [Span(month, month, rows) for month, rows in zip(MONTHS, counts, strict=False)]
)


def pieces_of(found: Sequence[tuple[int, int]]) -> list[Piece]:
    return [Piece(f"stream_{number}", rows, columns) for number, (rows, columns) in enumerate(found)]


@given(sizes, st.integers(min_value=1, max_value=12))
def test_each_stream_is_in_one_shard_and_no_shard_takes_much_longer(
    found: list[tuple[int, int]], shards: int
) -> None:
    pieces = pieces_of(found)
    given_to = balanced(pieces, shards)
    assert sorted((part for shard in given_to for part in shard), key=str) == sorted(pieces, key=str)
    costs = [sum(part.cost for part in shard) for shard in given_to]
    # Graham's bound: the last piece of the longest shard went to what was the shortest one.
    assert max(costs) <= sum(costs) / shards + max(part.cost for part in pieces)


@given(months, st.integers(min_value=2, max_value=12), st.data())
def test_each_moment_is_in_one_window(spans: list[Span], windows: int, data: st.DataObject) -> None:
    piece = Piece("cases", 1, 60)
    parts = cut(piece, spans, windows)
    assert 1 <= len(parts) <= windows
    assert sum(part.rows for part in parts) == sum(span.rows for span in spans)
    moment = data.draw(st.datetimes(timezones=st.just(datetime.UTC)))
    assert sum(holds(part.window, moment) for part in parts) == 1
    if spans:
        most = max(span.rows for span in spans)
        fair = sum(span.rows for span in spans) / windows
        assert all(part.rows <= fair + 2 * most for part in parts)


@given(sizes, st.integers(min_value=2, max_value=6))
def test_windows_of_a_stream_go_to_different_shards(found: list[tuple[int, int]], shards: int) -> None:
    pieces = pieces_of(found)
    wanted = windows_wanted(pieces, shards)
    even = [Span(month, month, 1000) for month in MONTHS]
    parts = [
        part
        for piece in pieces
        for part in (cut(piece, even, wanted[piece.stream]) if piece.stream in wanted else [piece])
    ]
    for shard in balanced(parts, shards):
        assert len({part.stream for part in shard}) == len(shard)


def test_one_huge_stream_is_cut_into_as_many_windows_as_there_are_shards() -> None:
    pieces = [Piece("cases", 50_000_000, 60), Piece("accounts", 10_000, 60)]
    assert windows_wanted(pieces, 4) == {"cases": 4}
    assert windows_wanted(pieces, 1) == {}
    assert windows_wanted(pieces_of([(0, 1)] * 8), 4) == {}


def holds(window: Window | None, moment: datetime.datetime) -> bool:
    assert window is not None
    return (window.start is None or moment >= window.start) and (window.end is None or moment < window.end)
