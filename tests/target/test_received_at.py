"""`received_at` and `uuid_ts` tell when a row was inserted or changed, and a reader that goes on from there misses none."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.fix_process import wait_until
from tests.target.support import BOOLEAN, INTEGER, STRING, load, loaded, record, schema_message

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

MOMENT = {"type": ["null", "string"], "format": "date-time"}
PROPERTIES = {"id": {"type": "string"}, "name": STRING, "size": INTEGER, "is_deleted": BOOLEAN}
SCHEMA = schema_message("accounts", PROPERTIES)
NARROW = schema_message("accounts", {"id": {"type": "string"}, "name": STRING})
TOMBSTONE = schema_message("accounts", {"id": {"type": "string"}, "is_deleted": BOOLEAN})
SOON = datetime(2999, 1, 1, tzinfo=UTC)


def account(key: str, name: str = "Acme", **rest: Any) -> Any:
    return record("accounts", {"id": key, "name": name, "size": 1}, **rest)


def stamps(warehouse: Warehouse, table: str = "accounts") -> dict[str, datetime]:
    """When each row was written; both columns say the same, and no row comes without."""
    found = warehouse.query(f"SELECT id, received_at, uuid_ts FROM {{schema}}.{table}")
    for row in found:
        assert row["received_at"] is not None
        assert row["received_at"] == row["uuid_ts"].replace(tzinfo=UTC)
    return {row["id"]: row["received_at"] for row in found}


def last(warehouse: Warehouse, table: str = "accounts") -> datetime:
    (row,) = warehouse.query("SELECT received_at FROM {schema}._received_at WHERE collection = %s", table)
    assert isinstance(row["received_at"], datetime)
    return row["received_at"]


@pytest.mark.usefixtures("engine")
def test_a_row_that_comes_again_unchanged_keeps_its_time(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [SCHEMA, account("a"), account("b")])
    first = stamps(warehouse)
    assert first["a"] == first["b"]
    loaded(warehouse.config(), [SCHEMA, account("a"), account("b", "Bolt"), account("c")])
    second = stamps(warehouse)
    assert second["a"] == first["a"]
    assert second["b"] == second["c"] > first["b"]
    assert last(warehouse) == second["b"]


def test_the_rows_of_a_batch_have_one_time_and_later_batches_later_ones(warehouse: Warehouse) -> None:
    rows = [account(f"{n:03}") for n in range(50)]
    for names in ("Acme", "Bolt"):
        found = (
            [SCHEMA, *rows] if names == "Acme" else [SCHEMA, *(account(f"{n:03}", names) for n in range(50))]
        )
        loaded(warehouse.config(batch_size_rows=10), found)
        ordered = [moment for _, moment in sorted(stamps(warehouse).items())]
        assert ordered == sorted(ordered)
        assert len(set(ordered)) == 5


CSV = {"type": "BATCH", "stream": "accounts", "encoding": {"format": "csv"}}
ACTIVATE = {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": 2}
BEFORE: list[Any] = [account("a", version=1), account("b", version=1)]
WAYS: dict[str, tuple[dict[str, Any], list[Any], list[Any], set[str]]] = {
    "a partial row": ({}, BEFORE, [NARROW, record("accounts", {"id": "a", "name": "Bolt"})], {"a"}),
    "a new partial row": ({}, BEFORE, [NARROW, record("accounts", {"id": "c", "name": "Bolt"})], {"c"}),
    "a partial row that changes nothing": (
        {},
        BEFORE,
        [NARROW, record("accounts", {"id": "a", "name": "Acme"})],
        set(),
    ),
    "a tombstone": ({}, BEFORE, [TOMBSTONE, record("accounts", {"id": "a", "is_deleted": True})], {"a"}),
    "a sweep": ({}, BEFORE, [account("a", version=2), ACTIVATE], {"b"}),
    "a sweep that finds all": (
        {},
        BEFORE,
        [account("a", version=2), account("b", version=2), ACTIVATE],
        set(),
    ),
    "a row in quarantine": (
        {"on_bad_record": "quarantine"},
        BEFORE,
        [account("a", "Bolt"), record("accounts", {"id": "c", "size": "many"}), account("d")],
        {"a", "d"},
    ),
    "a table's own rule": (
        {"on_bad_record": "quarantine"},
        BEFORE,
        [account("a", "Bolt"), account("c", "bad"), account("d")],
        {"a", "d"},
    ),
    "overwrite": ({"load_method": "overwrite"}, BEFORE, [account("a"), account("c")], {"a", "c"}),
    "metadata": ({"add_record_metadata": True}, BEFORE, BEFORE, set()),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("engine")
def test_every_way_of_a_change_sets_the_time(way: str, warehouse: Warehouse) -> None:
    config, before, after, changed = WAYS[way]
    loaded(warehouse.config(**config), [SCHEMA, *before])
    warehouse.execute("ALTER TABLE {schema}.accounts ADD CHECK (name <> 'bad')")
    first = stamps(warehouse)
    loaded(warehouse.config(**config), [SCHEMA, *after])
    second = stamps(warehouse)
    assert {key for key in second if second[key] != first.get(key)} == changed
    assert {second[key] for key in changed} <= {last(warehouse)}


@pytest.mark.usefixtures("engine")
def test_a_row_that_a_later_version_brings_back_is_a_change(warehouse: Warehouse) -> None:
    schema = schema_message("accounts", {"id": {"type": "string"}, "name": STRING})

    def row(key: str, version: int) -> Any:
        return record("accounts", {"id": key, "name": "Acme"}, version=version)

    found = []
    for version, keys in ((1, "ab"), (2, "b"), (3, "ab"), (4, "ab")):
        activate = {**ACTIVATE, "version": version}
        loaded(warehouse.config(), [schema, *(row(key, version) for key in keys), activate])
        found.append(stamps(warehouse))
    made, gone, back, same = found
    assert made["a"] < gone["a"] < back["a"] == same["a"]
    assert made["b"] == same["b"]


@pytest.mark.parametrize("keys", [["id"], []])
@pytest.mark.parametrize("method", ["upsert", "append-only"])
@pytest.mark.parametrize("brought", ["records", "csv"])
def test_a_new_table_and_one_without_a_key(
    keys: list[str], method: str, brought: str, tmp_path: Path, warehouse: Warehouse
) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text("id,name,size,is_deleted\na,Acme,1,false\nb,Bolt,2,false\n")
    rows = [{**CSV, "manifest": [str(path)]}] if brought == "csv" else [account("a"), account("b")]
    moments = []
    for _ in range(2):
        loaded(warehouse.config(load_method=method), [schema_message("accounts", PROPERTIES, keys), *rows])
        moments.append(last(warehouse))
        stamps(warehouse)
    found = warehouse.query("SELECT received_at, count(*) FROM {schema}.accounts GROUP BY 1 ORDER BY 1")
    appends = method == "append-only" or not keys
    assert [row["received_at"] for row in found] == moments[: 2 if appends else 1]
    assert {row["count"] for row in found} == {2}


def test_a_table_of_before_gets_the_columns_and_is_not_rewritten(warehouse: Warehouse) -> None:
    loaded(warehouse.config(received_at=False), [SCHEMA, account("a"), account("b")])
    assert "_received_at" not in warehouse.table_names()
    names = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"
    found = warehouse.query(names, f"{warehouse.schema}.accounts")
    assert [row["attname"] for row in found] == list(PROPERTIES)
    warehouse.execute("CREATE VIEW {schema}.report AS SELECT * FROM {schema}.accounts")
    file = "SELECT relfilenode FROM pg_class WHERE oid = to_regclass(%s)"
    before = warehouse.query(file, f"{warehouse.schema}.accounts")
    loaded(warehouse.config(), [SCHEMA, account("a"), account("b", "Bolt")])
    assert warehouse.query(file, f"{warehouse.schema}.accounts") == before
    assert len(warehouse.query("SELECT * FROM {schema}.report")) == 2
    times = stamps(warehouse)
    # A reader that goes on by `received_at` gets every row once.
    assert times["a"] < times["b"]


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "timestamptz(3)"])
@pytest.mark.parametrize("keys", [["id"], []])
def test_columns_of_segment_are_taken_over(kind: str, keys: list[str], warehouse: Warehouse) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    key = ", PRIMARY KEY (id)" if keys else ""
    warehouse.execute(
        f"CREATE TABLE {{schema}}.accounts (id varchar(512) NOT NULL, received_at {kind}, uuid bigint, uuid_ts {kind},"
        f" name varchar(512), size bigint, is_deleted boolean{key})"
    )
    warehouse.execute(
        "INSERT INTO {schema}.accounts VALUES ('a', '2020-01-01', 1, '2020-01-02', 'Acme', 1, false)"
    )
    schema = schema_message("accounts", PROPERTIES, keys)
    loaded(warehouse.config(), [schema, account("a"), account("b")])
    rows = warehouse.query(
        "SELECT id, uuid, received_at::timestamptz, uuid_ts::timestamptz FROM {schema}.accounts ORDER BY received_at"
    )
    old, *new = rows
    assert (old["uuid"], old["received_at"].year, old["uuid_ts"].day) == (1, 2020, 2)
    assert [row["id"] for row in new] == (["b"] if keys else ["a", "b"])
    for row in new:
        assert abs((row["received_at"] - last(warehouse)).total_seconds()) < 0.001
        assert row["received_at"] == row["uuid_ts"]
    columns = warehouse.query(
        "SELECT column_default FROM information_schema.columns WHERE table_schema = %s AND table_name = 'accounts' "
        "AND column_default IS NOT NULL",
        warehouse.schema,
    )
    assert columns == []


def test_a_property_of_the_tap_keeps_its_column(warehouse: Warehouse) -> None:
    theirs = {"id": {"type": "string"}, "received_at": MOMENT, "name": STRING}
    schema = schema_message("mails", theirs)
    narrow = schema_message("mails", {"id": {"type": "string"}, "name": STRING})
    sent = {"id": "a", "received_at": "2020-01-01T00:00:00Z", "name": "x"}
    messages = [schema, record("mails", sent), narrow, record("mails", {"id": "a", "name": "y"})]
    written = []
    for run in (messages[:2], messages, messages[:2]):
        loaded(warehouse.config(), run)
        (row,) = warehouse.query("SELECT received_at, uuid_ts FROM {schema}.mails")
        assert row["received_at"] == datetime(2020, 1, 1, tzinfo=UTC)
        written.append(row["uuid_ts"])
    assert written[0] < written[1] < written[2]


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (STRING, "hello", "a value is no time"),
        ({"type": ["integer", "null"]}, 5, "property 'received_at' is of type bigint"),
        ({"type": ["object", "null"]}, {"a": 1}, "a value is no time"),
    ],
)
def test_a_later_property_that_is_no_time_does_not_take_the_column(
    kind: dict[str, Any], value: Any, said: str, warehouse: Warehouse
) -> None:
    before = {"id": {"type": "string"}}
    loaded(warehouse.config(), [schema_message("mails", before), record("mails", {"id": "a"})])
    later = schema_message("mails", {**before, "received_at": kind})
    error = load(warehouse.config(), [later, record("mails", {"id": "b", "received_at": value})]).error
    assert said in str(error)
    assert "is where the target keeps when a row was written (setting `received_at`)" in str(error)
    assert stamps(warehouse, "mails").keys() == {"a"}


def test_a_property_of_the_tap_in_a_table_that_had_the_targets_column(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [SCHEMA, account("a"), account("b")])
    schema = schema_message("accounts", {**PROPERTIES, "received_at": MOMENT})
    values = {"id": "a", "name": "Acme", "received_at": "2020-01-01T00:00:00Z"}
    loaded(warehouse.config(), [schema, record("accounts", values)])
    (row,) = warehouse.query("SELECT received_at, uuid_ts FROM {schema}.accounts WHERE id = 'a'")
    assert row["received_at"] == datetime(2020, 1, 1, tzinfo=UTC)
    assert row["uuid_ts"] == last(warehouse)


def test_a_column_that_holds_no_time_stays_as_it_is(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE TABLE {schema}.accounts (id text PRIMARY KEY, name text, size bigint, is_deleted boolean, received_at text,"
        " uuid_ts timestamptz GENERATED ALWAYS AS ('2020-01-01 00:00:00+00'::timestamptz) STORED)"
    )
    loaded(warehouse.config(), [SCHEMA, account("a")])
    loaded(warehouse.config(), [SCHEMA, account("a", "Bolt")])
    rows = warehouse.query("SELECT name, received_at FROM {schema}.accounts")
    assert rows == [{"name": "Bolt", "received_at": None}]


def test_a_clock_that_was_set_back_gives_no_earlier_time(warehouse: Warehouse) -> None:
    """The clock was ahead when the last batch was written, or in the machine that filled the table before."""
    loaded(warehouse.config(), [SCHEMA, account("a")])
    warehouse.execute("UPDATE {schema}.accounts SET received_at = '2999-01-01', uuid_ts = '2999-01-01'")
    for table in ("_received_at SET received_at = '2999-01-01'", ""):
        warehouse.execute(f"UPDATE {{schema}}.{table}" if table else "DELETE FROM {schema}._received_at")
        loaded(warehouse.config(), [SCHEMA, account("b", table)])
        assert stamps(warehouse)["b"] > SOON


def test_a_first_load_behind_a_clock_that_was_set_back(warehouse: Warehouse) -> None:
    """The table was dropped; its rows are staged, as they cannot take the clock's time."""
    loaded(warehouse.config(), [SCHEMA, account("a")])
    warehouse.execute("DROP TABLE {schema}.accounts")
    warehouse.execute("UPDATE {schema}._received_at SET received_at = '2999-01-01'")
    loaded(warehouse.config(batch_size_rows=2), [SCHEMA, *map(account, "abcde")])
    found = stamps(warehouse)
    assert min(found.values()) > SOON
    assert len(set(found.values())) == 3


