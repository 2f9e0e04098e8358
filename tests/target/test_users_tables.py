"""Tables that their owners changed: keys, views, columns, triggers, partitions, owners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from target_sfwarehouse.postgres.capabilities import MERGE_RETURNING, Capabilities
from tests.fix_warehouse import plain_url
from tests.target.support import INTEGER, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fix_warehouse import Warehouse

NUMBER = {"type": ["null", "number"]}
MOMENT = {"type": ["null", "string"], "format": "date-time"}
SCHEMA = schema_message("accounts", {"id": INTEGER, "n": INTEGER})
FIRST = [SCHEMA, record("accounts", {"id": 1, "n": 2}), state({"n": 1})]
SECOND = [SCHEMA, record("accounts", {"id": 1, "n": 3}), record("accounts", {"id": 2}), state({"n": 2})]


def rows(warehouse: Warehouse, columns: str = "id, n") -> list[tuple[Any, ...]]:
    return [
        tuple(row.values())
        for row in warehouse.query(f"SELECT {columns} FROM {{schema}}.accounts ORDER BY id")
    ]


def made(warehouse: Warehouse, *statements: str) -> None:
    warehouse.execute("CREATE SCHEMA IF NOT EXISTS {schema}")
    for statement in statements:
        warehouse.execute(statement)


def test_a_key_whose_type_widens(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), FIRST)
    texts = [record("accounts", {"id": "1", "n": 3}), record("accounts", {"id": "x"})]
    loaded(warehouse.config(), [schema_message("accounts", {"id": STRING, "n": INTEGER}), *texts])
    assert rows(warehouse) == [("1", 3), ("x", None)]


def test_a_key_that_is_another_one_since_the_last_run(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), FIRST)
    other = schema_message("accounts", {"id": INTEGER, "n": INTEGER}, ["id", "n"])
    outcome = load(warehouse.config(), [other, *SECOND[1:]])
    assert str(outcome.error) == (
        f"line 1, stream 'accounts': the key is (id, n), but {warehouse.schema}.accounts is unique by (id). "
        "Load into another schema, or give the table a unique index on the new key"
    )
    warehouse.execute("CREATE UNIQUE INDEX ON {schema}.accounts (n, id)")
    warehouse.execute("ALTER TABLE {schema}.accounts DROP CONSTRAINT accounts_pkey")
    loaded(warehouse.config(), [other, record("accounts", {"id": 1, "n": 3})])
    assert rows(warehouse) == [(1, 2), (1, 3)]


def test_a_stream_that_lost_its_key_says_which_row_repeats(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), FIRST)
    outcome = load(
        warehouse.config(), [schema_message("accounts", {"id": INTEGER, "n": INTEGER}, []), *SECOND[1:]]
    )
    assert str(outcome.error) == (
        "line 2, stream 'accounts': duplicate key value violates unique constraint \"accounts_pkey\""
    )
    assert (rows(warehouse), outcome.states) == ([(1, 2)], [])


@pytest.mark.parametrize(
    "index",
    [
        "CREATE UNIQUE INDEX ON {schema}.accounts (id) INCLUDE (n)",
        "CREATE UNIQUE INDEX ON {schema}.accounts (id) WHERE n > 5",
        "CREATE UNIQUE INDEX ON {schema}.accounts (abs(id))",
    ],
)
def test_unique_indexes_of_every_kind(index: str, warehouse: Warehouse) -> None:
    """One that cannot be merged by, or holds for some rows only, does not stand for the key."""
    made(warehouse, "CREATE TABLE {schema}.accounts (id bigint, n bigint)", index)
    loaded(warehouse.config(), FIRST)
    loaded(warehouse.config(), SECOND)
    assert rows(warehouse) == [(1, 3), (2, None)]


def test_a_unique_constraint_that_may_be_deferred(warehouse: Warehouse) -> None:
    """MERGE does not mind; ON CONFLICT, which older versions need, does, and the message says so."""
    made(warehouse, "CREATE TABLE {schema}.accounts (id bigint, n bigint, UNIQUE (id) DEFERRABLE)")
    outcome = load(warehouse.config(), FIRST)
    if warehouse.connection.info.server_version >= MERGE_RETURNING:
        assert outcome.error is None
        loaded(warehouse.config(), SECOND)
        assert rows(warehouse) == [(1, 3), (2, None)]
    else:
        assert "does not support deferrable unique constraints" in str(outcome.error)
        assert outcome.states == []


def test_a_key_that_is_gone_in_the_middle_of_a_run_may_be_null(warehouse: Warehouse) -> None:
    """The rows before and behind the change are staged alike but for that."""
    made(
        warehouse,
        "CREATE TABLE {schema}.accounts (id bigint, n bigint)",
        "CREATE UNIQUE INDEX ON {schema}.accounts (id)",
    )
    keyless = [schema_message("accounts", FIRST[0]["schema"]["properties"], [])]
    keyless += [record("accounts", {"id": None, "n": n}) for n in (7, 8)]
    loaded(warehouse.config(), [*FIRST, *keyless, *SECOND])
    assert rows(warehouse) == [(1, 3), (2, None), (None, 7), (None, 8)]


def test_a_view_of_a_column_that_must_widen_is_named(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), FIRST)
    warehouse.execute("CREATE VIEW {schema}.report AS SELECT n FROM {schema}.accounts")
    wider = [
        schema_message("accounts", {"id": INTEGER, "n": NUMBER}),
        record("accounts", {"id": 1, "n": 2.5}),
    ]
    outcome = load(warehouse.config(), wider)
    message = str(outcome.error)
    table, view = f'"{warehouse.schema}"."accounts"', f"VIEW {warehouse.schema}.report"
    assert message == (
        "line 2, stream 'accounts', key 1, property 'n': a value does not fit "
        f'column "n", which is bigint and cannot become numeric: {view} uses it. Let the table\'s owner run: DROP {view}; '
        f'ALTER TABLE {table} ALTER COLUMN "n" TYPE numeric; make what was dropped again, and run again'
    )
    assert rows(warehouse) == [(1, 2)]
    warehouse.execute("DROP VIEW {schema}.report")
    loaded(warehouse.config(), wider)
    assert [float(n) for (n,) in rows(warehouse, "n")] == [2.5]


def test_a_view_does_not_stand_in_the_way_of_rows(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), FIRST)
    warehouse.execute("CREATE VIEW {schema}.report AS SELECT * FROM {schema}.accounts")
    wider = schema_message("accounts", {"id": INTEGER, "n": INTEGER, "added": STRING})
    loaded(warehouse.config(), [wider, *SECOND[1:]])
    assert warehouse.query("SELECT n FROM {schema}.report WHERE id = 1") == [{"n": 3}]


def test_columns_that_somebody_added(warehouse: Warehouse) -> None:
    """Generated, defaulted and nullable ones are left alone."""
    loaded(warehouse.config(), FIRST)
    warehouse.execute("ALTER TABLE {schema}.accounts ADD twice bigint GENERATED ALWAYS AS (n * 2) STORED")
    warehouse.execute(
        "ALTER TABLE {schema}.accounts ADD seen timestamptz NOT NULL DEFAULT now(), ADD note text"
    )
    warehouse.execute("UPDATE {schema}.accounts SET note = 'mine'")
    loaded(warehouse.config(), SECOND)
    assert rows(warehouse, "id, n, twice, note, seen IS NOT NULL") == [
        (1, 3, 6, "mine", True),
        (2, None, None, None, True),
    ]


def test_a_column_that_somebody_added_and_that_must_be_filled(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [SCHEMA])
    warehouse.execute("ALTER TABLE {schema}.accounts ADD COLUMN extra text NOT NULL")
    outcome = load(warehouse.config(), FIRST)
    assert str(outcome.error) == (
        "line 2, stream 'accounts', key 1: "
        'null value in column "extra" of relation "accounts" violates not-null constraint'
    )
    assert outcome.states == []


def test_triggers_see_what_really_changed(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), FIRST)
    made(
        warehouse,
        "CREATE TABLE {schema}.log (what text)",
        "CREATE FUNCTION {schema}.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO {schema}.log VALUES (TG_OP); RETURN NEW; END $$",
        "CREATE TRIGGER noted AFTER INSERT OR UPDATE ON {schema}.accounts FOR EACH ROW EXECUTE FUNCTION {schema}.note()",
    )
    loaded(warehouse.config(), FIRST)
    loaded(warehouse.config(), SECOND)
    assert [row["what"] for row in warehouse.query("SELECT what FROM {schema}.log ORDER BY what")] == [
        "INSERT",
        "UPDATE",
    ]


def test_times_of_another_precision(warehouse: Warehouse) -> None:
    """Tables of other loaders: what keeps fewer digits than a microsecond is widened when such a value comes."""
    made(
        warehouse,
        "CREATE TABLE {schema}.accounts (id bigint PRIMARY KEY, a timestamptz(3), b timestamp(6), c time(0), "
        "d timestamptz(6))",
        "INSERT INTO {schema}.accounts VALUES (1, '2026-01-02 03:04:05.678Z', '2026-01-02 03:04:05', '10:11:12', NULL)",
    )
    time = {"type": ["null", "string"], "format": "time"}
    exact = "2026-01-02T03:04:05.123456Z"
    values = {"id": 2, "a": exact, "b": exact, "c": "10:11:12.123456Z", "d": exact}
    loaded(
        warehouse.config(),
        [
            schema_message("accounts", {"id": INTEGER, "a": MOMENT, "b": MOMENT, "c": time, "d": MOMENT}),
            record("accounts", values),
        ],
    )
    warehouse.execute("SET timezone = 'UTC'")
    day = "2026-01-02 03:04:05.123456"
    assert rows(warehouse, "a::text, b::text, c::text, d::text") == [
        ("2026-01-02 03:04:05.678+00", "2026-01-02 03:04:05", "10:11:12", None),
        (f"{day}+00", day, "10:11:12.123456", f"{day}+00"),
    ]


def test_a_table_that_cannot_have_so_many_columns(warehouse: Warehouse) -> None:
    many = schema_message("accounts", {"id": INTEGER, **{f"c{n}": INTEGER for n in range(1700)}})
    outcome = load(warehouse.config(), [many])
    assert str(outcome.error) == (
        f"line 1, stream 'accounts': {warehouse.schema}.accounts cannot follow the schema: "
        "tables can have at most 1600 columns"
    )


@pytest.mark.parametrize("name", ["_sync_runs", "_rejected", "_sources"])
def test_the_targets_own_tables_are_no_streams(name: str, warehouse: Warehouse) -> None:
    outcome = load(warehouse.config(), [*FIRST, schema_message(name, {"id": INTEGER})])
    assert str(outcome.error).startswith(
        f"line 4, stream '{name}': table '{name}' is where the target keeps its own records"
    )
    assert outcome.states == [{"n": 1}]


def test_a_schema_with_an_odd_name(warehouse: Warehouse) -> None:
    name = f'{warehouse.schema}-Ä.b "c" %s'
    quoted = '"' + name.replace('"', '""') + '"'
    bad = record("accounts", {"id": "x"})
    try:
        config = {"sqlalchemy_url": warehouse.url, "schema": name, "on_bad_record": "quarantine"}
        assert loaded(config, [*FIRST, bad, state({"n": 2})]).states == [{"n": 2}]
        assert loaded(config, [*SECOND, state({"n": 3})]).states == [{"n": 3}]
        with warehouse.connection.cursor() as cursor:
            tables = ("accounts", "_rejected", "_sync_runs")
            counts = [len(cursor.execute(f"SELECT 1 FROM {quoted}.{t}".encode()).fetchall()) for t in tables]
        assert counts == [2, 1, 2]
    finally:
        warehouse.connection.execute(f"DROP SCHEMA IF EXISTS {quoted} CASCADE".encode())


@pytest.fixture
def guest(warehouse: Warehouse) -> Iterator[dict[str, Any]]:
    """A role that may read and write the tables of a schema that another role owns, as its configuration."""
    role = warehouse.schema.replace("test_", "guest_")
    parts = urlsplit(plain_url(warehouse.url))
    warehouse.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'guest'")
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(f"GRANT USAGE ON SCHEMA {{schema}} TO {role}")
    warehouse.execute(
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {{schema}} GRANT SELECT, INSERT, UPDATE ON TABLES TO {role}"
    )
    url = parts._replace(netloc=f"{role}:guest@{parts.hostname}:{parts.port}").geturl()
    yield warehouse.config(sqlalchemy_url=url)
    warehouse.execute(f"DROP OWNED BY {role}")
    warehouse.execute(f"DROP ROLE {role}")


def test_a_table_of_another_role_is_loaded(guest: dict[str, Any], warehouse: Warehouse) -> None:
    """Only what an owner alone may do is left out: comments and indexes."""
    loaded(warehouse.config(column_comments=False), FIRST)
    titled = schema_message("accounts", {"id": INTEGER, "n": {**INTEGER, "title": "Number"}})
    outcome = loaded(guest | {"indexes": ["n"]}, [titled, *SECOND[1:], titled, *SECOND[1:]])
    assert outcome.states == [{"n": 2}]
    assert rows(warehouse) == [(1, 3), (2, None)]


def test_a_table_of_another_role_that_must_change(guest: dict[str, Any], warehouse: Warehouse) -> None:
    loaded(warehouse.config(), FIRST)
    wider = schema_message("accounts", {"id": INTEGER, "n": INTEGER, "added": STRING})
    message = str(load(guest, [wider, *SECOND[1:]]).error)
    assert "may not make or change table 'accounts'" in message
    assert "must be owner of table accounts" in message
    assert "columns can be added by the table's owner only" in message


def test_a_table_that_may_not_be_written(guest: dict[str, Any], warehouse: Warehouse) -> None:
    loaded(warehouse.config(), FIRST)
    warehouse.execute(
        f"REVOKE UPDATE ON {{schema}}.accounts FROM {warehouse.schema.replace('test_', 'guest_')}"
    )
    outcome = load(guest, SECOND)
    assert "permission denied for table accounts" in str(outcome.error)
    assert outcome.states == []


def test_temporary_tables_that_are_not_allowed(guest: dict[str, Any], warehouse: Warehouse) -> None:
    loaded(warehouse.config(), FIRST)
    database = urlsplit(plain_url(warehouse.url)).path.lstrip("/")
    warehouse.execute(f'REVOKE TEMPORARY ON DATABASE "{database}" FROM PUBLIC')
    try:
        message = str(load(guest, SECOND).error)
    finally:
        warehouse.execute(f'GRANT TEMPORARY ON DATABASE "{database}" TO PUBLIC')
    assert "permission denied to create temporary tables in database" in message
    assert "Grant the role what it lacks" in message


@pytest.mark.parametrize("merge", [True, False])
def test_a_partitioned_table_on_any_engine(
    merge: bool, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partitions have no `xmax` in RETURNING, by which ON CONFLICT tells inserted rows from others."""
    if not merge:
        monkeypatch.setattr(
            "target_sfwarehouse.postgres.capabilities.detect", lambda _: Capabilities(merge=False)
        )
    made(
        warehouse,
        "CREATE TABLE {schema}.accounts (id bigint PRIMARY KEY, n bigint) PARTITION BY HASH (id)",
        "CREATE TABLE {schema}.part_0 PARTITION OF {schema}.accounts FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "CREATE TABLE {schema}.part_1 PARTITION OF {schema}.accounts FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    )
    wider = schema_message("accounts", {"id": INTEGER, "n": NUMBER, "added": STRING})
    for n in (1, 2):
        loaded(warehouse.config(), [wider, *(record("accounts", {"id": i, "n": i % n}) for i in range(9))])
    counted = warehouse.query(
        "SELECT rows_inserted AS i, rows_updated AS u, rows_unchanged AS same FROM {schema}._sync_runs ORDER BY started_at"
    )
    assert counted == [{"i": 9, "u": 0, "same": 0}, {"i": 0, "u": 4, "same": 5}]
