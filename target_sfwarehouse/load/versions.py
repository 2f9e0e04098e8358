"""ACTIVATE_VERSION: what a complete version did not bring is deleted at the source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_sfwarehouse.postgres.ddl import add_bookkeeping
from target_sfwarehouse.postgres.identifiers import quoted, with_parameters
from target_sfwarehouse.postgres.schema import DELETED, DELETED_AT, VERSION

if TYPE_CHECKING:
    import psycopg

    from target_sfwarehouse.postgres.schema import Table

__all__ = ["activate"]


def activate(connection: psycopg.Connection[Any], table: Table, version: int, *, hard_delete: bool) -> int:
    """Mark the rows of older versions as deleted, or remove them.

    `is_deleted` is set where the table has it; otherwise `_sdc_deleted_at` gets the time, as the SDK's targets do.

    Args:
        connection: A connection in a transaction that holds the table's lock.
        table: The table.
        version: The version that is complete.
        hard_delete: Remove the rows.

    Returns:
        How many rows were marked or removed.
    """
    marks_boolean = DELETED in table.columns and table.columns[DELETED].name == "boolean"
    needed = (VERSION,) if hard_delete or marks_boolean else (VERSION, DELETED_AT)
    add_bookkeeping(connection, table, *needed)
    older = f"({quoted(VERSION)} IS NULL OR {quoted(VERSION)} < %s)"
    name = with_parameters(table.sql)
    if hard_delete:
        statement = f"DELETE FROM {name} WHERE {older}"  # noqa: S608 - quoted
    elif marks_boolean:
        flag = quoted(DELETED)
        statement = f"UPDATE {name} SET {flag} = true WHERE {older} AND {flag} IS DISTINCT FROM true"  # noqa: S608
    else:
        at = quoted(DELETED_AT)
        statement = f"UPDATE {name} SET {at} = now() WHERE {older} AND {at} IS NULL"  # noqa: S608
    return connection.execute(statement.encode(), (version,)).rowcount
