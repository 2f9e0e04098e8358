"""Meltano runs of the pair, as `meltano.yml` of the checkout defines it, with the demo's own places."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from demo.report import say

if TYPE_CHECKING:
    from demo.org import ExampleOrg

PAIR = ("tap-sfsource", "target-sfwarehouse")
CUSTOM_OBJECTS = ("invoice_c.*", "invoice_line_c.*")
"""Selected beside the 48 collections."""

SHOWN_LINES = 25


class RunFailedError(Exception):
    """A Meltano run that ended with an error; the message holds what it said last."""


@dataclass(frozen=True)
class Cost:
    """What a run took."""

    seconds: float
    api_calls: int


class Sync:
    """Runs the pair from an org into a schema."""

    def __init__(self, project: Path, folder: Path, server: Path, schema: str, org: ExampleOrg) -> None:
        """Keep where everything is.

        Args:
            project: The checkout, with meltano.yml.
            folder: Where plugin installations, state and logs go.
            server: Folder of the target's own Postgres.
            schema: The schema to load into.
            org: Where to read from.
        """
        self._project = project
        self._folder = folder
        self._org = org
        definition = yaml.safe_load((project / "meltano.yml").read_text())
        (select,) = [
            entry["select"] for entry in definition["plugins"]["extractors"] if entry["name"] == PAIR[0]
        ]
        self._environment = {
            **os.environ,
            "MELTANO_SYS_DIR_ROOT": str(folder / "meltano"),
            "MELTANO_DATABASE_URI": f"sqlite:///{folder / 'meltano.db'}",
            "TAP_SFSOURCE_LOGIN_URL": org.url,
            "TAP_SFSOURCE_CLIENT_ID": org.client_id,
            "TAP_SFSOURCE_CLIENT_SECRET": org.client_secret,
            "TAP_SFSOURCE__LOAD_SCHEMA": schema,
            "TAP_SFSOURCE__SELECT": json.dumps([*select, *CUSTOM_OBJECTS]),
            "TARGET_SFWAREHOUSE_EMBEDDED_DIRECTORY": str(server),
            "NO_COLOR": "1",
        }

    def install(self) -> None:
        """Install both plugins, each in an environment of its own.

        Raises:
            RunFailedError: The installation failed.
        """
        say("Meltano installs the two plugins.")
        self._meltano("install")

    def run(self) -> Cost:
        """Run the pair once.

        Returns:
            What it took.

        Raises:
            RunFailedError: The run failed.
        """
        say(f"  $ meltano run {' '.join(PAIR)}\n")
        began, charged = time.monotonic(), self._org.api_calls()
        self._meltano("run", *PAIR)
        return Cost(time.monotonic() - began, self._org.api_calls() - charged)

    def _meltano(self, *arguments: str) -> None:
        log = self._folder / "meltano.log"
        meltano = Path(sysconfig.get_path("scripts")) / "meltano"
        with log.open("w") as output:
            done = subprocess.run(
                [meltano, *arguments],
                check=False,
                cwd=self._project,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if done.returncode:
            last = "\n".join(log.read_text().splitlines()[-SHOWN_LINES:])
            raise RunFailedError(
                f"`meltano {' '.join(arguments)}` ended with {done.returncode}:\n{last}\n(all: {log})"
            )
