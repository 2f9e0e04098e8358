"""Reading an org's records: the store's own truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salesforce_simulator.changes import Changes
from salesforce_simulator.errors import ApiError
from salesforce_simulator.formulas import Formulas
from salesforce_simulator.ids import parse_id
from salesforce_simulator.store import Store, quoted
from salesforce_simulator.values import to_rest

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from datetime import timedelta
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from salesforce_simulator.schema import Schema, SObject


class Reading:
    """A schema, its store, and what is in it.

    Attributes:
        clock: what every moment comes from.
    """

    def __init__(self, schema: Schema, clock: Clock, directory: Path | str | None) -> None:
        self.clock = clock
        self._schema = schema
        self._store = Store(directory)
        self._changes = Changes(schema, self._store, Formulas(schema))
        with self._store.writing():
            for sobject in schema:
                if sobject.queryable:
                    self._store.create_table(sobject)
        self._day = ""
        self._see_the_day()

    def close(self) -> None:
        """End all use of the org; removes a temporary directory."""
        self._store.close()

    @property
    def schema(self) -> Schema:
        """What exists, as an administrator sees it."""
        return self._schema

    @property
    def directory(self) -> Path:
        """The folder of the org's file; others may keep files of their own in it."""
        return self._store.directory

    def fail_database(self, duration: timedelta) -> None:
        """Have the database out of order for that time: whatever needs it ends in an unexpected error."""
        end = self.clock.now() + duration
        self._store.fails = lambda: self.clock.now() < end

    def connection(self) -> sqlite3.Connection:
        """This thread's own connection, for reading; deleted rows whose time has come are gone."""
        self._expire()
        return self._store.reader()

    def state(self) -> tuple[int, ...]:
        """Numbers that are the same for as long as no data and no field changes."""
        self._expire()
        return self._store.state()

    def _expire(self) -> None:
        """What only the clock changes: rows vanish, formulas see another day."""
        due = self._changes.next_purge
        if due is not None and self.clock.now_ms() >= due:
            with self._store.writing():
                self._changes.purge(self.clock.now_ms())
        if self._changes.formulas.timed and self.clock.now().date().isoformat() != self._day:
            self._see_the_day()

    def _see_the_day(self) -> None:
        """Work out the formulas that read the present day."""
        with self._store.writing() as writer:
            self._day = self.clock.now().date().isoformat()
            writer.execute('DELETE FROM "_Today"')
            writer.execute('INSERT INTO "_Today" VALUES (?)', (self._day,))
            for name in self._changes.formulas.timed:
                self._changes.formulas.refresh_all(self._store, name)

    def get(self, record_id: str) -> dict[str, Any] | None:
        """A record's fields in REST values (compound fields left out), deleted or not; none if there is none."""
        sobject = self._schema.of_id(record_id)
        if sobject is None or not sobject.queryable:
            return None
        found = list(self._rows(sobject, ' WHERE "Id" = ?', (parse_id(record_id),)))
        return found[0] if found else None

    def rows(self, sobject: str) -> list[dict[str, Any]]:
        """The store's own truth: every row that queryAll could see, in order of creation, in REST values."""
        return list(self._rows(self.object(sobject), " ORDER BY rowid", ()))

    def _rows(self, sobject: SObject, rest: str, values: Sequence[object]) -> Iterator[dict[str, Any]]:
        fields = sobject.columns
        names = ", ".join(quoted(f.name) for f in fields)
        cursor = self.connection().execute(f"SELECT {names} FROM {quoted(sobject.name)}{rest}", values)
        for row in cursor:
            yield {f.name: to_rest(f, value) for f, value in zip(fields, row, strict=True)}

    def first_ids(self, sobject: str, count: int) -> list[str]:
        """Ids of the first rows that are not deleted, at most so many."""
        target = self.object(sobject)
        living = ' WHERE NOT "IsDeleted"' if "IsDeleted" in target.fields else ""
        sql = f'SELECT "Id" FROM {quoted(target.name)}{living} ORDER BY rowid LIMIT ?'
        return [record_id for (record_id,) in self.connection().execute(sql, (count,))]

    def count(self, sobject: str) -> int:
        """How many rows the object has, deleted ones included."""
        (number,) = (
            self.connection().execute(f"SELECT count(*) FROM {quoted(self.object(sobject).name)}").fetchone()
        )
        return int(number)

    def deleted_ids(self, sobject: str) -> set[str]:
        """Ids of the object's rows that are deleted and still stored."""
        table = quoted(self.object(sobject).name)
        return {
            row[0] for row in self.connection().execute(f'SELECT "Id" FROM {table} WHERE "IsDeleted" = 1')
        }

    def is_deleted(self, record_id: str) -> bool:
        """Whether a record is deleted, or gone."""
        found = self.get(record_id)
        return found is None or bool(found.get("IsDeleted"))

    def object(self, name: str) -> SObject:
        """An object by its name.

        Raises:
            ApiError: `INVALID_TYPE`, there is none.
        """
        sobject = self._schema.get(name)
        if sobject is None:
            raise ApiError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return sobject
