"""Give columns more room when a value that came does not fit; tell who is in the way where that is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg

from target_sfwarehouse.errors import BadSchemaError
from target_sfwarehouse.postgres.ddl import REFUSED, lock, read_table
from target_sfwarehouse.postgres.schema import quoted
from target_sfwarehouse.postgres.types import widened
from target_sfwarehouse.postgres.waiting import change, patiently, run

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.postgres.casts import Cast
    from target_sfwarehouse.postgres.schema import Table
    from target_sfwarehouse.postgres.types import SqlType

Connection = psycopg.Connection[Any]

VIEWS = """
SELECT DISTINCT CASE v.relkind WHEN 'm' THEN 'MATERIALIZED VIEW ' ELSE 'VIEW ' END || v.oid::regclass::text
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = to_regclass(%s) AND a.attname = %s
AND v.oid <> d.refobjid
ORDER BY 1
"""


def misfits(connection: Connection, stage: str, casts: Sequence[Cast]) -> list[Cast]:
    """Find the columns of which a staged value does not go into the table's column and come out the same."""
    asked = ", ".join(f"coalesce(bool_or({cast.misfit}), false)" for cast in casts)
    try:
        with connection.transaction():
            row = run(connection, f"SELECT {asked} FROM {stage}").fetchone()  # noqa: S608 - quoted
    except (pg.DataError, pg.ProgrammingError):
        # A cast that the server refuses does not say which column it is of.
        return (
            list(casts)
            if len(casts) == 1
            else [found for cast in casts for found in misfits(connection, stage, [cast])]
        )
    assert row is not None
    return [cast for cast, misfit in zip(casts, row, strict=True) if misfit]


def widen(
    connection: Connection,
    settings: Settings,
    table: Table,
    needed: Mapping[str, SqlType],
    aside: Callable[[Connection, Table, Collection[str]], AbstractContextManager[None]],
) -> None:
    """Widen columns of a table, with the target's own views `aside`. Raises BadSchemaError where it may not be."""
    column, statement = "", ""
    for stamp in needed:
        if own := table.own_stamp(stamp):
            raise BadSchemaError(f"a value is no time, but {own}")

    def attempt() -> None:
        nonlocal column, statement
        with connection.transaction():
            lock(connection, settings, table.label)
            found = read_table(connection, table.schema, table.name, table.stream)
            for column, room in needed.items():
                way = widened(found.columns[column], room)
                assert way is not None
                if way.to == found.columns[column]:
                    continue
                name = quoted(column)
                using = way.using.format(column=name)
                statement = f"ALTER TABLE {table.sql} ALTER COLUMN {name} TYPE {way.to}"
                statement += f" USING {using}" if using != name else ""
                with aside(connection, table, [column]):
                    change(connection, table, [statement])
            table.columns = read_table(connection, table.schema, table.name, table.stream).columns

    try:
        patiently(connection, table.label, attempt)
    except REFUSED as error:
        raise BadSchemaError(_refusal(connection, table, column, needed[column], statement, error)) from None


def _refusal(
    connection: Connection, table: Table, column: str, room: SqlType, statement: str, error: psycopg.Error
) -> str:
    views = [view for (view,) in connection.execute(VIEWS, (table.sql, column))]
    why = (
        f"{' and '.join(views)} uses it" if views else (error.diag.message_primary or str(error)).rstrip(".")
    )
    steps = [f"DROP {view}" for view in views] + [statement]
    again = "make what was dropped again, and run again" if views else "and run again"
    return (
        f'a value does not fit column "{column}", which is {table.columns[column]} and cannot become {room}: {why}. '
        f"Let the table's owner run: {'; '.join(steps)}; {again}"
    )
