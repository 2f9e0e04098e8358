"""API calls: what the org says is used of its day, when a run has to stop, and for whom calls are made.

Every REST answer carries `Sforce-Limit-Info`, in a short form `api-usage=18/5000` or a long one `api-usage=25/5000;
per-app-api-usage=17/250(appName=sample-connected-app)` (REST API guide, "Limit Info Header").
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import re
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource.errors import QuotaReachedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_USAGE: Final = re.compile(r"(?<![\w-])(api-usage|per-app-api-usage)\s*=\s*(\d+)\s*/\s*(\d+)")


@dataclasses.dataclass(frozen=True)
class Usage:
    """Calls used, and the most that a day may use."""

    used: int
    maximum: int

    @property
    def percent(self) -> float:
        """Share that is used, 0 to 100 and beyond."""
        return 100.0 * self.used / self.maximum if self.maximum else 100.0


def parse_limit_info(header: str) -> dict[str, Usage]:
    """The `api-usage` and `per-app-api-usage` of a `Sforce-Limit-Info` header, each if it is there."""
    return {kind: Usage(int(used), int(maximum)) for kind, used, maximum in _USAGE.findall(header)}


class Limits:
    """Counts a run's calls and compares them with the user's quota. Safe to share between threads.

    Attributes:
        calls: API calls that this run has sent.
        org: What the last answer said of the whole org, None before the first answer.
        app: The same of the connected app, where the org limits it by itself.
    """

    def __init__(self, *, percent_total: int, percent_per_run: int) -> None:
        """Set the shares of the daily calls, 1 to 100, that everybody together and this run may use."""
        self._percent_total = percent_total
        self._percent_per_run = percent_per_run
        self._lock = threading.Lock()
        self.calls = 0
        self.org: Usage | None = None
        self.app: Usage | None = None

    def take(self) -> None:
        """Count a call that is about to be sent.

        Raises:
            QuotaReachedError: A share is used up; the message names the setting and both numbers.
        """
        with self._lock:
            self._check()
            self.calls += 1

    def read(self, header: str | None) -> None:
        """Note what the `Sforce-Limit-Info` of an answer says; None if the answer has none."""
        usage = parse_limit_info(header or "")
        with self._lock:
            self.org = usage.get("api-usage", self.org)
            self.app = usage.get("per-app-api-usage", self.app)

    @property
    def may_be_used_up(self) -> bool:
        """Whether a refused call can mean that the day's calls are used up, as far as the org has told.

        Salesforce refuses too many calls at the same time with the same code, and that passes.
        """
        usages = (self.org, self.app)
        return self.org is None or any(usage is not None and usage.used >= usage.maximum for usage in usages)

    @property
    def left(self) -> int | None:
        """Calls that the quota leaves to this run, None before the org has told its limit."""
        with self._lock:
            if self.org is None:
                return None
            shares = [self._percent_per_run * self.org.maximum // 100 - self.calls]
            usages = [usage for usage in (self.org, self.app) if usage is not None]
            shares += [self._percent_total * usage.maximum // 100 - usage.used for usage in usages]
            return max(0, min(shares))

    def _check(self) -> None:
        for what, usage in (("org", self.org), ("connected app", self.app)):
            if usage is not None and usage.percent >= self._percent_total:
                raise QuotaReachedError(
                    f"The {what} has used {usage.used} of its {usage.maximum} API calls a day, which reaches "
                    f"quota_percent_total ({self._percent_total} %). Run again when the day's window has "
                    "moved on, or raise the setting."
                )
        if self.org is not None and 100 * self.calls >= self._percent_per_run * self.org.maximum:
            raise QuotaReachedError(
                f"This run has used {self.calls} API calls of the org's {self.org.maximum} a day, which reaches "
                f"quota_percent_per_run ({self._percent_per_run} %). The next run goes on from here; raise "
                "the setting to read more at a time."
            )


RUN: Final = ""
"""Payer of calls that no collection asked for: describes, record counts, limits."""

SHARED: Final = "*"
"""Payer of a call that asks for several collections. It costs as much as one call, and no limit knows fractions."""

_payer: contextvars.ContextVar[str] = contextvars.ContextVar("payer", default=RUN)


class CallsByPayer:
    """Counts calls by payer. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()

    def count(self) -> None:
        """Count one call for the current payer."""
        with self._lock:
            self._calls[_payer.get()] += 1

    def of(self, payer: str) -> int:
        """The calls of a payer so far."""
        with self._lock:
            return self._calls[payer]


@contextlib.contextmanager
def paid_by(payer: str) -> Iterator[None]:
    """Count the calls of a block for a payer: a stream's name, `SHARED` or `RUN`."""
    token = _payer.set(payer)
    try:
        yield
    finally:
        _payer.reset(token)


def payer_of(owners: Iterable[str]) -> str:
    """Who pays for a call that asks for these: their one owner, `SHARED` for several, the current payer for none."""
    named = set(owners)
    if named == {RUN}:
        return _payer.get()
    return named.pop() if len(named) == 1 else SHARED


def same_payer(work: Callable[..., Any]) -> Callable[..., Any]:
    """Give the work of a thread the payer of the thread that starts it."""
    payer = _payer.get()

    def paid(*args: Any) -> Any:
        with paid_by(payer):
            return work(*args)

    return paid
