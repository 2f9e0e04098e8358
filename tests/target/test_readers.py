"""Roles of `grant_select_to` may read whatever the target makes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.target.support import STRING, load, loaded, record, schema_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fix_warehouse import Warehouse

ID = {"id": {"type": "string"}}
ACCOUNTS = [
    schema_message("accounts", {**ID, "name": STRING}),
    record("accounts", {"id": "a", "name": "Acme"}),
]
OWN = {"_sync_runs", "_received_at"}


@pytest.fixture
def readers(warehouse: Warehouse) -> Iterator[Callable[[str], str]]:
    """Makes roles whose names have to be quoted."""
    made = []

    def make(name: str) -> str:
        role = f'{warehouse.schema} {name} "%s" Ünit'
        warehouse.execute(f"CREATE ROLE {quoted(role)}")
        made.append(role)
        return role

    yield make
    for role in made:
        warehouse.execute(f"DROP OWNED BY {quoted(role)}")
        warehouse.execute(f"DROP ROLE {quoted(role)}")


def quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'


def readable(warehouse: Warehouse, role: str) -> set[str]:
    """Tables of the test's schema that a role can read; it is asked of the server as the role."""
    found = set()
    warehouse.execute(f"SET ROLE {quoted(role)}")
    for table in warehouse.table_names():
        try:
            warehouse.query(f"SELECT 1 FROM {{schema}}.{quoted(table)}")
            found.add(table)
        except psycopg.errors.InsufficientPrivilege:
            pass
    warehouse.execute("RESET ROLE")
    return found


def grants(warehouse: Warehouse) -> list[Any]:
    """When each table's and the schema's catalog row was written last: a grant writes it."""
    return warehouse.query(
        "SELECT relname AS name, c.xmin::text FROM pg_class c WHERE relnamespace = %s::regnamespace "
        "UNION ALL SELECT nspname, n.xmin::text FROM pg_namespace n WHERE nspname = %s ORDER BY name",
        *[warehouse.schema] * 2,
    )


def test_each_table_now_and_later_is_readable(warehouse: Warehouse, readers: Callable[[str], str]) -> None:
    first, second = readers("analysts"), readers("dashboards")
    loaded(warehouse.config(), ACCOUNTS)
    assert readable(warehouse, first) == set()

    config = warehouse.config(grant_select_to=[first, second], history=["*"], on_bad_record="quarantine")
    loaded(config, ACCOUNTS)
    assert readable(warehouse, first) == {"accounts", "accounts_history", *OWN}

    contacts = schema_message("contacts", ID, **{"x-source": "salesforce:1"})
    loaded(config, [contacts, record("contacts", {"id": "b"}), record("contacts", {"id": None})])
    everything = {
        "accounts",
        "accounts_history",
        "contacts",
        "contacts_history",
        *OWN,
        "_sources",
        "_rejected",
    }
    assert readable(warehouse, first) == readable(warehouse, second) == everything


def test_grants_that_are_there_are_not_written_again(
    warehouse: Warehouse, readers: Callable[[str], str]
) -> None:
    config = warehouse.config(grant_select_to=[readers("analysts")], history=["*"])
    loaded(config, ACCOUNTS)
    before = grants(warehouse)
    loaded(config, ACCOUNTS)
    assert grants(warehouse) == before


