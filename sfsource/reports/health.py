"""Whether all is well: each collection's last outcome, how far it is behind the org, and whether it fell silent."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from sfsource.reports.coverage import Coverage
from sfsource.reports.words import duration, names_in_brief

if TYPE_CHECKING:
    from collections.abc import Collection as Container
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sfsource.reports.history import History, Report

DAYS: Final = 10
SPAN: Final = 14
"""A collection has a usual pause once it had changes on so many days, over so many: two weekends are among them."""

TIMES: Final = 4
LEAST: Final = 4
"""It is silent for long after this many times its longest pause but one, and at least so many days."""

FAILED: Final = frozenset({"failed", "partial"})


@dataclass(frozen=True)
class Collection:
    """How a collection is.

    Attributes:
        outcome: success, partial, failed or skipped in its last run; deselected, or never where no run had it.
        last_run: When its last run ended.
        rows: Rows of its last run; `deletions` and `partial_rows` the same.
        rejected: Records that the target's last run put into quarantine.
        read_until: Every change before this moment has been read; None if it was never read to its end.
        behind: Seconds since then.
        last_change: When it last had rows or deletions.
        silent: Days without a change, where these are too many.
        error: What went wrong, in one line.
    """

    name: str
    outcome: str
    object: str | None = None
    last_run: datetime | None = None
    rows: int = 0
    deletions: int = 0
    partial_rows: int = 0
    rejected: int = 0
    read_until: datetime | None = None
    behind: float | None = None
    last_change: datetime | None = None
    silent: int | None = None
    error: str | None = None
    error_code: str | None = None
    notices: Sequence[str] = ()
    new_columns: Sequence[str] = ()
    vanished_columns: Sequence[str] = ()

    @property
    def was_read(self) -> bool:
        """Whether a run has read it to its end."""
        return self.read_until is not None


@dataclass(frozen=True)
class Trouble:
    """What is not well: `kind` is failed, partial, skipped, never, old or silent; `collection` is None for the run's own."""

    kind: str
    collection: str | None
    text: str


@dataclass(frozen=True)
class Health:
    """How the pair is.

    Attributes:
        now: As of when.
        runs: The last runs, the newest first.
        failures: Runs in a row, up to the last one, that failed as a whole.
        collections: By name.
        place: Where the tables are, in a sentence.
    """

    now: datetime
    runs: Sequence[Report]
    failures: int
    collections: Sequence[Collection]
    place: str = ""

    @property
    def last(self) -> Report | None:
        """The last run."""
        return self.runs[0] if self.runs else None

    def troubles(self, max_age: timedelta | None = None, may_be_quiet: Container[str] = ()) -> list[Trouble]:
        """What is not well; the patterns of `may_be_quiet` name collections that may stand still."""
        return [*self._of_run(max_age), *self._of_collections(max_age, may_be_quiet)]

    def _of_run(self, max_age: timedelta | None) -> Iterator[Trouble]:
        last = self.last
        if last is None:
            yield Trouble("never", None, "There is no record of a run.")
            return
        if last.status == "failed":
            told = last.error_message or last.error_code or "it says no reason"
            yield Trouble("failed", None, f"The last {_runs(self.failures)} failed: {told}")
        if max_age is not None and (age := self.now - (last.finished_at or self.now)) > max_age:
            yield Trouble(
                "old", None, f"The last run ended {duration(age)} ago, longer than {duration(max_age)}."
            )

    def _of_collections(self, max_age: timedelta | None, may_be_quiet: Container[str]) -> Iterator[Trouble]:
        old = []
        for part in self.collections:
            if part.outcome in FAILED:
                yield Trouble(
                    part.outcome, part.name, f"{part.name} is not complete: {part.error or part.error_code}"
                )
            elif part.outcome == "never":
                yield Trouble("never", part.name, f"{part.name} is selected, and no run has had it yet.")
            elif part.outcome == "skipped" and part.was_read:
                yield Trouble("skipped", part.name, f"{part.name} is not read any more: {part.error}")
            if any(fnmatchcase(part.name, each) for each in may_be_quiet):
                continue
            if part.silent is not None:
                yield Trouble(
                    "silent",
                    part.name,
                    f"{part.name} had no change for {part.silent} days, much longer than its usual pause.",
                )
            aged = part.outcome != "deselected" and part.behind is not None and max_age is not None
            if aged and timedelta(seconds=part.behind or 0) > (max_age or timedelta()):
                old.append(part)
        if old and max_age is not None:
            worst = max(timedelta(seconds=part.behind or 0) for part in old)
            text = f"Behind the org by more than {duration(max_age)}: {names_in_brief(part.name for part in old)}; "
            yield Trouble("old", old[0].name if len(old) == 1 else None, f"{text}at most {duration(worst)}.")


