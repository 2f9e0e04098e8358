"""The statements that bring staged rows into a table. Each is plain SQL that docs/warehouses.md lists."""

# Every name in these statements is quoted by `schema.quoted`; no value goes into their text.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING

from target_sfwarehouse.postgres.schema import DELETED_AT, METADATA_COLUMNS, VERSION, quoted, with_parameters

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from target_sfwarehouse.postgres.capabilities import Capabilities
    from target_sfwarehouse.postgres.schema import Table

ROW = "_sfw_row"
"""Column that numbers staged rows in their order, while a refused row is looked for."""

TOLD_BY_TEXT = frozenset({"json", "xml", "point", "polygon", "box", "circle", "line", "lseg", "path"})
"""Types without an equality, or with one of their area or length."""

CHANGED = quoted("_sfw_changed")
"""Temporary table with the keys of the rows that the open transaction has written, for the table's history."""

ORDER = "ctid"
"""Tells the order in which the rows of a staging table were written."""


def listed(columns: Sequence[str], prefix: str = "") -> str:
    """List columns, quoted."""
    return ", ".join(prefix + quoted(column) for column in columns)


def noting(change: str, keys: str) -> str:
    """Have a statement that changes or removes rows note their keys in CHANGED."""
    return f"WITH changed AS ({change} RETURNING {keys}) INSERT INTO {CHANGED} SELECT * FROM changed"


def note_marked(table: Table, stage: str) -> str:
    """Statement that notes the staged keys whose rows have a deletion mark of ours."""
    return (
        f"INSERT INTO {CHANGED} SELECT {listed(table.keys, 't.')} FROM {stage} AS s JOIN {table.sql} AS t "
        f"ON {same_key(table.keys, 't', 's')} WHERE t.{quoted(DELETED_AT)} IS NOT NULL"
    )


def same_key(keys: Sequence[str], left: str, right: str) -> str:
    """Condition that two rows have the same key."""
    return " AND ".join(f"{left}.{quoted(key)} = {right}.{quoted(key)}" for key in keys)


def count_keys(stage: str, keys: Sequence[str]) -> str:
    """Statement that counts the distinct keys of a staging table."""
    return f"SELECT count(*) FROM (SELECT 1 FROM {stage} AS s GROUP BY {listed(keys)}) AS keys"


def keep_last(stage: str, keys: Sequence[str]) -> str:
    """Statement that leaves the last row of each key in a staging table."""
    return (
        f"DELETE FROM {stage} WHERE {ORDER} IN (SELECT {ORDER} FROM (SELECT {ORDER}, row_number() OVER "
        f"(PARTITION BY {listed(keys)} ORDER BY {ORDER} DESC) AS place FROM {stage}) AS ranked WHERE place > 1)"
    )


def append(table: Table, source: str, columns: Sequence[str], order: str, stamps: Mapping[str, str]) -> str:
    """Statement that inserts every staged row, in order."""
    written = [column for column in columns if column not in table.unwritten]
    values = ", ".join([*map(quoted, written), *stamps.values()])
    return f"INSERT INTO {table.sql} ({listed([*written, *stamps])}) SELECT {values} FROM {source} AS s ORDER BY {order}"


def differ(table: Table, columns: Sequence[str], left: str, right: str) -> str:
    """Condition that a row changed; empty if no column could tell."""
    aside = {*table.keys, *METADATA_COLUMNS, *table.unwritten}
    compared = [column for column in columns if column not in aside]
    cast = {column: compared_as(table, column) for column in compared}
    mine = ", ".join(f"{left}.{quoted(column)}{cast[column]}" for column in compared)
    theirs = ", ".join(f"{right}.{quoted(column)}{cast[column]}" for column in compared)
    return f"ROW({mine}) IS DISTINCT FROM ROW({theirs})" if compared else ""


def compared_as(table: Table, column: str) -> str:
    """What tells any two values of a column apart: a type may have no equality, or one that is not of the whole value."""
    if table.columns[column].name in TOLD_BY_TEXT:
        return "::text"
    return ' COLLATE "C"' if column in table.collations else ""


