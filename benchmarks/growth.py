"""Whether time and memory a row stay what they are when there are more rows, more columns or more collections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import loaders, orgs, readers
from benchmarks.contest import Contestant, Result, hold
from benchmarks.measure import FailedError, Measurement, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.orgs import RunningOrg
    from benchmarks.session import Session

ROWS = (10_000, 100_000, 1_000_000)
HUGE = 5_000_000
COLUMNS = (10, 60, 200, 500)
COLLECTIONS = (1, 20, 200)
_CELLS = 60
_MOST = 3


def compete(session: Session) -> list[Result]:
    """Hold a contest a dimension; its sizes shrink with the session's rows."""
    scale = session.rows / 200_000
    rows = [max(100, round(count * scale)) for count in (*ROWS, *((HUGE,) if session.huge else ()))]
    wide = [(columns, max(100, round(100_000 * scale * _CELLS / columns))) for columns in COLUMNS]
    many = [(count, max(10, round(100_000 * scale / count))) for count in COLLECTIONS]
    return [
        _dimension(
            session,
            "growth in rows",
            {f"{count:,} rows": {"Rows__c": (count, orgs.COLUMNS)} for count in rows},
        ),
        _dimension(
            session,
            "growth in columns",
            {f"{columns} columns, {count:,} rows": {"Wide__c": (count, columns)} for columns, count in wide},
        ),
        _dimension(
            session,
            "growth in collections",
            {
                f"{count} collections of {each:,} rows": {
                    f"Many_{place}__c": (each, orgs.COLUMNS) for place in range(count)
                }
                for count, each in many
            },
        ),
    ]


def _dimension(session: Session, name: str, sizes: Mapping[str, Mapping[str, tuple[int, int]]]) -> Result:
    """Measure the pair at each size, each in an org of its own; the first size is what others are compared with."""
    results = [
        hold(name, "", [entry], runs=min(_MOST, session.runs))
        for label, objects in sizes.items()
        for entry in _entry(session, label, objects)
    ]
    scores = tuple(score for result in results for score in result.scores)
    return Result(name, f"{readers.OURS} | {loaders.OURS}, Bulk, first load", scores)


def _entry(session: Session, label: str, objects: Mapping[str, tuple[int, int]]) -> Iterator[Contestant]:
    with orgs.serving(orgs.Contents(objects)) as org:
        load = _Load(session, org, objects)
        yield Contestant(
            label, sum(rows for rows, _ in objects.values()), load.run, check=load.check, prepare=load.begin
        )
        session.warehouse.drop(load.schema)


class _Load:
    """Loads an org's objects into one schema after the other."""

    def __init__(self, session: Session, org: RunningOrg, objects: Mapping[str, tuple[int, int]]) -> None:
        self._session, self._org, self._objects = session, org, objects
        self.schema = "none"

    def begin(self) -> None:
        self._session.warehouse.drop(self.schema)
        self.schema = self._session.warehouse.fresh_schema()

    def run(self) -> Measurement:
        tap = readers.ours(self._session, self._org, list(self._objects), reader="bulk")
        return run([tap, loaders.ours(self._session)(self.schema)])

    def check(self) -> str:
        """Count the rows of each table."""
        for name, (rows, _) in self._objects.items():
            count = self._session.warehouse.count(self.schema, name)
            if count != rows:
                raise FailedError(f"{name} has {count} rows of {rows}")
        return ""
