"""The statements that keep a table's history: a row for each state that a row of the table had, and when."""

# Every name in these statements is quoted by `schema.quoted`; no value but a time goes into their text.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING

from target_sfwarehouse.errors import BadSchemaError
from target_sfwarehouse.postgres.schema import METADATA_COLUMNS, VALIDITY, identifier, quoted
from target_sfwarehouse.postgres.sql import CHANGED, differ, listed, same_key
from target_sfwarehouse.postgres.types import widened

if TYPE_CHECKING:
    from target_sfwarehouse.postgres.schema import Table
    from target_sfwarehouse.postgres.types import SqlType


def history_name(table: str) -> str:
    """Name the history of a table."""
    return identifier(f"{table}_history")


def tracked(table: Table) -> dict[str, SqlType]:
    """Give the columns whose values make a version: all but those about the loading."""
    aside = {*METADATA_COLUMNS, *table.stamped}
    return {
        column: kind for column, kind in table.columns.items() if column not in aside or column in table.keys
    }


def history_changes(history: Table, table: Table) -> list[str]:
    """Plan the statements that make a history fit its table. Raises BadSchemaError where it is something else."""
    columns = tracked(table)
    if taken := set(VALIDITY) & columns.keys():
        raise BadSchemaError(
            f"{table.label} cannot have a history: its column '{min(taken)}' is one that a history has. Take the table "
            "out of the setting `history`, or rename the property"
        )
    if not history.exists:
        return _create(history, table)
    if missing := set(VALIDITY) - history.columns.keys():
        raise BadSchemaError(
            f"{history.label} is no history of {table.label}: it has no column '{min(missing)}'. Rename it, or take the "
            "table out of the setting `history`"
        )
    statements = []
    for column, kind in columns.items():
        name = quoted(column)
        if column not in history.columns:
            statements.append(f"ALTER TABLE {history.sql} ADD COLUMN {_definition(table, column)}")
        elif history.columns[column] != kind:
            way = widened(history.columns[column], kind)
            using = (
                way.using.format(column=name)
                if way is not None and way.to == kind
                else f"{name}::text::{kind}"
            )
            statements.append(f"ALTER TABLE {history.sql} ALTER COLUMN {name} TYPE {kind} USING {using}")
    return statements


def retyped(history: Table, table: Table) -> list[str]:
    """Name the columns of a history whose types are to change."""
    return [column for column, kind in tracked(table).items() if history.columns.get(column, kind) != kind]


def _create(history: Table, table: Table) -> list[str]:
    keys = listed(table.keys)
    columns = ", ".join(_definition(table, column) for column in tracked(table))
    validity = (
        "valid_from timestamp with time zone, valid_to timestamp with time zone, is_current boolean NOT NULL"
    )
    return [
        f"CREATE TABLE {history.sql} ({columns}, {validity}, PRIMARY KEY ({keys}, valid_from)) USING heap"
    ]


def _definition(table: Table, column: str) -> str:
    collation = f" COLLATE {table.collations[column]}" if column in table.collations else ""
    default = " DEFAULT false" if table.defaults.get(column) == "false" else ""
    return f"{quoted(column)} {table.columns[column]}{collation}{default}"


def begin(table: Table) -> str:
    """Statement that makes CHANGED for a transaction."""
    return f"CREATE TEMPORARY TABLE {CHANGED} ON COMMIT DROP AS SELECT {listed(table.keys)} FROM {table.sql} WHERE false"


def note_all(table: Table) -> str:
    """Statement that notes every row of the table."""
    return f"INSERT INTO {CHANGED} SELECT {listed(table.keys)} FROM {table.sql}"


def keep(history: Table, table: Table, moment: str) -> str:
    """Statement that ends the open version of each noted row that is gone or has other values, and begins those that lack.

    A version is found by its place: nobody else writes the history while the table's lock is held.
    """
    columns = list(tracked(table))
    place, key = quoted("_sfw_place"), quoted(table.keys[0])
    latest = (
        f"SELECT o.ctid AS {place}, {listed(columns, 'o.')} FROM {history.sql} AS o "
        f"WHERE {same_key(table.keys, 'o', 'c')} AND o.is_current ORDER BY o.valid_from DESC LIMIT 1"
    )
    differs = differ(table, columns, "h", "t")
    return (
        f"WITH d AS (SELECT h.{place}, {listed(columns, 't.')} FROM (SELECT DISTINCT * FROM {CHANGED}) AS c "
        f"LEFT JOIN {table.sql} AS t ON {same_key(table.keys, 'c', 't')} LEFT JOIN LATERAL ({latest}) AS h ON true "
        f"WHERE (h.{place} IS NULL) <> (t.{key} IS NULL){f' OR {differs}' if differs else ''}), "
        f"closed AS (UPDATE {history.sql} AS h SET valid_to = {moment}, is_current = false FROM d WHERE h.ctid = d.{place}) "
        f"INSERT INTO {history.sql} ({listed(columns)}, valid_from, is_current) "
        f"SELECT {listed(columns)}, {moment}, true FROM d WHERE {key} IS NOT NULL"
    )
