"""Compare the tables of the warehouse with the org's own store, field by field, by SQL alone.

The names of tables and columns are worked out here once more from the published rule, without the tap.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from salesforce_simulator.org import Org
    from salesforce_simulator.schema import Field, SObject
    from tests.fix_warehouse import Warehouse

NUMBERS = frozenset({"double", "currency", "percent", "int", "long"})

NOT_LOADED = frozenset({"address", "location", "base64"})
"""Compound fields have no column, their parts do; file contents are loaded only on request."""


def column_of(api_name: str) -> str:
    """Segment's rule, written the long way round: letter by letter."""
    out: list[str] = []
    before = ""
    for letter in api_name:
        if not re.match(r"[A-Za-z0-9]", letter):
            letter = "_"  # noqa: PLW2901 - every run of other characters becomes one underscore
        starts_word = (before.islower() and (letter.isupper() or letter.isdigit())) or (
            before.isdigit() and letter.isalpha()
        )
        if starts_word:
            out.append("_")
        if not (letter == "_" and out and out[-1] == "_"):
            out.append(letter)
        before = letter
    return "".join(out).lower()


def table_of(sobject: SObject) -> str:
    return sobject.collection or column_of(sobject.name)


def columns_of(sobject: SObject) -> dict[str, Field]:
    """Column name to field; of two that would share a name, the one whose API name sorts later gets a number."""
    found: dict[str, Field] = {}
    for name in sorted(sobject.fields):
        field = sobject.fields[name]
        if field.type in NOT_LOADED:
            continue
        column, count = column_of(name), 1
        while column in found:
            count += 1
            column = f"{column_of(name)}_{count}"
        found[column] = field
    return found


def expected_value(field: Field, value: Any) -> Any:
    """A value of the org's store as psycopg would hand it out of a column of the right type."""
    if value is None or value == "":
        return None  # Bulk has no empty text, so the tap has none either
    if field.type == "datetime":
        return datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", value)).astimezone(UTC)
    if field.type == "date":
        return date.fromisoformat(value)
    if field.type == "time":
        return time.fromisoformat(value.rstrip("Z"))
    if field.type in NUMBERS:
        return Decimal(str(value))
    return value


def loaded_value(field: Field, value: Any) -> Any:
    """A value of the warehouse, with what SQL's types allow for in more than one way made one."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if field.type == "time" and isinstance(value, str):
        return time.fromisoformat(value.rstrip("Z"))
    if field.type == "time" and isinstance(value, time):
        return value.replace(tzinfo=None)
    if field.type in NUMBERS and value is not None:
        assert isinstance(value, int | Decimal), (
            f"{field.name} is {type(value).__name__}, not an exact number"
        )
        return Decimal(value)
    return value


def differences(warehouse: Warehouse, org: Org, objects: Iterable[str] | None = None) -> list[str]:
    """Say where a table differs from its object; empty when every field of every row is equal."""
    found: list[str] = []
    for name in objects or selected_objects(org):
        sobject = org.object(name)
        found += _differences_of(warehouse, org, sobject)
    return found


def selected_objects(org: Org) -> list[str]:
    """The objects among the 48 collections that this org has and lets query."""
    return [
        sobject.name for sobject in org.schema.objects.values() if sobject.collection and sobject.queryable
    ]


def _differences_of(warehouse: Warehouse, org: Org, sobject: SObject) -> list[str]:
    table = table_of(sobject)
    columns = columns_of(sobject)
    expected = {row["Id"]: row for row in org.rows(sobject.name)}
    if table not in warehouse.table_names():
        return [f"{table}: no table for {len(expected)} rows"] if expected else []
    selected = sql.SQL("SELECT * FROM {}").format(sql.Identifier(warehouse.schema, table))
    loaded = {row["id"]: row for row in warehouse.connection.execute(selected)}
    found = [f"{table}: {key} is missing" for key in expected.keys() - loaded.keys()]
    found += [f"{table}: {key} is not in the org" for key in loaded.keys() - expected.keys()]
    for key in expected.keys() & loaded.keys():
        for column, field in columns.items():
            if column not in loaded[key]:
                found.append(f"{table}.{column}: no such column")
                continue
            want = expected_value(field, expected[key][field.name])
            have = loaded_value(field, loaded[key][column])
            if want != have or type(want) is not type(have):
                found.append(f"{table}.{column} of {key}: {have!r}, but the org has {want!r}")
        if "IsDeleted" not in sobject.fields and loaded[key]["is_deleted"] is not False:
            found.append(f"{table}.is_deleted of {key}: {loaded[key]['is_deleted']!r}")
    return found
