"""Targets alone: the same file of Singer messages, first into an empty schema, then with a tenth of it changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import loaders, records
from benchmarks.contest import Contestant, Result, hold
from benchmarks.measure import Command, Measurement, run
from benchmarks.session import PROJECT, Session, module

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.loaders import Loader

FLOOR_COPY = "floor: COPY into a table with its key"
FLOOR_MERGE = "floor: COPY to a temporary table, MERGE"
MELTANOLABS_BEST = f"{loaders.MELTANOLABS}, best settings"
_COLUMNS = 60
_UPSERT = " (upsert)"


@dataclass
class _Entry:
    """One way to load."""

    name: str
    rows: int
    files: tuple[Path, Path]
    first: Loader
    second: Loader | None
    schema: str = ""

    def begin(self, session: Session) -> None:
        """Forget the last round's schema, take a new one."""
        self.end(session)
        self.schema = session.warehouse.fresh_schema()

    def end(self, session: Session) -> None:
        """Drop what was loaded."""
        if self.schema:
            session.warehouse.drop(self.schema)

    def load(self) -> Measurement:
        """Load into the new schema."""
        return run([self.first(self.schema)], stdin=self.files[0])

    def load_again(self) -> Measurement:
        """Load the changed records into the same."""
        assert self.second is not None
        return run([self.second(self.schema)], stdin=self.files[1])


def compete(session: Session) -> list[Result]:
    """Hold the two contests; each round loads a schema and then upserts into it."""
    entries, absent = _entries(session)
    common = min(entry.rows for entry in entries)

    def check(entry: _Entry) -> str:
        return session.warehouse.checksum(entry.schema, records.STREAM, records.kinds(_COLUMNS), common)

    contestants = []
    for entry in entries:
        contestants.append(
            Contestant(
                entry.name, entry.rows, entry.load, partial(check, entry), partial(entry.begin, session)
            )
        )
        if entry.second is not None:
            contestants.append(
                Contestant(
                    entry.name + _UPSERT,
                    entry.rows,
                    entry.load_again,
                    partial(check, entry),
                    session.warehouse.settle,
                )
            )
    both = hold("target", "", contestants, runs=session.runs, absent=absent)
    for entry in entries:
        entry.end(session)
    size = f"{session.rows:,} rows x {_COLUMNS} columns"
    return [
        both.part("", f"Target alone, {size}, into an empty schema", name="first load", without=_UPSERT),
        both.part(_UPSERT, f"Target alone, {size}, a tenth of them changed", name="upsert"),
    ]


def _entries(session: Session) -> tuple[list[_Entry], list[tuple[str, str]]]:
    small, few, half, many = (session.share(part) for part in (0.1, 0.15, 0.25, 1))
    present, absent = session.found(loaders.MELTANOLABS, loaders.PIPELINEWISE, loaders.DLT)
    singer = {count: _files(session, count, "singer") for count in (small, few, half, many)}
    table = _files(session, many, "csv")
    ours = loaders.ours(session)
    copy = partial(_floor, session, "copy", table[0])
    merge, merge_again = (partial(_floor, session, "merge", file) for file in table)
    entries = [
        _Entry(loaders.OURS, many, singer[many], ours, ours),
        _Entry(FLOOR_COPY, many, table, copy, None),
        _Entry(FLOOR_MERGE, many, table, merge, merge_again),
    ]
    if peer := present.get(loaders.MELTANOLABS):
        plain, best = (loaders.meltanolabs(session, peer, best=best) for best in (False, True))
        entries.append(_Entry(loaders.MELTANOLABS, small, singer[small], plain, plain))
        entries.append(_Entry(MELTANOLABS_BEST, half, singer[half], best, best))
    if peer := present.get(loaders.PIPELINEWISE):
        loader = loaders.pipelinewise(session, peer)
        entries.append(_Entry(loaders.PIPELINEWISE, few, singer[few], loader, loader))
    if peer := present.get(loaders.DLT):
        loader = loaders.dlt(session, peer)
        entries.append(_Entry(loaders.DLT, few, singer[few], loader, loader))
    return entries, absent


def _files(session: Session, count: int, kind: str) -> tuple[Path, Path]:
    first, second = (session.folder / f"{name}-{count}.{kind}" for name in ("first", "changed"))
    write = records.write_csv if kind == "csv" else records.write_singer
    if not first.exists():
        write(first, count, _COLUMNS)
        write(second, count, _COLUMNS, changed=True)
    return first, second


def _floor(session: Session, name: str, file: Path, schema: str) -> Command:
    argv = module("benchmarks.floors", name, session.warehouse.url, schema, str(file))
    return Command(name, argv, directory=PROJECT)
