"""Views with Fivetran's columns over each table and history, kept through every change of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_sfwarehouse.config import Settings
from target_sfwarehouse.errors import SettingsError
from tests.target.support import BOOLEAN, STRING, load, loaded, record, schema_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fix_warehouse import Warehouse

PROPERTIES = {"id": {"type": "string"}, "name": STRING, "is_deleted": BOOLEAN}
SCHEMA = schema_message("accounts", PROPERTIES)
ADDED = ("_fivetran_synced", "_fivetran_deleted")
HISTORY = (*ADDED, "_fivetran_start", "_fivetran_end", "_fivetran_active")


def account(key: str, **values: Any) -> Any:
    return record("accounts", {"id": key, **values})


@pytest.fixture
def config(warehouse: Warehouse) -> Iterator[dict[str, Any]]:
    """The target's settings; the schema of the views goes with the test."""
    yield warehouse.config(compatibility="fivetran")
    warehouse.execute(f'DROP SCHEMA IF EXISTS "{views(warehouse)}" CASCADE')


def views(warehouse: Warehouse) -> str:
    return f"{warehouse.schema}_fivetran"


def seen(warehouse: Warehouse, table: str = "accounts") -> list[dict[str, Any]]:
    with warehouse.connection.cursor() as cursor:
        return cursor.execute(f'SELECT * FROM "{views(warehouse)}"."{table}" ORDER BY id').fetchall()


def columns(warehouse: Warehouse, table: str = "accounts") -> list[str]:
    found = warehouse.query(
        "SELECT column_name AS c FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
        "ORDER BY ordinal_position",
        views(warehouse),
        table,
    )
    return [row["c"] for row in found]


def test_each_row_is_seen_with_the_time_and_the_mark(warehouse: Warehouse, config: dict[str, Any]) -> None:
    loaded(config, [SCHEMA, account("a", name="Acme"), account("b", is_deleted=True), account("c")])
    with warehouse.connection.cursor() as cursor:
        table = f'"{warehouse.schema}"."accounts"'
        times = cursor.execute(f"SELECT DISTINCT received_at FROM {table}").fetchall()
    (moment,) = (row["received_at"] for row in times)
    rows = seen(warehouse)
    assert [row["_fivetran_deleted"] for row in rows] == [False, True, False]
    assert {row["_fivetran_synced"] for row in rows} == {moment}
    assert rows[0]["name"] == "Acme"


def test_a_history_is_seen_in_history_mode(warehouse: Warehouse, config: dict[str, Any]) -> None:
    for name in ("Acme", "Bolt"):
        loaded({**config, "history": ["*"]}, [SCHEMA, account("a", name=name)])
    assert tuple(columns(warehouse, "accounts_history")[:5]) == HISTORY
    first, last = sorted(seen(warehouse, "accounts_history"), key=lambda row: str(row["_fivetran_start"]))
    assert (first["name"], first["_fivetran_active"]) == ("Acme", False)
    assert first["_fivetran_end"] == last["_fivetran_start"]
    assert (last["name"], last["_fivetran_active"], last["_fivetran_end"].year) == ("Bolt", True, 9999)


@pytest.mark.parametrize("history", [[], ["*"]], ids=["no history", "history"])
def test_views_follow_their_tables(warehouse: Warehouse, config: dict[str, Any], history: list[str]) -> None:
    config = {**config, "history": history, "string_type": "varchar"}
    first = {"id": {"type": "string"}, "name": {**STRING, "maxLength": 3}}
    loaded(config, [schema_message("accounts", first), account("a", name="abc")])
    # A column comes, the mark of deleted rows comes, a column becomes wider, another table comes.
    wide = {**first, "name": {**STRING, "maxLength": 30}, "city": STRING, "is_deleted": BOOLEAN}
    messages = [schema_message("accounts", wide), account("a", name="abcdefgh", city="Bonn", is_deleted=True)]
    contacts = [schema_message("contacts", PROPERTIES), record("contacts", {"id": "c"})]
    for _ in range(2):
        loaded(config, [*messages, *contacts])
    assert set(columns(warehouse)) == {*ADDED, *first, "city", "is_deleted", "received_at", "uuid_ts"}
    (row,) = seen(warehouse)
    assert (row["name"], row["city"], row["_fivetran_deleted"]) == ("abcdefgh", "Bonn", True)
    assert [row["id"] for row in seen(warehouse, "contacts")] == ["c"]
    if history:
        assert {row["name"] for row in seen(warehouse, "accounts_history")} == {"abc", "abcdefgh"}


