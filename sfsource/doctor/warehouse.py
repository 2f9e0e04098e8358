"""The warehouse: where it is, what it is, and what the role may do there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from sfsource.doctor.findings import Finding
from target_sfwarehouse.errors import TargetError
from target_sfwarehouse.load.audit import REJECTED, SOURCES, SYNC_RUNS
from target_sfwarehouse.load.sources import of_others
from target_sfwarehouse.postgres import capabilities, parameters
from target_sfwarehouse.postgres.schema import quoted, table_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sfsource.given.pair import Pair
    from target_sfwarehouse.config import Settings

_OLDEST: Final = 130_000
_OUR_OLDEST: Final = 13
_LOCAL: Final = ("", "localhost", "127.0.0.1", "::1")
_GB: Final = 1024**3
_LITTLE_GB: Final = 2
_NAMES_TOLD: Final = 6

_TABLES = """
SELECT c.relname, pg_catalog.pg_get_userbyid(c.relowner), pg_catalog.pg_has_role(c.relowner, 'USAGE'),
    pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
        AND pg_catalog.has_table_privilege(c.oid, 'UPDATE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = ANY(%s) AND c.relkind IN ('r', 'p', 'f', 'v', 'm') ORDER BY 1
"""

_RIGHTS = """
SELECT current_user, current_database(), pg_catalog.has_database_privilege(current_database(), 'CREATE'),
    pg_catalog.has_database_privilege(current_database(), 'TEMP'),
    (SELECT pg_catalog.has_schema_privilege(oid, 'CREATE') AND pg_catalog.has_schema_privilege(oid, 'USAGE')
     FROM pg_catalog.pg_namespace WHERE nspname = %s)
"""


def warehouse_findings(pair: Pair, streams: Sequence[str], org_id: str) -> Iterator[Finding]:
    """Look at the warehouse that the target loads into; nothing is made or changed there."""
    try:
        settings = pair.target_settings
        if not parameters.of_settings(settings):
            folder = Path(settings.embedded_directory)
            told = f"none is configured: the target uses a Postgres of its own in {folder}"
            yield _finding("place", "warning", told, "Set sqlalchemy_url or host, for all but a first look.")
            if not folder.is_dir():
                yield _finding("connection", "skipped", "the first run makes it")
                return
            yield _disk(folder)
        with pair.connect() as connection:
            yield from _connected(connection, settings, streams, org_id)
    except TargetError as error:
        yield _finding("connection", "failure", str(error))
    except psycopg.Error as error:
        yield _finding("connection", "failure", " ".join(str(error).split()))


def _connected(
    connection: psycopg.Connection[Any], settings: Settings, streams: Sequence[str], org_id: str
) -> Iterator[Finding]:
    info = connection.info
    yield _finding(
        "connection", "ok", f"{info.host or 'local socket'}:{info.port}/{info.dbname} as {info.user}"
    )
    yield _version(connection)
    yield _pooler(connection)
    yield _tls(connection)
    if _value(
        connection, "SELECT pg_catalog.pg_is_in_recovery() OR current_setting('transaction_read_only')::bool"
    ):
        yield _finding(
            "writing",
            "failure",
            "the server or the role may only read",
            "Configure the primary, or another role.",
        )
    yield from _rights(connection, settings)
    yield from _tables(connection, settings, streams)
    if org_id:
        yield from _sources(connection, settings, streams, f"salesforce:{org_id}")
    size = _value(connection, "SELECT pg_catalog.pg_database_size(current_database())")
    told = f"the database holds {size / _GB:,.1f} GB; what is free on its disk, Postgres does not tell"
    yield _finding("disk", "ok", told)


def _version(connection: psycopg.Connection[Any]) -> Finding:
    number = connection.info.server_version
    text = str(_value(connection, "SELECT version()")).partition(" on ")[0].partition(" (")[0]
    found = capabilities.detect(connection)
    engine = f"{text}{' with Citus' if found.citus else ''}"
    if number < _OLDEST:
        advice = f"Use PostgreSQL {_OUR_OLDEST} or later."
        return _finding(
            "version", "failure", f"{engine}: the target is made for {_OUR_OLDEST} and later", advice
        )
    how = "MERGE" if found.merge else "INSERT ... ON CONFLICT"
    return _finding("version", "ok", f"{engine}; rows are merged by {how}")


def _pooler(connection: psycopg.Connection[Any]) -> Finding:
    # The target's own connect has refused a pool of transactions by now.
    if _value(connection, "SELECT pg_catalog.pg_backend_pid()") == connection.info.backend_pid:
        return _finding("pooler", "ok", "none in between")
    return _finding("pooler", "ok", "one in between, which gives a run its own session")


def _tls(connection: psycopg.Connection[Any]) -> Finding:
    if connection.pgconn.ssl_in_use:
        return _finding("TLS", "ok", "the connection is encrypted")
    host = connection.info.host
    if host in _LOCAL or host.startswith("/"):
        return _finding("TLS", "ok", "not encrypted, and on this machine only")
    return _finding(
        "TLS",
        "warning",
        f"the connection to {host} is not encrypted, so its rows can be read on the way",
        "Set ssl_enable and ssl_mode verify-full, or sslmode in sqlalchemy_url.",
    )


def _rights(connection: psycopg.Connection[Any], settings: Settings) -> Iterator[Finding]:
    row = connection.execute(_RIGHTS, (settings.target_schema,)).fetchone()
    assert row is not None
    role, database, may_make_schemas, may_stage, may_make_tables = row
    schema = quoted(settings.target_schema)
    if not may_stage:
        yield _finding(
            "temporary tables",
            "failure",
            f"{role} may make none in {database}, and batches are staged in them",
            f"GRANT TEMPORARY ON DATABASE {quoted(database)} TO {quoted(role)};",
        )
    if may_make_tables:
        yield _finding("schema", "ok", f"{settings.target_schema} is there, and {role} may make tables in it")
    elif may_make_tables is not None:
        told = f"{role} may not make tables in {settings.target_schema}"
        yield _finding(
            "schema", "failure", told, f"GRANT CREATE, USAGE ON SCHEMA {schema} TO {quoted(role)};"
        )
    elif may_make_schemas:
        yield _finding("schema", "ok", f"{settings.target_schema} is not there yet, and {role} may make it")
    else:
        yield _finding(
            "schema",
            "failure",
            f"{settings.target_schema} is not there, and {role} may not make it in {database}",
            f"CREATE SCHEMA {schema} AUTHORIZATION {quoted(role)};",
        )


def _tables(
    connection: psycopg.Connection[Any], settings: Settings, streams: Sequence[str]
) -> Iterator[Finding]:
    names = [*_names(settings, streams), SYNC_RUNS, REJECTED, SOURCES]
    rows = connection.execute(_TABLES, (settings.target_schema, names)).fetchall()
    if not rows:
        yield _finding("tables", "ok", "none of the selected collections has one yet")
        return
    foreign = [row for row in rows if not row[2]]
    refused = [row for row in foreign if not row[3]]
    yield _finding("tables", "ok", f"{len(rows)} are there; the role owns {len(rows) - len(foreign)}")
    for found, level, told in (
        (refused, "failure", "the role may not read and write rows"),
        (
            [row for row in foreign if row[3]],
            "warning",
            "the role does not own them, so a new column is an error",
        ),
    ):
        if found:
            more = f" and {len(found) - _NAMES_TOLD} more" if len(found) > _NAMES_TOLD else ""
            listed = ", ".join(f"{name} (of {owner})" for name, owner, *_ in found[:_NAMES_TOLD]) + more
            first = quoted(settings.target_schema, found[0][0])
            advice = f"Make the target's role the owner: ALTER TABLE {first} OWNER TO {quoted(connection.info.user)};"
            yield _finding("tables", level, f"{listed}: {told}", advice)


def _sources(
    connection: psycopg.Connection[Any], settings: Settings, streams: Sequence[str], source: str
) -> Iterator[Finding]:
    readable = "SELECT coalesce(has_table_privilege(to_regclass(%s), 'SELECT'), false)"
    rows = [
        row
        for schema in sorted({settings.schema_of(stream) for stream in streams})
        if _value(connection, readable, quoted(schema, SOURCES))
        for row in of_others(connection, schema, source)
    ]
    if not rows:
        return
    allowed = settings.on_other_source == "allow"
    others = ", ".join(sorted({row[1] for row in rows}))
    yield _finding(
        "source",
        "warning" if allowed else "failure",
        f"{len(rows)} tables, such as {rows[0][0]}, hold rows of {others}, and the login leads to {source}",
        ""
        if allowed
        else "Load into another schema, or set on_other_source to allow to have both in one schema.",
    )


def _names(settings: Settings, streams: Sequence[str]) -> list[str]:
    return [table_name(stream, settings.conform_names) for stream in streams]


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / _GB
    if free < _LITTLE_GB:
        return _finding(
            "disk", "warning", f"{free:,.1f} GB are free where the Postgres keeps its files", "Make room."
        )
    return _finding("disk", "ok", f"{free:,.1f} GB are free where the Postgres keeps its files")


def _value(connection: psycopg.Connection[Any], query: str, *parameters: Any) -> Any:
    row = connection.execute(query.encode(), parameters or None).fetchone()
    assert row is not None
    return row[0]


def _finding(check: str, level: Any, told: str, advice: str = "") -> Finding:
    return Finding("warehouse", check, level, told, advice)
