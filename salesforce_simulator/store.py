"""The org's records in SQLite: one table an SObject, one column a field.

One connection writes, under a lock; each thread reads through a connection of its own (write-ahead log), so that a
reader sees whole commits only. Columns whose names start with an underscore are bookkeeping:

    _InBin        1 while a deleted row can be undeleted
    _PurgeAt      when a deleted row vanishes, milliseconds
    _DeletedWith  id of the row whose delete took this one along
    _Text_X       what Bulk writes for the datetime X; kept by SQLite, for to read it costs less than to make it each time

Table `_Deletion` is the log that getDeleted reads, `_Today` has the day that formulas take for the present one.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import threading
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from salesforce_simulator.schema import Field, SObject

DATABASE = "org.sqlite"
_INTEGER_TYPES = frozenset({"boolean", "int", "double", "currency", "percent", "datetime", "time"})
# SQLite takes at most 32,766 variables a statement.
_CHUNK = 10_000

Row = dict[str, Any]


def text_column(name: str) -> str:
    """The column that has a datetime field's text."""
    return f"_Text_{name}"


def datetime_text(sql: str) -> str:
    """SQL of the text of a stored datetime, null for null."""
    # Whole seconds, which nearly all are, are written in half the time.
    seconds = f"strftime('%Y-%m-%dT%H:%M:%S.000Z', {sql} / 1000, 'unixepoch')"
    millis = f"strftime('%Y-%m-%dT%H:%M:%fZ', {sql} / 1000.0, 'unixepoch')"
    return f"iif({sql} % 1000, {millis}, {seconds})"


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def in_chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Ids in lists that fit into one statement."""
    rest = iter(ids)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


def marks(values: Sequence[object]) -> str:
    """Placeholders for an IN list."""
    return ",".join("?" * len(values))


class Store:
    """The file, its tables and plain row operations; knows nothing of Salesforce's rules.

    Attributes:
        fails: whether the database is out of order now; whoever reads or writes then gets `sqlite3.OperationalError`.

    Args:
        directory: where the file goes; none means a temporary directory that `close` removes.
    """

    def __init__(self, directory: Path | str | None = None) -> None:
        self._temporary = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix="org-")) if directory is None else Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.path = self.directory / DATABASE
        self.path.unlink(missing_ok=True)
        self.lock = threading.RLock()
        self._owner: int | None = None
        self.fails: Callable[[], bool] = lambda: False
        self._readers: list[sqlite3.Connection] = []
        self._local = threading.local()
        # Columns to be indexed, by table; those of this write, in case it is taken back.
        self._unindexed: dict[str, list[str]] = {}
        self._indexed_here: dict[str, list[str]] = {}
        self.writer = self._connect()
        self.writer.execute("PRAGMA journal_mode=WAL")
        self.writer.execute("PRAGMA synchronous=OFF")
        self.writer.execute(
            'CREATE TABLE "_Deletion" (SObject TEXT NOT NULL, RecordId TEXT PRIMARY KEY, DeletedAt INTEGER NOT NULL)'
        )
        self.writer.execute('CREATE TABLE "_Today" (Day TEXT NOT NULL)')
        self.writer.execute('CREATE INDEX "_DeletionBy" ON "_Deletion" (SObject, DeletedAt)')

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA cache_size=-32768")
        connection.execute("PRAGMA temp_store=MEMORY")
        return connection

    def state(self) -> tuple[int, int]:
        """Numbers that are the same for as long as nobody writes."""
        with self.lock:
            return self.writer.total_changes, self.writer.execute("PRAGMA schema_version").fetchone()[0]

    def reader(self) -> sqlite3.Connection:
        """This thread's own connection, for reading; inside `writing` the one that sees what was just written."""
        if self._owner == threading.get_ident():
            return self.writer
        self._check()
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
            self._local.connection = connection
            with self.lock:
                self._readers.append(connection)
        return connection

    def close(self) -> None:
        """Close every connection; remove a temporary directory."""
        with self.lock:
            for connection in (*self._readers, self.writer):
                connection.close()
            self._readers.clear()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write: all of it is kept, or on an exception none. Nested ones join the outermost."""
        with self.lock:
            if self._owner is not None:
                yield self.writer
                return
            self._check()
            self.writer.execute("BEGIN IMMEDIATE")
            self._owner = threading.get_ident()
            try:
                yield self.writer
            except BaseException:
                self.writer.execute("ROLLBACK")
                self._unindexed |= self._indexed_here
                raise
            else:
                self.writer.execute("COMMIT")
            finally:
                self._indexed_here.clear()
                self._owner = None

    def _check(self) -> None:
        if self.fails():
            raise sqlite3.OperationalError("the database does not answer")

    # tables

    def create_table(self, sobject: SObject) -> None:
        """Make the table of an object; the indexes that changes need come with its first row."""
        columns = [column for f in sobject.columns if f.name != "Id" for column in _columns(f, "STORED")]
        columns += ['"_InBin" INTEGER', '"_PurgeAt" INTEGER', '"_DeletedWith" TEXT']
        self.writer.execute(
            f'CREATE TABLE {quoted(sobject.name)} ("Id" TEXT PRIMARY KEY NOT NULL, {", ".join(columns)})'
        )
        key = sobject.replication_key
        self._unindexed[sobject.name] = [f.name for f in sobject.columns if f.cascade_delete or f.name == key]

    def _index_first(self, table: str) -> None:
        """Make the indexes of a table that gets its first row; most of thousands never do, and each costs time."""
        columns = self._unindexed.pop(table, None)
        if columns is None:
            return
        self._indexed_here[table] = columns
        self.writer.execute(
            f'CREATE INDEX IF NOT EXISTS {quoted(f"_Purge_{table}")} ON {quoted(table)} ("_PurgeAt") '
            'WHERE "_PurgeAt" IS NOT NULL'
        )
        for column in columns:
            self.index(table, column)

    def index(self, table: str, column: str) -> None:
        """Make an index on a column, if there is none."""
        name = quoted(f"_By_{table}_{column}")
        self.writer.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {quoted(table)} ({quoted(column)})")

    def drop_table(self, name: str) -> None:
        """Remove the table of an object with its rows and what the log says of them."""
        self.writer.execute(f"DROP TABLE {quoted(name)}")
        self._unindexed.pop(name, None)
        self.writer.execute('DELETE FROM "_Deletion" WHERE SObject = ?', (name,))

    def add_column(self, table: str, field: Field) -> None:
        """Add a field's column; a checkbox is unchecked in every row, others are null."""
        default = " DEFAULT 0" if field.type == "boolean" else ""
        own, *text = _columns(field, "VIRTUAL")
        for column in (f"{own}{default}", *text):
            self.writer.execute(f"ALTER TABLE {quoted(table)} ADD COLUMN {column}")

    def drop_column(self, table: str, field: Field) -> None:
        """Remove a field's column with its values."""
        self._drop_index(table, field.name)
        for name in (text_column(field.name), field.name) if field.type == "datetime" else (field.name,):
            self.writer.execute(f"ALTER TABLE {quoted(table)} DROP COLUMN {quoted(name)}")

    def rename_column(self, table: str, column: str, new_name: str) -> None:
        """Give a column another name; its values stay."""
        self._drop_index(table, column)
        self.writer.execute(
            f"ALTER TABLE {quoted(table)} RENAME COLUMN {quoted(column)} TO {quoted(new_name)}"
        )

    def _drop_index(self, table: str, column: str) -> None:
        self.writer.execute(f"DROP INDEX IF EXISTS {quoted(f'_By_{table}_{column}')}")
        if column in self._unindexed.get(table, ()):
            self._unindexed[table].remove(column)

    # rows, as the writer sees them

    def select(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Rows of a query by column name."""
        cursor = self.writer.execute(sql, values)
        names = [item[0] for item in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def get(self, table: str, record_id: str) -> Row | None:
        """One row, or none."""
        rows = self.select(f'SELECT * FROM {quoted(table)} WHERE "Id" = ?', (record_id,))
        texts = text_column("")
        return {k: v for k, v in rows[0].items() if not k.startswith(texts)} if rows else None

    def ids_where(self, table: str, condition: str, values: Sequence[object]) -> list[str]:
        """Ids of the rows that meet a condition, in the order in which they were inserted."""
        sql = f'SELECT "Id" FROM {quoted(table)} WHERE {condition} ORDER BY rowid'
        return [row[0] for row in self.writer.execute(sql, values)]

    def insert(self, table: str, row: Row) -> None:
        """Add one row."""
        self._index_first(table)
        names = ", ".join(map(quoted, row))
        self.writer.execute(
            f"INSERT INTO {quoted(table)} ({names}) VALUES ({marks(tuple(row))})", tuple(row.values())
        )

    def insert_many(
        self, table: str, constants: Row, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> int:
        """Add many rows: `columns` come from each row, `constants` are the same in all; gives how many."""
        self._index_first(table)
        names = ", ".join(map(quoted, (*columns, *constants)))
        fixed = "".join(f", {_literal(value)}" for value in constants.values())
        cursor = self.writer.executemany(
            f"INSERT INTO {quoted(table)} ({names}) VALUES ({marks(columns)}{fixed})", rows
        )
        return cursor.rowcount

    def multiply(
        self,
        table: str,
        columns: Sequence[str],
        count: int,
        ids: Iterator[str],
        stamps: dict[str, tuple[int, int]],
    ) -> None:
        """Add copies of the rows that a table has, in turn, without a value passing through Python but the id.

        `stamps` are columns that are not copied but run evenly, each from a first moment over a span, in milliseconds.
        """
        self.writer.create_function("next_id", 0, ids.__next__)
        copied = ", ".join(map(quoted, columns))
        self.writer.execute(
            f'CREATE TEMP TABLE "_Pool" AS SELECT {copied} FROM {quoted(table)} ORDER BY rowid'
        )
        (size,) = self.writer.execute('SELECT count(*) FROM "_Pool"').fetchone()
        moments = "".join(
            f", ({first} + n * {span} / {count}) / 1000 * 1000" for first, span in stamps.values()
        )
        names = ", ".join(map(quoted, ("Id", *columns, *stamps)))
        self.writer.execute(
            f"WITH RECURSIVE seq(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM seq WHERE n + 1 < {count}) "
            f"INSERT INTO {quoted(table)} ({names}) SELECT next_id(), {copied}{moments} "
            f'FROM seq JOIN "_Pool" AS p ON p.rowid = n % {size} + 1'
        )
        self.writer.execute('DROP TABLE temp."_Pool"')

    def update(self, table: str, ids: Iterable[str], changes: Row) -> None:
        """Set the same values in these rows."""
        if not changes:
            return
        assignments = ", ".join(f"{quoted(name)} = ?" for name in changes)
        for chunk in in_chunks(ids):
            self.writer.execute(
                f'UPDATE {quoted(table)} SET {assignments} WHERE "Id" IN ({marks(chunk)})',
                (*changes.values(), *chunk),
            )

    def remove(self, table: str, ids: Iterable[str]) -> None:
        """Remove rows for good."""
        for chunk in in_chunks(ids):
            self.writer.execute(f'DELETE FROM {quoted(table)} WHERE "Id" IN ({marks(chunk)})', chunk)

    # the log of deletes

    def log_deletions(self, table: str, ids: Iterable[str], stamp: int) -> None:
        """Note that rows were deleted; a row already in the log keeps its first moment, see `forget_deletions`."""
        self.writer.executemany(
            'INSERT OR IGNORE INTO "_Deletion" VALUES (?, ?, ?)',
            ((table, record_id, stamp) for record_id in ids),
        )

    def forget_deletions(self, ids: Iterable[str]) -> None:
        """Take rows out of the log again."""
        for chunk in in_chunks(ids):
            self.writer.execute(f'DELETE FROM "_Deletion" WHERE RecordId IN ({marks(chunk)})', chunk)


def _columns(field: Field, kept: str) -> list[str]:
    """Definitions of a field's columns; `kept` says whether a text is stored or made when it is read."""
    kind = "INTEGER" if field.type in _INTEGER_TYPES else "BLOB" if field.type == "base64" else "TEXT"
    own = quoted(field.name)
    columns = [f"{own} {kind}"]
    if field.type == "datetime":
        columns.append(f"{quoted(text_column(field.name))} TEXT AS ({datetime_text(own)}) {kept}")
    return columns


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    return "'" + str(value).replace("'", "''") + "'"
