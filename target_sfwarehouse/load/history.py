"""Keep `<table>_history`: each state that a row had, in the transaction that wrote the row.

While a transaction writes a table, the keys of the rows that it inserts, changes or removes are noted. At its end their
values are compared with the open versions. So it does not matter what changed a row, or how often.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.errors import BadSchemaError
from target_sfwarehouse.postgres import versions
from target_sfwarehouse.postgres.ddl import REFUSED, open_to_readers, read_table, said
from target_sfwarehouse.postgres.schema import VALIDITY, quoted
from target_sfwarehouse.postgres.sql import CHANGED
from target_sfwarehouse.postgres.waiting import change, patiently, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.load.compatibility import Views
    from target_sfwarehouse.load.tables import Load
    from target_sfwarehouse.postgres.schema import Table

logger = logging.getLogger("target-sfwarehouse")


@dataclass
class History:
    """Keeps the histories that the setting `history` asks for; `enter` takes a table's lock and gives the time."""

    settings: Settings
    enter: Callable[[psycopg.Connection[Any], Load], None]
    views: Views

    def asks_for(self, table: Table) -> bool:
        """Whether a table is to have a history. One without a key cannot: nothing tells the versions of a row."""
        if not any(fnmatchcase(table.name, pattern) for pattern in self.settings.history):
            return False
        if not table.keys:
            logger.info("%s has no key, so it gets no history", table.label)
        return bool(table.keys)

    def fit(self, connection: psycopg.Connection[Any], load: Load) -> None:
        """Make a table's history, with the rows that are there, or make it fit. Raises BadSchemaError."""
        if not load.has_history or load.history_fits():
            return
        table = load.table
        known = self._read(connection, table)
        # Its latest time counts for the next one.
        load.history = known if VALIDITY[0] in known.columns else None

        def attempt() -> None:
            with connection.transaction():
                self.enter(connection, load)
                history = self._read(connection, table)
                statements = versions.history_changes(history, table)
                with self.views.aside(connection, history, versions.retyped(history, table)):
                    change(connection, history, statements)
                load.history = self._read(connection, table)
                if not history.exists:
                    with self.kept(connection, load):
                        run(connection, versions.note_all(table))

        try:
            patiently(connection, table.label, attempt)
        except REFUSED as error:
            name = quoted(table.schema, versions.history_name(table.name))
            raise BadSchemaError(f"{name} cannot follow the schema: {said(error)}") from None
        if load.history is not None:
            open_to_readers(connection, self.settings, load.history)

    def _read(self, connection: psycopg.Connection[Any], table: Table) -> Table:
        name = versions.history_name(table.name)
        history = read_table(connection, table.schema, name, table.stream)
        history.keys = table.keys
        return history

    @contextmanager
    def kept(self, connection: psycopg.Connection[Any], load: Load) -> Iterator[None]:
        """Bring the history up to what the open transaction, which has entered the table, does within."""
        if load.history is None:
            yield
            return
        run(connection, versions.begin(load.table))
        yield
        run(connection, versions.keep(load.history, load.table, load.moment))
        run(connection, f"DROP TABLE {CHANGED}")
