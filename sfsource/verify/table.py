"""A table of the warehouse as verify reads it: counts, ids, and its rows beside those that the tap would write."""

# Every name in these statements is quoted by `quoted`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

import contextlib
import datetime
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from target_sfwarehouse.postgres.ddl import read_table
from target_sfwarehouse.postgres.schema import (
    DELETED_AT,
    METADATA_COLUMNS,
    identifier,
    quoted,
    table_name,
    with_parameters,
)
from target_sfwarehouse.postgres.sql import TOLD_BY_TEXT
from target_sfwarehouse.postgres.types import TIMESTAMPTZ
from target_sfwarehouse.rows.decode import COPY_OPTIONS, RowShape, encode_rows
from target_sfwarehouse.rows.layout import read_schema
from target_sfwarehouse.rows.values import BadValueError, load_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import psycopg

    from target_sfwarehouse.config import Settings

STAGED = quoted("_sfsource_staged")
SEEN = quoted("_sfsource_seen")


class Match(NamedTuple):
    """A staged row beside the warehouse's rows of its id: how many there are, those not deleted, and what differs."""

    id: str
    found: int
    alive: int
    differs: tuple[str, ...]


class Table:
    """A table.

    Args:
        message: The SCHEMA message of the stream.
        fresh: Properties that not every row has been written with yet.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        settings: Settings,
        message: Mapping[str, Any],
        fresh: Collection[str] = (),
    ) -> None:
        self.connection = connection
        stream, keys = message["stream"], message["key_properties"]
        layout = read_schema(message["schema"], keys, [], settings)
        name = table_name(stream, settings.conform_names)
        self._table = read_table(connection, settings.schema_of(stream), name, stream)
        self._conform = settings.conform_names
        self.exists = self._table.exists
        columns = [column for column in layout.columns if column.column in self._table.columns]
        self.lacking = [
            column.name
            for column in layout.columns
            if column.column not in self._table.columns and column.name not in fresh
        ]
        properties, _ = replace(layout, columns=columns).typed(self._table.columns)
        self._shape = RowShape(stream, properties)
        self._compared = [
            column
            for column in properties
            if not column.key and column.name not in fresh and column.column not in METADATA_COLUMNS
        ]
        self.key = quoted(layout.keys[0])
        self.has_key = layout.keys[0] in self._table.columns
        self._alive = self._alive_condition(layout.deletion)
        self.is_unique = tuple(layout.keys) in self._table.unique_keys
        self.sql = with_parameters(self._table.sql)
        self.label = self._table.label

    def _alive_condition(self, marks: Sequence[str]) -> str:
        parts = [
            f"{quoted(column)} IS {'NOT TRUE' if self._table.columns[column].name == 'boolean' else 'NULL'}"
            for column in (*marks, DELETED_AT)
            if column in self._table.columns
        ]
        return with_parameters(f"({' AND '.join(parts) or 'true'})")

    def has(self, name: str) -> bool:
        """Whether the table has the column of a property."""
        return identifier(name, self._conform) in self._table.columns

    def _moment(self, name: str) -> str:
        """The column of a property as a time in UTC."""
        column = identifier(name, self._conform)
        text = with_parameters(quoted(column))
        zoned = self._table.columns[column].name == TIMESTAMPTZ.name
        return f"({text} AT TIME ZONE 'UTC')" if zoned else f"{text}::timestamp"

    def _before(
        self, stamp: str, as_of: datetime.datetime | None, but: Sequence[str]
    ) -> tuple[str, list[Any]]:
        """Condition of the rows that are not deleted and have not changed since, with its parameters."""
        where = [self._alive]
        values: list[Any] = []
        if stamp and as_of is not None:
            where.append(f"({self._moment(stamp)} < %s OR {self._moment(stamp)} IS NULL)")
            values.append(as_of.replace(tzinfo=None))
        if but:
            where.append(f"{self._key} <> ALL (%s)")
            values.append(list(but))
        return " AND ".join(where), values

    @property
    def _key(self) -> str:
        return f"{with_parameters(self.key)}::text"

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        return self.connection.execute(statement.encode(), list(values)).fetchall()

    def count(self, stamp: str, as_of: datetime.datetime | None, but: Sequence[str]) -> int:
        """Count rows that are not deleted and have not changed since, but for some ids."""
        where, values = self._before(stamp, as_of, but)
        ((total,),) = self._rows(f"SELECT count(*) FROM {self.sql} WHERE {where}", values)
        return int(total)

    def count_by(
        self, unit: str, created: str, stamp: str, as_of: datetime.datetime | None, but: Sequence[str]
    ) -> dict[str, int]:
        """The same by `month` or `day` of a property, as 2026-01 or 2026-01-31."""
        where, values = self._before(stamp, as_of, but)
        form = {"month": "YYYY-MM", "day": "YYYY-MM-DD"}[unit]
        part = f"to_char({self._moment(created)}, '{form}')"
        return dict(self._rows(f"SELECT {part}, count(*) FROM {self.sql} WHERE {where} GROUP BY 1", values))

    def ids(self, created: str, spans: Sequence[tuple[datetime.date, datetime.date]]) -> set[str]:
        """Ids of the rows that are not deleted, of all or of spans of days."""
        within = " OR ".join(
            f"({self._moment(created)} >= %s AND {self._moment(created)} < %s)" for _ in spans
        )
        where = f"{self._alive} AND ({within})" if spans else self._alive
        found = self._rows(
            f"SELECT {self._key} FROM {self.sql} WHERE {where}", [day for span in spans for day in span]
        )
        return {key for (key,) in found}

    def stamps(self, stamp: str) -> dict[str, datetime.datetime | None]:
        """Ids of the rows that are not deleted, each with its stamp."""
        told = self._moment(stamp) if stamp else "NULL::timestamp"
        found = self._rows(f"SELECT {self._key}, {told} FROM {self.sql} WHERE {self._alive}")
        return {key: moment and moment.replace(tzinfo=datetime.UTC) for key, moment in found}

    def strange(self) -> list[str]:
        """Keys of rows that are not deleted, and that cannot be ids."""
        statement = f"SELECT {self._key} FROM {self.sql} WHERE {self._alive} AND {self._key} !~ %s"
        return [key for (key,) in self._rows(statement, ["^[A-Za-z0-9]{18}$"])]

    def doubled(self) -> list[str]:
        """Ids of which there are several rows."""
        if self.is_unique:
            return []
        grouped = f"SELECT {self._key} FROM {self.sql} GROUP BY 1 HAVING count(*) > 1"
        return [key for (key,) in self._rows(grouped)]

    def sample(self, size: int, stamp: str, as_of: datetime.datetime | None) -> list[str]:
        """Ids of some rows, other ones each time."""
        where, values = self._before(stamp, as_of, ())
        found = self._rows(
            f"SELECT {self._key} FROM {self.sql} WHERE {where} ORDER BY random() LIMIT %s", [*values, size]
        )
        return [key for (key,) in found]

    def hold(self, ids: Sequence[str], mark: str = "") -> Held:
        """Keep the rows of some ids as they are now, until the transaction ends."""
        name = quoted(f"_sfsource_held{mark}")
        self.connection.execute(f"DROP TABLE IF EXISTS {name}".encode())
        statement = f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS SELECT * FROM {self.sql} WHERE {self._key} = ANY (%s)"
        self.connection.execute(statement.encode(), [list(ids)])
        rows = self._rows(f"SELECT {self._key}, {self._alive} FROM {name}")
        found: dict[str, list[bool]] = {}
        for key, alive in rows:
            found.setdefault(key, []).append(alive)
        return Held(name, found)

    def stage(self, lines: bytes) -> None:
        """Stage RECORD lines, as the target would write them, until the transaction ends."""
        names = ", ".join(quoted(column) for column in self._shape.column_names)
        self.connection.execute(f"DROP TABLE IF EXISTS {STAGED}".encode())
        self.connection.execute(
            f"CREATE TEMPORARY TABLE {STAGED} ON COMMIT DROP AS SELECT {names} FROM {self._table.sql} WHERE false".encode()
        )
        rows = [self._row(line) for line in lines.splitlines()]
        if rows:
            statement = f"COPY {STAGED} ({names}) FROM STDIN {COPY_OPTIONS}"
            with self.connection.cursor().copy(statement.encode()) as copy:
                copy.write(encode_rows(rows, replace_nul=True))

    def _row(self, line: bytes) -> tuple[Any, ...]:
        if self._shape.message is not None:
            # What the quick way refuses, the other one converts.
            with contextlib.suppress(msgspec.ValidationError, BadValueError):
                return self._shape.row(self._shape.message.decode(line).record)
        return self._shape.from_record(load_json(line)["record"])

    def matches(self, other: str = "") -> Iterator[Match]:
        """Each staged row beside the rows of its id, in the table or among those held."""
        tests = [
            f"CASE WHEN t.{self._as_told(column.column)} IS DISTINCT FROM s.{self._as_told(column.column)} THEN {place} END"
            for place, column in enumerate(self._compared)
        ]
        alive = f"SELECT t.*, {self._alive} AS _sfsource_alive FROM {other or self.sql} AS t"
        statement = (
            f"SELECT s.{self._key}, n.found, n.alive, n.differs FROM {STAGED} AS s, LATERAL (SELECT count(*) AS found, "
            f"count(*) FILTER (WHERE t._sfsource_alive) AS alive, "
            f"min(array_to_string(ARRAY[{', '.join(tests)}]::int[], ',')) AS differs "
            f"FROM ({alive}) AS t WHERE t.{with_parameters(self.key)} = s.{with_parameters(self.key)}) AS n"
        )
        for key, found, living, differs in self._rows(statement):
            places = [int(place) for place in (differs or "").split(",") if place]
            yield Match(key, found, living, tuple(self._compared[place].name for place in places))

    def _as_told(self, column: str) -> str:
        by_text = "::text" if self._table.columns[column].name in TOLD_BY_TEXT else ""
        return f"{with_parameters(quoted(column))}{by_text}"

    def values(
        self, held: str, record_id: str, names: Sequence[str]
    ) -> dict[str, tuple[str | None, str | None]]:
        """What a held row and its staged one have of some properties."""
        columns = [identifier(name, self._conform) for name in names]
        pairs = ", ".join(
            f"t.{with_parameters(quoted(c))}::text, s.{with_parameters(quoted(c))}::text" for c in columns
        )
        key = with_parameters(self.key)
        found = self._rows(
            f"SELECT {pairs} FROM {held} AS t JOIN {STAGED} AS s ON t.{key} = s.{key} WHERE s.{self._key} = %s LIMIT 1",
            [record_id],
        )
        return {
            name: (row[2 * place], row[2 * place + 1]) for row in found for place, name in enumerate(names)
        }

    def begin_seeing(self) -> None:
        """Begin to note ids that the org has."""
        self.connection.execute(f"DROP TABLE IF EXISTS {SEEN}".encode())
        self.connection.execute(f"CREATE TEMPORARY TABLE {SEEN} (id text)".encode())

    def see(self, ids: Sequence[str]) -> None:
        """Note ids of rows that are not deleted."""
        with self.connection.cursor().copy(f"COPY {SEEN} FROM STDIN".encode()) as copy:
            for record_id in ids:
                copy.write_row([record_id])

    def unseen(self) -> list[str]:
        """Ids of rows that are not deleted here, and that have not been noted."""
        statement = (
            f"SELECT {self._key} FROM {self.sql} AS t WHERE {self._alive} "
            f"AND NOT EXISTS (SELECT 1 FROM {SEEN} AS n WHERE n.id = t.{self._key})"
        )
        found = [key for (key,) in self._rows(statement)]
        self.connection.execute(f"DROP TABLE {SEEN}".encode())
        return found

    def leave_one(self, ids: Sequence[str]) -> None:
        """Remove all rows but one of each id."""
        self.connection.execute(
            f"DELETE FROM {self.sql} WHERE {self._key} = ANY (%s) AND ctid NOT IN "
            f"(SELECT max(ctid) FROM {self.sql} WHERE {self._key} = ANY (%s) GROUP BY {self._key})".encode(),
            [list(ids), list(ids)],
        )


class Held:
    """The rows of some ids as they were when they were looked at, in a temporary table."""

    def __init__(self, name: str, rows: Mapping[str, Sequence[bool]]) -> None:
        self.name = name
        self._rows = rows

    def alive(self, record_id: str) -> bool:
        """Whether there is a row that is not marked as deleted."""
        return any(self._rows.get(record_id, ()))

    def count(self, record_id: str) -> int:
        """How many rows there are."""
        return len(self._rows.get(record_id, ()))
