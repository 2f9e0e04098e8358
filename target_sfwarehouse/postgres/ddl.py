"""Read and change schemas and tables of the warehouse."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg

from target_sfwarehouse.errors import BadSchemaError, TableLockedError, WarehouseError
from target_sfwarehouse.postgres.grants import let_read, let_use
from target_sfwarehouse.postgres.schema import (
    BOOKKEEPING_TYPES,
    ROW_TARGET_MOST,
    STAMPS,
    Table,
    Wanted,
    changes,
    lacking_stamps,
    quoted,
    widened_row_target,
)
from target_sfwarehouse.postgres.types import SQL_TYPE, parse_type
from target_sfwarehouse.postgres.waiting import change, patiently, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.postgres.schema import Column

logger = logging.getLogger("target-sfwarehouse")

Connection = psycopg.Connection[Any]

REFUSED = (
    pg.DataError,
    pg.IntegrityError,
    pg.ProgrammingError,
    pg.NotSupportedError,
    pg.ProgramLimitExceeded,
    pg.TooManyColumns,
    pg.DependentObjectsStillExist,
)
"""What the server raises when a table cannot become what is asked, as opposed to a server that is in trouble."""

COLUMNS = """
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
       pg_catalog.col_description(a.attrelid, a.attnum),
       a.attgenerated <> '', a.attidentity = 'a',
       CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
       t.typtype = 'd' AND t.typcategory = 'D',
       pg_catalog.pg_get_expr(d.adbin, d.adrelid)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

UNIQUE_KEYS = """
SELECT array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indimmediate
AND i.indpred IS NULL AND i.indexprs IS NULL
GROUP BY i.indexrelid, i.indisprimary
ORDER BY i.indisprimary DESC
"""

INDEXED = """
SELECT DISTINCT a.attname::text
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = %s AND i.indpred IS NULL
"""

RELATION = """
SELECT c.oid, c.relkind::text, pg_catalog.obj_description(c.oid, 'pg_class'),
EXISTS (SELECT 1 FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND g.tginitdeferred AND g.tgtype & 4 <> 0),
c.reloptions, c.relam = (SELECT oid FROM pg_catalog.pg_am WHERE amname = 'heap')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""


def lock(connection: Connection, settings: Settings, name: str) -> None:
    """Take the lock of a table until the transaction ends.

    Every run takes it before it writes a table, and never holds two, so that runs cannot deadlock. Raises
    TableLockedError where another run holds the lock and `lock_behavior` says not to wait.
    """
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_lock_key(name),)).fetchone()
    if row is not None and row[0]:
        return
    if settings.lock_behavior == "fail":
        raise TableLockedError(
            f"Another run is writing {name}, and `lock_behavior` is `fail`. Run again when it has ended, or set "
            "`lock_behavior: wait`."
        )
    logger.info("Waiting for another run that is writing %s", name)
    wait_for_lock(connection, name)


def wait_for_lock(connection: Connection, name: str) -> None:
    """Take a lock until the transaction ends, however long another run has it."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_lock_key(name),))


