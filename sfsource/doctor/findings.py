"""What the doctor finds: a row each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from sfsource.output import one_line
from target_sfwarehouse.masks import without_secrets

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

    def masked(self) -> Finding:
        """The same without secrets, which a server may have quoted."""
        return replace(
            self, told=without_secrets(one_line(self.told)), advice=without_secrets(one_line(self.advice))
        )


def of_tap(finding: TapFinding) -> Finding:
    """A finding of the tap's own check."""
    return Finding("org", finding.about, finding.level, finding.told)
