"""Values that a column of somebody else's table has no room for, where the warehouse does not let it become wider."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.support import INTEGER, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse


FITS = [1, 2, 4, 6]
WIDE = schema_message("t", {"id": INTEGER, "name": STRING, "size": INTEGER, "note": STRING})


@pytest.mark.parametrize("form", ["records", "csv"])
@pytest.mark.parametrize("policy", ["fail", "quarantine"])
@pytest.mark.parametrize(
    "obstacle",
    [
        "CREATE VIEW {schema}.v AS SELECT name, size FROM {schema}.t",
        "ALTER TABLE {schema}.t ADD loud text GENERATED ALWAYS AS (upper(name)) STORED",
    ],
)
def test_a_value_that_no_column_fits_is_a_bad_record(
    obstacle: str, policy: str, form: str, tmp_path: Path, warehouse: Warehouse
) -> None:
    """Columns that nothing stands in the way of become wider."""
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE TABLE {schema}.t (id int PRIMARY KEY, name varchar(3), size smallint, note varchar(3))"
    )
    warehouse.execute(obstacle)
    rows = [
        {"id": n, "name": "abc" if n in FITS else "abcd", "size": 70000 if n == 3 else n, "note": "a note"}
        for n in range(1, 7)
    ]
    messages: list[Any] = [record("t", row) for row in rows]
    if form == "csv":
        lines = ["id,name,size,note", *(",".join(map(str, row.values())) for row in rows)]
        (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
        messages = [
            {"type": "BATCH", "stream": "t", "encoding": {"format": "csv"}, "manifest": [f"{tmp_path}/a.csv"]}
        ]
    outcome = load(warehouse.config(on_bad_record=policy), [WIDE, *messages, state(1)])

    fitting = FITS if policy == "quarantine" else FITS[:2]
    found = warehouse.query("SELECT id, name, note FROM {schema}.t ORDER BY id")
    assert found == [{"id": n, "name": "abc", "note": "a note"} for n in fitting]
    if policy == "fail":
        assert "key 3, property 'name': a value does not fit column \"name\"" in str(outcome.error)
        assert outcome.states == []
        return
    assert (outcome.error, outcome.states) == (None, [1])
    rejected = warehouse.query("SELECT line, property, message FROM {schema}._rejected ORDER BY message")
    assert [json.loads(row["message"])["record"] for row in rejected] == [rows[2], rows[4]]
    assert [(row["line"], row["property"]) for row in rejected] == [
        (line, "name") for line in ([4, 6] if form == "records" else [2, 2])
    ]
    (counts,) = warehouse.query("SELECT rows_inserted, rows_rejected FROM {schema}._sync_runs")
    assert tuple(counts.values()) == (4, 2)


@pytest.mark.parametrize(
    ("kind", "schema", "fitting", "other", "becomes"),
    [
        ("money", {"type": "number"}, 1.5, 1.555, "numeric"),
        ("money", INTEGER, 3, 2**60, "numeric"),
        ("name", STRING, "short", "x" * 64, "text"),
    ],
)
def test_a_type_that_rounds_or_cuts_without_a_word_becomes_wider(
    kind: str, schema: dict[str, Any], fitting: Any, other: Any, becomes: str, warehouse: Warehouse
) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(f"CREATE TABLE {{schema}}.t (id int PRIMARY KEY, v {kind})")
    message = schema_message("t", {"id": INTEGER, "v": schema})
    for number, value, expected in ((1, fitting, kind), (2, other, becomes)):
        loaded(warehouse.config(), [message, record("t", {"id": number, "v": value})])
        (found,) = warehouse.query("SELECT pg_typeof(v)::text AS kind FROM {schema}.t WHERE id = 1")
        assert found["kind"] == expected
    values = warehouse.query(f"SELECT to_jsonb(v::{becomes}) AS v FROM {{schema}}.t ORDER BY id")
    assert [row["v"] for row in values] == [fitting, other]