def upsert(
    table: Table,
    stage: str,
    columns: Sequence[str],
    able: Capabilities,
    stamps: Mapping[str, str],
    *,
    noted: bool = False,
) -> str:
    """Statement that inserts new rows, updates changed ones, and returns how many of each.

    `stamps` are columns that tell when a row was written, and their value. With `noted` the keys of the rows that it
    writes go to CHANGED.
    """
    differs = differ(table, columns, "t", "s" if able.merge else "excluded")
    written = [column for column in columns if column not in table.unwritten]
    rest = [column for column in written if column not in table.keys]
    named = [f", t.{quoted(key)} AS k{place}" for place, key in enumerate(table.keys)]
    keys = "".join(named) if noted else ""
    overriding = "OVERRIDING SYSTEM VALUE " if table.identities & set(table.keys) else ""
    if able.merge:
        sets = ", ".join([f"{quoted(column)} = s.{quoted(column)}" for column in rest] + _stamped(stamps))
        values = ", ".join([listed(written, "s."), *stamps.values()])
        update = f"WHEN MATCHED AND {differs} THEN UPDATE SET {sets} " if differs else ""
        change = (
            f"MERGE INTO {table.sql} AS t USING {stage} AS s ON {same_key(table.keys, 't', 's')} {update}"
            f"WHEN NOT MATCHED THEN INSERT ({listed([*written, *stamps])}) {overriding}VALUES ({values}) "
            f"RETURNING merge_action() = 'INSERT' AS inserted{keys}"
        )
    else:
        # Citus wants the same value on each node: it is a literal.
        sets = ", ".join(f"{quoted(column)} = excluded.{quoted(column)}" for column in [*rest, *stamps])
        values = ", ".join([listed(written), *stamps.values()])
        action = f"UPDATE SET {sets} WHERE {differs}" if differs else "NOTHING"
        origin = "t.xmax = 0" if able.row_origin else "NULL::boolean"
        change = (
            f"INSERT INTO {table.sql} AS t ({listed([*written, *stamps])}) {overriding}SELECT {values} FROM {stage} AS s "
            f"ON CONFLICT ({listed(table.keys)}) DO {action} RETURNING {origin} AS inserted{keys}"
        )
    if not able.merge and not able.row_origin:
        counts = "count(*), NULL::bigint"
    else:
        counts = "count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted)"
    also = ""
    if noted:
        places = ", ".join(f"k{place}" for place in range(len(table.keys)))
        also = f", noted AS (INSERT INTO {CHANGED} SELECT {places} FROM changed)"
    return f"WITH changed AS ({change}){also} SELECT {counts} FROM changed"


def _stamped(stamps: Mapping[str, str]) -> list[str]:
    return [f"{quoted(column)} = {value}" for column, value in stamps.items()]


def count_matches(table: Table, stage: str) -> str:
    """Statement that counts staged rows whose key the table has, for engines that cannot tell afterwards."""
    return f"SELECT count(*) FROM {stage} AS s JOIN {table.sql} AS t ON {same_key(table.keys, 't', 's')}"


def mark_version(table: Table, stage: str, columns: Sequence[str], stamps: Mapping[str, str]) -> str:
    """Statement that gives unchanged rows the version that brought them, and takes back a deletion mark of ours."""
    revive = DELETED_AT in table.columns and DELETED_AT not in columns
    sets = [f"{quoted(VERSION)} = s.{quoted(VERSION)}"]
    was_marked = f"t.{quoted(DELETED_AT)} IS NOT NULL"
    if revive:
        sets.append(f"{quoted(DELETED_AT)} = NULL")
        sets += [
            f"{quoted(column)} = CASE WHEN {was_marked} THEN {value} ELSE t.{quoted(column)} END"
            for column, value in stamps.items()
        ]
    marked = f" OR {was_marked}" if revive else ""
    return (
        f"UPDATE {table.sql} AS t SET {', '.join(sets)} FROM {stage} AS s WHERE {same_key(table.keys, 't', 's')} "
        f"AND (t.{quoted(VERSION)} IS DISTINCT FROM s.{quoted(VERSION)}{marked})"
    )


def number_rows(numbered: str, stage: str, columns: Sequence[str]) -> list[str]:
    """Statements that make a copy of a staging table whose rows are numbered from 1 in their order."""
    number = f"row_number() OVER (ORDER BY {ORDER}) AS {quoted(ROW)}"
    return [
        f"CREATE TEMPORARY TABLE {numbered} USING heap AS SELECT {listed(columns)}, {number} FROM {stage}",
        f"CREATE INDEX ON {numbered} ({quoted(ROW)})",
    ]


