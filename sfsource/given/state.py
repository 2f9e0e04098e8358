"""Where the tap's last STATE is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sfsource.given.files import read_object, write_whole

if TYPE_CHECKING:
    from pathlib import Path


class StateStore(Protocol):
    """A place that keeps a state: what the tap gets as --state."""

    @property
    def name(self) -> str:
        """How a message calls the place."""

    def read(self) -> dict[str, Any] | None:
        """Give the state; None if there is none yet."""

    def write(self, state: dict[str, Any]) -> None:
        """Replace the state as a whole."""


@dataclass(frozen=True)
class FileState:
    """A state in a file."""

    path: Path

    @property
    def name(self) -> str:
        """The file."""
        return str(self.path)

    def read(self) -> dict[str, Any] | None:
        """Give the state; None if the file is not there or empty."""
        if not self.path.is_file() or not self.path.read_bytes().strip():
            return None
        return read_object("--state", self.path)

    def write(self, state: dict[str, Any]) -> None:
        """Replace the file."""
        write_whole(self.path, json.dumps(state) + "\n")
