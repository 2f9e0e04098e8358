"""Keep the views of the setting `compatibility`, one over each table and history that the run meets."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.errors import BadSchemaError
from target_sfwarehouse.load.audit import SYNC_STATUS
from target_sfwarehouse.load.upsert import marks_of
from target_sfwarehouse.postgres.ddl import REFUSED, ensure_schema, said, wait_for_lock
from target_sfwarehouse.postgres.grants import let_read
from target_sfwarehouse.postgres.schema import quoted
from target_sfwarehouse.postgres.views import (
    history_columns,
    table_columns,
    view_changes,
    view_of,
    view_schema,
)
from target_sfwarehouse.postgres.waiting import change, patiently, run

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import psycopg

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.load.tables import Load
    from target_sfwarehouse.postgres.schema import Table
    from target_sfwarehouse.postgres.types import SqlType

OVER = """
SELECT pg_catalog.pg_get_viewdef(c.oid) FROM pg_catalog.pg_class c
WHERE c.oid = to_regclass(%s) AND c.relkind = 'v' AND EXISTS (
    SELECT 1 FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.objid = r.oid
    WHERE r.ev_class = c.oid AND d.refobjid = to_regclass(%s)
)
"""
"""The definition of a view, if it is one over a table."""


@dataclass
class Views:
    """The views of a run, and the columns that each showed last."""

    settings: Settings
    _shown: dict[str, dict[str, SqlType]] = field(default_factory=dict)

    def fits(self, load: Load) -> bool:
        """Whether nothing is to be done for a table and its history."""
        tables = (load.table, load.history) if load.history is not None else (load.table,)
        return self.settings.compatibility == "none" or all(
            self._shown.get(table.label) == table.columns for table in tables
        )

    def fit(self, connection: psycopg.Connection[Any], load: Load) -> None:
        """Make the views over a table and its history, or make them fit. Raises BadSchemaError."""
        if self.fits(load):
            return
        marks = marks_of(load)
        self._fit(connection, load.table, table_columns(load.table, marks))
        if load.history is not None:
            self._fit(connection, load.history, history_columns(load.history, marks))

    def _fit(self, connection: psycopg.Connection[Any], table: Table, added: Mapping[str, str]) -> None:
        ensure_schema(connection, self.settings, view_schema(table.schema))
        take_lock = partial(wait_for_lock, connection, view_of(table))

        def attempt() -> None:
            with connection.transaction():
                take_lock()
                change(connection, table, view_changes(connection, table, added))

        try:
            patiently(connection, table.label, attempt)
        except REFUSED as error:
            raise BadSchemaError(
                f"`compatibility` cannot keep the view {view_of(table)} over {table.label}: {said(error)}"
            ) from None
        let_read(connection, self.settings, view_of(table), take_lock)
        self._shown[table.label] = dict(table.columns)

    @contextmanager
    def aside(
        self, connection: psycopg.Connection[Any], table: Table, retyped: Collection[str]
    ) -> Iterator[None]:
        """Let columns of a table change their types: its views are dropped and made again in the open transaction."""
        views = [quoted(self.settings.target_schema, SYNC_STATUS)] if retyped else []
        if views and self.settings.compatibility != "none":
            views.append(view_of(table))
        found = {view: connection.execute(OVER, (view, table.sql)).fetchone() for view in views}
        aside = {view: row[0] for view, row in found.items() if row is not None}
        change(connection, table, [f"DROP VIEW {view}" for view in aside])
        yield
        for view, definition in aside.items():
            run(connection, f"CREATE OR REPLACE VIEW {view} AS {definition}")
            let_read(connection, self.settings, view, partial(wait_for_lock, connection, view))
