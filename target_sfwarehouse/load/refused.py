"""Find the staged rows that only their table refuses, and merge the others.

A row that staging has accepted can still break a rule that somebody gave the table: a constraint, a unique index, a
trigger. The server says which rule, but not which row. So the batch is merged in parts until the row stands alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from psycopg import errors as pg

from target_sfwarehouse.errors import BadRecordError, shown, without_secrets
from target_sfwarehouse.load.audit import Counts
from target_sfwarehouse.load.upsert import merge, merge_part
from target_sfwarehouse.postgres import sql as statements
from target_sfwarehouse.postgres.ddl import run
from target_sfwarehouse.postgres.identifiers import quoted
from target_sfwarehouse.postgres.schema import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from target_sfwarehouse.load.loads import Segment
    from target_sfwarehouse.postgres.capabilities import Engine
    from target_sfwarehouse.postgres.schema import Table

__all__ = ["REFUSED_ROW", "merge_accepted"]

REFUSED_ROW = (
    pg.DataError,
    pg.IntegrityError,
    pg.ProgramLimitExceeded,
    pg.RaiseException,
    pg.NoDataFound,
    pg.TooManyRows,
    pg.AssertFailure,
)
"""What a table raises for a row, its constraints, indexes and triggers included."""

NUMBERED = quoted("_sfw_refused")

logger = logging.getLogger("target-sfwarehouse")


def merge_accepted(
    connection: psycopg.Connection[Any],
    engine: Engine,
    table: Table,
    segment: Segment,
    refuse: Callable[[BadRecordError, bytes], bool],
) -> Counts:
    """Merge the staged rows that the table accepts, and empty the staging table.

    Args:
        connection: A connection in a transaction that holds the table's lock.
        engine: What the server can do.
        table: The table.
        segment: The staged rows.
        refuse: Called with what is wrong with a row and a RECORD message made of it; says whether to go on. If not,
            the rows before it are merged and those behind it dropped.

    Returns:
        What was done, rows that were refused and gone on from included.

    Raises:
        psycopg.Error: What the server says of anything but a row; the transaction cannot go on.
    """
    try:
        with connection.transaction():
            return merge(connection, engine, table, segment)
    except REFUSED_ROW:
        logger.debug("%s refuses a row of a batch; looking for it", table.label)
    for statement in statements.number_rows(NUMBERED, segment.name, segment.columns, engine):
        run(connection, statement)
    counts = _Search(connection, engine, table, segment).merge(refuse)
    run(connection, f"DROP TABLE {NUMBERED}")
    run(connection, f"TRUNCATE {segment.name}")
    return counts


@dataclass(frozen=True)
class _Search:
    """Merges numbered rows in order, part by part."""

    connection: psycopg.Connection[Any]
    engine: Engine
    table: Table
    segment: Segment

    def merge(self, refuse: Callable[[BadRecordError, bytes], bool]) -> Counts:
        counts = Counts()
        first, step = 1, 1
        suspect = self.segment.rows  # the last row of a part, beginning at `first`, that was refused
        while first <= self.segment.rows:
            size = max(1, (suspect - first + 1) // 2) if first <= suspect else step
            last = min(first + size - 1, self.segment.rows)
            try:
                with self.connection.transaction():
                    counts += merge_part(
                        self.connection,
                        self.engine,
                        self.table,
                        self.segment.columns,
                        numbered=NUMBERED,
                        first=first,
                        last=last,
                    )
            except REFUSED_ROW as error:
                if first < last:
                    suspect = last
                    continue
                if not refuse(*self._bad(first, error)):
                    break
                counts.rejected += 1
                # Bad rows are often close together: after one the parts begin small.
                suspect, step = 0, 1
            else:
                step *= 2
            first = last + 1
        return counts

    def _bad(self, number: int, error: psycopg.Error) -> tuple[BadRecordError, bytes]:
        """Describe a row: what is wrong with it, and a RECORD message with its values."""
        found = run(
            self.connection, statements.row_as_json(NUMBERED, self.segment.columns, number)
        ).fetchone()
        assert found is not None
        values = msgspec.json.decode(found[0], type=dict[str, msgspec.Raw])
        shape, stream = self.segment.shape, self.table.stream
        record = {column.name: values[column.column] for column in shape.columns}
        message: dict[str, Any] = {"type": "RECORD", "stream": stream, "record": record}
        if VERSION in values:
            message["version"] = values[VERSION]
        properties = {column.column: column.name for column in shape.columns}
        keys = [values[column.column] for column in shape.columns if column.key]
        bad = BadRecordError(
            without_secrets(" ".join((error.diag.message_primary or str(error)).split())),
            line=self.segment.line(number - 1),
            stream=stream,
            name=properties.get(error.diag.column_name or ""),
            key=", ".join(_shown_key(value) for value in keys),
        )
        return bad, msgspec.json.encode(message)


def _shown_key(value: msgspec.Raw) -> str:
    key = msgspec.json.decode(value)
    return shown(key if isinstance(key, str | int) else bytes(value).decode())
