"""First looks ahead of their turn: five queries to a composite call, several calls at a time.

ObjectSyncs are prepared in the order in which they will be consumed. What has been fetched and not yet consumed is
bounded in bytes, and a Bulk job is created as soon as a look shows that one is needed, so that all jobs run side by side.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tap_sfsource.api.composite import QUERIES
from tap_sfsource.api.usage import paid_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.api.composite import Subrequest
    from tap_sfsource.sync.object_sync import ObjectSync

_BYTES_AHEAD = 48 * 1024 * 1024


def groups_of(syncs: Sequence[ObjectSync]) -> list[list[ObjectSync]]:
    """Syncs whose first requests share a call."""
    return [list(syncs[at : at + QUERIES]) for at in range(0, len(syncs), QUERIES)]


class Lookahead:
    """Prepares syncs in the background, so many calls at a time, in the order in which `wait` will be called for them."""

    def __init__(self, client: Client, syncs: Sequence[ObjectSync], workers: int) -> None:
        self._client = client
        self._groups = groups_of(syncs)
        self._workers = workers
        self._changed = threading.Condition()
        self._next = 0
        self._sizes: dict[int, int] = {}
        self._stopped = False

    def start(self) -> None:
        """Start to prepare."""
        for index in range(min(self._workers, len(self._groups))):
            threading.Thread(target=self._work, name=f"lookahead-{index}", daemon=True).start()

    def wait(self, sync: ObjectSync) -> None:
        """Wait until a sync is prepared (or has failed to be), and make room for a later one."""
        with self._changed:
            self._changed.wait_for(lambda: id(sync) in self._sizes)
            self._sizes[id(sync)] = 0
            self._changed.notify_all()

    def stop(self) -> None:
        """Prepare nothing more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (group := self._take()) is not None:
            sizes = self._prepare(group)
            with self._changed:
                self._sizes.update(sizes)
                self._changed.notify_all()

    def _take(self) -> list[ObjectSync] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or sum(self._sizes.values()) < _BYTES_AHEAD)
            if self._stopped or self._next == len(self._groups):
                return None
            group = self._groups[self._next]
            self._next += 1
            return group

    def _prepare(self, group: Sequence[ObjectSync]) -> dict[int, int]:
        """Fetch the first answers of a group; an error of one object is that object's own."""
        sizes = {id(sync): 0 for sync in group}
        wanted: list[tuple[ObjectSync, list[Subrequest]]] = []
        for sync in group:
            try:
                wanted.append((sync, sync.first_requests()))
            except Exception as error:  # noqa: BLE001 - raised in the main thread, at the object's turn
                sync.fail(error)
        try:
            answers = iter(self._client.composite([part for _, parts in wanted for part in parts]))
        except Exception as error:  # noqa: BLE001 - likewise
            for sync, _ in wanted:
                sync.fail(error)
            return sizes
        for sync, parts in wanted:
            own = [next(answers) for _ in parts]
            sizes[id(sync)] = sum(len(answer.raw) for answer in own)
            with paid_by(sync.source.plan.stream_name):
                sync.prepare(own)
        return sizes
