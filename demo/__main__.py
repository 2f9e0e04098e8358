"""Load an example company's org, let it live a day, load again, and show what a person wants to see."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING

from demo.org import ExampleOrg, running_org
from demo.report import answer, heading, table
from demo.warehouse import Warehouse, changes
from target_sfwarehouse import embedded

if TYPE_CHECKING:
    from types import FrameType

    from demo.warehouse import Snapshot

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / ".demo"
SERVER = FOLDER / "warehouse"
SCHEMA = "sfdc_demo"
RUN = ("meltano", "run", "tap-sfsource", "target-sfwarehouse")

QUESTION = f"SELECT case_number, subject, status, is_closed FROM {SCHEMA}.cases WHERE case_number = '00001001'"


class RunFailedError(Exception):
    """A Meltano run that ended with an error; the message holds what it said last."""


def main() -> int:
    """Run the demo.

    Returns:
        Exit status: 0, or 1 if a step failed.
    """
    signal.signal(signal.SIGTERM, _interrupt)  # so that the org is ended by the same way as on Ctrl-C
    began = time.monotonic()
    try:
        _clean()
        with running_org(PROJECT, FOLDER / "org.log") as org:
            _show(org)
    except (RunFailedError, RuntimeError, embedded.EmbeddedPostgresError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo was interrupted; the simulated org is gone.", file=sys.stderr)
        return 130
    _farewell(time.monotonic() - began)
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _clean() -> None:
    """Forget the state and the tables of an earlier demo; its server is kept if it is up."""
    FOLDER.mkdir(exist_ok=True)
    for leftover in FOLDER.glob("meltano.db*"):
        leftover.unlink()
    server = embedded.status(SERVER)
    if server is None:
        shutil.rmtree(SERVER, ignore_errors=True)
        return
    warehouse = Warehouse(server.url, SCHEMA)
    warehouse.drop()
    warehouse.close()


def _show(org: ExampleOrg) -> None:
    print(f"A simulated Salesforce org with an example company is up at {org.url}")
    first, warehouse = _sync(org, "First run: everything", {})
    try:
        _ask(warehouse, "The warehouse now")
        org.next_day()
        print("\nA day goes by in the org: updates, a deletion, an undeletion, new records, a new custom field.")
        _sync(org, "Second run: only what changed", first)
        _ask(warehouse, "The same queries after the second run")
    finally:
        warehouse.close()