def _lock_key(name: str) -> int:
    digest = hashlib.blake2b(f"target-sfwarehouse {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def ensure_schema(connection: Connection, settings: Settings, schema: str) -> None:
    """Make a schema if it is not there, for all who may read it. Raises WarehouseError where the role may not."""
    take_lock = partial(wait_for_lock, connection, schema)
    found = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s"
    if not connection.execute(found, (schema,)).fetchone():
        _make_schema(connection, settings, schema, take_lock)
    let_use(connection, settings, schema, take_lock)


def _make_schema(
    connection: Connection, settings: Settings, schema: str, take_lock: Callable[[], None]
) -> None:
    try:
        with connection.transaction():
            take_lock()
            if settings.distribute_by == "schema":
                run(connection, "SET LOCAL citus.enable_schema_based_sharding = on")
            run(connection, f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
    except pg.InsufficientPrivilege:
        role, database = _who(connection)
        raise WarehouseError(
            f"Role '{role}' may not make schema '{schema}' in database '{database}'. Let an owner run: "
            f"CREATE SCHEMA {quoted(schema)} AUTHORIZATION {quoted(role)}; or: "
            f"GRANT CREATE ON DATABASE {quoted(database)} TO {quoted(role)};"
        ) from None


def _who(connection: Connection) -> tuple[str, str]:
    row = connection.execute("SELECT current_user, current_database()").fetchone()
    assert row is not None
    return row[0], row[1]


def read_table(connection: Connection, schema: str, name: str, stream: str) -> Table:
    """Read what a table looks like."""
    table = Table(schema, name, stream)
    row = connection.execute(RELATION, (schema, name)).fetchone()
    if row is None:
        return table
    oid, kind, comment, table.deferred, options, is_heap = row
    if kind == "r" and is_heap:
        table.row_target = _row_target(options)
    if kind not in {"r", "p", "f"}:
        raise BadSchemaError(
            f"stream '{stream}': {table.label} is a view; rows can go into a table only. Rename it, or load into another "
            "schema"
        )
    _read_columns(connection, table, oid)
    if comment is not None:
        table.commented[""] = comment
    if kind == "f":
        table.unstampable.update(STAMPS)  # the column would be missing on the other server
    table.unique_keys = tuple(tuple(keys) for (keys,) in connection.execute(UNIQUE_KEYS, (oid,)))
    table.indexed = frozenset(column for (column,) in connection.execute(INDEXED, (oid,)))
    table.partitioned = kind == "p"
    table.exists = True
    return table


def _read_columns(connection: Connection, table: Table, oid: int) -> None:
    for column, spelled, comment, computed, numbered, collation, dated, default in connection.execute(
        COLUMNS, (oid,)
    ):
        table.columns[column] = parse_type(spelled, over_moment=dated)
        if comment is not None:
            table.commented[column] = comment
        if computed:
            table.computed.add(column)
        if numbered:
            table.identities.add(column)
        if default and not computed:
            table.defaults[column] = default
        if collation:
            table.collations[column] = collation


def _row_target(options: Sequence[str] | None) -> int:
    """Find the table's own `toast_tuple_target` among its options, 0 if it has none."""
    found = dict(option.split("=", 1) for option in options or ())
    return int(found.get("toast_tuple_target", 0))


def ensure_table(
    connection: Connection, settings: Settings, *, known: Table | None, stream: str, name: str, wanted: Wanted
) -> Table:
    """Make a table, or change it, so that rows of a schema fit."""
    if known is not None and not changes(known, wanted):
        return known
    schema = settings.schema_of(stream)
    label = f"{schema}.{name}"

    def attempt() -> tuple[Table, bool]:
        with connection.transaction():
            lock(connection, settings, label)
            table = read_table(connection, schema, name, stream)
            statements = changes(table, wanted)
            change(connection, table, statements)
            if not table.exists and wanted.keys and settings.distribute_by == "key":
                connection.execute("SELECT create_distributed_table(%s, %s)", (table.sql, wanted.keys[0]))
            created = (known is not None and known.created) or not table.exists
            return (_changed(connection, table) if statements else table), created

    try:
        table, created = patiently(connection, label, attempt)
    except pg.InsufficientPrivilege as error:
        table = read_table(connection, schema, name, stream)
        created = False
        _go_without_stamps(table, wanted, str(error).splitlines()[0])
        if not table.exists or not _fits_without_extras(table, wanted):
            raise WarehouseError(_privilege_advice(connection, schema, name, str(error))) from None
        logger.info("%s belongs to another role: its comments and indexes stay as they are", label)
    except (pg.UniqueViolation, pg.NotNullViolation) as error:
        raise BadSchemaError(
            f"{label} cannot get the primary key ({', '.join(wanted.keys)}): {said(error)}. Remove the rows whose "
            "key is null or comes twice, or load into another schema"
        ) from None
    except pg.UndefinedObject as error:
        raise BadSchemaError(
            f"{label} cannot follow the schema: {said(error)}. A property asks for that type by {SQL_TYPE}: change it in "
            "the tap's catalog, or install the extension that has the type"
        ) from None
    except REFUSED as error:
        if not wanted.stamps:
            raise BadSchemaError(f"{label} cannot follow the schema: {said(error)}") from None
        unstamped = replace(wanted, stamps={})
        table = ensure_table(connection, settings, known=known, stream=stream, name=name, wanted=unstamped)
        _go_without_stamps(table, wanted, said(error))
        return table
    table.created = created
    return table


def _changed(connection: Connection, before: Table) -> Table:
    """Read a table again after it was made or changed, and give its rows room for the columns that it has now."""
    table = read_table(connection, before.schema, before.name, before.stream)
    for statement in widened_row_target(before, table):
        run(connection, statement)
    return table


def _fits_without_extras(table: Table, wanted: Wanted) -> bool:
    """Tell whether rows fit a table as it is; comments and indexes that it lacks are not asked for again."""
    table.commented.update(wanted.comments)
    table.indexed |= set(wanted.indexed)
    return not changes(table, wanted)


def _go_without_stamps(table: Table, wanted: Wanted, reason: str) -> None:
    """Load a table without the columns of STAMPS that the server refuses to add."""
    lacking = lacking_stamps(table, wanted)
    table.unstampable.update(lacking)
    if lacking and table.exists:
        logger.info("%s is loaded without %s: %s", table.label, " and ".join(lacking), reason)


def said(error: psycopg.Error) -> str:
    """Give what the server says of a table that it does not change."""
    parts = [error.diag.message_primary or str(error), error.diag.message_detail or ""]
    if isinstance(error, pg.FeatureNotSupported):
        parts.append("Drop what depends on the column, run again, and make it anew")
    return ". ".join(part.rstrip(".") for part in parts if part)


def _privilege_advice(connection: Connection, schema: str, name: str, said: str) -> str:
    role, _ = _who(connection)
    return (
        f"Role '{role}' may not make or change table '{name}' in schema '{schema}': {said.splitlines()[0]}. Let the "
        f"schema's owner run: GRANT USAGE, CREATE ON SCHEMA {quoted(schema)} TO {quoted(role)}; columns can be "
        "added by the table's owner only."
    )


def open_to_readers(connection: Connection, settings: Settings, table: Table) -> None:
    """Let the roles of `grant_select_to` read a table."""
    let_read(connection, settings, table.sql, partial(wait_for_lock, connection, table.label))


def add_bookkeeping(connection: Connection, settings: Settings, table: Table, *columns: str) -> None:
    """Add the columns that versions need, where a table lacks them."""
    lacking = {column: BOOKKEEPING_TYPES[column] for column in columns if column not in table.columns}
    statements = [
        f"ALTER TABLE {table.sql} ADD COLUMN IF NOT EXISTS {quoted(column)} {kind}"
        for column, kind in lacking.items()
    ]
    if statements:
        alter(connection, settings, table, statements)
        table.columns.update(lacking)


def alter(connection: Connection, settings: Settings, table: Table, statements: Sequence[str]) -> None:
    """Change a table that is there, in a transaction of its own."""

    def attempt() -> None:
        with connection.transaction():
            lock(connection, settings, table.label)
            change(connection, table, statements)

    patiently(connection, table.label, attempt)


def make_stage(connection: Connection, name: str, table: Table, columns: Sequence[Column]) -> None:
    """Make a staging table, which no other session sees and which goes with this one."""
    parts = [
        f"{quoted(column.column)} {column.type}{_collated(table, column)}"
        + (" NOT NULL" if column.column in table.keys else "")
        for column in columns
    ]
    # What is long is better compressed and moved out once, in the table itself.
    options = f" USING heap WITH (toast_tuple_target = {ROW_TARGET_MOST})"
    run(connection, f"CREATE TEMPORARY TABLE {name} ({', '.join(parts)}){options}")


def _collated(table: Table, column: Column) -> str:
    """Compare staged keys as the table does."""
    collation = table.collations.get(column.column)
    return f" COLLATE {collation}" if collation and column.type.family == "text" else ""
