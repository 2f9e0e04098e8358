"""What a run came to, as rows of `sync_reports`: one for each collection with news, and that of the run."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_sfsource import clock
from tap_sfsource.catalog.naming import API_NAMES
from tap_sfsource.catalog.sync_reports import KEY, MOMENT
from tap_sfsource.errors import AuthError, IncompleteError, QuotaReachedError, TapError, code_of, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.singer.report import RunReport, StreamSummary

_UNNAMED = "columns of earlier runs are gone, whose names the state does not keep"


class RunRecord:
    """What a run came to, as rows of `sync_reports`.

    It may have ended before there was a client or a report. `skipped` has the reason for each collection that was not read,
    `error` what ended the run, None where it is complete; `hide` takes secrets out of a text.
    """

    def __init__(
        self,
        client: Client | None,
        report: RunReport | None,
        skipped: Mapping[str, str],
        bookmarks: Mapping[str, Any],
        error: BaseException | None,
        hide: Callable[[str], str],
    ) -> None:
        self._client = client
        self._report = report
        self._skipped = {**skipped, **(report.left_out if report is not None else {})}
        self._bookmarks = bookmarks
        self._error = error
        self._hide = hide
        self._summaries: Sequence[StreamSummary] = report.summaries if report is not None else ()
        self._now = client.now() if client is not None else datetime.now(UTC)
        self._elapsed = time.monotonic()

    def rows(
        self, run_id: str, begun: float, notices: Sequence[str], version: str
    ) -> Iterator[dict[str, Any]]:
        """The row of each collection with news, then that of the run; `begun` is by the process's monotonic clock."""
        shared = {"run_id": run_id, "org_id": self._client.known_org_id or None if self._client else None}
        for row in self._collections():
            yield {**shared, KEY: f"{run_id}/{row['collection']}", **row, "tap_version": version}
        yield {
            **shared,
            KEY: run_id,
            "status": self._status(),
            **self._problem(),
            "notices": [self._text(notice) for notice in notices],
            **self._times(begun, None),
            **self._counts(self._summaries),
            "api_calls": self._client.calls if self._client is not None else 0,
            "api_calls_left": self._calls_left(),
            **self._lag(self._oldest()),
            "tap_version": version,
        }

    def _collections(self) -> Iterator[dict[str, Any]]:
        for summary in self._summaries:
            row = self._collection(summary)
            if row["error_code"] or summary.written or row["notices"] or any(summary.drift):
                yield row
        for stream, reason in sorted(self._skipped.items()):
            yield {
                "collection": stream,
                "object": API_NAMES.get(stream),
                "status": "skipped",
                "error_code": "skipped",
                "error_message": self._text(reason),
            }

    def _collection(self, summary: StreamSummary) -> dict[str, Any]:
        error = self._report.failures.get(summary.stream) if self._report is not None else None
        ended_by = error or (None if summary.done else self._error)
        told = summary.problem or (_told(ended_by) if ended_by is not None else "")
        key = self._bookmark_of(summary.stream)
        return {
            "collection": summary.stream,
            "object": summary.api_name or None,
            "status": ("partial" if summary.written else "failed") if ended_by is not None else "success",
            "error_code": code_of(ended_by) if ended_by is not None else None,
            "error_message": self._text(told) if told else None,
            "notices": [*map(self._text, summary.notes), *([_UNNAMED] if summary.drift.unnamed else [])],
            **self._times(summary.begun, summary.begun + summary.seconds if summary.done else None),
            **self._counts([summary]),
            "reader": summary.reader,
            "api_calls": self._client.calls_by_payer.of(summary.stream) if self._client is not None else 0,
            "new_columns": [*summary.drift.new],
            "vanished_columns": [*summary.drift.vanished],
            **self._lag(key),
        }

    def _status(self) -> str:
        failures = self._report.failures if self._report is not None else {}
        if self._error is None:
            return "success"
        complete = any(part.done and part.stream not in failures for part in self._summaries)
        return "partial" if complete and isinstance(self._error, IncompleteError) else "failed"

    def _problem(self) -> dict[str, str | None]:
        """What ended the run, or kept a collection from its end: the first failure tells more than that there are some."""
        if self._error is None:
            return {"error_code": None, "error_message": None}
        failures = self._report.failures if self._report is not None else {}
        if not failures or not isinstance(self._error, IncompleteError):
            return {"error_code": code_of(self._error), "error_message": self._text(_told(self._error))}
        stops = [error for error in failures.values() if isinstance(error, QuotaReachedError | AuthError)]
        stream, first = next(iter(failures.items()))
        told = f"{stops[0]}" if stops else f"{stream} is not complete: {first}"
        return {
            "error_code": code_of(stops[0] if stops else first),
            "error_message": self._text(f"{told} Not complete: {', '.join(failures)}."),
        }

    def _text(self, text: str) -> str:
        return one_line(self._hide(text).replace("\0", " "))

    def _counts(self, summaries: Sequence[StreamSummary]) -> dict[str, int]:
        return {
            "rows": sum(part.rows for part in summaries),
            "deletions": sum(part.deleted for part in summaries),
            "partial_rows": sum(part.partial for part in summaries),
        }

    def _times(self, begun: float, ended: float | None) -> dict[str, str]:
        return {
            "started_at": self._at(begun),
            MOMENT: self._at(ended if ended is not None else self._elapsed),
        }

    def _at(self, monotonic: float) -> str:
        return clock.isoformat(self._now + timedelta(seconds=monotonic - self._elapsed))

    def _calls_left(self) -> int | None:
        usage = self._client.limits.org if self._client is not None else None
        return max(0, usage.maximum - usage.used) if usage is not None else None

    def _bookmark_of(self, stream: str) -> datetime | None:
        bookmark = self._bookmarks.get(stream)
        value = bookmark.get("replication_key_value") if isinstance(bookmark, dict) else None
        try:
            return clock.parse(value) if value else None
        except (TypeError, ValueError):
            return None  # which the stream's own error tells

    def _oldest(self) -> datetime | None:
        """The oldest bookmark of the run's collections; of all in the STATE where the run ended before the first one."""
        streams = [part.stream for part in self._summaries] or self._bookmarks
        return min((moment for moment in map(self._bookmark_of, streams) if moment is not None), default=None)

    def _lag(self, bookmark: datetime | None) -> dict[str, Any]:
        if bookmark is None:
            return {"bookmark": None, "lag_seconds": None}
        return {
            "bookmark": clock.isoformat(bookmark),
            "lag_seconds": max(0, round((self._now - bookmark).total_seconds())),
        }


def _told(error: BaseException) -> str:
    """An error's text; one that is not meant for people also says its kind."""
    return str(error) if isinstance(error, TapError | SystemExit) else f"{type(error).__name__}: {error}"
