"""Runs a tap and keeps its STATE lines only: a huge object's rows are not worth a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measure import Command, Measurement, run

if TYPE_CHECKING:
    from pathlib import Path

_KEEP = Command("grep", ("grep", "--text", '^{"type":"STATE"'), env={"LC_ALL": "C"})


def keeping_states(tap: Command, file: Path) -> Measurement:
    """Run a tap, its STATE lines into a file; what finds these lines is not in the cost."""
    measured = run([tap, _KEEP], stdout=file)
    return Measurement(measured.wall, measured.processes[:1])


def states_in(file: Path) -> list[bytes]:
    """The STATE lines that a run left."""
    return file.read_bytes().splitlines(keepends=True)
