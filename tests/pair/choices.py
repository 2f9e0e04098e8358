"""What a run of the pair can be like, and a table in which every two choices meet."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, fields, replace
from typing import Any

CHOICES: dict[str, tuple[str, ...]] = {
    "emitter": ("lines", "flattening", "csv", "jsonl", "filter", "mask", "computed"),
    "trouble": ("none", "fault", "bad page", "cut", "torn", "merge", "lost", "cut refresh"),
    "reader": ("auto", "rest", "bulk"),
    "deletes": ("all", "soft", "sweep"),
    "naming": ("segment", "salesforce"),
    "partial_rows": ("auto", "whole"),
}
"""Each setting or trouble with all that it can be. Trouble:

- fault: the org answers with errors that pass, or a Bulk job fails.
- bad page: a page is a row short, cut, or holds what its field cannot; the run may fail, and then fails aloud.
- cut: the target gets the first lines of the tap and the end of its input, as when the tap is killed.
- torn: the target ends at some line as if it were killed.
- merge: the state is an older one with the newer one's values over it, as Meltano merges states.
- lost: there is no state, as with Meltano's --full-refresh; the tables stay.
- cut refresh: a full refresh that is killed; Meltano merges what it left into the state before it.
"""

SAME_TABLE = ("lines", "flattening", "csv", "jsonl")
"""Emitters that make the same tables: a history may change from one to another. The others make other columns or keys of the
same rows, and no tap could know that rows of earlier runs went through another map: a history keeps them."""


@dataclass(frozen=True)
class Choices:
    """One run."""

    emitter: str = "lines"
    trouble: str = "none"
    reader: str = "auto"
    deletes: str = "all"
    naming: str = "segment"
    partial_rows: str = "auto"

    def but(self, **other: str) -> Choices:
        """The same run, but for this."""
        return replace(self, **other)

    @property
    def values(self) -> tuple[str, ...]:
        """What was chosen, in the order of CHOICES."""
        return tuple(getattr(self, name) for name in CHOICES)

    def __str__(self) -> str:
        return "-".join(value.replace(" ", "_") for value in self.values)


Pair = tuple[tuple[str, str], tuple[str, str]]


def pairs(row: tuple[str, ...]) -> set[Pair]:
    """Every two choices that meet in a row."""
    named = zip(CHOICES, row, strict=True)
    return set(itertools.combinations(named, 2))


def all_pairs() -> set[Pair]:
    """Every two choices that can meet."""
    names = itertools.combinations(CHOICES, 2)
    return {((a, x), (b, y)) for a, b in names for x in CHOICES[a] for y in CHOICES[b]}


def covering() -> list[Choices]:
    """A table in which every two choices meet; greedy, and the same each time.

    Where several rows meet as many pairs that are missing, chance takes one, so that no choice is common.
    """
    missing = all_pairs()
    rows = list(itertools.product(*CHOICES.values()))
    random.Random(13).shuffle(rows)
    table: list[Choices] = []
    while missing:
        best = max(rows, key=lambda row: len(pairs(row) & missing))
        missing -= pairs(best)
        table.append(Choices(*best))
    return table


TABLE = covering()
assert tuple(field.name for field in fields(Choices)) == tuple(CHOICES)


def settings_of(choices: Choices) -> dict[str, Any]:
    """The tap's settings that a run's choices name directly."""
    return {name: getattr(choices, name) for name in ("reader", "deletes", "naming", "partial_rows")}
