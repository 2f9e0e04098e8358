"""Random streams for the target, also as files, and its tables beside those that the model predicts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pyarrow
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pyarrow import parquet

from target_sfwarehouse.postgres import capabilities
from tests.levels import at_level
from tests.target.support import record, schema_message, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse
    from tests.target.model import Model

EXAMPLES = at_level(normal=40, wide=300, long=1500)

PROPERTIES: dict[str, Any] = {
    "name": {"type": ["null", "string"]},
    'odd "name"': {"type": ["null", "string"]},
    "count": {"type": ["null", "integer"]},
    "amount": {"type": ["null", "number"], "multipleOf": 0.0001},
    "plain": {"type": ["null", "number"]},
    "at": {"type": ["null", "string"], "format": "date-time"},
    "flag": {"type": ["null", "boolean"]},
    "details": {"type": ["null", "object", "array"]},
    "is_deleted": {"type": ["null", "boolean"]},
    "IsDeleted": {"type": ["null", "boolean"], "x-soft-delete": True},
}

texts = st.one_of(
    st.sampled_from(
        [
            "",
            "null",
            "NULL",
            "\\",
            "\\.",
            "\\N",
            '"',
            '""',
            ",",
            "\n",
            "\r\n",
            "\t",
            "]\n[",
            "\0",
            "a\0b",
            "\\u0000",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text(st.sampled_from('\\"\n\r\t,\x00\x01\x1f\x7f{}[]nu'), max_size=12),
)
amounts = st.integers(-(10**9), 10**9).map(lambda n: float(Decimal(n).scaleb(-4)))
moments = st.builds(
    datetime.isoformat,
    st.datetimes(
        datetime(1000, 1, 1),  # noqa: DTZ001 - the offset comes from `timezones`
        datetime(9000, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))),
    ),
    st.sampled_from("T "),
)
NO_MOMENTS = ["01/02/2024", "now", "tomorrow", "infinity", "Jan 2, 2024", "soon"]
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": texts,
    'odd "name"': texts,
    "count": st.integers(-(2**63), 2**63 - 1),
    "amount": amounts,
    "plain": st.floats(allow_nan=False, allow_infinity=False),
    "at": moments,
    "flag": st.booleans(),
    "details": st.dictionaries(texts, documents, max_size=3) | st.lists(documents, max_size=3),
    "is_deleted": st.booleans(),
    "IsDeleted": st.booleans(),
}


@st.composite
def streams(draw: st.DrawFn, *, bad_dates: bool = False) -> tuple[list[Any], dict[str, bool]]:
    """Messages of up to three streams, and which of them have versions."""
    names = ["keyed", "other", "keyless"][: draw(st.integers(1, 3))]
    versioned = {name: draw(st.booleans()) for name in names}
    marks = {name: draw(st.sampled_from(["is_deleted", "IsDeleted"])) for name in names}
    pools: dict[str, list[str]] = {}
    for name in names:
        choice = sorted(PROPERTIES.keys() - {"is_deleted", "IsDeleted"} | {marks[name]})
        pools[name] = draw(st.lists(st.sampled_from(choice), min_size=1, unique=True))
    messages: list[Any] = []
    current: dict[str, list[str]] = {}
    for number in range(draw(st.integers(1, 40))):
        name = draw(st.sampled_from(names))
        action = draw(st.sampled_from("rrrrrrrrsssav"))
        if name not in current or action == "s":
            chosen = (
                pools[name]
                if draw(st.booleans())
                else draw(st.lists(st.sampled_from(pools[name]), unique=True))
            )
            if name == "keyless":  # it has no key to merge partial rows by
                chosen = list(dict.fromkeys([*current.get(name, ()), *chosen]))
            current[name] = chosen
            keys = [] if name == "keyless" else ["id"]
            # The key may stand anywhere among the properties.
            order = draw(st.permutations(["id", *chosen]))
            properties = {"id": {"type": "integer"}} | PROPERTIES
            messages.append(schema_message(name, {p: properties[p] for p in order}, keys))
        elif action == "a":
            messages.append(state({"n": number}))
        elif action == "v" and versioned[name]:
            messages.append({"type": "ACTIVATE_VERSION", "stream": name, "version": number // 8})
        else:
            values: dict[str, Any] = {"id": draw(st.integers(1, 4))}
            for chosen_property in current[name]:
                if draw(st.integers(0, 3)):
                    values[chosen_property] = draw(st.none() | VALUES[chosen_property])
                    if chosen_property == "at" and bad_dates and draw(st.integers(0, 3)) == 0:
                        values["at"] = draw(st.sampled_from(NO_MOMENTS))
            extra = {"version": number // 8} if versioned[name] else {}
            messages.append(record(name, values, **extra))
    return messages, versioned


def cell(value: Any) -> str:
    """A value in a CSV file; text is always quoted."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return '"' + text.replace('"', '""') + '"' if isinstance(value, str | dict | list) else text