def judge(history: History, now: datetime, selected: Iterable[str] = ()) -> Health:
    """Judge what the tables say, as of now; `selected` names collections that a run is to have."""
    coverage = Coverage(history)
    names = {*history.last, *selected}
    # Quiet since before there were reports.
    names |= {
        name
        for name, part in history.loaded.items()
        if part.ours and part.bookmark is not None and (coverage.knows(name) or not history.covered)
    }
    failures = sum(1 for _ in itertools.takewhile(lambda run: run.status == "failed", history.runs))
    collections = [_collection(history, coverage, name, now) for name in sorted(names)]
    return Health(now, history.runs, failures, collections)


def _collection(history: History, coverage: Coverage, name: str, now: datetime) -> Collection:
    last, loaded, quiet = history.last.get(name), history.loaded.get(name), coverage.last_good(name)
    if last is None and loaded is None:
        return Collection(name, "never")
    until = _read_until(history, name, quiet)
    changes = history.changes.get(name)
    part = Collection(
        name,
        "success",
        object=last.object if last else None,
        last_run=last.finished_at if last else None,
        rejected=loaded.rejected if loaded else 0,
        read_until=until,
        behind=max(0.0, (now - until).total_seconds()) if until else None,
        last_change=changes.last_change if changes else None,
    )
    if coverage.is_deselected(name):
        return replace(part, outcome="deselected")
    if quiet is not None or last is None:
        ended = quiet.finished_at if quiet is not None else (loaded.ended_at if loaded else None)
        return replace(part, last_run=ended, silent=_silent(history, name, ended))
    return replace(
        part,
        outcome=last.status,
        rows=last.rows,
        deletions=last.deletions,
        partial_rows=last.partial_rows,
        silent=_silent(history, name, last.finished_at) if last.status == "success" else None,
        error=last.error_message,
        error_code=last.error_code,
        notices=last.notices,
        new_columns=last.new_columns,
        vanished_columns=last.vanished_columns,
    )


def _read_until(history: History, name: str, quiet: Report | None) -> datetime | None:
    """The latest bookmark that is told of it; where a run has none to tell, the moment at which it began to read."""
    last, loaded, good = history.last.get(name), history.loaded.get(name), history.good.get(name)
    known = [part.bookmark for part in (last, loaded, good) if part is not None and part.bookmark is not None]
    if quiet is not None and (loaded is None or loaded.bookmark is None):
        known += [quiet.started_at] if quiet.started_at is not None else []
    if not known and good is not None:
        return good.started_at
    return max(known, default=None)


def _silent(history: History, name: str, until: datetime | None) -> int | None:
    """Days without a change up to a run that read it, if they are many more than its usual pause."""
    changes = history.changes.get(name)
    if (
        changes is None
        or until is None
        or changes.pause is None
        or changes.days < DAYS
        or changes.span < SPAN
    ):
        return None
    days = (until - changes.last_change).days
    return days if days > max(LEAST, TIMES * changes.pause) else None


def _runs(number: int) -> str:
    return "run" if number <= 1 else f"{number} runs"
