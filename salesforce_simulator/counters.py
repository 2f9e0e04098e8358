"""What was given out: record ids and auto-numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from salesforce_simulator.ids import id_run, make_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from salesforce_simulator.schema import SObject


class Counters:
    """The last number of each key prefix, which objects can share, and of each auto-number field."""

    def __init__(self) -> None:
        self._ids: Counter[str] = Counter()
        self._numbers: Counter[tuple[str, str]] = Counter()

    def start(self, prefix: str, number: int) -> None:
        """Begin the ids of a key prefix behind a number."""
        self._ids[prefix] = number

    def next_id(self, sobject: SObject) -> str:
        """An id that was not given out before."""
        prefix = sobject.key_prefix or ""
        self._ids[prefix] += 1
        return make_id(prefix, self._ids[prefix])

    def following_ids(self, sobject: SObject) -> Iterator[str]:
        """Ids that were not given out before; `take_ids` says how many are used."""
        prefix = sobject.key_prefix or ""
        return id_run(prefix, self._ids[prefix] + 1)

    def take_ids(self, sobject: SObject, count: int) -> None:
        """Skip ids that rows have."""
        self._ids[sobject.key_prefix or ""] += count

    def next_number(self, sobject: SObject, name: str) -> int:
        """The next number of an auto-number field."""
        key = sobject.name, name
        self._numbers[key] += 1
        return self._numbers[key]

    def take_numbers(self, sobject: SObject, count: int) -> None:
        """Skip auto-numbers that rows have."""
        for f in sobject.fields.values():
            if f.auto_number:
                self._numbers[sobject.name, f.name] += count
