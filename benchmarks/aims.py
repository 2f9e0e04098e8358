"""What the project aims at, held against what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import (
    connections,
    loaders,
    many_objects,
    pair,
    readers,
    startup,
    tap_alone,
    target_alone,
)

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


def _reading(result: Result) -> list[Finding]:
    ours = readers.OURS
    return [
        *_faster(result, ours, readers.SINGER_IO, 20),
        *_within(result, tap_alone.LINES, tap_alone.PARSE, 1.6),
        *_memory(result, ours, 250),
    ]


def _pairing(result: Result) -> list[Finding]:
    findings = [
        *_faster(result, pair.PIPE, pair.THEIRS, 25),
        *_faster(result, pair.PIPE + pair.MELTANO, pair.THEIRS + pair.MELTANO, 25),
        *_memory(result, pair.PIPE, 250),
    ]
    batch = result.ratio(pair.BATCH, pair.MERGE)
    if not math.isnan(batch):
        longer = min(batch, result.ratio(pair.BATCH, pair.DOWNLOAD))
        aim = f"{result.name}: BATCH csv at most 1.2 times the longer of download and COPY plus MERGE"
        findings.append(Finding(aim, f"{longer:.2f} times", longer <= 1.2))
    return findings


def _idling(result: Result) -> list[Finding]:
    score = result.score(readers.OURS)
    if score is None:
        return []
    calls = score.notes["API calls"]
    return [
        Finding(f"{result.name}: under 3 s", f"{score.wall:.2f} s", score.wall < 3),
        Finding(f"{result.name}: at most 14 API calls", f"{calls:g}", calls <= 14),
    ]


def _growing(result: Result) -> list[Finding]:
    largest = result.scores[-1]
    if not largest.walls:
        return []
    peaks = " and ".join(f"{peak:.0f} MB" for peak in largest.peaks.values())
    return [Finding(f"{result.name}: each half under 250 MB", peaks, max(largest.peaks.values()) < 250)]


def _connecting(result: Result) -> list[Finding]:
    ratio, four = result.ratio(connections.ONE, connections.FOUR), result.score(connections.FOUR)
    if four is None or math.isnan(ratio):
        return []
    busy = four.cpu / four.wall
    aim = f"{result.name}: 4 are 3 times as fast as 1, or as fast as the processor allows"
    return [Finding(aim, f"{ratio:.1f} times, the processor {busy:.0%} busy", ratio >= 3 or busy >= 0.9)]


def _growing_in_objects(result: Result) -> list[Finding]:
    findings = []
    for score in result.scores:
        if not score.walls:
            continue
        calls, size = score.notes["API calls"], score.notes["bytes of STATE"]
        findings.append(Finding(f"{score.name}: under 5 MB of STATE", f"{size / 1e6:.2f} MB", size < 5e6))
        if score.notes["selected"] == many_objects.ALL[1]:
            continue  # The aims of calls and memory are for a selection.
        most = score.notes["objects"] / 5 + 10
        findings += [
            Finding(f"{score.name}: at most {most:g} API calls", f"{calls:g}", calls <= most),
            *_memory(result, score.name, 250),
        ]
    return findings


def _starting(result: Result) -> list[Finding]:
    return [
        Finding(
            f"start-up: {name} at most 1.3 times the CPU of {startup.IMPORT}",
            f"{ratio:.2f} times",
            ratio <= 1.3,
        )
        for name in (readers.OURS, loaders.OURS)
        if not math.isnan(ratio := result.cpu_ratio(name, startup.IMPORT))
    ]


_CHECKS = (
    ("first load", _loading),
    ("upsert", _loading),
    ("tap, Bulk", _reading),
    ("pair", _pairing),
    ("idle sync, 150 ms", _idling),
    ("growth in rows", _growing),
    (connections.NAME, _connecting),
    (many_objects.NAME, _growing_in_objects),
    ("start-up", _starting),
)
