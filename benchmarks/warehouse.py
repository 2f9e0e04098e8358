"""A Postgres to load into, and the checksum of what was loaded."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from benchmarks.measure import FailedError
from target_sfwarehouse import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

URL_VARIABLE = "SFSOURCE_BENCH_POSTGRES_URL"


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
        """Checksum of a table, whatever column types it was given.

        Args:
            schema: Its schema.
            table: Its name.
            kinds: The columns to look at, each with its kind: text, number, integer, boolean, date or datetime.
            first: How many rows, by id; a table with fewer is a failure.

        Returns:
            An MD5 over those rows in order.

        Raises:
            FailedError: The table or a column is missing, or rows are.
        """
        cells = sql.SQL(", ").join(_canonical(name, kind) for name, kind in kinds.items())
        statement = sql.SQL(
            "SELECT md5(string_agg(line, '' ORDER BY id)), count(*) FROM (SELECT id COLLATE ucs_basic AS id, "
            "md5(ROW({cells})::text) AS line FROM {table} ORDER BY id COLLATE ucs_basic LIMIT {first}) AS lines"
        ).format(cells=cells, table=sql.Identifier(schema, table), first=first)
        try:
            row = self.connection.execute(statement).fetchone()
        except psycopg.Error as error:
            raise FailedError(f"the table cannot be compared: {error}") from error
        assert row is not None
        if row[1] != first:
            raise FailedError(f"{table} has {row[1]} rows of {first}")
        return str(row[0])

    def count(self, schema: str, table: str) -> int:
        """Rows of a table."""
        statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
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
