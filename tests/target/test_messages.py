"""Each file in tests/messages is a run: the `.singer` file what comes in, the `.json` file what must be there after.

A bug report becomes a test by putting two files there. Rows are compared in order, cells as JSON; "*" stands for any
value but NULL. A case whose numbers JSON readers would round gives them as text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.support import load

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

MESSAGES = Path(__file__).parent.parent / "messages"
CASES = sorted(path.stem for path in MESSAGES.glob("*.singer"))

TYPES = """
SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('received_at', 'uuid_ts')
ORDER BY attnum
"""


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("path", ["fast", "by the SDK"])
def test_the_table_holds_what_the_messages_say(case: str, path: str, warehouse: Warehouse) -> None:
    expected = json.loads((MESSAGES / f"{case}.json").read_text())
    config = warehouse.config(**expected.get("config", {}))
    outcome = load(config, [(MESSAGES / f"{case}.singer").read_bytes()], by_sdk=path == "by the SDK")
    error = expected.get("error", "").format(schema=warehouse.schema)
    assert (outcome.error is not None) == bool(error), outcome.error
    assert str(outcome.error or "").startswith(error)
    for table, content in expected["tables"].items():
        assert types_of(warehouse, table) == content["types"]
        assert matches(rows_of(warehouse, table, content), content["rows"]), rows_of(
            warehouse, table, content
        )
    if "states" in expected:
        assert outcome.states == expected["states"]


def name_of(warehouse: Warehouse, table: str) -> str:
    return f'"{warehouse.schema}"."' + table.replace('"', '""') + '"'


def types_of(warehouse: Warehouse, table: str) -> dict[str, str]:
    return {row["name"]: row["type"] for row in warehouse.query(TYPES, name_of(warehouse, table))}


def rows_of(warehouse: Warehouse, table: str, content: dict[str, Any]) -> list[dict[str, Any]]:
    as_text = any(isinstance(row.get(column), str) for row in content["rows"] for column in exact(content))
    order = ", ".join('"' + column.replace('"', '""') + '"' for column in list(content["types"])[:2])
    row = "to_jsonb(whole_row) - ARRAY['received_at', 'uuid_ts']"
    found = warehouse.query(
        f"SELECT {row} AS row FROM {name_of(warehouse, table)} AS whole_row ORDER BY {order}"
    )
    rows: list[dict[str, Any]] = [row["row"] for row in found]
    if as_text:
        columns = ", ".join(f'"{column}"::text' for column in exact(content))
        texts = warehouse.query(f"SELECT {columns} FROM {name_of(warehouse, table)} ORDER BY {order}")
        rows = [row | text for row, text in zip(rows, texts, strict=True)]
    return rows


def exact(content: dict[str, Any]) -> list[str]:
    return [column for column, kind in content["types"].items() if kind.startswith(("numeric", "double"))]


def matches(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    return len(found) == len(expected) and all(
        found_row.keys() == row.keys()
        and all(
            found_row[name] is not None if value == "*" else found_row[name] == value
            for name, value in row.items()
        )
        for found_row, row in zip(found, expected, strict=True)
    )
