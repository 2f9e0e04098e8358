"""Pages downloaded several at a time, ahead of their turn, within a bound of connections and of disk."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections import deque
from concurrent.futures import Future
from typing import IO, TYPE_CHECKING, Final, Protocol, TypeVar

from tap_sfsource.api.usage import same_payer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_BYTES: Final = 1_000_000_000
"""Of pages that wait on disk for their turn."""


class Page(Protocol):
    """A page in a file, which whoever takes the page closes."""

    @property
    def file(self) -> IO[bytes]:
        """The file."""
        ...  # pragma: no cover


P = TypeVar("P", bound=Page)


def several(
    download: Callable[[str], P], locators: Iterator[str], connections: int, folder: str | None
) -> Iterator[tuple[str, P]]:
    """Yield the pages of locators in their order, each with its own, while the next ones are downloaded.

    Each download has a daemon thread, so that a run that has to end is not held up by a slow answer.

    Raises:
        TapError: A page cannot be downloaded; at the place where it would have been.
    """
    waiting: deque[tuple[str, Future[P]]] = deque()
    largest = 0
    try:
        while True:
            while len(waiting) < connections and _has_room(waiting, largest, folder):
                locator = next(locators, None)
                if locator is None:
                    break
                waiting.append((locator, _begun(download, locator)))
            if not waiting:
                return
            locator, future = waiting.popleft()
            page = future.result()
            largest = max(largest, _size(page))
            yield locator, page
    finally:
        for _, future in waiting:
            future.add_done_callback(_close)


def _has_room(waiting: deque[tuple[str, Future[P]]], largest: int, folder: str | None) -> bool:
    """Whether one page more fits beside those that wait: within the bound, and half of the disk that is free."""
    if not waiting or not largest:
        return True
    running = sum(not future.done() for _, future in waiting)
    held = sum(_size(future.result()) for _, future in waiting if future.done() and not future.exception())
    more = (running + 1) * largest
    return held + more <= MOST_BYTES and more <= shutil.disk_usage(folder or tempfile.gettempdir()).free // 2


def _begun(download: Callable[[str], P], locator: str) -> Future[P]:
    future: Future[P] = Future()

    def work() -> None:
        try:
            future.set_result(download(locator))
        except BaseException as error:  # noqa: BLE001 - raised where the page is wanted
            future.set_exception(error)

    threading.Thread(target=same_payer(work), name="download", daemon=True).start()
    return future


def _close(future: Future[P]) -> None:
    if not future.exception():
        future.result().file.close()


def _size(page: Page) -> int:
    return os.fstat(page.file.fileno()).st_size
