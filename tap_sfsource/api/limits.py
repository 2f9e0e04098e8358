"""The org's daily API calls: what its answers say is used, and when the run has to stop.

Every REST answer carries `Sforce-Limit-Info`, in a short form `api-usage=18/5000` or a long one
`api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)` (REST API guide, "Limit Info
Header").
"""

from __future__ import annotations

import dataclasses
import re
import threading

from tap_sfsource.errors import QuotaReachedError

_USAGE = re.compile(r"(?<![\w-])(api-usage|per-app-api-usage)\s*=\s*(\d+)\s*/\s*(\d+)")


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
    """Read a `Sforce-Limit-Info` header.

    Args:
        header: The header's value, in either form.

    Returns:
        `api-usage` and, if given, `per-app-api-usage`; empty if the header holds neither.
    """
    return {kind: Usage(int(used), int(maximum)) for kind, used, maximum in _USAGE.findall(header)}


class Limits:
    """Counts the run's calls and holds them against the user's quota. Safe to share between threads.

    Attributes:
        calls: API calls that this run has sent.
        org: What the org's last answer said of the whole org, or None before one did.
        app: The same of the connected app, where the org limits it by itself.
    """

    def __init__(self, *, percent_total: int, percent_per_run: int) -> None:
        """Set the quota.

        Args:
            percent_total: Share of the daily calls that the org may have used in all, 1 to 100.
            percent_per_run: Share of the daily calls that this run may use, 1 to 100.
        """
        self._percent_total = percent_total
        self._percent_per_run = percent_per_run
        self._lock = threading.RLock()
        self.calls = 0
        self.org: Usage | None = None
        self.app: Usage | None = None

    def take(self) -> None:
        """Check the quota and count one call, so that threads together take no more than there is.

        Raises:
            QuotaReachedError: See `check`.
        """
        with self._lock:
            self.check()
            self.count()

    def count(self) -> None:
        """Count one call that is about to be sent."""
        with self._lock:
            self.calls += 1

    def read(self, header: str | None) -> None:
        """Take over what an answer's header says.

        Args:
            header: Value of `Sforce-Limit-Info`, None if the answer has none.
        """
        if not header:
            return
        usage = parse_limit_info(header)
        with self._lock:
            self.org = usage.get("api-usage", self.org)
            self.app = usage.get("per-app-api-usage", self.app)

    @property
    def may_be_used_up(self) -> bool:
        """Whether a refused call may mean that the day's calls are used up, as far as the org has told.

        Salesforce refuses too many calls at the same time with the same code, and that passes.
        """
        usages = (self.org, self.app)
        return self.org is None or any(usage is not None and usage.used >= usage.maximum for usage in usages)

    def check(self) -> None:
        """Stop the run if its quota is used up; called before each call.

        Raises:
            QuotaReachedError: A share is used up; the message names the setting and both numbers.
        """
        with self._lock:
            calls, org, app = self.calls, self.org, self.app
        for what, usage in (("org", org), ("connected app", app)):
            if usage is not None and usage.percent >= self._percent_total:
                raise QuotaReachedError(
                    f"The {what} has used {usage.used} of its {usage.maximum} API calls a day, which reaches "
                    f"quota_percent_total ({self._percent_total} %). Run again when the day's window has "
                    "moved on, or raise the setting."
                )
        if org is not None and 100 * calls >= self._percent_per_run * org.maximum:
            raise QuotaReachedError(
                f"This run has used {calls} API calls of the org's {org.maximum} a day, which reaches "
                f"quota_percent_per_run ({self._percent_per_run} %). The next run goes on from here; raise "
                "the setting to read more at a time."
            )
