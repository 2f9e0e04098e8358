"""What a run of the pair can be like, and a table in which every two choices meet."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, fields, replace
from typing import Any

from tests.masked import MASKED, SALT

CHOICES: dict[str, tuple[str, ...]] = {
    "emitter": ("lines", "flattening", "csv", "jsonl", "filter", "mask", "computed"),
    "trouble": ("none", "fault", "bad page", "cut", "torn", "merge", "lost", "cut refresh"),
    "reader": ("auto", "rest", "bulk"),
    "deletes": ("all", "soft", "sweep"),
    "naming": ("segment", "salesforce"),
    "partial_rows": ("auto", "whole"),
    "files": ("no files", "files"),
    "filters": ("no filter", "a filter of all"),
    "masks": ("no masks", "hash", "null", "drop"),
    "states": ("often", "seldom"),
    "target": ("plain", "small batches", "quarantine", "hard delete", "append", "map"),
}
"""Each setting or trouble with all that it can be. Trouble:

- fault: the org answers with errors that pass, or a Bulk job fails.
- bad page: a page is a row short, cut, or holds what its field cannot; the run may fail, and then fails aloud.
- cut: the target gets the first lines of the tap and the end of its input, as when the tap is killed.
- torn: the target ends at some line as if it were killed.
- merge: the state is an older one with the newer one's values over it, as Meltano merges states.
- lost: there is no state, as with Meltano's --full-refresh; the tables stay.
- cut refresh: a full refresh that is killed; Meltano merges what it left into the state before it.

Filters: the condition is met by every row; where it comes or goes, the object is read anew.

Masks: of names of contacts and of custom fields of accounts, which may be numbers.

States: whether a STATE comes behind each page, or only where a restart needs it and at the end.
Target: its settings. `append` is `load_method: append-only`, `map` a stream map that adds a column.
"""

SAME_TABLE = ("lines", "flattening", "csv", "jsonl")
"""Emitters that make the same tables: a history may change from one to another. The others make other columns or keys of the
same rows, and no tap could know that rows of earlier runs went through another map: a history keeps them."""

SAME_TARGET = ("plain", "small batches", "quarantine", "hard delete")
"""Settings of the target that make the same tables, but for rows that are gone."""


@dataclass(frozen=True)
class Choices:
    """One run."""

    emitter: str = "lines"
    trouble: str = "none"
    reader: str = "auto"
    deletes: str = "all"
    naming: str = "segment"
    partial_rows: str = "auto"
    files: str = "no files"
    filters: str = "no filter"
    masks: str = "no masks"
    states: str = "often"
    target: str = "plain"

    def but(self, **other: str) -> Choices:
        """The same run, but for this."""
        return replace(self, **other)

    @property
    def values(self) -> tuple[str, ...]:
        """What was chosen, in the order of CHOICES."""
        return tuple(getattr(self, name) for name in CHOICES)

    def __str__(self) -> str:
        return "-".join(value.replace(" ", "_") for value in self.values)


Choice = tuple[str, str]
Pair = frozenset[Choice]


def pairs(row: Choices) -> set[Pair]:
    """Every two choices that meet in a run."""
    return set(map(frozenset, itertools.combinations(zip(CHOICES, row.values, strict=True), 2)))


def all_pairs() -> list[Pair]:
    """Every two choices that can meet."""
    names = itertools.combinations(CHOICES, 2)
    return [frozenset({(a, x), (b, y)}) for a, b in names for x in CHOICES[a] for y in CHOICES[b]]


def covering() -> list[Choices]:
    """A table in which every two choices meet: each row is the best of some; the same table each time."""
    chance = random.Random(13)
    missing = all_pairs()
    table: list[Choices] = []
    while missing:
        known = set(missing)
        best = max((_row(missing, chance) for _ in range(30)), key=lambda row: len(pairs(row) & known))
        table.append(best)
        missing = [pair for pair in missing if pair not in pairs(best)]
    return table


def _row(missing: list[Pair], chance: random.Random) -> Choices:
    """A row with one of the pairs, and then choice by choice what meets most of the others."""
    wanted = set(missing)
    row: dict[str, str] = dict(chance.choice(missing))
    for name in chance.sample([*CHOICES], len(CHOICES)):
        if name not in row:
            values = chance.sample(CHOICES[name], len(CHOICES[name]))
            row[name] = max(
                values, key=lambda value: sum({(name, value), other} in wanted for other in row.items())
            )
    return Choices(**row)


TABLE = covering()
assert tuple(field.name for field in fields(Choices)) == tuple(CHOICES)


def settings_of(choices: Choices) -> dict[str, Any]:
    """The tap's settings that a run's choices name directly."""
    named = {name: getattr(choices, name) for name in ("reader", "deletes", "naming", "partial_rows")}
    filters = {"*": "(Id != null AND IsDeleted IN (TRUE, FALSE))"} if choices.filters != "no filter" else {}
    masks = dict.fromkeys(MASKED, choices.masks) if choices.masks != "no masks" else {}
    seconds = 0 if choices.states == "often" else 3600
    more = {"filters": filters, "state_seconds": seconds, "mask": masks, "mask_salt": SALT}
    return {**named, "include_base64": choices.files == "files", **more}
