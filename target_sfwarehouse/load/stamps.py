"""When rows were written: `received_at` and `uuid_ts`, one value for all rows of a table's transaction.

A value is later than those of every transaction that wrote the table before, also where the server's clock was set back
or another server took over. `_received_at` of the schema has the last value of each table.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.load.audit import RECEIVED_AT, make_own
from target_sfwarehouse.postgres.schema import on_table, quoted
from target_sfwarehouse.postgres.waiting import run

if TYPE_CHECKING:
    import psycopg

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.load.tables import Load

CREATE_RECEIVED_AT = """
CREATE TABLE IF NOT EXISTS {table} (collection text PRIMARY KEY, received_at timestamptz NOT NULL) USING heap
"""

LAST = "SELECT now(), max(received_at) FROM {table} WHERE collection = %s"

RECORD = """
INSERT INTO {table} (collection, received_at) VALUES (%s, %s)
ON CONFLICT (collection) DO UPDATE SET received_at = excluded.received_at
"""

TICK = timedelta(microseconds=1)


@dataclass
class Stamps:
    """Gives the time of each transaction that writes a table."""

    settings: Settings
    _ready: dict[str, bool] = field(default_factory=dict)

    def prepare(self, connection: psycopg.Connection[Any], schema: str) -> None:
        """Make `_received_at` of a schema, unless the role may not."""
        if not (self.settings.received_at or self.settings.history) or schema in self._ready:
            return
        table, unnoticed = (
            quoted(schema, RECEIVED_AT),
            "so a server's clock that is set back would not be noticed",
        )
        self._ready[schema] = make_own(
            connection, self.settings, table, CREATE_RECEIVED_AT, level=logging.INFO, unnoticed=unnoticed
        )

    def take(self, connection: psycopg.Connection[Any], load: Load) -> None:
        """Set the time of the rows that the open transaction writes, which holds the table's lock."""
        if not (load.table.stamped or load.has_history):
            return
        if not self._ready.get(load.table.schema):
            load.stamp(_one(connection, "SELECT clock_timestamp()"), is_default=False)
            return
        table = quoted(load.table.schema, RECEIVED_AT)
        row = connection.execute(on_table(LAST, table), (load.table.name,)).fetchone()
        assert row is not None
        now, last = row
        last = last or _latest(connection, load)
        # Another run may have written the table since the transaction began.
        value = now if last is None or now > last else last + TICK
        connection.execute(on_table(RECORD, table), (load.table.name, value))
        load.stamp(value, is_default=value == now)


def _latest(connection: psycopg.Connection[Any], load: Load) -> datetime | None:
    """Find the last time that a table has, of this target's or another's rows; asked once for each table."""
    found: list[datetime] = []
    if load.table.stamped and not load.table.created:
        found.append(_maximum(connection, load.table.sql, quoted(load.table.stamped[0])))
    if load.history is not None:
        found.append(_maximum(connection, load.history.sql, "valid_from"))
    return max((moment for moment in found if moment is not None), default=None)


def _maximum(connection: psycopg.Connection[Any], table: str, column: str) -> Any:
    # Python knows no time beyond these.
    known = f"{column} BETWEEN '0002-01-01' AND '9998-12-31'"
    return _one(connection, f"SELECT max({column})::timestamptz FROM {table} WHERE {known}")  # noqa: S608 - quoted


def _one(connection: psycopg.Connection[Any], statement: str) -> Any:
    row = run(connection, statement).fetchone()
    assert row is not None
    return row[0]
