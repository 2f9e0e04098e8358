"""A stream of accounts, its rows as files, and what its table holds after them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import zstandard

from tests.target.support import BOOLEAN, INTEGER, STRING, schema_message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

PROPERTIES = {
    "id": STRING,
    "name": STRING,
    "amount": {"type": ["null", "number"], "multipleOf": 0.01, "precision": 10, "scale": 2},
    "count": INTEGER,
    "at": {"type": ["null", "string"], "format": "date-time"},
    "is_deleted": BOOLEAN,
    "details": {"type": ["null", "object"]},
}


SCHEMA = schema_message("accounts", PROPERTIES)


RECORDS: list[dict[str, Any]] = [
    {
        "id": "a",
        "name": 'quote " comma , newline \n end',
        "amount": 1.5,
        "count": 1,
        "is_deleted": True,
        "details": {"x": ["y"]},
    },
    {
        "id": "b",
        "name": "",
        "amount": None,
        "count": None,
        "at": "2026-03-29T10:11:12.000Z",
        "is_deleted": False,
    },
    {"id": "c", "name": None, "amount": 12345678.9, "count": -5, "details": {}},
    {"id": "a", "name": "again", "amount": 2, "count": 2, "is_deleted": False},
]


TABLE = (
    "SELECT id, name, amount, count, at::text AS at, is_deleted, details FROM {schema}.accounts ORDER BY id"
)


AFTER: list[tuple[Any, ...]] = [
    ("a", "again", "2.00", 2, None, False, None),
    ("b", "", None, None, "2026-03-29 10:11:12+00", False, None),
    ("c", None, "12345678.90", -5, None, False, {}),
]


def batch(files: Sequence[Path | str], **encoding: Any) -> Any:
    manifest = [str(file) for file in files]
    return {"type": "BATCH", "stream": "accounts", "encoding": encoding, "manifest": manifest}


def table(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    warehouse.execute("SET timezone = 'UTC'")
    rows = warehouse.query(TABLE)
    return [tuple(str(v) if n == "amount" and v is not None else v for n, v in row.items()) for row in rows]


def json_lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(values).encode() + b"\n" for values in records)


def csv_of(names: list[str], rows: list[list[str | None]]) -> bytes:
    """CSV in which NULL is an empty field and every text is quoted."""
    lines: list[Sequence[str | None]] = [names, *rows]
    quoted = [",".join("" if v is None else '"' + v.replace('"', '""') + '"' for v in row) for row in lines]
    return ("\n".join(quoted) + "\n").encode()


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
}
