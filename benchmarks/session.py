"""One session of benchmarks: its size, its folder, and what the benchmarks share."""

from __future__ import annotations

import json
import sys
import sysconfig
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks import warehouse
from benchmarks.peers import Peer, Peers

if TYPE_CHECKING:
    from benchmarks.warehouse import Warehouse

PROJECT = Path(__file__).resolve().parent.parent
MOST_OF_SLOW = 100_000
"""Rows for a slow peer, however many the others get: its start-up weighs little by then."""


@dataclass
class Session(AbstractContextManager["Session"]):
    """What a benchmark is given.

    Attributes:
        folder: For files; the session's own.
        rows: Rows of a large load; slow peers get fewer, in proportion.
        runs: Rounds of each contest.
        peers: The peers.
        huge: Whether growth goes on to five million rows and 5,000 selected objects.
    """

    folder: Path
    rows: int
    runs: int
    peers: Peers
    huge: bool = False
    _open: ExitStack = field(default_factory=ExitStack)

    def __exit__(self, *_: object) -> None:
        """Stop what was started."""
        self._open.close()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    @cached_property
    def warehouse(self) -> Warehouse:
        """The Postgres that everyone loads into; started when it is first needed."""
        return self._open.enter_context(warehouse.running())

    def share(self, part: float) -> int:
        """Rows for someone who is slow: so much of `rows`, and no more than `MOST_OF_SLOW`."""
        return self.rows if part == 1 else min(self.rows, MOST_OF_SLOW, max(100, round(self.rows * part)))

    def found(self, *names: str) -> tuple[dict[str, Peer], list[tuple[str, str]]]:
        """Give those of the peers that take part, and of the others the name and the reason."""
        present: dict[str, Peer] = {}
        absent: list[tuple[str, str]] = []
        for name in names:
            peer = self.peers.get(name)
            if isinstance(peer, Peer):
                present[name] = peer
            else:
                absent.append((name, peer))
        return present, absent

    def write(self, name: str, content: Any) -> str:
        """Write a JSON file into the folder and give its path."""
        path = self.folder / name
        path.write_text(json.dumps(content))
        return str(path)


def own_program(name: str) -> str:
    """Path of one of the project's console scripts."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def module(name: str, *arguments: str) -> tuple[str, ...]:
    """Command line that runs a module of the project's own, from the project's folder."""
    return (sys.executable, "-m", name, *arguments)
