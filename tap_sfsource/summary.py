"""What a run did, for the person who started it: one line a stream at its end, and a table at the end of all."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class StreamSummary:
    """What a run did for one stream.

    Attributes:
        stream: The stream's name.
        rows: Rows written with all of their properties.
        tombstones: Rows marked as deleted from the deletion log.
        partial: Rows written with some properties only (backfills, formulas, sweeps).
        seconds: How long the stream's turn took.
        reader: How the rows were read: REST or Bulk.
        problem: Why the stream is not complete, empty if it is.
        notes: What else is worth a word.
    """

    stream: str
    rows: int = 0
    tombstones: int = 0
    partial: int = 0
    seconds: float = 0.0
    reader: str = "REST"
    problem: str = ""
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, count: int) -> None:
        """Count rows of a step's kind."""
        if kind == "rows":
            self.rows += count
        elif kind == "tombstones":
            self.tombstones += count
        else:
            self.partial += count


def table(streams: list[StreamSummary], calls: int, seconds: float) -> str:
    """The run as a table.

    Args:
        streams: What was done for each stream.
        calls: API calls of the whole run.
        seconds: Duration of the whole run.

    Returns:
        Lines of text, the last without a newline.
    """
    head = ("collection", "rows", "deleted", "partial", "reader", "seconds", "notes")
    body = [
        (
            summary.stream,
            f"{summary.rows:,}",
            f"{summary.tombstones:,}",
            f"{summary.partial:,}",
            summary.reader,
            f"{summary.seconds:.1f}",
            "; ".join([*([f"INCOMPLETE: {summary.problem}"] if summary.problem else []), *summary.notes]),
        )
        for summary in streams
        if summary.rows or summary.tombstones or summary.partial or summary.problem or summary.notes
    ]
    quiet = len(streams) - len(body)
    widths = [max(len(row[at]) for row in [head, *body]) for at in range(len(head))]
    lines = []
    for row in [head, *body]:
        cells = [
            cell.ljust(width) if at in {0, 4, 6} else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    if quiet:
        lines.append(f"({quiet} collection{'s' if quiet > 1 else ''} without a change)")
    rows = sum(summary.rows for summary in streams)
    deleted = sum(summary.tombstones for summary in streams)
    lines.append(f"{rows:,} rows, {deleted:,} deletions, {calls:,} API calls, {seconds:.1f} s")
    return "\n".join(lines)
