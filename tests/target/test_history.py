"""`<table>_history` has each state that a row had, and from when to when."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.support import BOOLEAN, INTEGER, STRING, load, loaded, record, schema_message

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

PROPERTIES = {"id": {"type": "string"}, "name": STRING, "size": INTEGER, "is_deleted": BOOLEAN}
SCHEMA = schema_message("accounts", PROPERTIES)
NARROW = schema_message("accounts", {"id": {"type": "string"}, "name": STRING})
ALL = {"history": ["*"]}


def account(key: str, name: str = "Acme", size: int = 1, **rest: Any) -> Any:
    return record("accounts", {"id": key, "name": name, "size": size}, **rest)


def versions(warehouse: Warehouse, *columns: str, key: str = "a") -> list[tuple[Any, ...]]:
    """States of a row, oldest first; what one version ends with, the next begins with."""
    names = ", ".join(columns or ("name",))
    found = warehouse.query(
        f"SELECT {names}, valid_from AS f, valid_to AS t, is_current AS c FROM {{schema}}.accounts_history "
        "WHERE id = %s ORDER BY valid_from",
        key,
    )
    for one, other in itertools.pairwise(found):
        assert one["f"] < one["t"] == other["f"]
    assert [row["c"] for row in found] == [row["t"] is None for row in found]
    return [tuple(list(row.values())[:-3]) for row in found]


@pytest.mark.usefixtures("engine")
def test_a_change_ends_a_version_and_begins_another(warehouse: Warehouse) -> None:
    for name in ("Acme", "Acme", "Bolt", "Acme"):
        loaded(warehouse.config(**ALL), [SCHEMA, account("a", name), account("b")])
    assert versions(warehouse) == [("Acme",), ("Bolt",), ("Acme",)]
    assert versions(warehouse, key="b") == [("Acme",)]
    (row,) = warehouse.query("SELECT received_at FROM {schema}.accounts WHERE id = 'a'")
    (version,) = warehouse.query(
        "SELECT valid_from FROM {schema}.accounts_history WHERE id = 'a' AND is_current"
    )
    assert row["received_at"] == version["valid_from"]


@pytest.mark.usefixtures("engine")
def test_partial_rows_deletes_and_undeletes_are_versions(warehouse: Warehouse) -> None:
    tombstone = schema_message("accounts", {"id": {"type": "string"}, "is_deleted": BOOLEAN})
    for messages in (
        [SCHEMA, account("a", version=1)],
        [NARROW, record("accounts", {"id": "a", "name": "Bolt"})],
        [tombstone, record("accounts", {"id": "a", "is_deleted": True})],
        [SCHEMA, account("a", "Bolt", version=1)],
        [SCHEMA, account("b", version=2), {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": 2}],
    ):
        loaded(warehouse.config(**ALL), messages)
    assert versions(warehouse, "name", "size", "is_deleted") == [
        ("Acme", 1, False),
        ("Bolt", 1, False),
        ("Bolt", 1, True),
        ("Bolt", 1, False),
        ("Bolt", 1, True),
    ]


@pytest.mark.usefixtures("engine")
def test_a_mark_of_the_targets_own_is_a_version_and_so_is_its_end(warehouse: Warehouse) -> None:
    schema = schema_message("accounts", {"id": {"type": "string"}, "name": STRING})
    for version, keys in ((1, "ab"), (2, "b"), (3, "ab"), (4, "ab")):
        rows = [record("accounts", {"id": key, "name": "Acme"}, version=version) for key in keys]
        activate = {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": version}
        loaded(warehouse.config(**ALL), [schema, *rows, activate])
    assert versions(warehouse, "_sdc_deleted_at IS NULL") == [(True,), (False,), (True,)]
    assert versions(warehouse, key="b") == [("Acme",)]


@pytest.mark.usefixtures("engine")
def test_a_row_that_is_removed_has_no_open_version_until_it_comes_back(warehouse: Warehouse) -> None:
    config = warehouse.config(**ALL, hard_delete=True)
    for version, keys in ((1, "ab"), (2, "b"), (3, "ab")):
        rows = [account(key, version=version) for key in keys]
        activate = {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": version}
        loaded(config, [SCHEMA, *rows, activate])
        open_ = warehouse.query("SELECT id FROM {schema}.accounts_history WHERE is_current ORDER BY id")
        assert [row["id"] for row in open_] == list(keys)


def test_overwrite_is_refused_as_it_removes_each_row(warehouse: Warehouse) -> None:
    error = load(warehouse.config(**ALL, load_method="overwrite"), [SCHEMA, account("a")]).error
    assert "`history` does not go with `load_method` `overwrite`" in str(error)
    assert warehouse.table_names() == set()


@pytest.mark.parametrize("settings", [{}, ALL])
def test_a_later_stream_does_not_get_into_a_history(warehouse: Warehouse, settings: dict[str, Any]) -> None:
    loaded(warehouse.config(**ALL), [SCHEMA, account("a")])
    other = [{**message, "stream": "accounts_history"} for message in (SCHEMA, account("a", "Bolt"))]
    error = load(warehouse.config(**settings), other).error
    assert "stream 'accounts_history'" in str(error)
    assert "accounts_history is a history that the target keeps" in str(error)
    assert versions(warehouse) == [("Acme",)]


def test_a_change_that_is_taken_back_in_its_batch_is_no_version(warehouse: Warehouse) -> None:
    loaded(warehouse.config(**ALL), [SCHEMA, account("a")])
    narrow = record("accounts", {"id": "a", "name": "Bolt"})
    warehouse.execute("ALTER TABLE {schema}.accounts ADD CHECK (size < 9)")
    quarantine = warehouse.config(**ALL, on_bad_record="quarantine")
    # The bad row has the batch merged in parts, where a row may change twice.
    loaded(quarantine, [SCHEMA, account("a", "Bolt"), account("b", size=9), account("a"), account("c")])
    assert versions(warehouse) == [("Acme",)]
    assert versions(warehouse, key="c") == [("Acme",)]
    loaded(warehouse.config(**ALL), [NARROW, narrow, SCHEMA, account("a", "Bolt", 2)])
    assert versions(warehouse, "name", "size")[-1] == ("Bolt", 2)


def test_a_table_of_before_begins_with_the_rows_that_it_has(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [SCHEMA, account("a"), account("b")])
    assert "accounts_history" not in warehouse.table_names()
    loaded(warehouse.config(**ALL), [SCHEMA])
    assert (versions(warehouse), versions(warehouse, key="b")) == ([("Acme",)], [("Acme",)])
    loaded(warehouse.config(**ALL), [SCHEMA, account("a", "Bolt")])
    assert versions(warehouse) == [("Acme",), ("Bolt",)]


def test_new_and_wider_columns_arrive_in_both(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE TABLE {schema}.accounts (id varchar(18) PRIMARY KEY, name varchar(4), size smallint)"
    )
    schema = schema_message("accounts", {"id": {"type": "string"}, "name": STRING, "size": INTEGER})
    loaded(warehouse.config(**ALL), [schema, account("a")])
    loaded(warehouse.config(**ALL), [SCHEMA, account("a", "A longer name", 2**40)])
    more = schema_message("accounts", {**PROPERTIES, "city": STRING})
    values = {"id": "a", "name": "A longer name", "size": 2**40, "city": "Oslo"}
    loaded(warehouse.config(**ALL), [more, record("accounts", values)])
    assert versions(warehouse, "name", "size", "is_deleted", "city") == [
        ("Acme", 1, False, None),
        ("A longer name", 2**40, False, None),
        ("A longer name", 2**40, False, "Oslo"),
    ]
    kinds = "SELECT attname, format_type(atttypid, atttypmod) AS kind FROM pg_attribute WHERE attrelid = to_regclass(%s)"
    table, history = (
        {row["attname"]: row["kind"] for row in warehouse.query(kinds, f"{warehouse.schema}.{name}")}
        for name in ("accounts", "accounts_history")
    )
    shared = {"id", "name", "size", "is_deleted", "city"}
    assert {name: table[name] for name in shared} == {name: history[name] for name in shared}


def test_only_tables_that_the_setting_names_and_that_have_a_key(warehouse: Warehouse) -> None:
    log = schema_message("log", {"id": {"type": "string"}}, [])
    leads = schema_message("leads", {"id": {"type": "string"}})
    loaded(warehouse.config(history=["acc*", "log"]), [SCHEMA, log, leads, account("a")])
    assert warehouse.table_names() >= {"accounts", "accounts_history", "log", "leads"}
    assert not {"log_history", "leads_history"} & warehouse.table_names()


def test_odd_names_and_a_key_of_two_columns(warehouse: Warehouse) -> None:
    name, properties = 'a "b" %s', {"inserted": INTEGER, "k1": STRING, "100%": STRING}
    schema = schema_message(name, properties, ["inserted", "k1"])
    for value in ("x", "y"):
        rows = [
            record(name, {"inserted": n, "k1": k, "100%": value}, version=1) for n in (1, 2) for k in "ab"
        ]
        loaded(
            warehouse.config(**ALL),
            [schema, *rows, {"type": "ACTIVATE_VERSION", "stream": name, "version": 1}],
        )
    found = warehouse.query(
        'SELECT count(*) AS n, count(*) FILTER (WHERE is_current) AS o FROM {schema}."a ""b"" %s_history"'
    )
    assert found == [{"n": 8, "o": 4}]


def test_without_received_at_the_history_has_its_times(warehouse: Warehouse) -> None:
    for name in ("Acme", "Bolt"):
        loaded(warehouse.config(**ALL, received_at=False), [SCHEMA, account("a", name)])
    assert versions(warehouse) == [("Acme",), ("Bolt",)]
    warehouse.execute("DROP TABLE {schema}._received_at")
    warehouse.execute("UPDATE {schema}.accounts_history SET valid_from = '2999-01-01' WHERE is_current")
    warehouse.execute("UPDATE {schema}.accounts_history SET valid_to = '2999-01-01' WHERE NOT is_current")
    loaded(warehouse.config(**ALL, received_at=False), [SCHEMA, account("a", "Core")])
    assert versions(warehouse) == [("Acme",), ("Bolt",), ("Core",)]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        (
            [SCHEMA, schema_message("accounts_history", PROPERTIES)],
            "is where the history of stream 'accounts' goes",
        ),
        (
            [schema_message("x", {"id": INTEGER, "valid_to": STRING})],
            "its column 'valid_to' is one that a history has",
        ),
        ([schema_message("taken", PROPERTIES)], "has no column 'is_current'"),
    ],
)
def test_names_that_a_history_needs(messages: list[Any], said: str, warehouse: Warehouse) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute("CREATE TABLE {schema}.taken_history (id text)")
    assert said in str(load(warehouse.config(**ALL), messages).error)


def test_a_view_of_the_history_stands_in_the_way_of_a_wider_column(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE TABLE {schema}.accounts (id varchar(18) PRIMARY KEY, name varchar(4), size bigint)"
    )
    loaded(warehouse.config(**ALL), [SCHEMA, account("a")])
    view = "CREATE VIEW {schema}.report AS SELECT name FROM {schema}.accounts_history"
    warehouse.execute(view)
    for _ in range(2):
        outcome = load(warehouse.config(**ALL), [SCHEMA, account("a", "A longer name")])
        assert "cannot follow the schema: cannot alter type of a column used by a view" in str(outcome.error)
    warehouse.execute("DROP VIEW {schema}.report")
    loaded(warehouse.config(**ALL), [SCHEMA, account("a", "A longer name")])
    warehouse.execute(view)
    assert versions(warehouse) == [("Acme",), ("A longer name",)]


def test_a_property_called_received_at_makes_versions(warehouse: Warehouse) -> None:
    moment = {"type": ["null", "string"], "format": "date-time"}
    schema = schema_message("accounts", {"id": {"type": "string"}, "received_at": moment})
    for day in ("2026-01-01", "2026-01-02"):
        values = {"id": "a", "received_at": f"{day}T00:00:00Z"}
        loaded(warehouse.config(**ALL), [schema, record("accounts", values)])
    assert versions(warehouse, "received_at::date::text") == [("2026-01-01",), ("2026-01-02",)]
