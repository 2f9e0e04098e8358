"""Whoever comes from Segment, Fivetran or MeltanoLabs' pair goes on in the same tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator import company
from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import add_demo_login
from tests.fix_org import OrgServer
from tests.fix_process import PROJECT
from tests.pair.both import Pair
from tests.pair.segment import DASHBOARDS, LENGTH, SYNCED, VIEWS, fill
from tests.pair.store import columns_of, differences, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fix_warehouse import Warehouse

OBJECTS = ["Account", "Contact", "Opportunity", "Lead", "Case", "Task"]
LONG = {("accounts", column) for column in ("description", "notes_c", "briefing_c")}
"""Columns whose text is longer than Segment's tables can hold."""


@pytest.fixture
def big_company() -> Iterator[OrgServer]:
    """An org with 500 rows and more of each object."""
    org = Org(features=company.FEATURES)
    try:
        add_demo_login(org)
        company.populate(org, scale=2)
        with serve(org) as server:
            yield OrgServer(server)
    finally:
        org.close()


def kinds(warehouse: Warehouse) -> dict[tuple[str, str], str]:
    found = warehouse.query(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS kind FROM pg_attribute a "
        "JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' "
        "AND a.attnum > 0 AND NOT a.attisdropped",
        warehouse.schema,
    )
    return {(row["relname"], row["attname"]): row["kind"] for row in found}


def answers(warehouse: Warehouse) -> list[list[dict[str, Any]]]:
    return [warehouse.query(question) for question in DASHBOARDS]


def without(warehouse: Warehouse, gone: dict[str, list[str]]) -> list[list[dict[str, Any]]]:
    """The answers as if the rows that are gone had never been there."""
    with warehouse.connection.transaction(force_rollback=True):
        for table, keys in gone.items():
            warehouse.query(f"DELETE FROM {{schema}}.{table} WHERE id = ANY(%s) RETURNING id", keys)
        return answers(warehouse)


@pytest.mark.parametrize("moment", ["timestamp with time zone", "timestamp without time zone"])
def test_dashboards_go_on_where_segment_ended(
    moment: str, big_company: OrgServer, warehouse: Warehouse
) -> None:
    org = big_company.org
    fill(warehouse, org, OBJECTS, moment)
    for view, query in VIEWS.items():
        warehouse.execute(f"CREATE VIEW {{schema}}.{view} AS {query}")
    before = kinds(warehouse)
    # Segment never knew of these.
    known = {name: {row["Id"] for row in org.rows(name)} for name in OBJECTS}
    binned = {key for name in OBJECTS for key in org.deleted_ids(name)}
    for name in ("Lead", "Task", "Opportunity"):
        for row in [row for row in org.rows(name) if not row["IsDeleted"]][:7]:
            org.hard_delete(row["Id"])
    gone = {
        table_of(org.object(name)): sorted(keys - {row["Id"] for row in org.rows(name)})
        for name, keys in known.items()
    }
    stale, expected = answers(warehouse), without(warehouse, gone)
    assert stale != expected
    assert all(expected)

    pair = Pair(big_company, warehouse, {"objects": OBJECTS, "deletes": "sweep"})
    pair.good()

    assert answers(warehouse) == expected
    after = kinds(warehouse)
    assert {where: after[where] for where in before} == before | dict.fromkeys(LONG, "text")
    for name in OBJECTS:
        table = table_of(org.object(name))
        here = {row["Id"] for row in org.rows(name)}
        rows = {row["id"]: row for row in warehouse.query(f"SELECT * FROM {{schema}}.{table}")}
        assert rows.keys() == here | set(gone[table])
        assert len(rows) >= 500
        marked = {key for key, row in rows.items() if row["is_deleted"]}
        assert marked == org.deleted_ids(name) | set(gone[table])
        assert {(table, column) for column in columns_of(org.object(name))} <= after.keys()
        # Only what Segment had wrong is written, and told to readers.
        written = warehouse.query(
            f"SELECT id FROM {{schema}}.{table} WHERE received_at > %s AND uuid_ts = received_at", SYNCED
        )
        cut = {key for key, row in rows.items() if table == "accounts" and is_longer(row)}
        assert {row["id"] for row in written} == (set(gone[table]) - binned) | cut

    for table, keys in gone.items():
        warehouse.query(f"DELETE FROM {{schema}}.{table} WHERE id = ANY(%s) RETURNING id", keys)
    assert differences(warehouse, org, [name for name in OBJECTS if name not in dated(org)]) == []


