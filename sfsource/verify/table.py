"""A table of the warehouse as verify reads it: counts, ids, and its rows beside those that the tap would write."""

# Every name in these statements is quoted by `quoted`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

import contextlib
import datetime
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import psycopg

from sfsource.verify.held import Held, Match
from target_sfwarehouse.load.bad_rows import column_told
from target_sfwarehouse.postgres.ddl import read_table
from target_sfwarehouse.postgres.schema import (
    DELETED_AT,
    METADATA_COLUMNS,
    identifier,
    quoted,
    table_name,
    with_parameters,
)
from target_sfwarehouse.postgres.sql import compared_as
from target_sfwarehouse.postgres.types import TIMESTAMPTZ
from target_sfwarehouse.rows.decode import COPY_OPTIONS, RowShape, encode_rows
from target_sfwarehouse.rows.layout import read_schema
from target_sfwarehouse.rows.values import BadValueError, load_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sfsource.verify.counts import Counts, Span
    from sfsource.verify.org import Row
    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.rows.layout import Property

MOST: Final = 10_001
"""Ids that one look gives: more than are looked at one by one."""

STAGED = quoted("_sfsource_staged")
SEEN = quoted("_sfsource_seen")


class Table:
    """A table.

    Args:
        message: The SCHEMA message of the stream.
        fresh: Properties that not every row has been written with yet.
        stamp: The property that tells when a row has changed.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        settings: Settings,
        message: Mapping[str, Any],
        fresh: Collection[str] = (),
        stamp: str = "",
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
        self._filled = {column.name for column in columns if column.name not in fresh}
        self.misfits: list[str] = []
        """Properties whose columns cannot hold the org's values."""
        self.key = quoted(layout.keys[0])
        self.has_key = layout.keys[0] in self._table.columns
        self._alive = self._alive_condition(layout.deletion)
        self.keeps_versions = settings.load_method == "append-only"
        self.is_unique = self.keeps_versions or tuple(layout.keys) in self._table.unique_keys
        self.label = self._table.label
        self._from = f"{with_parameters(self._table.sql)} AS t"
        if self.keeps_versions:
            self._from = f"({self._versions(stamp)}) AS t"

    def _versions(self, stamp: str) -> str:
        """The last version of each row. A sweep writes every row again, and then marks the versions of before."""
        order = [f"({self._alive}) DESC"]
        for name, place in ((stamp, 0), ("received_at", 2)):
            if name and identifier(name, self._conform) in self._table.columns:
                order.insert(place, f"{self._moment(name)} DESC NULLS LAST")
        table, last = with_parameters(self._table.sql), ", ".join([self._key, *order, "t.ctid DESC"])
        return f"SELECT DISTINCT ON ({self._key}) t.* FROM {table} AS t ORDER BY {last}"

    def _alive_condition(self, marks: Sequence[str]) -> str:
        parts = [
            f"{quoted(column)} IS {'NOT TRUE' if self._table.columns[column].name == 'boolean' else 'NULL'}"
            for column in (*marks, DELETED_AT)
            if column in self._table.columns
        ]
        return with_parameters(f"({' AND '.join([*parts, f'{self.key} IS NOT NULL'])})")

    def confine(self, created: str, start: datetime.datetime | None, end: datetime.datetime | None) -> None:
        """Leave rows to other shards that were created at other times."""
        moment, edges = self._moment(created), {">=": start, "<": end}
        for sign, edge in edges.items():
            if edge is not None:
                self._alive += f" AND {moment} {sign} '{edge.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%S}'"

    def has(self, name: str) -> bool:
        """Whether the table has the column of a property, and every row has been written with it."""
        return name in self._filled

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
        ((total,),) = self._rows(f"SELECT count(*) FROM {self._from} WHERE {where}", values)
        return int(total)

    def count_by_day(
        self, column: str, stamp: str, as_of: datetime.datetime | None, but: Sequence[str]
    ) -> Counts:
        """The same by the days of a property."""
        where, values = self._before(stamp, as_of, but)
        day = f"CASE WHEN {self._is_day(column)} THEN {self._moment(column)}::date END"
        return dict(self._rows(f"SELECT {day}, count(*) FROM {self._from} WHERE {where} GROUP BY 1", values))

    def _is_day(self, column: str) -> str:
        """Condition that a property has a time that Salesforce can have."""
        return f"{self._moment(column)} BETWEEN '1700-01-01' AND '4001-01-01'"

    def _within(self, column: str, spans: Sequence[Span]) -> tuple[str, list[Any]]:
        """Condition of the rows of some spans of a property's days, of all without any; with its parameters."""
        if not spans:
            return "true", []
        parts, values = [], list[Any]()
        for span in spans:
            if span is None:
                parts.append(f"({self._is_day(column)}) IS NOT TRUE")
            else:
                parts.append(f"({self._moment(column)} >= %s AND {self._moment(column)} < %s)")
                values += span
        return f"({' OR '.join(parts)})", values

    def count_within(self, column: str, spans: Sequence[Span]) -> int:
        """Count the rows that are not deleted, of all or of spans of a property's days."""
        where, values = self._within(column, spans)
        ((total,),) = self._rows(f"SELECT count(*) FROM {self._from} WHERE {self._alive} AND {where}", values)
        return int(total)

    def nameless(self) -> int:
        """How many rows have no id."""
        statement = f"SELECT count(*) FROM {with_parameters(self._table.sql)} AS t WHERE {with_parameters(self.key)} IS NULL"
        ((total,),) = self._rows(statement)
        return int(total)

    def strange(self) -> list[str]:
        """Keys of rows that are not deleted, and that cannot be ids."""
        statement = (
            f"SELECT {self._key} FROM {self._from} WHERE {self._alive} AND {self._key} !~ %s LIMIT {MOST}"
        )
        return [key for (key,) in self._rows(statement, ["^[A-Za-z0-9]{18}$"])]

    def doubled(self) -> list[str]:
        """Ids of which there are several rows."""
        if self.is_unique:
            return []
        key = with_parameters(self.key)
        grouped = (
            f"SELECT {self._key} FROM {self._from} WHERE {key} IS NOT NULL GROUP BY {key} "
            f"HAVING count(*) > 1 LIMIT {MOST}"
        )
        return [key for (key,) in self._rows(grouped)]

    def sample(self, size: int, stamp: str, as_of: datetime.datetime | None) -> list[str]:
        """Ids of some rows, other ones each time."""
        where, values = self._before(stamp, as_of, ())
        found = self._rows(
            f"SELECT {self._key} FROM {self._from} WHERE {where} ORDER BY random() LIMIT %s", [*values, size]
        )
        return [key for (key,) in found]

    def hold(self, ids: Sequence[str], mark: str = "") -> Held:
        """Keep the rows of some ids as they are now, until others are kept under the mark. Nothing is locked meanwhile."""
        name = quoted(f"_sfsource_held{mark}")
        self.connection.execute(f"DROP TABLE IF EXISTS {name}".encode())
        statement = (
            f"CREATE TEMPORARY TABLE {name} AS SELECT * FROM {self._from} WHERE {self._key} = ANY (%s)"
        )
        self.connection.execute(statement.encode(), [list(ids)])
        rows = self._rows(f"SELECT {self._key}, {self._alive} FROM {name}")
        found: dict[str, list[bool]] = {}
        for key, alive in rows:
            found.setdefault(key, []).append(alive)
        return Held(name, found)

    def stage(self, lines: bytes) -> None:
        """Stage RECORD lines, as the target would write them, until others are staged.

        A property whose column cannot hold one of the values becomes a misfit, and is not compared from then on.
        """
        while True:
            try:
                with self.connection.transaction():
                    return self._stage(lines)
            except (psycopg.DataError, BadValueError) as error:
                misfit = self._misfit(error)
                if misfit is None:
                    raise
            self.misfits.append(misfit.name)
            self._compared = [column for column in self._compared if column is not misfit]
            self._shape = RowShape(
                self._shape.stream, [column for column in self._shape.columns if column is not misfit]
            )

    def _misfit(self, error: psycopg.DataError | BadValueError) -> Property | None:
        """The property of a value that its column cannot hold."""
        if isinstance(error, BadValueError):
            return next((column for column in self._compared if column.name == error.name), None)
        return column_told(self._compared, error)

    def _stage(self, lines: bytes) -> None:
        names = ", ".join(quoted(column) for column in self._shape.column_names)
        self.connection.execute(f"DROP TABLE IF EXISTS {STAGED}".encode())
        self.connection.execute(
            f"CREATE TEMPORARY TABLE {STAGED} AS SELECT {names} FROM {self._table.sql} WHERE false".encode()
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
        alive = (
            f"SELECT t.*, {self._alive} AS _sfsource_alive FROM {f'{other} AS t' if other else self._from}"
        )
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
        return f"{with_parameters(quoted(column))}{compared_as(self._table, column)}"

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
        """Begin to note rows that the org has."""
        self.connection.execute(f"DROP TABLE IF EXISTS {SEEN}".encode())
        columns = (
            "seen_id text, seen_deleted boolean, seen_stamp timestamp, seen_at timestamp, seen_later boolean"
        )
        self.connection.execute(f"CREATE TEMPORARY TABLE {SEEN} ({columns})".encode())

    def see(self, rows: Iterable[Row], as_of: datetime.datetime | None) -> None:
        """Note rows."""
        with self.connection.cursor().copy(f"COPY {SEEN} FROM STDIN".encode()) as copy:
            for row in rows:
                stamp, at = (
                    moment and moment.astimezone(datetime.UTC).replace(tzinfo=None)
                    for moment in (row.stamp, row.at)
                )
                copy.write_row([row.id, row.deleted, stamp, at, row.is_later(as_of)])

    def seen(self) -> tuple[int, int]:
        """How many rows of the org have not changed since, and how many rows here are not those that have."""
        ((there,),) = self._rows(f"SELECT count(*) FROM {SEEN} WHERE NOT seen_later AND NOT seen_deleted")
        ((here,),) = self._rows(
            f"SELECT count(*) FROM {self._from} WHERE {self._alive} "
            f"AND NOT EXISTS (SELECT 1 FROM {SEEN} AS n WHERE n.seen_later AND n.seen_id = {self._key})"
        )
        return int(there), int(here)

    def unseen(self, column: str = "", spans: Sequence[Span] = ()) -> list[str]:
        """Ids of rows that are not deleted here, of all or of spans of a property's days, and that have not been noted."""
        within, values = self._within(column, spans)
        statement = (
            f"SELECT {self._key} FROM {self._from} WHERE {self._alive} AND {within} "
            f"AND NOT EXISTS (SELECT 1 FROM {SEEN} AS n WHERE n.seen_id = {self._key} AND NOT n.seen_deleted) LIMIT {MOST}"
        )
        return [key for (key,) in self._rows(statement, values)]

    def unlike(self, stamp: str, column: str = "") -> list[str]:
        """Ids of noted rows that are not here, or have other times here; not of those that have changed since."""
        same = "".join(
            f" AND {self._moment(name)} IS NOT DISTINCT FROM n.{noted}"
            for name, noted in ((stamp, "seen_stamp"), (column, "seen_at"))
            if name
        )
        statement = (
            f"SELECT n.seen_id FROM {SEEN} AS n WHERE NOT n.seen_later AND NOT n.seen_deleted AND NOT EXISTS "
            f"(SELECT 1 FROM {self._from} WHERE {self._key} = n.seen_id AND {self._alive}{same}) LIMIT {MOST}"
        )
        return [key for (key,) in self._rows(statement)]

    def leave_one(self, ids: Sequence[str], stamp: str) -> int:
        """Remove all rows but one of each id: one that is not deleted if there is one, the one with the last stamp.

        Gives how many were removed.
        """
        last = [
            f"({self._alive}) DESC",
            *([f"{self._moment(stamp)} DESC NULLS LAST"] if stamp else []),
            "ctid",
        ]
        table = with_parameters(self._table.sql)
        ranked = (
            f"SELECT ctid AS place, row_number() OVER (PARTITION BY {self._key} ORDER BY {', '.join(last)}) AS rank "
            f"FROM {table} AS t WHERE {self._key} = ANY (%s)"
        )
        statement = (
            f"DELETE FROM {table} WHERE ctid IN (SELECT place FROM ({ranked}) AS ranked WHERE rank > 1)"
        )
        return self.connection.execute(statement.encode(), [list(ids)]).rowcount