def file_of(kind: str, rows: list[dict[str, Any]], path: Path) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if kind == "csv":
        lines = [list(map(cell, names)), *([cell(row.get(name)) for name in names] for row in rows)]
        path.write_text("".join(",".join(line) + "\n" for line in lines), newline="")
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        whole = [{name: row.get(name) for name in names} for row in rows]
        parquet.write_table(pyarrow.Table.from_pylist(whole), path)


def with_files(messages: list[Any], kinds: dict[str, str], directory: Path) -> list[Any]:
    """The same messages, where records that follow each other come in a file, if their stream has a kind of file."""
    found: list[Any] = []
    for (stream, version), group in groupby(messages, lambda m: (m.get("stream"), m.get("version"))):
        together = list(group)
        for is_record, part in groupby(together, lambda m: m["type"] == "RECORD"):
            rows = list(part)
            kind = kinds.get(stream, "record")
            if not is_record or kind == "record":
                found += rows
                continue
            values = [row["record"] for row in rows]
            if kind == "parquet" and any("details" in each for each in values):
                kind = "jsonl"  # a column of Parquet has one type
            path = directory / f"{len(found)}.{kind}"
            file_of(kind, values, path)
            message = {
                "type": "BATCH",
                "stream": stream,
                "encoding": {"format": kind},
                "manifest": [str(path)],
            }
            found.append(message | ({} if version is None else {"version": version}))
    return found


def canonical(rows: list[dict[str, Any]]) -> list[str]:
    def text(value: Any) -> str:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value.astimezone(UTC).isoformat()

    return sorted(json.dumps({**row}, default=text, sort_keys=True) for row in rows)


def stored(warehouse: Warehouse, table: str) -> list[dict[str, Any]]:
    names = {"_sdc_table_version": "_version", "_sdc_deleted_at": "_deleted"}
    rows = warehouse.query(f'SELECT * FROM {{schema}}."{table}"')
    found = [{names.get(name, name): value for name, value in row.items()} for row in rows]
    return [row | ({"_deleted": row["_deleted"] is not None} if "_deleted" in row else {}) for row in found]


def able_to(warehouse: Warehouse, able: tuple[bool, bool]) -> Any:
    """The server as if it could do no more: MERGE with RETURNING, where it can, and the origin of rows."""
    merge = able[0] and warehouse.connection.info.server_version >= capabilities.MERGE_RETURNING
    less = capabilities.Capabilities(merge=merge, row_origin=able[1])
    return patch("target_sfwarehouse.postgres.capabilities.detect", lambda _connection: less)


def begin_anew(warehouse: Warehouse) -> None:
    """Drop what an earlier example left, whose columns a prepared statement would remember."""
    warehouse.connection.prepare_threshold = None
    warehouse.execute("DROP SCHEMA IF EXISTS {schema} CASCADE")


SEARCH = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
ROWS = st.sampled_from([1, 2, 3, 7, 50_000])
ABLE = st.sampled_from([(True, True), (False, True), (False, False)])


def check_tables(warehouse: Warehouse, model: Model) -> None:
    for name, table in model.tables.items():
        expected = [dict(row) for row in table.stored()]
        for row in expected:
            if "_deleted" in row:
                row["_deleted"] = bool(row["_deleted"])
        assert canonical(stored(warehouse, name)) == canonical(expected)


KINDS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("keyed", "other", "keyless"), st.sampled_from(["csv", "jsonl", "parquet"]))
)
