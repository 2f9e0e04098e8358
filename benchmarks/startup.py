"""What it costs to start: `--version` of each half beside `import singer_sdk`, which every SDK plugin pays for."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import loaders, readers
from benchmarks.contest import Contestant, Result, hold
from benchmarks.measure import Command, run
from benchmarks.session import PROJECT, own_program

if TYPE_CHECKING:
    from benchmarks.session import Session

IMPORT = "import singer_sdk"


def compete(session: Session) -> list[Result]:
    """Hold the contest; the peers that are SDK plugins take part."""
    commands = {
        readers.OURS: (own_program(readers.OURS), "--version"),
        loaders.OURS: (own_program(loaders.OURS), "--version"),
        IMPORT: (sys.executable, "-c", IMPORT),
    }
    present, absent = session.found(loaders.MELTANOLABS)
    for name, peer in present.items():
        commands[name] = (peer.program("target-postgres"), "--version")
    contestants = [
        Contestant(name, 1, partial(run, [Command(name, argv, directory=PROJECT)]))
        for name, argv in commands.items()
    ]
    question = "Start of Python to the printed version"
    return [hold("start-up", question, contestants, runs=session.runs, absent=absent)]
