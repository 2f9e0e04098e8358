"""What a run did and how it ends: a table for the person who started it, metrics for machines, and the exit status.

A stream that cannot be read to its end does not stop the others: its state is kept, the run goes on, ends with a non-zero
status and names what is missing.
"""

from __future__ import annotations

import enum
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics

from tap_sfsource.api.usage import RUN, SHARED
from tap_sfsource.errors import AuthError, IncompleteError, QuotaReachedError, RefusedError, TapError
from tap_sfsource.sync.drift import NO_DRIFT, Drift
from tap_sfsource.sync.events import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_sfsource.api.usage import CallsByPayer
    from tap_sfsource.singer.emitters import Written
    from tap_sfsource.singer.progress import Progress

logger = logging.getLogger("tap-sfsource")

_TEXT_COLUMNS = frozenset({"collection", "reader", "notes"})


@dataclass
class StreamSummary:
    """What a run did for one stream.

    Attributes:
        rows: Rows written with all of their properties.
        tombstones: Rows marked as deleted because Salesforce's deletion log names them.
        marked: Rows of ``queryAll`` that are marked as deleted, in a run that does not read the log.
        partial: Rows written with some properties only (backfills, formulas, sweeps).
        seconds: How long the stream's turn took.
        reader: How the rows were read: REST or Bulk.
        problem: Why the stream is not complete, empty if it is.
        begun: When the stream's turn began, by the process's monotonic clock.
        done: Whether its turn has ended.
    """

    stream: str
    rows: int = 0
    tombstones: int = 0
    marked: int = 0
    partial: int = 0
    seconds: float = 0.0
    reader: str = "REST"
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    api_name: str = ""
    drift: Drift = NO_DRIFT
    begun: float = field(default_factory=time.monotonic)
    done: bool = False

    def end(self) -> None:
        """Note that the stream's turn has ended."""
        self.seconds = time.monotonic() - self.begun
        self.done = True

    def add(self, kind: Kind, written: Written) -> None:
        """Count rows."""
        if kind is Kind.WHOLE:
            self.rows += written.rows
            self.marked += written.marked
        elif kind is Kind.TOMBSTONES:
            self.tombstones += written.rows
        else:
            self.partial += written.rows

    @property
    def deleted(self) -> int:
        """Rows emitted as deleted."""
        return self.tombstones + self.marked

    @property
    def written(self) -> int:
        """All records written."""
        return self.rows + self.tombstones + self.partial

    @property
    def remark(self) -> str:
        """The problem and the notes in one line."""
        return "; ".join([*([f"INCOMPLETE: {self.problem}"] if self.problem else []), *self.notes])


class RunReport:
    """Collects what happens to each stream of a run.

    Attributes:
        failures: Streams that are not complete, with their errors.
        left_out: Streams that Salesforce does not give, which is no fault of the run, with the reasons.
    """

    def __init__(self, calls: CallsByPayer, progress: Progress) -> None:
        self.failures: dict[str, TapError] = {}
        self.left_out: dict[str, str] = {}
        self.summaries: list[StreamSummary] = []
        self.progress = progress
        self._calls = calls
        self._started = time.monotonic()
        self._stopped = False
        self._told: list[str] = []

    def begin(self, stream: str, api_name: str = "") -> StreamSummary:
        """Begin a stream's summary."""
        summary = StreamSummary(stream, api_name=api_name)
        self.summaries.append(summary)
        return summary

    def fail(self, summary: StreamSummary, error: TapError) -> None:
        """Note that a stream is not complete. Errors that end the run are told once."""
        self.progress.wipe()
        summary.problem = str(error)
        if isinstance(error, QuotaReachedError | AuthError):
            if self._stopped:
                summary.problem = "the run had to stop"
            else:
                self._tell(str(error))
            self._stopped = True
        else:
            self._tell(f"{summary.stream} is not complete: {error}")
        self.failures[summary.stream] = error

    def _tell(self, problem: str) -> None:
        logger.error("%s", problem)
        self._told.append(problem)

    def tell_again(self) -> None:
        """On a terminal, say below the table what went wrong: there a person looks first."""
        if self.progress.on_terminal:
            for problem in self._told:
                logger.error("%s", problem)

    def leave_out(self, summary: StreamSummary, refusal: RefusedError) -> None:
        """Note that Salesforce does not give a stream's rows."""
        logger.info("%s: %s", summary.stream, refusal)
        self.summaries.remove(summary)
        self.left_out[summary.stream] = refusal.reason

    def check(self) -> None:
        """Raise what the exit status says.

        Raises:
            IncompleteError: Streams are not complete; the message names them.
        """
        if self.left_out and not self.summaries:
            raise IncompleteError(
                f"Nothing of what is selected can be read: {', '.join(sorted(self.left_out))}. The reasons are above."
            )
        if self.failures:
            raise IncompleteError(
                f"Not complete: {', '.join(self.failures)}. The reasons are above; the next run goes on where each stopped."
            )

    def text(self, skipped: Mapping[str, str]) -> str:
        """The run as a table, and its metrics in the log; `skipped` gives the reason for each unread stream."""
        skipped = {**skipped, **self.left_out}
        log_metrics(self.summaries, self._calls, skipped)
        return table(self.summaries, self._calls, time.monotonic() - self._started, skipped)