def test_a_reader_that_goes_on_by_received_at_misses_no_row(warehouse: Warehouse) -> None:
    """Two runs write the same table at the same time, in many batches, while it reads."""
    loaded(warehouse.config(), [SCHEMA])
    config = warehouse.config(batch_size_rows=7)
    errors: list[Any] = []

    def write(first: int) -> None:
        rows = [account(f"{n % 40:03}", f"{first}-{n}") for n in range(first, first + 300)]
        errors.append(load(config, [SCHEMA, *rows]).error)

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 10_000)]
    for writer in writers:
        writer.start()
    copy: dict[str, str] = {}
    bookmark = datetime(2000, 1, 1, tzinfo=UTC)
    statement = (
        "SELECT id, name, received_at FROM {schema}.accounts WHERE received_at > %s ORDER BY received_at"
    )

    def read() -> bool:
        nonlocal bookmark
        ended = not any(writer.is_alive() for writer in writers)
        for row in warehouse.query(statement, bookmark):
            copy[row["id"]] = row["name"]
            bookmark = row["received_at"]
        return ended

    wait_until(read, "both runs have ended", deadline=60)
    assert errors == [None, None]
    table = {row["id"]: row["name"] for row in warehouse.query("SELECT id, name FROM {schema}.accounts")}
    assert copy == table


