"""A run of the pair on a terminal: its bar, and what stays at its end."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from docs.draw.terminal import drawn
from salesforce_simulator.http.settings import Settings
from salesforce_simulator.simulation import simulate
from target_sfwarehouse import embedded

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("progress.svg", "summary.svg")
WIDTH = 92
COMMAND = (
    "tap-sfsource --config tap.json --state state.json |\n"
    "  target-sfwarehouse --config target.json --state-file state.json > /dev/null"
)
_TITLE = "Salesforce to Postgres"
_OBJECTS = ["Account", "Case", "Contact", "Lead", "Opportunity", "Task"]
_RECORDS = {"Contact": 11_000, "Task": 21_000}
# A page takes longer than the bar needs to renew itself.
_LATENCY = 220.0
_ONE_PAGE_AFTER_THE_OTHER = {"download_connections": 1, "bulk_page_size": 10_000}
_BAR = re.compile(r"\[#+\.+\] \d/6 tasks: (?:1|2)0,\d{3} of [\d,]+ rows")


def pictures(target: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Draw the bar in the middle of a first sync, and the summary at its end; `target` has a warehouse to load into."""
    with tempfile.TemporaryDirectory(prefix="sfsource-picture-") as folder:
        if target is not None:
            said = _run(Path(folder), target)
        else:
            server = embedded.start(Path(folder, "warehouse"), fsync=False)
            try:
                said = _run(Path(folder), {"sqlalchemy_url": server.url, "schema": "sfdc"})
            finally:
                embedded.stop(server.directory)
    bar = _BAR.search(said)
    assert bar is not None, said
    return dict(zip(NAMES, (_drawn([bar.group()]), _drawn(_stays(said))), strict=True))


def _run(folder: Path, target: Mapping[str, Any]) -> str:
    """What the terminal gets."""
    with simulate(company=True, records=_RECORDS, settings=Settings(latency=_LATENCY)) as org:
        login = {"login_url": org.url, "client_id": org.client_id, "client_secret": org.client_secret}
        tap = {**login, "objects": _OBJECTS, **_ONE_PAGE_AFTER_THE_OTHER}
        for name, content in (("tap", tap), ("target", target), ("state", {})):
            (folder / f"{name}.json").write_text(json.dumps(content))
        ours, theirs = pty.openpty()
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        process = subprocess.Popen(
            ["/bin/sh", "-c", COMMAND], cwd=folder, stderr=theirs, env={**os.environ, "PATH": path}
        )
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):
            while part := os.read(ours, 100_000):
                said += part
        os.close(ours)
        assert process.wait() == 0, said.decode()
        return said.decode()


def _stays(said: str) -> list[str]:
    """The lines that are there at the end: what stands before a return or a wipe is gone."""
    lines = (re.split(r"\r|\x1b\[K", line.rstrip("\r"))[-1].rstrip() for line in said.split("\n"))
    return [line for line in lines if line]


def _drawn(lines: list[str]) -> str:
    return drawn(Text("\n".join([f"$ {COMMAND}", *lines])), _TITLE, WIDTH)