def table(
    streams: Sequence[StreamSummary],
    calls: CallsByPayer,
    seconds: float,
    skipped: Mapping[str, str] | None = None,
) -> str:
    """A run of some seconds as a table: lines of text, the last without a newline."""
    head = ("collection", "rows", "deleted", "partial", "calls", "reader", "seconds", "notes")
    shown = [part for part in streams if part.written or calls.of(part.stream) or part.remark]
    body = [
        (
            part.stream,
            f"{part.rows:,}",
            f"{part.deleted:,}",
            f"{part.partial:,}",
            f"{calls.of(part.stream):,}",
            part.reader,
            f"{part.seconds:.1f}",
            part.remark,
        )
        for part in shown
    ]
    widths = [max(len(row[at]) for row in [head, *body]) for at in range(len(head))]
    lines = []
    for row in [head, *body]:
        cells = [
            cell.ljust(width) if name in _TEXT_COLUMNS else cell.rjust(width)
            for name, cell, width in zip(head, row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    if quiet := len(streams) - len(shown):
        lines.append(f"({_counted(quiet, 'collection')} without a change)")
    lines.extend(_skipped_lines(skipped or {}))
    rows = sum(part.rows for part in streams)
    deleted = sum(part.deleted for part in streams)
    lines.append(
        f"{_counted(rows, 'row')}, {_counted(deleted, 'deletion')}, {_calls(streams, calls)}, {seconds:.1f} s"
    )
    return "\n".join(lines)


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _calls(streams: Sequence[StreamSummary], calls: CallsByPayer) -> str:
    own, shared, run = sum(calls.of(part.stream) for part in streams), calls.of(SHARED), calls.of(RUN)
    parts = [
        f"{calls:,} {whose}"
        for calls, whose in (
            (own, "for single collections"),
            (shared, "shared by several"),
            (run, "for describes and limits"),
        )
        if calls
    ]
    told = _counted(own + shared + run, "API call")
    return f"{told} ({', '.join(parts)})" if parts else told


def _skipped_lines(skipped: Mapping[str, str]) -> list[str]:
    names: dict[str, list[str]] = {}
    for stream, reason in skipped.items():
        names.setdefault(reason, []).append(stream)
    return [f"skipped, because {reason}: {', '.join(sorted(part))}" for reason, part in names.items()]


class _Metric(enum.StrEnum):
    """Counts that the SDK's own metrics lack."""

    DELETED = "deleted_count"
    PARTIAL = "partial_record_count"
    SKIPPED = "skipped_count"


def log_metrics(streams: Sequence[StreamSummary], calls: CallsByPayer, skipped: Mapping[str, str]) -> None:
    """Log the run as metrics of the SDK, beside its own record counts and durations.

    A call that several collections share has no stream, and `shared` for its payer.
    """
    for part in streams:
        tags = {"stream": part.stream}
        _log(metrics.Metric.HTTP_REQUEST_COUNT, calls.of(part.stream), tags)
        _log(_Metric.DELETED, part.deleted, tags)
        _log(_Metric.PARTIAL, part.partial, tags)
    _log(metrics.Metric.HTTP_REQUEST_COUNT, calls.of(SHARED), {"payer": "shared"})
    _log(metrics.Metric.HTTP_REQUEST_COUNT, calls.of(RUN), {"payer": "run"})
    for stream, reason in skipped.items():
        _log(_Metric.SKIPPED, 1, {"stream": stream, "reason": reason})


def _log(metric: enum.Enum, value: int, tags: dict[str, Any]) -> None:
    if value:
        with metrics.Counter(metric, dict(tags)) as counter:  # type: ignore[arg-type]
            counter.value = value