def part(numbered: str, first: int, last: int, keys: Sequence[str]) -> str:
    """Query, in parentheses, for numbered rows; the last one of each key, if there are keys."""
    chosen = f"FROM {numbered} WHERE {quoted(ROW)} BETWEEN {first} AND {last}"
    if not keys:
        return f"(SELECT * {chosen})"
    return f"(SELECT DISTINCT ON ({listed(keys)}) * {chosen} ORDER BY {listed(keys)}, {quoted(ROW)} DESC)"


def remove_rows(stage: str) -> str:
    """Statement, with numbers as its parameter, that removes rows of a staging table by their places in its order."""
    numbered = f"SELECT {ORDER} AS place, row_number() OVER (ORDER BY {ORDER}) AS number FROM {stage}"
    return (
        f"DELETE FROM {stage} WHERE {ORDER} IN (SELECT place FROM ({numbered}) AS n WHERE number = ANY (%s))"
    )


def row_as_json(numbered: str, columns: Sequence[str], number: int) -> str:
    """Statement that returns a numbered row as the text of a JSON object."""
    row = quoted(ROW)
    return (
        f"SELECT row_to_json({row})::text FROM (SELECT {listed(columns)} FROM {numbered} WHERE {row} = {number}) "
        f"AS {row}"
    )


def _older() -> str:
    return f"({quoted(VERSION)} IS NULL OR {quoted(VERSION)} < %s)"


def is_marked(table: Table, marks: Collection[str], prefix: str = "") -> str:
    """Condition that a row is marked as deleted; empty without a column that could tell."""
    return " OR ".join(
        f"{prefix}{quoted(column)} IS {'TRUE' if table.columns[column].name == 'boolean' else 'NOT NULL'}"
        for column in marks
        if column in table.columns
    )


def any_marked(table: Table, stage: str, marks: Sequence[str]) -> str:
    """Statement that returns 1 if a staged row is marked as deleted, else 0."""
    return f"SELECT EXISTS (SELECT 1 FROM {stage} AS s WHERE {is_marked(table, marks, 's.')})::integer"


def count_gone(table: Table, stage: str, marks: Sequence[str], *, lookups: bool) -> str:
    """Statement that counts the rows that staged ones will mark as deleted, which they are not yet.

    They are few. With `lookups` each is looked up by its key: the planner, which knows nothing of a staging table, would
    read the whole table. An engine of many nodes has no way for that.
    """
    same = f"{same_key(table.keys, 't', 's')} AND ({is_marked(table, marks, 't.')}) IS NOT TRUE"
    marked = f"(SELECT * FROM {stage} AS s WHERE {is_marked(table, marks, 's.')}) AS s"
    if not lookups:
        return f"SELECT count(*) FROM {marked} JOIN {table.sql} AS t ON {same}"
    return f"SELECT count(*) FROM {marked} CROSS JOIN LATERAL (SELECT 1 FROM {table.sql} AS t WHERE {same} LIMIT 1) AS found"


def count_older(table: Table, marks: Sequence[str]) -> str:
    """Statement, with a version as its parameter, that counts the rows that it did not bring and that are not marked."""
    marked = with_parameters(is_marked(table, marks, "t.")) or "false"
    return (
        f"SELECT count(*) FROM {with_parameters(table.sql)} AS t WHERE {_older()} AND ({marked}) IS NOT TRUE"
    )


def remove_older(table: Table) -> str:
    """Statement, likewise, that removes the rows that the version did not bring."""
    return f"DELETE FROM {with_parameters(table.sql)} WHERE {_older()}"


def mark_older(table: Table, marks: Sequence[str], stamps: Mapping[str, str]) -> str:
    """Statement, likewise, that marks them: true in a boolean column, the time in any other."""
    names = {column: with_parameters(quoted(column)) for column in marks}
    flags = {column for column in marks if table.columns[column].name == "boolean"}
    sets = [
        f"{name} = {'true' if column in flags else f'coalesce({name}, now())'}"
        for column, name in names.items()
    ] + _stamped(stamps)
    unmarked = [
        f"{name} IS DISTINCT FROM true" if column in flags else f"{name} IS NULL"
        for column, name in names.items()
    ]
    return f"UPDATE {with_parameters(table.sql)} SET {', '.join(sets)} WHERE {_older()} AND ({' OR '.join(unmarked)})"
