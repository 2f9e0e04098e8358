"""What the tables say, as it is in them: the last runs, each collection's last rows, and when it last had changes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import dict_row

from sfsource.output import one_line
from target_sfwarehouse.postgres.schema import with_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psycopg

    from sfsource.reports.table import Tables

RUNS: Final = 100
"""Runs that are read, the newest first."""

TAP_RUN: Final = "tap_run_id"
"""Column of `_sync_runs` that names the run of the tap."""

_COLUMNS: Final = (
    "org_id",
    "object",
    "error_code",
    "error_message",
    "notices",
    "partial_rows",
    "reader",
    "api_calls",
    "api_calls_left",
    "bookmark",
    "new_columns",
    "vanished_columns",
    "tap_version",
)

# Rows of skipped collections have no times of their own.
_LAST: Final = """
SELECT DISTINCT ON (r.collection, r.status = 'success')
    r.run_id, r.collection, r.status, coalesce(r.started_at, run.started_at) AS started_at,
    coalesce(r.finished_at, run.finished_at) AS finished_at, r.rows, r.deletions,
    {loaded} AS loaded_at, {columns}
FROM {reports} r LEFT JOIN {reports} run ON run.run_id = r.run_id AND run.collection IS NULL
WHERE r.collection IS NOT NULL
ORDER BY r.collection, r.status = 'success',
    loaded_at DESC NULLS LAST, coalesce(r.finished_at, run.finished_at) DESC NULLS LAST
"""

_RUNS: Final = """
SELECT r.run_id, r.collection, r.status, r.started_at, r.finished_at, r.rows, r.deletions, {loaded} AS loaded_at, {columns}
FROM {reports} r WHERE r.collection IS NULL ORDER BY loaded_at DESC NULLS LAST, r.finished_at DESC NULLS LAST LIMIT {limit}
"""

CHANGES: Final = """
WITH changes AS (
    SELECT r.collection, (r.finished_at AT TIME ZONE 'UTC')::date AS day, max(r.finished_at) AS at
    FROM {reports} r
    WHERE r.collection IS NOT NULL AND coalesce(r.rows, 0) + coalesce(r.deletions, 0) > 0
    GROUP BY 1, 2
), pauses AS (
    SELECT collection, day, at, day - lag(day) OVER (PARTITION BY collection ORDER BY day) AS pause FROM changes
)
SELECT collection, max(at) AS last_change, count(*) AS days, max(day) - min(day) AS span,
    (array_agg(pause ORDER BY pause DESC NULLS LAST))[2] AS pause
FROM pauses GROUP BY 1
"""
"""When a collection had changes: the last time, on how many days, over how many days, and its longest pause but one."""

_LOADED: Final = """
SELECT DISTINCT ON (collection) collection, rows_rejected, bookmark->>'replication_key_value' AS bookmark,
    bookmark ? 'org' AS ours, ended_at
FROM {runs} WHERE ended_at IS NOT NULL ORDER BY collection, ended_at DESC
"""

_COVERED: Final = """
SELECT {tap_run} AS run_id, collection FROM {runs} WHERE {tap_run}::text = ANY(%s)
"""

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Report:
    """A row of `sync_reports`. That of a run has no collection."""

    run_id: str
    status: str
    collection: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    loaded_at: datetime | None = None
    org_id: str | None = None
    object: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    notices: Sequence[str] = ()
    rows: int = 0
    deletions: int = 0
    partial_rows: int = 0
    reader: str | None = None
    api_calls: int | None = None
    api_calls_left: int | None = None
    bookmark: datetime | None = None
    new_columns: Sequence[str] = ()
    vanished_columns: Sequence[str] = ()
    tap_version: str | None = None

    @property
    def order(self) -> tuple[datetime, datetime]:
        """Tells earlier from later: by the warehouse's clock, as a run whose login failed does not know that of the org."""
        return self.loaded_at or _BEGINNING, self.finished_at or _BEGINNING


