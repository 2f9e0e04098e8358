"""What a table's history must look like beside the table, whatever the runs were."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from tests.fix_warehouse import STAMPS

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

ASIDE = {*STAMPS, "_sdc_table_version"}


def wrong_versions(warehouse: Warehouse, table: str, key: str) -> list[str]:
    """Say what is wrong: the open version of each row equals it, a row that is gone has none, no two overlap."""
    rows = {row[key]: row for row in warehouse.query(f'SELECT * FROM {{schema}}."{table}"')}
    found = warehouse.query(f'SELECT * FROM {{schema}}."{table}_history" ORDER BY "{key}", valid_from')
    histories = {name: list(versions) for name, versions in groupby(found, lambda row: row[key])}
    wrong = [f"{name} has no version" for name in rows.keys() - histories.keys()]
    for name, versions in histories.items():
        if any(
            one["valid_to"] is None or one["valid_to"] > other["valid_from"]
            for one, other in pairwise(versions)
        ):
            wrong.append(f"{name} has two versions at a time")
        if [version["is_current"] for version in versions] != [False] * (len(versions) - 1) + [name in rows]:
            wrong.append(f"{name} is {'here' if name in rows else 'gone'}, its last version is not")
        wrong += [
            f"{name}: {column} is {value!r}, in its version {versions[-1].get(column)!r}"
            for column, value in rows.get(name, {}).items()
            if column not in ASIDE and versions[-1].get(column) != value
        ]
    return [f"{table}: {what}" for what in wrong]
