"""Runs an iterator ahead of its consumer, in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

from tap_sfsource.api.usage import same_payer

T = TypeVar("T")


class _End:
    """Ends the queue; carries what the iterator raised, if it did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Producer(Generic[T]):
    def __init__(self, items: Iterator[T]) -> None:
        self.queue: queue.Queue[T | _End] = queue.Queue(1)
        self.closed = threading.Event()
        self._items = items

    def run(self) -> None:
        end = _End()
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except BaseException as error:  # noqa: BLE001 - raised again where the items are consumed
            end = _End(error)
        finally:
            if isinstance(self._items, Generator):
                self._items.close()
        self._put(end)

    def _put(self, item: T | _End) -> bool:
        while not self.closed.is_set():
            try:
                self.queue.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield an iterator's items while a thread, in which it runs and is closed, already fetches the next one.

    What it raises is raised where its next item would have been. The thread is a daemon, so that a run that has to end is
    not held up by a slow answer.
    """
    producer = _Producer(items)
    thread = threading.Thread(target=same_payer(producer.run), name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = producer.queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        producer.closed.set()