def is_longer(row: dict[str, Any]) -> bool:
    return any(len(row[column] or "") > LENGTH for _, column in LONG)


def dated(org: Org) -> set[str]:
    """Objects with a date, which stays a time in Segment's tables."""
    return {
        name for name in OBJECTS if any(field.type == "date" for field in org.object(name).fields.values())
    }


def statement_of(page: str, start: str) -> str:
    """A block of SQL of a page of the docs, by its first words."""
    blocks = re.findall(
        r"^```sql\n(.*?)^```", (PROJECT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL
    )
    (found,) = (block for block in blocks if block.startswith(start))
    return str(found)


def compared(table: str, rehearsal: str) -> str:
    """The query of the docs for tables with Salesforce's names, between a test's schema and another one."""
    usual = statement_of("rehearsal.md", "WITH pairs AS (\n    SELECT id")
    begins = statement_of("rehearsal.md", 'WITH pairs AS (\n    SELECT "Id"').partition("), -- and so on")[0]
    text = begins + usual[usual.index("), cells AS") :]
    text = text.replace("sfdc_prod.", "{schema}.").replace("sfdc_rehearsal.", f"{rehearsal}.")
    return text.replace('"Account"', f'"{table}"')


def test_a_rehearsal_says_what_differs(big_company: OrgServer, warehouse: Warehouse) -> None:
    """Segment's schema stays as it is; the pair loads another one, and the query of the docs compares them."""
    org = big_company.org
    fill(warehouse, org, ["Account"], "timestamp with time zone")
    first, second = [row["Id"] for row in org.rows("Account") if not row["IsDeleted"]][-2:]
    org.update(first, {"Industry": "Energy", "NumberOfEmployees": 3})
    warehouse.query("DELETE FROM {schema}.accounts WHERE id = %s RETURNING id", second)
    rehearsal = f"{warehouse.schema}_rehearsal"
    Pair(big_company, warehouse, {"objects": ["Account"]}, {"schema": rehearsal}).good()
    statement = statement_of("rehearsal.md", "WITH pairs AS (\n    SELECT id")
    try:
        found = warehouse.query(
            statement.replace("sfdc_prod.", "{schema}.").replace("sfdc_rehearsal.", f"{rehearsal}.")
        )
    finally:
        warehouse.execute(f"DROP SCHEMA {rehearsal} CASCADE")
    different = {row["column"]: row["differences"] for row in found}
    assert different["id"] == 1
    assert {"industry", "number_of_employees", "name"} <= different.keys()
    # A time of day is text to Segment, spelled as Salesforce spells it.
    assert max(count for column, count in different.items() if column != "opens_at_c") <= 2
    assert different["description"] <= 1


def test_the_columns_that_views_show_are_found(big_company: OrgServer, warehouse: Warehouse) -> None:
    fill(warehouse, big_company.org, ["Account"], "timestamp with time zone")
    warehouse.execute(
        "CREATE VIEW {schema}.report AS SELECT id, description, annual_revenue FROM {schema}.accounts"
    )
    statement = statement_of("from-segment.md", "SELECT DISTINCT v.oid").replace(
        "sfdc_prod", warehouse.schema
    )
    assert [row["column"] for row in warehouse.query(statement)] == ["description", "id"]
    pair = Pair(big_company, warehouse, {"objects": ["Account"]})
    pair.sync()
    said = str(pair.target_error)
    assert f"{warehouse.schema}.report uses it" in said
    for statement in said.split("owner run: ")[1].split("; ")[:-1]:
        warehouse.execute(statement)
    warehouse.execute(
        "CREATE VIEW {schema}.report AS SELECT id, description, annual_revenue FROM {schema}.accounts"
    )
    pair.good()


def test_fivetrans_tables_go_on(org_server: OrgServer, warehouse: Warehouse) -> None:
    org = org_server.org
    kept, gone, binned, marked = (org.create("Account", {"Name": name}) for name in "ABCD")
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE TABLE {schema}.account (id varchar(256) PRIMARY KEY, _fivetran_deleted boolean, name varchar(256),"
        " is_deleted boolean, system_modstamp timestamptz, _fivetran_synced timestamptz)"
    )
    warehouse.execute(
        "INSERT INTO {schema}.account VALUES "
        + ", ".join(
            f"('{key}', {key == marked}, '{name}', false, now(), '2026-01-01')"
            for key, name in zip((kept, gone, binned, marked), "ABCD", strict=True)
        )
    )
    org.hard_delete(gone)
    org.hard_delete(marked)
    org.delete(binned)
    new = org.create("Account", {"Name": "New"})
    changes = statement_of("from-fivetran.md", "BEGIN;\nUPDATE fivetran").replace(
        "fivetran.account", "{schema}.account"
    )
    warehouse.execute(changes)
    maps = {"accounts": {"__alias__": "account"}}
    Pair(org_server, warehouse, {"objects": ["Account"], "deletes": "sweep", "stream_maps": maps}).good()
    live = warehouse.query("SELECT name FROM {schema}.account WHERE NOT _fivetran_deleted ORDER BY 1")
    assert [row["name"] for row in live] == ["A", "New"]
    rows = {row["id"]: row for row in warehouse.query("SELECT * FROM {schema}.account")}
    assert {key for key, row in rows.items() if row["_fivetran_deleted"]} == {gone, binned, marked}
    assert all(row["_fivetran_synced"] for row in rows.values())
    assert rows[marked]["_fivetran_synced"] == SYNCED
    assert rows[new]["_fivetran_synced"] > SYNCED

    warehouse.execute(
        statement_of("from-fivetran.md", "BEGIN;\nALTER").replace("fivetran.account", "{schema}.account")
    )
    again = {row["id"]: row for row in warehouse.query("SELECT * FROM {schema}.account")}
    for column in ("_fivetran_deleted", "_fivetran_synced"):
        assert {key: row[column] for key, row in again.items()} == {
            key: row[column] for key, row in rows.items()
        }
    # As Fivetran writes.
    warehouse.execute("UPDATE {schema}.account SET _fivetran_deleted = true, _fivetran_synced = now()")


def test_tables_of_meltanolabs_pair_go_on(org_server: OrgServer, warehouse: Warehouse) -> None:
    org = org_server.org
    kept, gone = (org.create("Account", {"Name": name, "NumberOfEmployees": 5}) for name in "AB")
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        'CREATE TABLE {schema}."Account" ("Id" text PRIMARY KEY, "IsDeleted" boolean, "Name" text, "NumberOfEmployees"'
        ' integer, "SystemModstamp" timestamp, _sdc_extracted_at timestamp, _sdc_received_at timestamp, _sdc_batched_at'
        " timestamp, _sdc_deleted_at timestamp, _sdc_sequence bigint, _sdc_table_version bigint, _sdc_sync_started_at bigint)"
    )
    warehouse.execute('CREATE VIEW {schema}.report AS SELECT * FROM {schema}."Account"')
    for key, name in ((kept, "A"), (gone, "B")):
        warehouse.query(
            'INSERT INTO {schema}."Account" VALUES (%s, false, %s, 5, now()) RETURNING 1 AS it', key, name
        )
    org.hard_delete(gone)
    new = org.create("Account", {"Name": "C"})
    theirs = {"bookmarks": {"Account": {"SystemModstamp": "2100-01-01T00:00:00.000000Z", "version": 1}}}
    config = {"objects": ["Account"], "deletes": "sweep", "naming": "salesforce"}
    rehearsal = f"{warehouse.schema}_rehearsal"
    Pair(org_server, warehouse, config, {"schema": rehearsal}, theirs).good()
    try:
        different = warehouse.query(compared("Account", rehearsal))
    finally:
        warehouse.execute(f"DROP SCHEMA {rehearsal} CASCADE")
    assert {row["column"]: row["differences"] for row in different}["Id"] == 2
    Pair(org_server, warehouse, config, state=theirs).good()
    found = warehouse.query('SELECT "Id", "Name", "IsDeleted" FROM {schema}.report ORDER BY "Name"')
    assert [tuple(row.values()) for row in found] == [
        (kept, "A", False),
        (gone, "B", True),
        (new, "C", False),
    ]
