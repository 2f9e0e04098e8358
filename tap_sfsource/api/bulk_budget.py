"""The org's daily limits of Bulk API 2.0 queries: how many jobs, and how many megabytes of results.

Both are told by ``/limits`` as ``DailyBulkV2QueryJobs`` and ``DailyBulkV2QueryFileStorageMB`` (Bulk API 2.0 guide, "Limits
for Query Jobs"). They are asked for once a run, when its first job is about to be started, so a run without jobs spends no
call on them. What no longer fits is read by REST if it is small, and waits for a later run if not.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from tap_sfsource.api.usage import RUN, paid_by
from tap_sfsource.errors import AuthError, BulkFullError, QuotaReachedError, TapError

if TYPE_CHECKING:
    from tap_sfsource.api.client import Client

logger = logging.getLogger("tap-sfsource.bulk")

_BYTES_A_CELL = 12
"""What a cell of a result takes about: more for text, less for the many that are empty."""

_MEGABYTE = 1_000_000


class Limit(msgspec.Struct, frozen=True):
    """A limit of the org's day."""

    Max: int = 0
    Remaining: int = 0

    @property
    def used(self) -> int:
        """What whoever it was has used of it."""
        return self.Max - self.Remaining


# Made here: msgspec crashes where several threads meet a type that holds others for the first time.
LIMITS: Final = msgspec.json.Decoder(dict[str, Limit])
"""Reads the answer of `/limits`."""


def result_megabytes(rows: float, columns: int) -> float:
    """About how many megabytes the rows take in a job's results."""
    return rows * columns * _BYTES_A_CELL / _MEGABYTE


@dataclass
class Share:
    """One limit, and what this run has taken of it."""

    what: str
    maximum: int
    remaining: int
    taken: float = 0.0

    def reached(self, more: float, percent_total: int, percent_per_run: int) -> str:
        """Which quota would be passed by taking more; empty if none."""
        used = self.maximum - self.remaining + self.taken
        told = f"{round(used):,} of the org's {self.maximum:,} {self.what} a day are used"
        if 100 * (used + more) > percent_total * self.maximum:
            return f"{told}, which leaves no room within quota_percent_total ({percent_total} %)"
        if 100 * (self.taken + more) > percent_per_run * self.maximum:
            return f"{told}, {round(self.taken):,} of them by this run (quota_percent_per_run, {percent_per_run} %)"
        return ""


class BulkBudget:
    """Tells whether another job may be started. Safe to share between threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._shares: tuple[Share, Share] | None = None
        self._closed = ""
        self._told: set[str] = set()

    def take(self, rows: int, columns: int) -> None:
        """Count a job of about so many rows (0 if unknown) and columns, which may be started now.

        Raises:
            BulkFullError: It may not.
            QuotaReachedError: Not even the question fits into the quota of API calls.
            AuthError: The session ended and could not be renewed.
        """
        with self._lock:
            if self._closed:
                raise BulkFullError(self._closed)
            jobs, storage = self._shares = self._shares or self._ask()
            megabytes = result_megabytes(rows, columns)
            settings = self._client.settings
            for share, more in ((jobs, 1.0), (storage, megabytes)):
                reason = share.reached(more, settings.quota_percent_total, settings.quota_percent_per_run)
                if reason:
                    # A smaller job may still fit into the storage; another job does not fit among the jobs.
                    self._closed = reason if share is jobs else ""
                    self._tell(share.what, reason)
                    raise BulkFullError(reason)
            jobs.taken += 1
            storage.taken += megabytes

    def close(self, reason: str) -> None:
        """Start no further job in this run, for a reason given as a clause."""
        with self._lock:
            self._closed = reason
            self._tell("refused", reason)

    def _tell(self, about: str, reason: str) -> None:
        if about not in self._told:
            self._told.add(about)
            logger.warning(
                "Bulk: %s. What no longer fits is read by REST if it is small, and waits for a later run if not.",
                reason,
            )

    def _ask(self) -> tuple[Share, Share]:
        """Ask for the limits; who may not ask (View Setup and Configuration) finds out from the jobs."""
        unlimited = Limit(10**12, 10**12)
        limits: dict[str, Limit] = {}
        try:
            with paid_by(RUN):
                limits = self._client.get(self._client.data("/limits"), LIMITS)
        except (QuotaReachedError, AuthError):
            raise
        except TapError as error:
            logger.info("The org does not tell its Bulk limits: %s", error)
        jobs = limits.get("DailyBulkV2QueryJobs", unlimited)
        storage = limits.get("DailyBulkV2QueryFileStorageMB", unlimited)
        return (
            Share("Bulk query jobs", jobs.Max, jobs.Remaining),
            Share("megabytes of Bulk results", storage.Max, storage.Remaining),
        )
