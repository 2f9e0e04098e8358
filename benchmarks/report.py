"""Results as a table for people and as JSON for programs."""

from __future__ import annotations

import math
import os
import platform
import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.aims import Finding
    from benchmarks.contest import Result, Score

_HEAD = ("", "rows", "seconds", "runs", "rows/s", "time a row / ours", "CPU s", "peak MB", "checksum")


def machine() -> dict[str, Any]:
    """What the figures were measured on: its size, not its name."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": os.cpu_count(),
        "memory_gb": round(pages / 2**30),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 1),
    }


def table(results: Sequence[Result]) -> str:
    """Give every contest as a table, ours first, times a row in the times of ours."""
    return "\n\n".join(map(_contest, results))


def _contest(result: Result) -> str:
    rows = [_HEAD, *(_line(result, score) for score in result.scores)]
    # What nobody has, such as rows a second of something that moves no rows, needs no column.
    used = [place for place in range(len(_HEAD)) if any(row[place].strip(" -") for row in rows[1:])]
    widths = [max(len(row[place]) for row in rows) for place in used]
    lines = [f"{result.name}: {result.question}"]
    for row in rows:
        first, *rest = (row[place] for place in used)
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        lines.append(f"  {first.ljust(widths[0])}  {'  '.join(cells)}".rstrip())
    for score in result.scores:
        facts = "; ".join(f"{value:g} {name}" for name, value in score.notes.items())
        said = " ".join(score.failure.split())
        if facts or said:
            lines.append(f"    {score.name}: {textwrap.shorten(facts or said, 300)}")
    return "\n".join(lines)


def _line(result: Result, score: Score) -> tuple[str, ...]:
    if not score.walls:
        return (score.name, "-", "failed" if score.rows else "absent", *("-" for _ in _HEAD[3:]))
    spread = (max(score.walls) - min(score.walls)) / 2
    peaks = " + ".join(f"{peak:,.0f}" for peak in score.peaks.values())
    ratio = result.ratio(score.name, result.scores[0].name)
    moved = score.rows > 1
    return (
        score.name,
        f"{score.rows:,}" if moved else "-",
        f"{score.wall:.2f} ±{spread:.2f}",
        str(len(score.walls)),
        f"{score.rate:,.0f}" if moved else "-",
        "-" if math.isnan(ratio) else f"{ratio:.2f}",
        f"{score.cpu:.2f}",
        peaks,
        _checksum(score, result.scores[0]),
    )


def _checksum(score: Score, ours: Score) -> str:
    """Give a checksum's beginning; a star marks one that is not ours."""
    differs = score.checksum and ours.checksum and score.checksum != ours.checksum
    return f"{score.checksum[:8] or '-'}{'*' if differs else ' '}"


def aims(findings: Sequence[Finding]) -> str:
    """Give what was aimed at beside what was found."""
    width = max((len(finding.aim) for finding in findings), default=0)
    return "\n".join(
        f"  {'holds ' if finding.holds else 'MISSED'}  {finding.aim.ljust(width)}  {finding.found}"
        for finding in findings
    )


def as_json(results: Sequence[Result], findings: Sequence[Finding]) -> dict[str, Any]:
    """Give everything that was measured as JSON values."""
    return {
        "machine": machine(),
        "contests": [
            {
                "name": result.name,
                "question": result.question,
                "scores": [_score(result, score) for score in result.scores],
            }
            for result in results
        ],
        "aims": [{"aim": f.aim, "found": f.found, "holds": f.holds} for f in findings],
    }


def _score(result: Result, score: Score) -> dict[str, Any]:
    if not score.walls:
        return {"name": score.name, "failure": score.failure}
    ratio = result.ratio(score.name, result.scores[0].name)
    return {
        "name": score.name,
        "rows": score.rows,
        "seconds": [round(wall, 4) for wall in score.walls],
        "cpu_seconds": [round(cpu, 4) for cpu in score.cpus],
        "peak_mb": {name: round(peak, 1) for name, peak in score.peaks.items()},
        "rows_per_second": round(score.rate, 1),
        "time_a_row_to_ours": None if math.isnan(ratio) else round(ratio, 3),
        "checksum": score.checksum,
        "failure": score.failure,
        "notes": score.notes,
    }