@dataclass(frozen=True)
class Changes:
    """When a collection had rows or deletions, by days.

    Attributes:
        last_change: The last time.
        days: Days that had some.
        span: Days from the first of them to the last.
        pause: The longest pause between two of them but one, in days; None where there are too few.
    """

    last_change: datetime
    days: int
    span: int
    pause: int | None


@dataclass(frozen=True)
class Loaded:
    """What the target's last complete run says of a stream.

    Attributes:
        ended_at: When it ended.
        rejected: Records in quarantine.
        bookmark: That of the STATE; None for a stream that a map has renamed.
        ours: Whether a STATE of tap-sfsource has the stream.
    """

    ended_at: datetime
    rejected: int = 0
    bookmark: datetime | None = None
    ours: bool = False


@dataclass(frozen=True)
class History:
    """What is known of the runs.

    Attributes:
        runs: Rows of runs, the newest first.
        last: Each collection's last row.
        good: Each collection's last row of success.
        changes: When each collection had changes.
        loaded: What the target says, by stream.
        covered: Streams of a run, by its id; a run that is not among them is not known to leave one out.
    """

    runs: Sequence[Report]
    last: Mapping[str, Report] = field(default_factory=dict)
    good: Mapping[str, Report] = field(default_factory=dict)
    changes: Mapping[str, Changes] = field(default_factory=dict)
    loaded: Mapping[str, Loaded] = field(default_factory=dict)
    covered: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read(connection: psycopg.Connection[Any], tables: Tables) -> History:
    """Read the tables, all as of one moment."""
    columns = tables.select(*_COLUMNS)
    loaded_at = "r.received_at" if "received_at" in tables.columns else "NULL::timestamptz"
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

        def ask(statement: str, *values: Any, **parts: str) -> list[dict[str, Any]]:
            names = {"reports": with_parameters(tables.reports), "runs": with_parameters(tables.runs)}
            text = statement.format(**names, columns=columns, loaded=loaded_at, **parts)
            return cursor.execute(text.encode(), values).fetchall()

        runs = [_report(row) for row in ask(_RUNS, limit=str(RUNS))]
        rows = [_report(row) for row in ask(_LAST)]
        changes = {row.pop("collection"): Changes(**row) for row in ask(CHANGES)}
        loaded: dict[str, Loaded] = {}
        covered: defaultdict[str, set[str]] = defaultdict(set)
        if tables.runs:
            for row in ask(_LOADED):
                loaded[row["collection"]] = Loaded(
                    row["ended_at"], row["rows_rejected"], _moment(row["bookmark"]), bool(row["ours"])
                )
            if TAP_RUN in tables.run_columns:
                for row in ask(_COVERED, [run.run_id for run in runs], tap_run=TAP_RUN):
                    covered[str(row["run_id"])].add(row["collection"])
    last: dict[str, Report] = {}
    for report in rows:
        known = last.get(str(report.collection))
        if known is None or report.order > known.order:
            last[str(report.collection)] = report
    good = {str(report.collection): report for report in rows if report.status == "success"}
    streams = {run: frozenset(names) for run, names in covered.items()}
    return History(runs, last, good, changes, loaded, streams)


def _report(row: dict[str, Any]) -> Report:
    lists = {
        name: tuple(map(one_line, row[name] or ())) for name in ("notices", "new_columns", "vanished_columns")
    }
    counts = {name: row[name] or 0 for name in ("rows", "deletions", "partial_rows")}
    texts = {name: one_line(row[name]) if row[name] else None for name in ("collection", "error_message")}
    found = {"run_id": str(row["run_id"]), "bookmark": _moment(row["bookmark"])}
    return Report(**{**row, **lists, **counts, **texts, **found})


def _moment(value: Any) -> datetime | None:
    """A bookmark as a moment; None where it is none, such as a number."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
