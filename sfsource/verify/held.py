"""Rows of the warehouse as they were when they were looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Match(NamedTuple):
    """A staged row beside the warehouse's rows of its id: how many there are, those not deleted, and what differs."""

    id: str
    found: int
    alive: int
    differs: tuple[str, ...]


class Held:
    """The rows of some ids as they were when they were looked at, in a temporary table."""

    def __init__(self, name: str, rows: Mapping[str, Sequence[bool]]) -> None:
        self.name = name
        self._rows = rows

    def alive(self, record_id: str) -> bool:
        """Whether there is a row that is not marked as deleted."""
        return any(self._rows.get(record_id, ()))

    def count(self, record_id: str) -> int:
        """How many rows there are."""
        return len(self._rows.get(record_id, ()))
