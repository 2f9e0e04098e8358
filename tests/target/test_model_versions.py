"""Random streams: `received_at` and the histories follow what the model says of each row, commit by commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tests.target.model import Model, ModelTable
from tests.target.streams import (
    ABLE,
    KINDS,
    ROWS,
    SEARCH,
    able_to,
    begin_anew,
    canonical,
    check_tables,
    stored,
    streams,
    with_files,
)
from tests.target.support import load, schema_message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.fix_warehouse import Warehouse


def told(table: ModelTable, row: dict[str, Any]) -> str:
    """A state of a row: the version that brought it is not part of it, nor is a column that is NULL since it was added."""
    marks = {table.mark, "_deleted"}
    values = {
        name: value
        for name, value in row.items()
        if name != "_version" and value is not None and (value or name not in marks)
    }
    return canonical([values])[0]


VALIDITY = ("valid_from", "valid_to", "is_current")


@dataclass
class Schemas:
    """What a later run begins with: of each stream the whole SCHEMA, as only that names the mark of a deleted row."""

    whole: dict[str, dict[str, Any]] = field(default_factory=dict)
    last: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, messages: list[Any]) -> None:
        """Keep what the SCHEMA messages of a run say."""
        for message in messages:
            if message["type"] == "SCHEMA":
                properties = message["schema"]["properties"]
                self.whole[message["stream"]] = self.whole.get(message["stream"], {}) | properties
                self.last[message["stream"]] = message

    def messages(self) -> list[Any]:
        """Of each stream the whole SCHEMA, then the last one."""
        return [
            message
            for name, last in self.last.items()
            for message in (schema_message(name, self.whole[name], last["key_properties"]), last)
        ]


def runs_of(messages: list[Any], cuts: set[int]) -> Iterator[list[Any]]:
    """A stream of messages cut into those of several runs."""
    schemas = Schemas()
    places = sorted({0, len(messages)} | {cut for cut in cuts if cut < len(messages)})
    for first, last in pairwise(places):
        run = [*schemas.messages(), *messages[first:last]]
        schemas.note(run)
        yield run


def contents(table: ModelTable) -> dict[Any, str]:
    """The state of each row."""
    return {key: told(table, row) for key, row in zip(table.rows, table.stored(), strict=True)}


@SEARCH
@given(
    streamed=streams(),
    cuts=st.sets(st.integers(0, 40), max_size=3),
    rows=ROWS,
    able=ABLE,
    by_sdk=st.booleans(),
    kinds=KINDS,
)
def test_a_row_tells_when_it_was_inserted_or_changed(
    streamed: tuple[list[Any], dict[str, bool]],
    *,
    cuts: set[int],
    rows: int,
    able: tuple[bool, bool],
    by_sdk: bool,
    kinds: dict[str, str],
    tmp_path: Path,
    warehouse: Warehouse,
) -> None:
    """Several runs: a later one sets a later time, in the rows only that it changed."""
    messages, _ = streamed
    begin_anew(warehouse)
    model = Model()
    before: dict[tuple[str, int], datetime] = {}
    for run in runs_of(messages, cuts):
        touched: set[tuple[str, int]] = set()
        begun = {name: contents(table) for name, table in model.tables.items()}
        for message in run:
            was = contents(model.tables[message["stream"]]) if message.get("stream") in model.tables else {}
            model.take(message)
            if message["type"] in {"SCHEMA", "STATE"}:
                continue
            now = contents(model.tables[message["stream"]])
            touched |= {(message["stream"], key) for key in now if now[key] != was.get(key)}
        with able_to(warehouse, able):
            files = with_files(run, kinds, tmp_path)
            assert load(warehouse.config(batch_size_rows=rows), files, by_sdk=by_sdk).error is None
        after = {
            (name, row["id"]): row["received_at"]
            for name, table in model.tables.items()
            if table.key
            for row in warehouse.query(f"SELECT id, received_at, uuid_ts FROM {{schema}}.{name}")
            if row["received_at"] == row["uuid_ts"]
        }
        assert len(after) == sum(len(table.rows) for table in model.tables.values() if table.key)
        for (name, key), moment in after.items():
            known = before.get((name, key))
            newest = max((at for (other, _), at in before.items() if other == name), default=None)
            if (name, key) not in touched:
                assert moment == known
            elif begun.get(name, {}).get(key) != contents(model.tables[name])[key]:
                assert newest is None or moment > newest
        before = after
    check_tables(warehouse, model)


def versions_of(warehouse: Warehouse, table: ModelTable, name: str) -> dict[int, list[str]]:
    """The states of each row as its history has them, oldest first, after a look at when they were valid."""
    found: dict[int, list[str]] = {}
    # Of a row that is gone the last version has ended; of every other one it is open, and equal to the row.
    here = {row["id"]: row for row in stored(warehouse, name)}
    rows = stored(warehouse, f"{name}_history")
    for key, group in groupby(
        sorted(rows, key=lambda row: (row["id"], row["valid_from"])), lambda row: row["id"]
    ):
        versions = list(group)
        assert [row["is_current"] for row in versions] == [False] * (len(versions) - 1) + [key in here]
        assert [row["valid_to"] is None for row in versions] == [row["is_current"] for row in versions]
        for one, other in pairwise(versions):
            # Only where the row was removed is there a time between two versions.
            assert one["valid_from"] < one["valid_to"] <= other["valid_from"]
            assert one["valid_to"] == other["valid_from"] or table.removes
        states = [
            told(table, {name: value for name, value in row.items() if name not in VALIDITY})
            for row in versions
        ]
        assert key not in here or states[-1] == told(table, here[key])
        assert table.removes or all(one != other for one, other in pairwise(states))
        found[key] = states
    assert here.keys() <= found.keys()
    return found


def note_states(model: Model, run: list[Any], states: dict[tuple[str, int], list[str]]) -> None:
    """Let the model take messages, and note each new state of a row with a key."""
    for message in run:
        model.take(message)
        if message["type"] in {"SCHEMA", "STATE"} or message["stream"] == "keyless":
            continue
        table = model.tables[message["stream"]]
        for key, row in zip(table.rows, table.stored(), strict=True):
            known = states.setdefault((message["stream"], key), [])
            known += [told(table, row)] if known[-1:] != [told(table, row)] else []


def is_part(some: list[str], whole: list[str]) -> bool:
    """Whether a list is another one with some items left out."""
    rest = iter(whole)
    return all(item in rest for item in some)


@SEARCH
@given(
    streamed=streams(),
    cuts=st.sets(st.integers(0, 40), max_size=3),
    rows=ROWS,
    able=ABLE,
    by_sdk=st.booleans(),
    hard_delete=st.booleans(),
    torn=st.booleans(),
    kinds=KINDS,
)
def test_the_history_has_the_states_that_a_row_had_after_each_commit(
    streamed: tuple[list[Any], dict[str, bool]],
    *,
    cuts: set[int],
    rows: int,
    able: tuple[bool, bool],
    by_sdk: bool,
    hard_delete: bool,
    torn: bool,
    kinds: dict[str, str],
    tmp_path: Path,
    warehouse: Warehouse,
) -> None:
    """Several runs, each of which may be killed at its end before it has committed all, and is run again."""
    messages, _ = streamed
    begin_anew(warehouse)
    model = Model(hard_delete=hard_delete)
    states: dict[tuple[str, int], list[str]] = {}
    config = warehouse.config(batch_size_rows=rows, hard_delete=hard_delete, history=["keyed", "oth*"])
    for run in runs_of(messages, cuts):
        note_states(model, run, states)
        with able_to(warehouse, able):
            files = with_files(run, kinds, tmp_path)
            if torn:
                load(config, files, by_sdk=by_sdk, torn=True)
            assert load(config, files, by_sdk=by_sdk).error is None
    if not torn:
        check_tables(warehouse, model)
    for name, table in model.tables.items():
        if name == "keyless":
            continue
        table.removes = hard_delete
        for key, found in versions_of(warehouse, table, name).items():
            expected = states[name, key]
            if not torn and not hard_delete:
                assert is_part(found, expected)
                assert found == expected or rows > 1 or name in kinds
    assert not any(name.startswith("keyless_") for name in warehouse.table_names())
