"""How long discovery of a whole org takes, and what it costs in API calls.

    python -m benchmarks.discovery [OBJECTS [LATENCY]]

An org of 1,500 objects of 62 fields at 150 ms an answer unless OBJECTS and LATENCY (milliseconds) say otherwise. The org
runs in a process of its own; the times are those of the whole command, start of Python included.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import string
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from salesforce_simulator.org import Org
from salesforce_simulator.schema import COMPOUND_TYPES, SObject
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, add_demo_login

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TAP = Path(sysconfig.get_path("scripts")) / "tap-sfsource"


def fill(org: Org, objects: int) -> None:
    """Add custom objects with Account's fields until the org has that many objects."""
    signs = string.digits + string.ascii_letters
    fields = {
        name: dataclasses.replace(
            field, compound_field_name=None, relationship_name=None, reference_to=(), type=kind
        )
        for name, field in org.schema.objects["Account"].fields.items()
        if field.type not in COMPOUND_TYPES
        for kind in ["string" if field.type == "reference" else field.type]
    }
    for number in range(objects - len(org.schema.objects)):
        prefix = f"b{signs[number // len(signs)]}{signs[number % len(signs)]}"
        org.add_object(SObject(f"Thing_{number}__c", prefix, dict(fields), custom=True))


def run_org(objects: int, latency: float, ready: Connection) -> None:
    """Serve the org until the process is ended."""
    org = Org()
    add_demo_login(org)
    fill(org, objects)
    with serve(org, latency=latency) as server:
        ready.send(server.url)
        ready.recv()


def measure(label: str, url: str, config: dict[str, Any], folder: Path) -> None:
    """Discover once and print a line."""
    file = folder / "tap.json"
    file.write_text(json.dumps(config))
    before = requests.get(f"{url}/_simulator/ledger", timeout=60).json()
    begun = time.perf_counter()
    command = [str(TAP), "--config", str(file), "--discover"]
    catalog = subprocess.run(command, check=True, capture_output=True).stdout
    seconds = time.perf_counter() - begun
    after = requests.get(f"{url}/_simulator/ledger", timeout=60).json()
    calls, sent = (after[key] - before[key] for key in ("apiCalls", "bytesSent"))
    streams = len(json.loads(catalog)["streams"])
    print(f"{label:<28}{seconds:6.1f} s  {calls:4} API calls  {sent / 1e6:6.1f} MB  {streams} streams")


def main(objects: int = 1500, latency: float = 150.0) -> None:
    """Discover without a cache, with an empty one, and with one in which nothing has changed."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    org = context.Process(target=run_org, args=(objects, latency, there), daemon=True)
    org.start()
    url = here.recv()
    config = {"login_url": url, "client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET}
    with tempfile.TemporaryDirectory() as folder:
        cached = {**config, "cache_dir": str(Path(folder) / "cache")}
        measure("whole org", url, config, Path(folder))
        measure("whole org, cache empty", url, cached, Path(folder))
        measure("whole org, nothing changed", url, cached, Path(folder))
    here.send(None)
    org.join()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