TYPED = """
CREATE TYPE {schema}.account AS (id text, name text, size bigint, is_deleted boolean);
CREATE TABLE {schema}.accounts OF {schema}.account (PRIMARY KEY (id))
"""
PARTITION = """
CREATE TABLE {schema}.whole (id text PRIMARY KEY, name text, size bigint, is_deleted boolean) PARTITION BY HASH (id);
CREATE TABLE {schema}.accounts PARTITION OF {schema}.whole FOR VALUES WITH (MODULUS 1, REMAINDER 0)
"""


@pytest.mark.parametrize("ddl", [TYPED, PARTITION], ids=["typed", "partition"])
def test_a_table_that_cannot_get_the_columns_is_loaded_without(ddl: str, warehouse: Warehouse) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(ddl)
    loaded(warehouse.config(), [SCHEMA, account("a"), SCHEMA, account("b", "Bolt")])
    rows = warehouse.query("SELECT id, name FROM {schema}.accounts ORDER BY id")
    assert rows == [{"id": "a", "name": "Acme"}, {"id": "b", "name": "Bolt"}]


def test_a_table_of_another_role_is_loaded_without(warehouse: Warehouse, loader: tuple[str, str]) -> None:
    role, url = loader
    warehouse.execute(
        "CREATE TABLE {schema}.accounts (id text PRIMARY KEY, name text, size bigint, is_deleted boolean)"
    )
    warehouse.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {{schema}}.accounts TO {role}")
    for _ in range(2):
        loaded({**warehouse.config(), "sqlalchemy_url": url}, [SCHEMA, account("a")])
    warehouse.execute("ALTER TABLE {schema}.accounts ADD received_at timestamptz, ADD uuid_ts timestamptz")
    loaded({**warehouse.config(), "sqlalchemy_url": url}, [SCHEMA, account("a", "Bolt")])
    assert stamps(warehouse)["a"] == last(warehouse)


def test_a_role_that_may_make_no_table(warehouse: Warehouse, loader: tuple[str, str]) -> None:
    """An owner has made the table and `_sync_runs`; the time is that of the server's clock."""
    role, url = loader
    loaded(warehouse.config(received_at=False), [SCHEMA])
    warehouse.execute("ALTER TABLE {schema}.accounts ADD received_at timestamptz, ADD uuid_ts timestamptz")
    warehouse.execute(
        f"ALTER SCHEMA {{schema}} OWNER TO CURRENT_USER; GRANT USAGE ON SCHEMA {{schema}} TO {role}"
    )
    warehouse.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {{schema}} TO {role}")
    config = {**warehouse.config(), "sqlalchemy_url": url}
    moments = []
    for name in ("Acme", "Acme", "Bolt"):
        loaded(config, [SCHEMA, account("a", name)])
        moments.append(stamps(warehouse)["a"])
    assert moments[0] == moments[1] < moments[2]
    assert "_received_at" not in warehouse.table_names()
