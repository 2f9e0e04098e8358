"""Contests: commands that do the same work, run in turn (A B C, A B C, ...), so that all meet the same machine."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from benchmarks.measure import FailedError, Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _nothing() -> str:
    return ""


@dataclass(frozen=True)
class Contestant:
    """One way to do the work.

    Attributes:
        name: What it is called in the results.
        rows: How many rows it moves; slow ones get fewer, and times a row are compared.
        run: Does the work once and says what it cost.
        check: After a run, a checksum of what came out; empty if nothing can be checked. Not measured.
        prepare: Before a run. Not measured.
        notes: After a run, facts about it, such as API calls. Not measured.
        most: How many rounds it takes part in at most, for one that takes minutes.
    """

    name: str
    rows: int
    run: Callable[[], Measurement]
    check: Callable[[], str] = _nothing
    prepare: Callable[[], object] = lambda: None
    notes: Callable[[], dict[str, float]] = dict
    most: int = sys.maxsize


@dataclass
class Score:
    """What a contestant's runs came to.

    Attributes:
        name: The contestant's.
        rows: Rows a run.
        walls: Seconds of each run.
        cpus: CPU seconds of each run, all processes together.
        peaks: Peak memory in MB by process, the largest of the runs.
        checksum: Of what came out; runs that disagree are a failure.
        failure: Why there is no result, empty if there is one.
        notes: Facts about the last run.
    """

    name: str
    rows: int
    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    peaks: dict[str, float] = field(default_factory=dict)
    checksum: str = ""
    failure: str = ""
    notes: dict[str, float] = field(default_factory=dict)

    @property
    def wall(self) -> float:
        """Median seconds of a run."""
        return statistics.median(self.walls) if self.walls else float("nan")

    @property
    def cpu(self) -> float:
        """Median CPU seconds of a run."""
        return statistics.median(self.cpus) if self.cpus else float("nan")

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.wall


@dataclass(frozen=True)
class Result:
    """A contest's outcome.

    Attributes:
        name: The contest.
        question: What it measures, in one line.
        scores: One a contestant, ours first.
    """

    name: str
    question: str
    scores: tuple[Score, ...]

    def score(self, name: str) -> Score | None:
        """The score of that name, if it has runs."""
        return next((score for score in self.scores if score.name == name and score.walls), None)

    def part(self, suffix: str, question: str, *, name: str, without: str = "\0") -> Result:
        """Give the contest of those whose names end alike, the ending taken off.

        Args:
            suffix: How their names end; those who had no turn at all are in every part.
            question: What the part measures.
            name: The part's name.
            without: An ending that is left out.
        """
        scores = [
            replace(score, name=score.name.removesuffix(suffix))
            for score in self.scores
            if (score.name.endswith(suffix) and not score.name.endswith(without)) or not score.rows
        ]
        return Result(name, question, tuple(scores))

    def ratio(self, name: str, other: str) -> float:
        """Time a row of one contestant in the times of another: the median of the rounds' own ratios.

        Args:
            name: Whose time.
            other: In whose times.

        Returns:
            The ratio; NaN if one of them has no result.
        """
        mine, its = self.score(name), self.score(other)
        if mine is None or its is None:
            return float("nan")
        rounds = zip(mine.walls, its.walls, strict=False)
        return statistics.median((a / mine.rows) / (b / its.rows) for a, b in rounds)

    def cpu_ratio(self, name: str, other: str) -> float:
        """CPU a row of one contestant in that of another; NaN if one of them has no result."""
        mine, its = self.score(name), self.score(other)
        if mine is None or its is None:
            return float("nan")
        return (mine.cpu / mine.rows) / (its.cpu / its.rows)


def hold(
    name: str,
    question: str,
    contestants: Sequence[Contestant],
    *,
    runs: int,
    absent: Sequence[tuple[str, str]] = (),
) -> Result:
    """Let contestants run in turn.

    A contestant that fails is out of the contest; what it said stands in its score.

    Args:
        name: The contest's name.
        question: What it measures.
        contestants: Who takes part, ours first.
        runs: Rounds.
        absent: Names of those who could not take part, and why.

    Returns:
        The scores.
    """
    scores = [Score(contestant.name, contestant.rows) for contestant in contestants]
    for number in range(runs):
        for contestant, score in zip(contestants, scores, strict=True):
            if not score.failure and number < contestant.most:
                _take_turn(contestant, score)
                tell(
                    f"  {name} {number + 1}/{runs} {score.name}: {score.failure or f'{score.walls[-1]:.2f} s'}"
                )
    missing = [Score(missing, 0, failure=reason) for missing, reason in absent]
    return Result(name, question, (*scores, *missing))


def _take_turn(contestant: Contestant, score: Score) -> None:
    try:
        contestant.prepare()
        measured = contestant.run()
        score.notes = contestant.notes()
        checksum = contestant.check()
    except FailedError as error:
        score.failure = str(error)
        return
    if score.walls and checksum != score.checksum:
        score.failure = f"two runs came to different rows: {score.checksum} and {checksum}"
        return
    score.checksum = checksum
    score.walls.append(measured.wall)
    score.cpus.append(measured.cpu)
    for usage in measured.processes:
        score.peaks[usage.name] = max(usage.peak_mb, score.peaks.get(usage.name, 0.0))


def tell(line: str) -> None:
    """Say what is going on, beside the results on stdout."""
    print(line, file=sys.stderr, flush=True)
