"""Run the benchmarks: `python -m benchmarks [--only NAME] [--quick] [--rows N] [--runs N]`."""

from __future__ import annotations

import argparse
import compileall
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    aims,
    connections,
    growth,
    idle,
    many_objects,
    pair,
    plot,
    report,
    shards,
    startup,
    tap_alone,
    target_alone,
)
from benchmarks.contest import tell
from benchmarks.peers import NoPeers, Peers
from benchmarks.session import PROJECT, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.contest import Result

BENCHMARKS: dict[str, Callable[[Session], list[Result]]] = {
    "target": target_alone.compete,
    "tap": tap_alone.compete,
    "pair": pair.compete,
    "idle": idle.sync,
    "discovery": idle.discovery,
    "growth": growth.compete,
    "connections": connections.compete,
    "objects": many_objects.compete,
    "shards": shards.compete,
    "startup": startup.compete,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks asked for, print the table, write JSON and a plot.

    Returns:
        The exit code: 0 if each of our own contestants has a result.
    """
    options = _parser().parse_args(arguments)
    rows = options.rows or (4_000 if options.quick else 200_000)
    runs = options.runs or (1 if options.quick else 5)
    # As pip leaves an installed package, whatever has been edited since.
    for package in ("tap_sfsource", "target_sfwarehouse", "benchmarks"):
        compileall.compile_dir(PROJECT / package, quiet=1)
    results: list[Result] = []
    peers = NoPeers() if options.without_peers else Peers()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="sfsource-bench-files-") as folder,
            Session(Path(folder), rows, runs, peers, options.huge) as session,
        ):
            for name in options.only or BENCHMARKS:
                tell(name)
                found = BENCHMARKS[name](session)
                print(report.table(found), end="\n\n", flush=True)
                results += found
    finally:
        # What was measured before a benchmark failed is worth keeping.
        findings = aims.judge(results)
        print(f"Aims\n{report.aims(findings)}")
        _save(options.output, results, findings)
    return 0 if all(result.scores[0].walls for result in results) else 1


def _save(folder: Path, results: Sequence[Result], findings: Sequence[aims.Finding]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    stem.with_suffix(".json").write_text(json.dumps(report.as_json(results, findings), indent=1) + "\n")
    stem.with_suffix(".svg").write_text(plot.svg(results))
    tell(f"{stem}.json and .svg are written")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="See docs/benchmarks.md.")
    parser.add_argument(
        "--only", action="append", choices=list(BENCHMARKS), help="this benchmark; may be repeated"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one round of a few thousand rows: does it run at all"
    )
    parser.add_argument("--rows", type=int, help="rows of a large load (default 200,000; with --quick 4,000)")
    parser.add_argument("--runs", type=int, help="rounds of each contest (default 5; with --quick 1)")
    parser.add_argument(
        "--huge",
        action="store_true",
        help="growth goes on to five million rows, and to 5,000 objects that are all selected",
    )
    parser.add_argument(
        "--without-peers", action="store_true", help="install nothing, measure ours and the floors"
    )
    parser.add_argument(
        "--output", type=Path, default=PROJECT / "benchmarks" / "results", help="folder of the results"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
