"""Rows of another source, such as another org, in a table that holds one's: refused or allowed, never silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_sfwarehouse.config import Settings
from target_sfwarehouse.load.sources import Sources
from tests.target.support import INTEGER, STRING, Outcome, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

PROPERTIES = {"id": INTEGER, "name": STRING}
FIRST, SECOND = "salesforce:00D000000000001", "salesforce:00D000000000002"


def messages(source: str | None, *ids: int, stream: str = "accounts", keys: tuple[str, ...] = ("id",)) -> Any:
    named = {} if source is None else {"x-source": source}
    schema = schema_message(stream, PROPERTIES, keys, **named)
    rows = [record(stream, {"id": n, "name": source}) for n in ids]
    return [schema, *rows, state({"of": source})]


def names(warehouse: Warehouse, table: str = "accounts") -> dict[int, str]:
    return {row["id"]: row["name"] for row in warehouse.query(f"SELECT id, name FROM {{schema}}.{table}")}


def sources(warehouse: Warehouse) -> dict[str, str]:
    found = warehouse.query("SELECT collection, source FROM {schema}._sources")
    return {row["collection"]: row["source"] for row in found}


def refused(warehouse: Warehouse, outcome: Outcome, line: int = 1) -> None:
    assert str(outcome.error) == (
        f"line {line}, stream 'accounts': table {warehouse.schema}.accounts holds rows of {FIRST}, and these are of "
        f"{SECOND}. Load into another schema, or set `on_other_source` to `allow` to have both in one schema"
    )


@pytest.mark.parametrize("method", ["upsert", "append-only", "overwrite"])
def test_another_sources_rows_are_refused_before_a_row_is_touched(method: str, warehouse: Warehouse) -> None:
    config = warehouse.config(load_method=method)
    loaded(config, messages(FIRST, 1, 2))

    outcome = load(config, messages(SECOND, 2, 3))

    refused(warehouse, outcome)
    assert outcome.states == []
    assert names(warehouse) == {1: FIRST, 2: FIRST}
    assert sources(warehouse) == {"accounts": FIRST}
    loaded(config, messages(FIRST, 4))
    assert names(warehouse)[4] == FIRST


def test_what_came_before_the_refused_stream_is_committed(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), messages(FIRST, 1))

    outcome = load(warehouse.config(), [*messages(FIRST, 7, stream="leads"), *messages(SECOND, 2)])

    refused(warehouse, outcome, line=4)
    assert outcome.states == [{"of": FIRST}]
    assert sources(warehouse) == {"accounts": FIRST, "leads": FIRST}


def test_another_sources_rows_are_refused_in_a_table_beside_as_well(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), messages(FIRST, 1))

    outcome = load(warehouse.config(), messages(SECOND, 2, stream="leads"))

    told = (
        f"stream 'leads': table {warehouse.schema}.accounts holds rows of {FIRST}, and these are of {SECOND}."
    )
    assert told in str(outcome.error)
    assert "leads" not in warehouse.table_names()
    assert sources(warehouse) == {"accounts": FIRST}
    loaded(warehouse.config(on_other_source="allow"), messages(SECOND, 2, stream="leads"))
    assert sources(warehouse) == {"accounts": FIRST, "leads": SECOND}


def test_the_record_moves_on_where_the_settings_allow_another_source(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), messages(FIRST, 1, 2))
    loaded(warehouse.config(on_other_source="allow"), messages(SECOND, 2, 3))

    assert names(warehouse) == {1: FIRST, 2: SECOND, 3: SECOND}
    assert sources(warehouse) == {"accounts": SECOND}
    loaded(warehouse.config(), messages(SECOND, 4))


def test_a_schema_that_names_no_source_is_never_compared(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), messages(None, 1))
    assert "_sources" not in warehouse.table_names()
    loaded(warehouse.config(), messages(FIRST, 2))  # a warehouse of an earlier version: the first run records
    loaded(warehouse.config(), messages(None, 3))

    assert sources(warehouse) == {"accounts": FIRST}
    assert set(names(warehouse)) == {1, 2, 3}


def test_a_partial_row_is_of_a_source_too(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), messages(FIRST, 1))
    narrow = schema_message("accounts", {"id": INTEGER}, **{"x-source": SECOND})

    refused(warehouse, load(warehouse.config(), [narrow, record("accounts", {"id": 2})]))
    refused(
        warehouse, load(warehouse.config(), [*messages(FIRST, 5), narrow, record("accounts", {"id": 6})]), 4
    )

    assert set(names(warehouse)) == {1, 5}


@pytest.mark.parametrize("maps", [{"accounts": {"twice": "id * 2"}}, {"raw": {"__alias__": "accounts"}}])
def test_mapped_streams_keep_their_source(maps: dict[str, Any], warehouse: Warehouse) -> None:
    config = warehouse.config(stream_maps=maps)
    (stream,) = maps
    loaded(config, messages(FIRST, 1, stream=stream))
    assert sources(warehouse) == {"accounts": FIRST}

    outcome = load(config, messages(SECOND, 2, stream=stream))

    assert f"holds rows of {FIRST}, and these are of {SECOND}" in str(outcome.error)
    assert set(names(warehouse)) == {1}


@pytest.mark.parametrize("statement", ["DROP TABLE {schema}.accounts", "TRUNCATE {schema}.accounts"])
def test_a_table_without_rows_takes_any_source(statement: str, warehouse: Warehouse) -> None:
    loaded(warehouse.config(), messages(FIRST, 1))
    warehouse.execute(statement)

    loaded(warehouse.config(), messages(SECOND, 2))

    assert sources(warehouse) == {"accounts": SECOND}
    assert names(warehouse) == {2: SECOND}


def test_a_run_that_ends_before_its_first_commit_records_nothing(warehouse: Warehouse) -> None:
    load(warehouse.config(), messages(FIRST, 1)[:-1], torn=True)
    assert sources(warehouse) == {}

    loaded(warehouse.config(), messages(SECOND, 2))

    assert names(warehouse) == {2: SECOND}


def test_two_runs_of_two_sources_at_once(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other run commits after this one's SCHEMA came and before its rows do."""
    loaded(warehouse.config(), messages(FIRST, stream="accounts")[:1])
    claim = Sources.claim

    def later(self: Sources, *arguments: Any) -> None:
        monkeypatch.setattr(Sources, "claim", claim)
        warehouse.execute("INSERT INTO {schema}.accounts VALUES (1, 'first')")
        warehouse.execute(f"INSERT INTO {{schema}}._sources VALUES ('accounts', '{FIRST}')")
        claim(self, *arguments)

    monkeypatch.setattr(Sources, "claim", later)

    outcome = load(warehouse.config(), messages(SECOND, 2))

    assert f"holds rows of {FIRST}, and these are of {SECOND}" in str(outcome.error)
    assert (outcome.states, names(warehouse)) == ([], {1: "first"})


def test_a_role_that_may_make_no_table_is_told(
    warehouse: Warehouse, loader: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    role, url = loader
    config = warehouse.config(sqlalchemy_url=url, sync_runs=False)
    loaded(config, messages(None, 1))
    warehouse.execute("ALTER SCHEMA {schema} OWNER TO CURRENT_USER")
    warehouse.execute(f"GRANT USAGE ON SCHEMA {{schema}} TO {role}")

    loaded(config, messages(FIRST, 2))

    assert set(names(warehouse)) == {1, 2}
    (told,) = [
        r.getMessage() for r in caplog.records if "rows of another source would not be" in r.getMessage()
    ]
    assert (
        f'CREATE TABLE IF NOT EXISTS "{Settings(schema=warehouse.schema).target_schema}"."_sources"' in told
    )
