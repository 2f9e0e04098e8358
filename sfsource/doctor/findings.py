"""What the doctor finds: a row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from tap_sfsource.check import Finding as TapFinding

Level = Literal["ok", "warning", "failure", "skipped"]

AREAS: Final = ("org", "state", "warehouse", "forecast")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: One of AREAS.
        check: What was looked at.
        told: What is so.
        advice: What to do, empty if nothing.
    """

    area: str
    check: str
    level: Level
    told: str
    advice: str = ""


def of_tap(finding: TapFinding) -> Finding:
    """A finding of the tap's own check."""
    return Finding("org", finding.about, finding.level, finding.told)
