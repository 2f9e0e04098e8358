"""Which runs read a collection: one where nothing happened has no row of its own."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sfsource.reports.history import History, Report

GOOD: Final = frozenset({"success", "partial"})
"""A run of these read each collection that has no row of it to the end."""

_SHARED: Final = frozenset({"names", "Name"})
"""Collections that every shard of an org has, so that they tell nothing of which tap a run was of."""


class Coverage:
    """What the target's `_sync_runs` says of which run had which streams; a run that it does not know had them all."""

    def __init__(self, history: History) -> None:
        self._history = history

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset().union(*self._history.covered.values())

    @cached_property
    def _own(self) -> frozenset[str]:
        """Collections that tell of which tap a run was; the stream of the reports is none."""
        ours = {name for name, part in self._history.loaded.items() if part.ours}
        return frozenset({*self._history.last, *ours} - _SHARED)

    def knows(self, collection: str) -> bool:
        """Whether a run is known to have had the collection."""
        return collection in self._known

    def includes(self, run: Report, collection: str) -> bool:
        """Whether a run had a collection."""
        streams = self._history.covered.get(run.run_id)
        return streams is None or collection not in self._known or collection in streams

    def last_good(self, collection: str) -> Report | None:
        """Give the newest run that read the collection to its end without news: one that is newer than its last row."""
        last = self._history.last.get(collection)
        for run in self._history.runs:
            if last is not None and (run.run_id == last.run_id or run.order <= last.order):
                return None
            if run.status in GOOD and self.includes(run, collection):
                return run
        return None

    def is_deselected(self, collection: str) -> bool:
        """Whether a newer run of the same tap left the collection out; another shard of the org has no stream of it."""
        if not self.knows(collection):
            return False  # the target has it by another name
        left_out: set[str] = set()
        last = self._history.last.get(collection)
        for run in self._history.runs:
            streams = self._history.covered.get(run.run_id)
            if streams is None:
                continue
            if collection in streams or (last is not None and last.run_id == run.run_id):
                return bool(left_out & streams & self._own)
            if run.status in GOOD:
                left_out |= streams
        return False
