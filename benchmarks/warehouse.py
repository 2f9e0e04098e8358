"""A Postgres to load into, and the checksum of what was loaded."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from benchmarks.measure import FailedError
from target_sfwarehouse import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

URL_VARIABLE = "SFSOURCE_BENCH_POSTGRES_URL"
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
_COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"


def plain(name: str) -> str:
    """Give a name without case and underscores, which programs change as they like."""
    return name.replace("_", "").lower()


@dataclass(frozen=True)
class Warehouse:
    """A server, and a new schema on it for each load.

    Attributes:
        url: libpq's URL.
        connection: Of the harness itself.
    """

    url: str
    connection: psycopg.Connection[Any]

    @property
    def parts(self) -> dict[str, Any]:
        """host, port, user, password and database, for programs that want them one by one."""
        parts = urlsplit(self.url)
        return {
            "host": parts.hostname,
            "port": parts.port or 5432,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "database": parts.path.lstrip("/"),
        }

    def fresh_schema(self) -> str:
        """Give the name of a schema that is not there yet, and begin from a clean log."""
        self.settle()
        return f"bench_{uuid.uuid4().hex[:10]}"

    def settle(self) -> None:
        """Write out what earlier loads left behind, so that a run does not pay for the one before it."""
        self.connection.execute("CHECKPOINT")

    def drop(self, schema: str) -> None:
        """Remove a schema."""
        self.connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))

    def checksum(self, schema: str, table: str, kinds: Mapping[str, str], first: int) -> str:
        """Checksum of a table, whatever column types and spelling of names it was given.

        Args:
            schema: Its schema.
            table: Its name; case and underscores do not matter, here and in columns.
            kinds: The columns to look at, each with its kind: text, number, integer, boolean, date or datetime.
            first: How many rows, by id; a table with fewer is a failure.

        Returns:
            An MD5 over those rows in order.

        Raises:
            FailedError: The table or a column is missing, or rows are.
        """
        name = self._named(schema, table)
        own = {plain(column): column for (column,) in self._rows(_COLUMNS, schema, name)}
        missing = [column for column in kinds if plain(column) not in own]
        if missing:
            raise FailedError(f"{name} lacks the columns {', '.join(missing)}")
        cells = sql.SQL(", ").join(_canonical(own[plain(column)], kind) for column, kind in kinds.items())
        statement = sql.SQL(
            "SELECT md5(string_agg(line, '' ORDER BY id)), count(*) FROM (SELECT {id} COLLATE ucs_basic AS id, "
            "md5(ROW({cells})::text) AS line FROM {table} ORDER BY 1 LIMIT {first}) AS lines"
        ).format(id=sql.Identifier(own["id"]), cells=cells, table=sql.Identifier(schema, name), first=first)
        try:
            row = self.connection.execute(statement).fetchone()
        except psycopg.Error as error:
            raise FailedError(f"the table cannot be compared: {error}") from error
        assert row is not None
        if row[1] != first:
            raise FailedError(f"{name} has {row[1]} rows of {first}")
        return str(row[0])

    def _named(self, schema: str, table: str) -> str:
        """Find a table by its name without case and underscores."""
        found = [name for (name,) in self._rows(_TABLES, schema) if plain(name) == plain(table)]
        if not found:
            raise FailedError(f"there is no table {table}")
        return str(found[0])

    def _rows(self, statement: LiteralString, *parameters: str) -> list[tuple[str]]:
        return self.connection.execute(statement, parameters).fetchall()

    def count(self, schema: str, table: str) -> int:
        """Count the rows of a table, named as for `checksum`."""
        name = self._named(schema, table)
        statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
        row = self.connection.execute(statement).fetchone()
        assert row is not None
        return int(row[0])


def _canonical(name: str, kind: str) -> sql.Composed:
    column = sql.Identifier(name)
    # A timestamp without a zone is taken for UTC, which the connection's zone is.
    form = {
        "text": "{}::text",
        "number": "trim_scale({}::numeric)::text",
        "integer": "{}::numeric::bigint::text",
        "boolean": "{}::boolean::text",
        "date": "{}::date::text",
        "datetime": "to_char({}::timestamptz, 'YYYY-MM-DD HH24:MI:SS.MS')",
    }[kind]
    return sql.SQL(form).format(column)


@contextmanager
def running() -> Iterator[Warehouse]:
    """Start a Postgres of its own, or use the one that SFSOURCE_BENCH_POSTGRES_URL names."""
    named = os.environ.get(URL_VARIABLE)
    if named:
        with _connected(named) as warehouse:
            yield warehouse
        return
    folder = Path(tempfile.mkdtemp(prefix="sfsource-bench-"))
    # The server's own account has to get in when the benchmarks run as root.
    folder.chmod(0o711)
    try:
        server = embedded.start(folder / "warehouse")
        try:
            with _connected(server.url.replace("postgresql+psycopg://", "postgresql://", 1)) as warehouse:
                yield warehouse
        finally:
            embedded.stop(server.directory)
            embedded.remove(server.directory)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _connected(url: str) -> Iterator[Warehouse]:
    options = "-c timezone=UTC -c jit=off"
    with psycopg.connect(url, autocommit=True, options=options) as connection:
        yield Warehouse(url, connection)
