"""Tables around the rows: defaults, comments, indexes, the run log, tables that others made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_sfwarehouse.errors import SettingsError
from tests.target.support import BOOLEAN, INTEGER, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

PROPERTIES = {
    "id": STRING,
    "name": STRING,
    "modified": {"type": "string", "format": "date-time"},
    "is_deleted": BOOLEAN,
}
SCHEMA = schema_message("accounts", PROPERTIES)

RUNS = """
SELECT collection, rows_inserted AS inserted, rows_updated AS updated, rows_unchanged AS unchanged,
       rows_marked_deleted AS marked, rows_rejected AS rejected
FROM {schema}._sync_runs ORDER BY started_at, collection
"""


def run_row(collection: str, *counts: int) -> dict[str, Any]:
    names = ("inserted", "updated", "unchanged", "marked", "rejected")
    return {"collection": collection, **dict(zip(names, counts, strict=True))}


def test_unchanged_rows_are_not_written(warehouse: Warehouse) -> None:
    first = [SCHEMA, *(record("accounts", {"id": str(n), "name": f"n{n}"}) for n in range(10))]
    loaded(warehouse.config(), first)
    before = {
        row["id"]: row["xmin"] for row in warehouse.query("SELECT id, xmin::text FROM {schema}.accounts")
    }
    again = [record("accounts", {"id": str(n), "name": f"n{n}" if n % 3 else "changed"}) for n in range(12)]
    loaded(warehouse.config(), [SCHEMA, *again])
    after = {
        row["id"]: row["xmin"] for row in warehouse.query("SELECT id, xmin::text FROM {schema}.accounts")
    }
    assert {id_ for id_ in before if before[id_] != after[id_]} == {"0", "3", "6", "9"}
    assert warehouse.query(RUNS) == [run_row("accounts", 10, 0, 0, 0, 0), run_row("accounts", 2, 4, 6, 0, 0)]


def test_the_run_log_counts_and_can_be_left_out(warehouse: Warehouse) -> None:
    rows = [record("accounts", {"id": str(n)}, version=1) for n in range(3)]
    activate = {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": 2}
    long = {"properties": "abcdef" * 60, "jobs": {"rows": {"id": "750"}}, "many": [1]}
    bookmark = state({"bookmarks": {"accounts": {"replication_key_value": "2026-01-01", "page": 2, **long}}})
    loaded(warehouse.config(), [SCHEMA, schema_message("leads", {"id": INTEGER}), *rows, activate, bookmark])
    assert warehouse.query(RUNS) == [run_row("accounts", 3, 0, 0, 3, 0), run_row("leads", 0, 0, 0, 0, 0)]
    (row,) = warehouse.query("SELECT bookmark FROM {schema}._sync_runs WHERE collection = 'accounts'")
    assert row["bookmark"] == {"replication_key_value": "2026-01-01", "page": 2}
    warehouse.execute("DROP TABLE {schema}._sync_runs")
    loaded(warehouse.config(sync_runs=False), [SCHEMA, *rows])
    assert warehouse.table_names() == {"accounts", "leads", "_received_at"}


def test_is_deleted_defaults_to_false(warehouse: Warehouse) -> None:
    loaded(
        warehouse.config(),
        [SCHEMA, record("accounts", {"id": "a"}), record("accounts", {"id": "b", "is_deleted": True})],
    )
    warehouse.execute("INSERT INTO {schema}.accounts (id) VALUES ('c')")
    found = warehouse.query("SELECT id, is_deleted FROM {schema}.accounts ORDER BY id")
    assert [row["is_deleted"] for row in found] == [False, True, False]


def test_a_deleted_row_that_comes_back_is_no_longer_deleted(warehouse: Warehouse) -> None:
    for deleted in (False, True, False):
        loaded(warehouse.config(), [SCHEMA, record("accounts", {"id": "a", "is_deleted": deleted})])
        assert warehouse.query("SELECT is_deleted FROM {schema}.accounts") == [{"is_deleted": deleted}]


COMMENTS = """
SELECT coalesce(a.attname, '') AS name, d.description FROM pg_description d
LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
WHERE d.objoid = to_regclass(%s) ORDER BY 1
"""


def test_comments_carry_label_and_api_name(warehouse: Warehouse) -> None:
    properties = {
        "id": {"type": "string", "title": "Account ID", "x-sfsource-api-name": "Id"},
        "size": {"type": ["null", "integer"], "description": "Number of employees; the owner's guess"},
        "plain": STRING,
    }
    schema = schema_message("accounts", properties, title="Account", **{"x-sfsource-api-name": "Account"})
    loaded(warehouse.config(), [schema])
    found = {
        row["name"]: row["description"] for row in warehouse.query(COMMENTS, f"{warehouse.schema}.accounts")
    }
    expected = {
        "received_at": "When this row was inserted or last changed here",
        "uuid_ts": "The same as received_at",
        "": "Account (Account)",
        "id": "Account ID (Id)",
        "size": "Number of employees; the owner's guess",
    }
    assert found == expected
    warehouse.execute("COMMENT ON COLUMN {schema}.accounts.id IS 'ours'")
    properties["later"] = {"type": "string", "title": "Later"}
    loaded(warehouse.config(), [schema_message("accounts", properties)])
    found = {
        row["name"]: row["description"] for row in warehouse.query(COMMENTS, f"{warehouse.schema}.accounts")
    }
    assert found == expected | {"id": "ours", "later": "Later"}
    loaded(warehouse.config(column_comments=False), [schema_message("leads", {"id": properties["id"]})])
    assert warehouse.query(COMMENTS, f"{warehouse.schema}.leads") == []


def test_indexes_on_request(warehouse: Warehouse) -> None:
    schema = SCHEMA | {"bookmark_properties": ["modified"]}
    config = warehouse.config(indexes=["replication_key", "is_deleted", "id", "absent"])
    for _ in range(2):
        loaded(config, [schema])
    found = warehouse.query(
        "SELECT indexname FROM pg_indexes WHERE schemaname = %s ORDER BY 1", warehouse.schema
    )
    names = [row["indexname"] for row in found if row["indexname"].startswith("accounts")]
    assert names == ["accounts_is_deleted_idx", "accounts_modified_idx", "accounts_pkey"]


def test_indexes_whose_names_would_be_the_same(warehouse: Warehouse) -> None:
    """`a` by `b_c` and `a_b` by `c`."""
    schemas = [
        schema_message("a", {"id": INTEGER, "b_c": INTEGER}),
        schema_message("a_b", {"id": INTEGER, "c": INTEGER}),
    ]
    for _ in range(2):
        loaded(warehouse.config(indexes=["b_c", "c"]), schemas)
    found = warehouse.query(
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = %s AND indexdef NOT LIKE '%%UNIQUE%%' ORDER BY 1",
        warehouse.schema,
    )
    assert [(row["tablename"], row["indexdef"].rpartition(" ")[2]) for row in found] == [
        ("a", "(b_c)"),
        ("a_b", "(c)"),
    ]


def wide(columns: int) -> Any:
    return schema_message("wide", {"id": STRING, **{f"field_{n}__c": STRING for n in range(columns - 1)}})


def wide_record(columns: int, key: str = "1") -> Any:
    # Together longer than 2,040 bytes, none of them worth a place of its own.
    values = {f"field_{n}__c": f"about twenty bytes {n}" for n in range(columns - 1)}
    return record("wide", {"id": key, **values})


def row_options(warehouse: Warehouse) -> list[str] | None:
    (row,) = warehouse.query("SELECT reloptions FROM pg_class WHERE oid = '{schema}.wide'::regclass")
    options: list[str] | None = row["reloptions"]
    return options


def moved_out(warehouse: Warehouse) -> int:
    relation = "SELECT reltoastrelid FROM pg_class WHERE oid = '{schema}.wide'::regclass"
    (row,) = warehouse.query(f"SELECT pg_relation_size(({relation})) AS size")
    return int(row["size"])


def test_rows_of_many_short_values_stay_whole(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [wide(320), *(wide_record(320, str(key)) for key in range(20))])
    assert moved_out(warehouse) == 0
    loaded(warehouse.config(), [wide(320), *(wide_record(300, str(key)) for key in range(40))])
    assert moved_out(warehouse) == 0
    assert row_options(warehouse) == ["toast_tuple_target=7728"]


def test_the_room_of_a_row_grows_with_the_columns_and_not_for_few(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [wide(60)])
    assert row_options(warehouse) is None
    loaded(warehouse.config(), [wide(200)])
    assert row_options(warehouse) == ["toast_tuple_target=4848"]
    loaded(warehouse.config(), [wide(500)])
    assert row_options(warehouse) == ["toast_tuple_target=8160"]
    warehouse.execute("ALTER TABLE {schema}.wide RESET (toast_tuple_target)")
    loaded(warehouse.config(), [{**wide(500), "schema": {**wide(500)["schema"], "title": "A new comment"}}])
    assert row_options(warehouse) is None


def test_the_room_that_somebody_chose_for_rows_stays(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [wide(200)])
    warehouse.execute("ALTER TABLE {schema}.wide SET (toast_tuple_target = 1000)")
    loaded(warehouse.config(), [wide(300), wide_record(300)])
    assert row_options(warehouse) == ["toast_tuple_target=1000"]


def test_a_schema_whose_name_is_too_long(warehouse: Warehouse) -> None:
    """Postgres would cut it, and the next run would look for it in vain."""
    with pytest.raises(SettingsError, match="at most 63 bytes"):
        loaded(warehouse.config(schema="ä" * 32), [SCHEMA])


@pytest.mark.parametrize("name", ["ctid", "xmin", "tableoid"])
def test_a_property_with_the_name_of_a_system_column(name: str, warehouse: Warehouse) -> None:
    outcome = load(warehouse.config(), [schema_message("accounts", {"id": INTEGER, name: INTEGER})])
    assert "line 1, stream 'accounts'" in str(outcome.error)
    assert f'column name "{name}" conflicts with a system column name' in str(outcome.error)


def test_names_that_statements_use_themselves(warehouse: Warehouse) -> None:
    names = ["t", "s", "excluded", "inserted", "place", "changed", "ranked", "keys", "count", "merge_action"]
    schema = schema_message("changed", dict.fromkeys(names, STRING), names[:5])
    first = [record("changed", dict.fromkeys(names, "a")), record("changed", dict.fromkeys(names, "b"))]
    for name in ("x", "y"):
        loaded(
            warehouse.config(),
            [schema, *first, record("changed", dict.fromkeys(names, "a") | {"count": name})],
        )
    assert warehouse.query("SELECT * FROM {schema}.changed ORDER BY t") == [
        dict.fromkeys(names, "a") | {"count": "y"},
        dict.fromkeys(names, "b"),
    ]


@pytest.mark.parametrize("absent", [{}, {"key_properties": None}, {"key_properties": []}])
def test_a_schema_that_names_no_key(absent: dict[str, Any], warehouse: Warehouse) -> None:
    schema = {name: value for name, value in SCHEMA.items() if name != "key_properties"} | absent
    for _ in range(2):
        loaded(warehouse.config(), [schema | {"bookmark_properties": None}, record("accounts", {"id": "a"})])
    assert warehouse.query("SELECT id FROM {schema}.accounts") == [{"id": "a"}, {"id": "a"}]


def test_record_metadata_when_asked(warehouse: Warehouse) -> None:
    config = warehouse.config(add_record_metadata=True)
    extracted = "2026-01-02T03:04:05.000000Z"
    for by_sdk in (False, True):
        loaded_rows = [record("accounts", {"id": str(by_sdk)}, time_extracted=extracted, version=5)]
        loaded_rows.append(record("accounts", {"id": f"{by_sdk} again"}, time_extracted=extracted, version=5))
        assert load(config, [SCHEMA, *loaded_rows], by_sdk=by_sdk).error is None
    rows = warehouse.query("SELECT * FROM {schema}.accounts")
    assert len(rows) == 4
    for row in rows:
        assert row["_sdc_extracted_at"].isoformat() == "2026-01-02T03:04:05+00:00"
        assert row["_sdc_received_at"] is not None
        assert row["_sdc_batched_at"] is not None
        assert row["_sdc_deleted_at"] is None
        assert (
            row["_sdc_table_version"],
            row["_sdc_sequence"] > 10**12,
            row["_sdc_sync_started_at"] > 10**12,
        ) == (5, True, True)
    loaded(config, [SCHEMA, record("accounts", {"id": "True"}, version=5)])
    assert warehouse.query(RUNS)[-1] == run_row("accounts", 0, 0, 1, 0, 0)


def test_overwrite_empties_the_table_once_a_run(warehouse: Warehouse) -> None:
    config = warehouse.config(load_method="overwrite", batch_size_rows=2)
    for run in (1, 2):
        loaded(config, [SCHEMA, *(record("accounts", {"id": f"{run}{n}"}) for n in range(5))])
    assert [row["id"] for row in warehouse.query("SELECT id FROM {schema}.accounts ORDER BY id")] == [
        f"2{n}" for n in range(5)
    ]


def test_a_table_of_target_postgres_is_taken_over(warehouse: Warehouse) -> None:
    """Its timestamps have no zone and hold UTC, and its arrays are arrays: both stay. What does not fit gets room."""
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE TABLE {schema}.accounts (id text PRIMARY KEY, name varchar(3), modified timestamp, tags text[], "
        "amount decimal, size smallint, _sdc_batched_at timestamp)"
    )
    warehouse.execute(
        "INSERT INTO {schema}.accounts VALUES ('a', 'abc', '2026-01-01 10:00', '{x,y}', 1.5, 3, now())"
    )
    properties = PROPERTIES | {
        "tags": {"type": "array"},
        "amount": {"type": ["null", "number"]},
        "size": INTEGER,
    }
    new = {
        "id": "b",
        "name": "longer",
        "modified": "2026-01-01T10:00:00+02:00",
        "tags": ["z"],
        "amount": 2.25,
        "size": 10**6,
    }
    loaded(warehouse.config(), [schema_message("accounts", properties), record("accounts", new)])
    rows = warehouse.query(
        "SELECT id, name, modified AS at, tags, amount, size FROM {schema}.accounts ORDER BY 1"
    )
    assert [str(row["at"]) for row in rows] == ["2026-01-01 10:00:00", "2026-01-01 08:00:00"]
    assert [(row["name"], row["tags"], float(row["amount"]), row["size"]) for row in rows] == [
        ("abc", ["x", "y"], 1.5, 3),
        ("longer", ["z"], 2.25, 10**6),
    ]


def test_a_table_without_a_key_gets_one(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute("CREATE TABLE {schema}.accounts (id text, name text)")
    warehouse.execute("INSERT INTO {schema}.accounts VALUES ('a', 'A')")
    loaded(warehouse.config(), [SCHEMA, record("accounts", {"id": "a", "name": "B"})])
    assert warehouse.query("SELECT id, name FROM {schema}.accounts") == [{"id": "a", "name": "B"}]


def test_a_table_whose_rows_repeat_the_key_is_refused(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute("CREATE TABLE {schema}.accounts (id text, name text)")
    warehouse.execute("INSERT INTO {schema}.accounts VALUES ('a', 'A'), ('a', 'B')")
    outcome = load(warehouse.config(), [SCHEMA, record("accounts", {"id": "a"})])
    assert "cannot get the primary key (id): could not create unique index" in str(outcome.error)
    assert len(warehouse.query("SELECT * FROM {schema}.accounts")) == 2


def test_a_view_is_refused(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute("CREATE VIEW {schema}.accounts AS SELECT 1 AS id")
    assert "is a view" in str(load(warehouse.config(), [SCHEMA]).error)


@pytest.mark.parametrize("setting", ["schema", "default_target_schema"])
def test_both_names_of_the_schema_setting(setting: str, warehouse: Warehouse) -> None:
    loaded({"sqlalchemy_url": warehouse.url, setting: warehouse.schema}, [SCHEMA])
    assert "accounts" in warehouse.table_names()


def test_stream_maps_and_flattening(warehouse: Warehouse) -> None:
    properties = {
        "id": STRING,
        "name": STRING,
        "address": {"type": "object", "properties": {"city": STRING, "zip": STRING}},
    }
    config = warehouse.config(
        stream_maps={"accounts": {"__alias__": "customers", "name": "name.upper()", "twice": "id + id"}},
        flattening_enabled=True,
        flattening_max_depth=1,
    )
    rows = [
        record("accounts", {"id": str(n), "name": "a", "address": {"city": "c", "zip": None}})
        for n in range(3)
    ]
    loaded(config, [schema_message("accounts", properties), *rows])
    found = warehouse.query(
        "SELECT id, name, twice, address__city, address__zip FROM {schema}.customers ORDER BY id"
    )
    assert found[1] == {"id": "1", "name": "A", "twice": "11", "address__city": "c", "address__zip": None}
    assert len(found) == 3
