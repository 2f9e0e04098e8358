"""Loads Singer messages from standard input with dlt, as its documentation advises for an upsert into Postgres.

    python dlt_load.py DATASET

Runs in dlt's own environment.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import dlt  # type: ignore[import-not-found,unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {"number": "double", "integer": "bigint", "boolean": "bool"}
_FORMATS = {"date": "date", "date-time": "timestamp"}
_PAGE = 5_000


def _hints(schema: dict[str, Any]) -> dict[str, Any]:
    """Give dlt's column hints for the properties of a SCHEMA message."""
    kinds = {
        name: _FORMATS.get(found.get("format", ""), _KINDS.get(found["type"][1], "text"))
        for name, found in schema["properties"].items()
    }
    return {name: {"data_type": kind, "nullable": name != "id"} for name, kind in kinds.items()}


def _pages() -> Iterator[list[dict[str, Any]]]:
    page: list[dict[str, Any]] = []
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if message["type"] == "RECORD":
            page.append(message["record"])
            if len(page) == _PAGE:
                yield page
                page = []
    yield page


def main(dataset: str) -> None:
    """Load everything into the dataset's table of the stream's name."""
    first = json.loads(sys.stdin.buffer.readline())
    resource = dlt.resource(
        _pages,
        name=first["stream"],
        primary_key="id",
        columns=_hints(first["schema"]),
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )
    pipeline = dlt.pipeline(dataset, destination="postgres", dataset_name=dataset)
    pipeline.run(resource, loader_file_format="csv")


if __name__ == "__main__":
    main(sys.argv[1])