def test_the_mark_that_a_version_makes_is_seen(warehouse: Warehouse, config: dict[str, Any]) -> None:
    plain = schema_message("accounts", {"id": {"type": "string"}})
    for version in (1, 2):
        messages = [record("accounts", {"id": f"v{version}"}, version=version)]
        loaded(
            config, [plain, *messages, {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": version}]
        )
    assert [(row["id"], row["_fivetran_deleted"]) for row in seen(warehouse)] == [("v1", True), ("v2", False)]


def test_a_view_that_nothing_changes_stays_and_so_do_views_upon_it(
    warehouse: Warehouse, config: dict[str, Any]
) -> None:
    loaded(config, [SCHEMA, account("a")])
    warehouse.execute(f'CREATE VIEW {{schema}}.report AS SELECT id FROM "{views(warehouse)}".accounts')
    loaded(config, [schema_message("accounts", {**PROPERTIES, "city": STRING}), account("b", city="Bonn")])
    assert len(warehouse.query("SELECT id FROM {schema}.report")) == 2
    assert columns(warehouse)[-1] == "city"


def test_a_value_that_a_view_upon_a_view_leaves_no_room_for_is_a_bad_record(
    warehouse: Warehouse, config: dict[str, Any]
) -> None:
    narrow = schema_message("accounts", {"id": {"type": "string"}, "name": {**STRING, "maxLength": 3}})
    wide = schema_message("accounts", {"id": {"type": "string"}, "name": {**STRING, "maxLength": 9}})
    config = {**config, "string_type": "varchar"}
    loaded(config, [narrow, account("a", name="abc")])
    warehouse.execute(f'CREATE VIEW {{schema}}.report AS SELECT id, name FROM "{views(warehouse)}".accounts')
    error = load(config, [wide, account("b", name="abcdefgh")]).error
    assert 'a value does not fit column "name"' in str(error)
    assert [row["id"] for row in seen(warehouse)] == ["a"]


def test_roles_of_grant_select_to_may_read_the_views(warehouse: Warehouse, config: dict[str, Any]) -> None:
    narrow = schema_message("accounts", {"id": {"type": "string"}, "name": {**STRING, "maxLength": 3}})
    wide = schema_message("accounts", {"id": {"type": "string"}, "name": {**STRING, "maxLength": 9}})
    config = {**config, "string_type": "varchar", "grant_select_to": ["public"]}
    for messages in ([narrow, account("a", name="abc")], [wide, account("b", name="abcdefgh")]):
        loaded(config, messages)
        (row,) = warehouse.query(
            "SELECT has_table_privilege('public', %s, 'SELECT') AND has_schema_privilege('public', %s, 'USAGE') AS may",
            f'"{views(warehouse)}".accounts',
            views(warehouse),
        )
        assert row["may"]


def test_a_table_in_the_place_of_a_view_is_one_clear_error(
    warehouse: Warehouse, config: dict[str, Any]
) -> None:
    warehouse.execute(f'CREATE SCHEMA "{views(warehouse)}"')
    warehouse.execute(f'CREATE TABLE "{views(warehouse)}".accounts (id text)')
    error = load(config, [SCHEMA, account("a")]).error
    view = f'"{views(warehouse)}"."accounts"'
    assert f"`compatibility` cannot keep the view {view} over {warehouse.schema}.accounts: " in str(error)


def test_tables_of_others_are_seen_with_what_they_have(warehouse: Warehouse, config: dict[str, Any]) -> None:
    """Segment's `received_at` has no time zone, `is_deleted` may be text, a column may have Fivetran's name already."""
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE TABLE {schema}.accounts (id text PRIMARY KEY, name text, is_deleted text, _fivetran_deleted text, "
        "received_at timestamp)"
    )
    loaded(config, [schema_message("accounts", {"id": {"type": "string"}, "name": STRING}), account("a")])
    (row,) = seen(warehouse)
    assert row["_fivetran_synced"].replace(tzinfo=None) == row["received_at"]
    assert row["_fivetran_deleted"] is None
    assert columns(warehouse).count("_fivetran_deleted") == 1


def test_names_and_schemas_of_the_settings_are_those_of_the_views(
    warehouse: Warehouse, config: dict[str, Any]
) -> None:
    mapping = {"crm": {"target_schema": warehouse.schema}}
    own = f"{warehouse.schema}_own"
    try:
        big = {"Id": {"type": "string"}, "BillingCity": STRING, "Gone": {**BOOLEAN, "x-soft-delete": True}}
        messages = [schema_message("crm-BigAccounts", big, ["Id"])]
        messages += [record("crm-BigAccounts", {"Id": "a", "Gone": True})]
        loaded({**config, "schema": own, "schema_mapping": mapping, "conform_names": "snake_case"}, messages)
        (row,) = seen(warehouse, "big_accounts")
        assert (row["id"], row["_fivetran_deleted"]) == ("a", True)
    finally:
        warehouse.execute(f'DROP SCHEMA "{own}" CASCADE')


def test_without_received_at_there_is_no_time_to_show() -> None:
    with pytest.raises(SettingsError, match="`compatibility` `fivetran` needs the times of `received_at`"):
        Settings.from_config({"compatibility": "fivetran", "received_at": False})


def test_without_the_setting_there_is_no_view(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [SCHEMA, account("a")])
    assert columns(warehouse) == []
