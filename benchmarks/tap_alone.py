"""Taps alone: out of the simulated org to nowhere, by Bulk and by REST.

Everyone reads a custom object of 60 columns. Slow peers read a second one with fewer rows; the digest of what came
out is taken of that one, in a run of its own.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import orgs, readers
from benchmarks.contest import Contestant, Result, hold
from benchmarks.measure import Command, FailedError, run
from benchmarks.session import PROJECT, Session, module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.orgs import RunningOrg

FEW = "Measured_Few__c"
SOME = "Measured_Some__c"
DOWNLOAD = "floor: download of the same bytes"
PARSE = "floor: csv.reader over the downloaded pages"
LINES = f"{readers.OURS}, the downloaded pages to lines"


def compete(session: Session) -> list[Result]:
    """Hold the contests: Bulk with five times the session's rows, REST with half of them."""
    sizes = {orgs.OBJECT: session.rows * 5, SOME: session.share(0.5), FEW: session.share(0.1)}
    contents = orgs.Contents({name: (rows, orgs.COLUMNS) for name, rows in sizes.items()})
    with orgs.serving(contents) as org:
        contest = _Contest(session, org, sizes)
        return [contest.bulk(), contest.rest()]


class _Contest:
    def __init__(self, session: Session, org: RunningOrg, sizes: dict[str, int]) -> None:
        self._session, self._org, self._sizes = session, org, sizes
        self._digests: dict[str, str] = {}
        self._pages = session.folder / "pages.csv"

    def bulk(self) -> Result:
        name = "tap, Bulk"
        download = self._floor(
            DOWNLOAD, orgs.OBJECT, "download", self._org.url, orgs.OBJECT, str(self._pages)
        )
        # The org makes the rows of a result once; whoever came first would wait for that.
        download.run()
        contestants = [
            self._ours(orgs.OBJECT, "bulk"),
            download,
            self._floor(PARSE, orgs.OBJECT, "parse", str(self._pages)),
            Contestant(LINES, self._sizes[orgs.OBJECT], partial(run, [self._lines()])),
        ]
        peers, absent = self._strangers("BULK")
        question = f"Tap alone to /dev/null, Bulk, {self._sizes[orgs.OBJECT]:,} rows x {orgs.COLUMNS} columns"
        return hold(name, question, contestants + peers, runs=self._session.runs, absent=absent)

    def _lines(self) -> Command:
        return Command("lines", module("benchmarks.lines", str(self._pages)), directory=PROJECT)

    def rest(self) -> Result:
        pages = str(self._session.folder / "pages.json")
        contestants = [
            self._ours(SOME, "rest"),
            self._floor(DOWNLOAD, SOME, "query", self._org.url, SOME, pages),
        ]
        peers, absent = self._strangers("REST")
        question = f"Tap alone to /dev/null, REST, {self._sizes[SOME]:,} rows x {orgs.COLUMNS} columns"
        return hold("tap, REST", question, contestants + peers, runs=self._session.runs, absent=absent)

    def _ours(self, sobject: str, reader: str) -> Contestant:
        def read(objects: Sequence[str]) -> Command:
            return readers.ours(self._session, self._org, objects, reader=reader)

        return self._tap(readers.OURS, sobject, read)

    def _strangers(self, api: str) -> tuple[list[Contestant], list[tuple[str, str]]]:
        """Give the peers as contestants; Airbyte chooses Bulk by itself."""
        names = (readers.SINGER_IO, readers.AIRBYTE) if api == "BULK" else (readers.SINGER_IO,)
        present, absent = self._session.found(*names)
        contestants = []
        for name, peer in present.items():
            tap: readers.SingerIo | readers.Airbyte = (
                readers.SingerIo(self._session, self._org, peer, api)
                if name == readers.SINGER_IO
                else readers.Airbyte(self._session, self._org, peer)
            )
            contestants.append(self._tap(name, FEW, tap.read))
        return contestants, absent

    def _tap(self, name: str, sobject: str, read: Callable[[Sequence[str]], Command]) -> Contestant:
        return Contestant(
            name,
            self._sizes[sobject],
            lambda: run([read([sobject])]),
            check=lambda: self._digest(name, read([FEW])),
            prepare=self._org.forget,
            notes=lambda: {"API calls": self._org.ledger()["apiCalls"]},
        )

    def _digest(self, name: str, command: Command) -> str:
        """Digest what a tap writes; once a contest."""
        if name not in self._digests:
            said = self._session.folder / "digest.txt"
            run([command, Command("digest", module("benchmarks.digest"), directory=PROJECT)], stdout=said)
            count, found = said.read_text().split()
            if int(count) != self._sizes[FEW]:
                raise FailedError(f"{name} wrote {count} different records of {self._sizes[FEW]}")
            self._digests[name] = found
        return self._digests[name]

    def _floor(self, name: str, sobject: str, *arguments: str) -> Contestant:
        command = Command(
            arguments[0], module("benchmarks.floors", *arguments), self._org.environment, PROJECT
        )
        return Contestant(name, self._sizes[sobject], partial(run, [command]))
