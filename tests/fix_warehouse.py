"""A Postgres to load into: the target's own launcher, or the server that SFSOURCE_TEST_POSTGRES_URL names."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from target_sfwarehouse import embedded
from target_sfwarehouse.postgres import capabilities

if TYPE_CHECKING:
    from collections.abc import Iterator

URL_VARIABLE = "SFSOURCE_TEST_POSTGRES_URL"
STAMPS = ("received_at", "uuid_ts")
"""Columns that the target adds to each table."""


@dataclass(frozen=True)
class Warehouse:
    """A database, and in it the name of a schema that only one test uses."""

    url: str
    schema: str
    connection: psycopg.Connection[dict[str, Any]]

    def config(self, **overrides: Any) -> dict[str, Any]:
        """Target configuration that loads into this test's schema; BATCH files may be in any folder."""
        ours = {"sqlalchemy_url": self.url, "schema": self.schema, "batch_files_from": "anywhere"}
        return {**ours, **overrides}

    def query(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of a statement; `{schema}` in it stands for the test's schema, `%s` for a parameter.

        `*` stands for the columns of the stream, without those that tell when a row was written.
        """
        with self.connection.cursor() as cursor:
            cursor.execute(self._compose(statement), parameters or None)
            rows = cursor.fetchall()
        aside = STAMPS if "SELECT *" in statement else ()
        return [{name: value for name, value in row.items() if name not in aside} for row in rows]

    def execute(self, statement: str) -> None:
        """Run a statement that returns nothing; `{schema}` stands for the test's schema."""
        self.connection.execute(self._compose(statement))

    def table_names(self) -> set[str]:
        """Tables of the test's schema."""
        found = self.query("SELECT tablename FROM pg_tables WHERE schemaname = %s", self.schema)
        return {row["tablename"] for row in found}

    def _compose(self, statement: str) -> sql.SQL:
        quoted = sql.Identifier(self.schema).as_string()
        return sql.SQL(statement.replace("{schema}", quoted))


def plain_url(url: str) -> str:
    """The URL as libpq and psycopg know it, without SQLAlchemy's driver name."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


@pytest.fixture(scope="session")
def open_directory() -> Iterator[Path]:
    """A temporary folder that any account can enter, which pytest's own is not."""
    directory = Path(tempfile.mkdtemp(prefix="sfsource-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def warehouse_url(open_directory: Path) -> Iterator[str]:
    """URL of the session's server."""
    named = os.environ.get(URL_VARIABLE)
    if named:
        yield named
        return
    server = embedded.start(open_directory / "warehouse", fsync=False)
    yield server.url
    embedded.stop(server.directory)


@contextmanager
def open_warehouse(warehouse_url: str) -> Iterator[Warehouse]:
    """A fresh schema name on a server; the schema is dropped afterwards."""
    with psycopg.connect(plain_url(warehouse_url), autocommit=True, row_factory=dict_row) as connection:
        # A statement that was prepared refuses to run when its table has got a column.
        connection.prepare_threshold = None
        schema = f"test_{uuid.uuid4().hex[:12]}"
        yield Warehouse(warehouse_url, schema, connection)
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[Warehouse]:
    """A fresh schema name on the session's server; the schema is dropped afterwards."""
    with open_warehouse(warehouse_url) as warehouse:
        yield warehouse


@pytest.fixture
def loader(warehouse: Warehouse) -> Iterator[tuple[str, str]]:
    """A role of the test's own, by which its session is told from others: name and URL."""
    role = warehouse.schema.replace("test_", "loader_")
    parts = urlsplit(plain_url(warehouse.url))
    warehouse.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'hunter2'")
    warehouse.execute(f"CREATE SCHEMA {{schema}} AUTHORIZATION {role}")
    yield role, parts._replace(netloc=f"{role}:hunter2@{parts.hostname}:{parts.port}").geturl()
    warehouse.execute(f"DROP OWNED BY {role} CASCADE")
    warehouse.execute(f"DROP ROLE {role}")


@pytest.fixture(params=["MERGE", "ON CONFLICT", "keys counted"])
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Servers that can do less upsert in another way."""
    detect, merge, row_origin = capabilities.detect, request.param == "MERGE", request.param != "keys counted"

    def less(connection: psycopg.Connection[Any]) -> capabilities.Capabilities:
        found = detect(connection)
        return replace(found, merge=merge and found.merge, row_origin=row_origin and found.row_origin)

    with patch("target_sfwarehouse.postgres.capabilities.detect", less):
        yield
