"""What the project aims at, held against what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import loaders, target_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contest import Result


@dataclass(frozen=True)
class Finding:
    """An aim and what was found.

    Attributes:
        aim: What is aimed at.
        found: The figure.
        holds: Whether it is reached.
    """

    aim: str
    found: str
    holds: bool


def judge(results: Sequence[Result]) -> list[Finding]:
    """Hold results against the aims; what was not measured is left out."""
    found = {result.name: result for result in results}
    return [finding for name, check in _CHECKS if name in found for finding in check(found[name])]


def _faster(result: Result, ours: str, other: str, times: float) -> list[Finding]:
    ratio = result.ratio(other, ours)
    if math.isnan(ratio):
        return []
    return [
        Finding(f"{result.name}: {times:g} times as fast as {other}", f"{ratio:.1f} times", ratio >= times)
    ]


def _within(result: Result, ours: str, floor: str, times: float) -> list[Finding]:
    ratio = result.ratio(ours, floor)
    if math.isnan(ratio):
        return []
    return [
        Finding(f"{result.name}: at most {times:g} times the {floor}", f"{ratio:.2f} times", ratio <= times)
    ]


def _memory(result: Result, ours: str, limit: float) -> list[Finding]:
    score = result.score(ours)
    if score is None:
        return []
    peak = max(score.peaks.values())
    return [Finding(f"{result.name}: {ours} stays under {limit:g} MB", f"{peak:.0f} MB", peak < limit)]


def _loading(result: Result) -> list[Finding]:
    ours = loaders.OURS
    return [
        *_faster(result, ours, loaders.MELTANOLABS, 40),
        *_faster(result, ours, target_alone.MELTANOLABS_BEST, 6.5),
        *_faster(result, ours, loaders.DLT, 14),
        *_within(result, ours, target_alone.FLOOR_MERGE, 1.3),
        *_memory(result, ours, 150),
    ]


_CHECKS = (
    ("first load", _loading),
    ("upsert", _loading),
)
