"""Both halves together: joined by a pipe, run by Meltano, and with BATCH files in place of records."""

from __future__ import annotations

import shlex
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import loaders, orgs, readers, records
from benchmarks.contest import Contestant, Result, hold
from benchmarks.measure import Command, FailedError, Measurement, run
from benchmarks.session import PROJECT, Session, module, own_program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.orgs import RunningOrg

    Pipe = Callable[[str, str], list[Command]]

FEW = "Measured_Few__c"
PIPE = f"{readers.OURS} | {loaders.OURS}"
BATCH = f"{PIPE}, BATCH csv"
THEIRS = f"{readers.SINGER_IO} | {loaders.MELTANOLABS}"
MELTANO = ", meltano run"
DOWNLOAD = "floor: download of the same bytes"
MERGE = "floor: COPY to a temporary table, MERGE"


def compete(session: Session) -> list[Result]:
    """Hold the contest: five times the session's rows for ours, a tenth of the session's for the peers."""
    sizes = {orgs.OBJECT: session.rows * 5, FEW: session.share(0.1)}
    with orgs.serving(orgs.Contents({name: (rows, orgs.COLUMNS) for name, rows in sizes.items()})) as org:
        entries, absent = _entries(session, org)
        contestants = [entry.contestant(session, sizes) for entry in entries]
        download = _download(session, org, sizes[orgs.OBJECT])
        contestants[3:3] = [download, _merge(session, sizes[orgs.OBJECT])]
        # The org makes the rows of a result once; whoever came first would wait for that.
        download.run()
        question = f"Org to Postgres, Bulk, {sizes[orgs.OBJECT]:,} rows x {orgs.COLUMNS} columns, first load"
        result = hold("pair", question, contestants, runs=session.runs, absent=absent)
        for entry in entries:
            session.warehouse.drop(entry.schema)
    return [result]


@dataclass
class _Entry:
    """One way from the org into a schema; `pipe` makes the commands for an object and a schema."""

    name: str
    sobject: str
    pipe: Pipe
    schema: str = "none"
    checksum: str = ""

    def contestant(self, session: Session, sizes: dict[str, int]) -> Contestant:
        return Contestant(
            self.name,
            sizes[self.sobject],
            self.run,
            check=partial(self._check, session, sizes),
            prepare=partial(self._begin, session),
        )

    def run(self) -> Measurement:
        return run(self.pipe(self.sobject, self.schema))

    def _begin(self, session: Session) -> None:
        session.warehouse.drop(self.schema)
        self.schema = session.warehouse.fresh_schema()

    def _check(self, session: Session, sizes: dict[str, int]) -> str:
        """Count the rows; once, load the object that everyone reads and take its checksum."""
        count = session.warehouse.count(self.schema, self.sobject)
        if count != sizes[self.sobject]:
            raise FailedError(f"{self.sobject} has {count} rows of {sizes[self.sobject]}")
        if not self.checksum:
            schema = self.schema
            if self.sobject != FEW:
                schema = session.warehouse.fresh_schema()
                run(self.pipe(FEW, schema))
            self.checksum = session.warehouse.checksum(schema, FEW, orgs.kinds(), sizes[FEW])
            if schema != self.schema:
                session.warehouse.drop(schema)
        return self.checksum


def _entries(session: Session, org: RunningOrg) -> tuple[list[_Entry], list[tuple[str, str]]]:
    load = loaders.ours(session)

    def ours(sobject: str, schema: str, **settings: Any) -> list[Command]:
        return [readers.ours(session, org, [sobject], reader="bulk", **settings), load(schema)]

    files = session.folder / "batches"
    files.mkdir()
    batch = {"encoding": {"format": "csv"}, "storage": {"root": files.as_uri()}}
    entries = [
        _Entry(PIPE, orgs.OBJECT, ours),
        _Entry(PIPE + MELTANO, orgs.OBJECT, lambda *names: [_meltano(session, ours(*names))]),
        _Entry(BATCH, orgs.OBJECT, lambda *names: ours(*names, batch_config=batch)),
    ]
    present, absent = session.found(readers.SINGER_IO, loaders.MELTANOLABS)
    if absent:
        return entries, absent
    target = loaders.meltanolabs(session, present[loaders.MELTANOLABS], best=False)
    tap = readers.SingerIo(session, org, present[readers.SINGER_IO], "BULK")

    def theirs(sobject: str, schema: str) -> list[Command]:
        return [tap.read([sobject]), target(schema)]

    entries.append(_Entry(THEIRS, FEW, theirs))
    entries.append(_Entry(THEIRS + MELTANO, FEW, lambda *names: [_meltano(session, theirs(*names))]))
    return entries, absent


def _meltano(session: Session, pipe: list[Command]) -> Command:
    """Give the command that runs a tap and a target, as they are, under Meltano in a project of its own."""
    folder = session.folder / f"meltano-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    plugins = {
        kind: [
            {
                "name": f"{name}-measured",
                "namespace": f"measured_{name}",
                "executable": _wrapped(folder, name, part),
            }
        ]
        for kind, name, part in zip(("extractors", "loaders"), ("tap", "target"), pipe, strict=True)
    }
    project = {"environments": [{"name": "bench"}], "plugins": plugins, "send_anonymous_usage_stats": False}
    # JSON is YAML.
    session.write(f"{folder.name}/meltano.yml", project)
    environment = {"MELTANO_HUB_URL": "http://127.0.0.1:9", "NO_COLOR": "1"}
    argv = (
        own_program("meltano"),
        "--log-level=warning",
        "--environment=bench",
        "run",
        "tap-measured",
        "target-measured",
    )
    return Command("meltano", argv, environment, folder)


def _wrapped(folder: Path, name: str, command: Command) -> str:
    """Write a script that starts a command and passes over what Meltano would tell it."""
    script = folder / f"{name}.sh"
    settings = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in command.env.items())
    script.write_text(f"#!/bin/sh\n{settings}exec {shlex.join(command.argv)}\n")
    script.chmod(0o755)
    return str(script)


def _pages(session: Session) -> str:
    return str(session.folder / "pair-pages.csv")


def _download(session: Session, org: RunningOrg, rows: int) -> Contestant:
    argv = module("benchmarks.floors", "download", org.url, orgs.OBJECT, _pages(session))
    command = Command("download", argv, org.environment, PROJECT)
    return Contestant(DOWNLOAD, rows, lambda: run([command]))


def _merge(session: Session, rows: int) -> Contestant:
    """Load the downloaded pages by COPY and one MERGE."""
    schemas: list[str] = []

    def begin() -> None:
        while schemas:
            session.warehouse.drop(schemas.pop())
        schemas.append(session.warehouse.fresh_schema())

    def load() -> Measurement:
        argv = module("benchmarks.floors", "merge-pages", session.warehouse.url, schemas[0], _pages(session))
        return run([Command("merge", argv, directory=PROJECT)])

    def check() -> str:
        count = session.warehouse.count(schemas[0], records.STREAM)
        if count != rows:
            raise FailedError(f"COPY and MERGE came to {count} rows of {rows}")
        return ""

    return Contestant(MERGE, rows, load, check=check, prepare=begin)
