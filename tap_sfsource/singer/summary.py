"""What a run did: a table for the person who started it, and the SDK's metrics for machines."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics

from tap_sfsource.api.charges import RUN, SHARED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_sfsource.api.charges import Charges

_TEXT_COLUMNS = frozenset({"collection", "reader", "notes"})


@dataclass
class StreamSummary:
    """What a run did for one stream.

    Attributes:
        stream: The stream's name.
        rows: Rows written with all of their properties.
        tombstones: Rows marked as deleted because Salesforce's deletion log names them.
        marked: Rows of ``queryAll`` that are marked as deleted, where the log is not asked.
        partial: Rows written with some properties only (backfills, formulas, sweeps).
        seconds: How long the stream's turn took.
        reader: How the rows were read: REST or Bulk.
        problem: Why the stream is not complete, empty if it is.
        notes: What else is worth a word.
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

    def add(self, kind: str, count: int, marked: int = 0) -> None:
        """Count rows of a step's kind.

        Args:
            kind: The kind.
            count: How many there are.
            marked: How many of them are marked as deleted, where no deletion log tells.
        """
        if kind == "rows":
            self.rows += count
            self.marked += marked
        elif kind == "tombstones":
            self.tombstones += count
        else:
            self.partial += count

    @property
    def deleted(self) -> int:
        """Rows told to be deleted."""
        return self.tombstones + self.marked

    @property
    def written(self) -> int:
        """All records written."""
        return self.rows + self.tombstones + self.partial

    @property
    def remark(self) -> str:
        """What is worth a word."""
        return "; ".join([*([f"INCOMPLETE: {self.problem}"] if self.problem else []), *self.notes])


def table(
    streams: Sequence[StreamSummary],
    charges: Charges,
    seconds: float,
    skipped: Mapping[str, str] | None = None,
) -> str:
    """The run as a table.

    Args:
        streams: What was done for each stream.
        charges: For whom API calls were made.
        seconds: Duration of the whole run.
        skipped: Stream that was selected and cannot be read, to the reason.

    Returns:
        Lines of text, the last without a newline.
    """
    head = ("collection", "rows", "deleted", "partial", "calls", "reader", "seconds", "notes")
    shown = [part for part in streams if part.written or charges.of(part.stream) or part.remark]
    body = [
        (
            part.stream,
            f"{part.rows:,}",
            f"{part.deleted:,}",
            f"{part.partial:,}",
            f"{charges.of(part.stream):,}",
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
        lines.append(f"({quiet} collection{'s' if quiet > 1 else ''} without a change)")
    lines.extend(_skipped_lines(skipped or {}))
    rows = sum(part.rows for part in streams)
    deleted = sum(part.deleted for part in streams)
    lines.append(f"{rows:,} rows, {deleted:,} deletions, {_calls(streams, charges)}, {seconds:.1f} s")
    return "\n".join(lines)


def _calls(streams: Sequence[StreamSummary], charges: Charges) -> str:
    own, shared, run = sum(charges.of(part.stream) for part in streams), charges.of(SHARED), charges.of(RUN)
    parts = [
        f"{calls:,} {whose}"
        for calls, whose in (
            (own, "for single collections"),
            (shared, "shared by several"),
            (run, "for describes and limits"),
        )
        if calls
    ]
    told = f"{own + shared + run:,} API calls"
    return f"{told} ({', '.join(parts)})" if parts else told


def _skipped_lines(skipped: Mapping[str, str]) -> list[str]:
    names: dict[str, list[str]] = {}
    for stream, reason in skipped.items():
        names.setdefault(reason, []).append(stream)
    return [f"skipped, because {reason}: {', '.join(sorted(part))}" for reason, part in names.items()]


class _Metric(enum.StrEnum):
    """What the SDK's own metrics do not count."""

    DELETED = "deleted_count"
    PARTIAL = "partial_record_count"
    SKIPPED = "skipped_count"


def log_metrics(
    streams: Sequence[StreamSummary], charges: Charges, skipped: Mapping[str, str] | None = None
) -> None:
    """Log the run as metrics of the SDK, beside its own record counts and durations.

    Args:
        streams: See `table`.
        charges: See `table`; a call that several collections share has no stream, and `shared` for its payer.
        skipped: See `table`.
    """
    for part in streams:
        tags = {"stream": part.stream}
        _log(metrics.Metric.HTTP_REQUEST_COUNT, charges.of(part.stream), tags)
        _log(_Metric.DELETED, part.deleted, tags)
        _log(_Metric.PARTIAL, part.partial, tags)
    _log(metrics.Metric.HTTP_REQUEST_COUNT, charges.of(SHARED), {"payer": "shared"})
    _log(metrics.Metric.HTTP_REQUEST_COUNT, charges.of(RUN), {"payer": "run"})
    for stream, reason in (skipped or {}).items():
        _log(_Metric.SKIPPED, 1, {"stream": stream, "reason": reason})


def _log(metric: enum.Enum, value: int, tags: dict[str, Any]) -> None:
    if value:
        with metrics.Counter(metric, dict(tags)) as counter:  # type: ignore[arg-type]
            counter.value = value