def test_a_role_that_may_do_no_more_than_read_gets_no_more(
    warehouse: Warehouse, readers: Callable[[str], str]
) -> None:
    role = readers("analysts")
    loaded(warehouse.config(grant_select_to=[role]), ACCOUNTS)
    found = warehouse.query(
        "SELECT DISTINCT privilege_type AS p FROM information_schema.table_privileges WHERE grantee = %s",
        role,
    )
    assert [row["p"] for row in found] == ["SELECT"]
    warehouse.execute(f"SET ROLE {quoted(role)}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        warehouse.execute("CREATE TABLE {schema}.mine (a int)")
    warehouse.execute("RESET ROLE")


def test_everybody_may_be_meant(warehouse: Warehouse, readers: Callable[[str], str]) -> None:
    role = readers("anybody")
    loaded(warehouse.config(grant_select_to=["public"]), ACCOUNTS)
    assert readable(warehouse, role) == {"accounts", *OWN}


def test_the_schema_of_a_mapped_stream_is_readable_too(
    warehouse: Warehouse, readers: Callable[[str], str]
) -> None:
    role = readers("analysts")
    mapping = {"crm": {"target_schema": warehouse.schema}}
    other = f"{warehouse.schema}_own"
    config = warehouse.config(schema=other, schema_mapping=mapping, grant_select_to=[role])
    messages = [schema_message("crm-accounts", ID), record("crm-accounts", {"id": "a"})]
    try:
        loaded(config, messages)
        assert readable(warehouse, role) == {"accounts", "_received_at"}
    finally:
        warehouse.execute(f"DROP SCHEMA {quoted(other)} CASCADE")


@pytest.mark.parametrize("name", ["no such role", "", 'a "quoted" role', "nul\0"])
def test_a_role_that_does_not_exist_ends_the_run_before_anything_is_made(
    warehouse: Warehouse, name: str
) -> None:
    error = load(warehouse.config(grant_select_to=[name]), ACCOUNTS).error
    assert "`grant_select_to` names a role that does not exist" in str(error)
    assert repr(name) in str(error)
    assert f"CREATE ROLE {quoted(name)};" in str(error)
    assert warehouse.table_names() == set()


def test_a_table_of_another_role_is_loaded_and_left_with_one_warning(
    warehouse: Warehouse,
    loader: tuple[str, str],
    readers: Callable[[str], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    name, url = loader
    role = readers("analysts")
    warehouse.execute("CREATE TABLE {schema}.accounts (id text PRIMARY KEY, name text)")
    warehouse.execute(f"GRANT ALL ON {{schema}}.accounts TO {name}")
    config = warehouse.config(sqlalchemy_url=url, grant_select_to=[role], received_at=False)
    with caplog.at_level(logging.WARNING):
        loaded(config, [*ACCOUNTS, schema_message("contacts", ID), record("contacts", {"id": "a"})])
    said = [line for line in caplog.messages if "belongs to another role, so others may not read it" in line]
    table = f'"{warehouse.schema}"."accounts"'
    advice = f"Let its owner run: GRANT SELECT ON {table} TO {quoted(role)};"
    assert said == [f"{table} belongs to another role, so others may not read it. {advice}"]
    assert readable(warehouse, role) == {"contacts", "_sync_runs"}
    assert len(warehouse.query("SELECT id FROM {schema}.accounts")) == 1

    warehouse.execute(f"GRANT SELECT ON {{schema}}.accounts TO {quoted(role)}")
    caplog.clear()
    loaded(config, ACCOUNTS)
    assert not any("may not read it" in line for line in caplog.messages)


def test_a_schema_of_another_role_is_left_with_one_warning(
    warehouse: Warehouse,
    loader: tuple[str, str],
    readers: Callable[[str], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    name, url = loader
    role = readers("analysts")
    warehouse.execute("ALTER SCHEMA {schema} OWNER TO CURRENT_USER")
    warehouse.execute(f"GRANT ALL ON SCHEMA {{schema}} TO {name}")
    with caplog.at_level(logging.WARNING):
        loaded(warehouse.config(sqlalchemy_url=url, grant_select_to=[role]), ACCOUNTS)
    statement = f'GRANT USAGE ON SCHEMA "{warehouse.schema}" TO {quoted(role)};'
    assert [statement in line for line in caplog.messages if "another role" in line] == [True]
    warehouse.execute(f"GRANT USAGE ON SCHEMA {{schema}} TO {quoted(role)}")
    assert readable(warehouse, role) == {"accounts", *OWN}
