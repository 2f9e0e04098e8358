"""What is remembered from tick to tick: failures in a row, and which troubles people know of."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from sfsource.given.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Memory:
    """The memory of one schedule.

    Attributes:
        failures: Failed ticks in a row.
        skipped: Skipped ticks in a row.
        run: The last run of which there was a record.
        told: Text of each trouble that people were told of, by its key.
    """

    failures: int = 0
    skipped: int = 0
    run: str = ""
    told: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; one that is not there, or was damaged, is an empty memory."""
        try:
            value: Any = json.loads(path.read_text(encoding="utf-8"))
            told = {str(key): str(text) for key, text in value["told"].items()}
            return cls(int(value["failures"]), int(value["skipped"]), str(value["run"]), told)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        """Replace the file. Raises SfsourceError."""
        with contextlib.suppress(OSError):  # the next line tells
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(asdict(self), indent=2) + "\n")
