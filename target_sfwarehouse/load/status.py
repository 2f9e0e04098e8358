"""The view `_sync_status`: what the tap says of each of its runs, beside what the target did with it.

A tap names its run in the SCHEMA of its reports (`x-run-id`). The target notes that name in its own rows of `_sync_runs`, so
the two are joined by it, and not by time or order. A report that is loaded twice shows its last load.
"""

# Every name in these statements is quoted by `schema.quoted`.
# ruff: noqa: S608

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from target_sfwarehouse.load.audit import SYNC_RUNS, SYNC_STATUS
from target_sfwarehouse.postgres.ddl import REFUSED, said, wait_for_lock
from target_sfwarehouse.postgres.grants import let_read
from target_sfwarehouse.postgres.schema import STAMPS, quoted
from target_sfwarehouse.postgres.views import SHOWN
from target_sfwarehouse.postgres.waiting import run

if TYPE_CHECKING:
    import psycopg

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.postgres.schema import Table

logger = logging.getLogger("target-sfwarehouse")

_COUNTS: Final = ("rows_inserted", "rows_updated", "rows_unchanged", "rows_marked_deleted", "rows_rejected")
_OWN: Final = ("loaded_at", *_COUNTS)
_JOINED: Final = frozenset({"run_id", "collection"})

_KIND: Final = "SELECT relkind FROM pg_catalog.pg_class WHERE oid = to_regclass(%s)"


def fit_status(connection: psycopg.Connection[Any], settings: Settings, reports: Table, stream: str) -> None:
    """Make the view over a table of reports, or make it fit. What stands in its way is told, and ends no run."""
    view = quoted(settings.target_schema, SYNC_STATUS)
    if not settings.sync_runs or not reports.columns.keys() >= _JOINED:
        return
    shown = [name for (name,) in connection.execute(SHOWN, (view,))]
    own = [name for name in reports.columns if name not in STAMPS and not name.startswith("_sdc_")]
    wanted = [*own, *_OWN]
    if shown == wanted:
        return
    kind = connection.execute(_KIND, (view,)).fetchone()
    if kind is not None and (kind[0] not in {"v", b"v"} or not {*_JOINED, *_OWN} <= {*shown}):
        logger.info("%s is not the target's own view and stays as it is.", view)
        return
    try:
        with connection.transaction():
            wait_for_lock(connection, view)
            if shown:
                run(connection, f"DROP VIEW IF EXISTS {view}")
            run(connection, f"CREATE OR REPLACE VIEW {view} AS {_query(settings, reports, own, stream)}")
    except REFUSED as error:
        logger.info("The view %s cannot be made: %s", view, said(error))
        return
    let_read(connection, settings, view, lambda: wait_for_lock(connection, view))


def _query(settings: Settings, reports: Table, own: list[str], stream: str) -> str:
    runs = quoted(settings.target_schema, SYNC_RUNS)
    name = "'" + stream.replace("'", "''") + "'"
    sums = ", ".join(f"sum({count})::bigint AS {count}" for count in _COUNTS)
    return f"""
        WITH loads AS (
            SELECT DISTINCT ON (tap_run_id, collection) tap_run_id, collection, ended_at AS loaded_at, {", ".join(_COUNTS)}
            FROM {runs} WHERE tap_run_id IS NOT NULL
            ORDER BY tap_run_id, collection, ended_at DESC NULLS LAST
        ), totals AS (
            SELECT tap_run_id, max(loaded_at) AS loaded_at, {sums}
            FROM loads WHERE collection <> {name} GROUP BY tap_run_id
        ), told AS (
            SELECT tap_run_id, collection, loaded_at, {", ".join(_COUNTS)} FROM loads
            UNION ALL
            SELECT tap_run_id, NULL, loaded_at, {", ".join(_COUNTS)} FROM totals
        )
        SELECT {", ".join(f"r.{quoted(column)}" for column in own)}, {", ".join(f"t.{column}" for column in _OWN)}
        FROM {reports.sql} r LEFT JOIN told t
            ON t.tap_run_id = r."run_id" AND t.collection IS NOT DISTINCT FROM r."collection"
    """
