"""Where the records of the runs are: the table of the stream `sync_reports`, and the target's `_sync_runs` beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sfsource.errors import SfsourceError
from target_sfwarehouse.load.audit import SYNC_RUNS
from target_sfwarehouse.postgres.schema import quoted

if TYPE_CHECKING:
    import psycopg

    from target_sfwarehouse.config import Settings

NAME: Final = "sync_reports"

NEEDED: Final = ("run_id", "collection", "status", "started_at", "finished_at", "rows", "deletions")
"""Columns by which the table is known, whatever a stream map calls it."""

_TABLES: Final = """
SELECT n.nspname, c.relname, array_agg(a.attname::text)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY(%s)
GROUP BY 1, 2
"""


class NoReportsError(SfsourceError):
    """The warehouse has no record of a run yet."""


@dataclass(frozen=True)
class Tables:
    """The two tables.

    Attributes:
        reports: Quoted name of the table of `sync_reports`.
        columns: Its columns.
        runs: Quoted name of `_sync_runs`; empty where the target keeps none.
        run_columns: Columns of `_sync_runs`.
    """

    reports: str
    columns: frozenset[str]
    runs: str = ""
    run_columns: frozenset[str] = frozenset()

    def select(self, *names: str, table: str = "r") -> str:
        """The columns for a SELECT; one that the catalog or a stream map leaves out is NULL."""
        return ", ".join(f"{table}.{name}" if name in self.columns else f"NULL AS {name}" for name in names)


def find(connection: psycopg.Connection[Any], settings: Settings) -> Tables:
    """Find the tables in the schemas that the target loads into. Raises NoReportsError."""
    mapped = (settings.schema_mapping or {}).values()
    schemas = [settings.target_schema, *(part["target_schema"] for part in mapped)]
    found = {
        (schema, table): frozenset(columns)
        for schema, table, columns in connection.execute(_TABLES, (schemas,)).fetchall()
    }
    # A table of the setting `history` has the same columns, and more.
    fitting = [
        name for name, columns in found.items() if columns.issuperset(NEEDED) and "valid_from" not in columns
    ]
    if not fitting:
        raise NoReportsError(_missing(settings.target_schema, found))
    place = min(fitting, key=lambda name: (name[1] != NAME, name))
    runs = (settings.target_schema, SYNC_RUNS)
    return Tables(
        quoted(*place), found[place], quoted(*runs) if runs in found else "", found.get(runs, frozenset())
    )


def _missing(schema: str, found: dict[tuple[str, str], frozenset[str]]) -> str:
    lacking = next((columns for (_, table), columns in found.items() if table == NAME), None)
    if lacking is not None:
        names = ", ".join(name for name in NEEDED if name not in lacking)
        return f"The table {schema}.{NAME} lacks {names}. Select these properties in the catalog, and run the pair."
    return (
        f"The schema {schema} has no record of a run yet: there is no table {NAME}. Run the pair once. The tap's setting "
        "sync_reports must be on, and a catalog that is given must select the stream."
    )
