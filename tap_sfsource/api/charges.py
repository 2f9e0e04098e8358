"""For whom an API call is made: one collection, several that share it, or the run as a whole.

A call to `/composite` asks for up to 25 things and costs as much as one: to split it would give fractions that no
limit knows. So it is counted once, as shared, and a collection's own count holds what was asked for it alone.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

RUN: Final = ""
"""Payer of what no collection asked for: describes, record counts, limits."""

SHARED: Final = "*"
"""Payer of a call that asks for several collections."""

_payer: contextvars.ContextVar[str] = contextvars.ContextVar("payer", default=RUN)


@contextlib.contextmanager
def charged_to(payer: str) -> Iterator[None]:
    """Charge the calls of a block, and of the threads that it starts by `inheriting`, to somebody.

    Args:
        payer: A stream's name, `SHARED` or `RUN`.
    """
    token = _payer.set(payer)
    try:
        yield
    finally:
        _payer.reset(token)


def payer_of(owners: Iterable[str]) -> str:
    """Who pays for a call that asks for several things.

    Args:
        owners: For whom each of them is asked; `RUN` where nobody is named.

    Returns:
        The one owner, `SHARED` if there are several, and whoever pays anyway if none is named.
    """
    named = set(owners)
    if named == {RUN}:
        return _payer.get()
    return named.pop() if len(named) == 1 else SHARED


def inheriting(work: Callable[..., Any]) -> Callable[..., Any]:
    """Give a thread's work the payer of the thread that starts it.

    Args:
        work: What the thread will do; it may be called several times, one after the other or at the same time.
    """
    payer = _payer.get()

    def charged(*args: Any) -> Any:
        with charged_to(payer):
            return work(*args)

    return charged


class Charges:
    """Counts calls by payer. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()

    def count(self) -> None:
        """Count one call."""
        with self._lock:
            self._calls[_payer.get()] += 1

    def of(self, payer: str) -> int:
        """The calls of a payer so far."""
        with self._lock:
            return self._calls[payer]
