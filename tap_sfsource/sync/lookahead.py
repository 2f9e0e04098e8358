"""First looks ahead of their turn: five queries to a composite call, several calls at a time.

Extractions are prepared in the order in which they will be consumed. What has been fetched and not yet consumed is
bounded in bytes, and a Bulk job is created as soon as a look shows that one is needed, so that all jobs run side by side.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tap_sfsource.api.charges import charged_to
from tap_sfsource.api.composite import QUERIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.sync.extraction import Extraction

_BYTES_AHEAD = 48 * 1024 * 1024


class Lookahead:
    """Prepares extractions in the background.

    Args:
        client: Sends the calls.
        extractions: In the order in which `wait` will be called for them.
        workers: Calls at a time.
    """

    def __init__(self, client: Client, extractions: Sequence[Extraction], workers: int) -> None:
        self._client = client
        self._groups = [list(extractions[at : at + QUERIES]) for at in range(0, len(extractions), QUERIES)]
        self._workers = workers
        self._changed = threading.Condition()
        self._next = 0
        self._sizes: dict[int, int] = {}
        self._stopped = False

    def start(self) -> None:
        """Start to prepare."""
        for index in range(min(self._workers, len(self._groups))):
            threading.Thread(target=self._work, name=f"lookahead-{index}", daemon=True).start()

    def wait(self, extraction: Extraction) -> None:
        """Wait until an extraction is prepared (or has failed to be), and make room for a later one.

        Args:
            extraction: One of those given.
        """
        with self._changed:
            self._changed.wait_for(lambda: id(extraction) in self._sizes)
            self._sizes[id(extraction)] = 0
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

    def _take(self) -> list[Extraction] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or sum(self._sizes.values()) < _BYTES_AHEAD)
            if self._stopped or self._next == len(self._groups):
                return None
            group = self._groups[self._next]
            self._next += 1
            return group

    def _prepare(self, group: Sequence[Extraction]) -> dict[int, int]:
        sizes = {id(extraction): 0 for extraction in group}
        try:
            wanted = [extraction.first_requests() for extraction in group]
            answers = iter(self._client.composite([part for parts in wanted for part in parts]))
        except Exception as error:  # noqa: BLE001 - raised in the main thread, at each extraction's turn
            for extraction in group:
                extraction.fail(error)
            return sizes
        for extraction, parts in zip(group, wanted, strict=True):
            own = [next(answers) for _ in parts]
            sizes[id(extraction)] = sum(len(answer.raw) for answer in own)
            with charged_to(extraction.source.plan.stream_name):
                extraction.prepare(own)
        return sizes
