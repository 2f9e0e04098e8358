"""The status as one JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sfsource.reports.health import Health, Trouble

RUNS = 10
"""Runs that it shows."""


def document(health: Health, troubles: Sequence[Trouble]) -> dict[str, Any]:
    """Give the status as a JSON document."""
    return {
        "as_of": health.now,
        "place": health.place,
        "well": not troubles,
        "troubles": [asdict(trouble) for trouble in troubles],
        "failures_in_a_row": health.failures,
        "runs": [asdict(run) for run in health.runs[:RUNS]],
        "collections": [asdict(part) for part in health.collections],
    }
