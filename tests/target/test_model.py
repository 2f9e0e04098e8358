"""Any valid stream of messages leaves the tables that the plain-Python model predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import event, given
from hypothesis import strategies as st

from tests.target.model import NARROW, STREAM_MAPS, Model, ModelTable, mapped
from tests.target.streams import (
    ABLE,
    KINDS,
    ROWS,
    SEARCH,
    able_to,
    begin_anew,
    check_tables,
    streams,
    with_files,
)
from tests.target.support import load, loaded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse


@SEARCH
@given(
    streamed=streams(),
    rows=ROWS,
    able=ABLE,
    by_sdk=st.booleans(),
    hard_delete=st.booleans(),
    kinds=KINDS,
    stream_map=st.sampled_from(sorted(STREAM_MAPS)),
)
def test_the_tables_are_what_the_model_predicts(
    streamed: tuple[list[Any], dict[str, bool]],
    *,
    rows: int,
    able: tuple[bool, bool],
    by_sdk: bool,
    hard_delete: bool,
    kinds: dict[str, str],
    stream_map: str,
    tmp_path: Path,
    warehouse: Warehouse,
) -> None:
    messages, _ = streamed
    begin_anew(warehouse)
    model = Model(hard_delete=hard_delete)
    for message in mapped(messages, stream_map):
        model.take(message)
    config = warehouse.config(batch_size_rows=rows, hard_delete=hard_delete)
    if STREAM_MAPS[stream_map]:
        config["stream_maps"] = {"*": STREAM_MAPS[stream_map]}
    with able_to(warehouse, able):
        outcome = load(config, with_files(messages, kinds, tmp_path), by_sdk=by_sdk)
    event(f"records: {sum(m['type'] == 'RECORD' for m in messages) // 10}0s")
    assert outcome.error is None
    sent = [message["value"] for message in messages if message["type"] == "STATE"]
    assert outcome.states[-1:] == sent[-1:]
    assert [s for s in sent if s in outcome.states] == outcome.states
    check_tables(warehouse, model)
    counted = warehouse.query("SELECT * FROM {schema}._sync_runs") if model.tables else []
    for row in counted:
        table = model.tables[row["collection"]]
        assert row["rows_inserted"] + row["rows_updated"] + row["rows_unchanged"] == table.read
        if not hard_delete:
            assert row["rows_inserted"] == len(table.rows)
        # In a batch of more than one row the last record of a key is the only one that counts.
        assert row["rows_marked_deleted"] == table.gone or rows > 1 or kinds


@SEARCH
@given(streamed=streams(), rows=ROWS, able=ABLE, by_sdk=st.booleans(), kinds=KINDS)
def test_columns_of_others_keep_their_types_until_a_value_does_not_fit(
    streamed: tuple[list[Any], dict[str, bool]],
    *,
    rows: int,
    able: tuple[bool, bool],
    by_sdk: bool,
    kinds: dict[str, str],
    tmp_path: Path,
    warehouse: Warehouse,
) -> None:
    """Tables stand before the run, each with a column for most of the properties."""
    messages, _ = streamed
    begin_anew(warehouse)
    warehouse.execute("CREATE SCHEMA {schema}")
    model = Model()
    for name in {message["stream"] for message in messages if message["type"] == "SCHEMA"}:
        keyed = name != "keyless"
        model.tables[name] = ModelTable("id" if keyed else None, columns=list(NARROW), narrow=NARROW)
        columns = ", ".join(f"{column} {narrow.kind}" for column, narrow in NARROW.items())
        key = ", PRIMARY KEY (id)" if keyed else ""
        warehouse.execute(f"CREATE TABLE {{schema}}.{name} ({columns}{key})")
    for message in messages:
        model.take(message)
    with able_to(warehouse, able):
        outcome = load(
            warehouse.config(batch_size_rows=rows), with_files(messages, kinds, tmp_path), by_sdk=by_sdk
        )
    assert outcome.error is None
    check_tables(warehouse, model)
    for name, table in model.tables.items():
        found = warehouse.query(
            "SELECT attname AS name, format_type(atttypid, atttypmod) AS kind FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attname = ANY(%s)",
            f"{warehouse.schema}.{name}",
            list(NARROW),
        )
        assert {row["name"]: row["kind"] for row in found} == table.types()
    event(f"widened: {sum(len(table.widened) for table in model.tables.values())}")


@SEARCH
@given(streamed=streams(bad_dates=True), rows=ROWS, able=ABLE, by_sdk=st.booleans())
def test_rows_that_a_table_refuses_are_left_out(
    streamed: tuple[list[Any], dict[str, bool]],
    *,
    rows: int,
    able: tuple[bool, bool],
    by_sdk: bool,
    warehouse: Warehouse,
) -> None:
    """Tables that stand before the run have a rule that some of the records break."""
    messages, _ = streamed
    begin_anew(warehouse)
    first = {m["stream"]: m for m in reversed(messages) if m["type"] == "SCHEMA"}
    loaded(warehouse.config(sync_runs=False), first.values())
    model = Model()
    for name, message in first.items():
        model.take(message)
        model.tables[name].refuses = "count" in message["schema"]["properties"]
        if model.tables[name].refuses:
            warehouse.execute(f"ALTER TABLE {{schema}}.{name} ADD CHECK (count % 3 <> 0)")
    broken, taken = set(), []
    for message in messages:
        known = sum(table.refused for table in model.tables.values())
        # A bad record that a later one of its batch replaces may never be tried, and then its version is activated.
        if message["type"] == "ACTIVATE_VERSION" and model.tables[message["stream"]].refused and rows > 1:
            continue
        taken.append(message)
        model.take(message)
        if sum(table.refused for table in model.tables.values()) > known:
            broken.add(len(taken))
    config = warehouse.config(batch_size_rows=rows, on_bad_record="quarantine")
    with able_to(warehouse, able):
        outcome = load(config, taken, by_sdk=by_sdk)
    event(f"refused: {len(broken)}")
    assert outcome.error is None
    assert outcome.states[-1:] == [m["value"] for m in messages if m["type"] == "STATE"][-1:]
    check_tables(warehouse, model)
    found = warehouse.query("SELECT to_regclass(%s) IS NOT NULL AS it", f"{warehouse.schema}._rejected")
    lines = warehouse.query("SELECT line FROM {schema}._rejected") if found[0]["it"] else []
    assert {row["line"] for row in lines} <= broken
    for row in warehouse.query("SELECT * FROM {schema}._sync_runs"):
        table = model.tables[row["collection"]]
        done = row["rows_inserted"] + row["rows_updated"] + row["rows_unchanged"] + row["rows_rejected"]
        assert (done, row["rows_inserted"]) == (table.read, len(table.rows))
