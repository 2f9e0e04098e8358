"""What is sent to the server is what docs/warehouses.md lists, whatever the engine can do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import quote

import psycopg
import pytest

from target_sfwarehouse.postgres import capabilities
from target_sfwarehouse.postgres.capabilities import Capabilities
from tests.fix_process import PROJECT
from tests.fix_warehouse import plain_url
from tests.target.support import BOOLEAN, INTEGER, STRING, load, record, schema_message, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

DOCS = (PROJECT / "docs" / "warehouses.md").read_text()

VERSIONS: list[tuple[str, int, bool, Capabilities]] = [
    ("PostgreSQL 18.4", 180004, False, Capabilities()),
    ("PostgreSQL 17.0", 170000, False, Capabilities()),
    ("PostgreSQL 16.3", 160003, False, Capabilities(merge=False)),
    ("PostgreSQL 13.11", 130011, False, Capabilities(merge=False)),
    ("Citus", 170002, True, Capabilities(merge=False, row_origin=False, citus=True)),
]


@pytest.mark.parametrize(
    ("name", "number", "citus", "expected"), VERSIONS, ids=[case[0] for case in VERSIONS]
)
def test_a_server_is_known_by_its_version(
    name: str, number: int, citus: bool, expected: Capabilities
) -> None:
    assert capabilities.capabilities_of(number, citus=citus) == expected


def documented() -> set[str]:
    section = DOCS.split("## Statements\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def kind_of(statement: str, known: set[str]) -> str:
    """The documented name of a statement; a CTE's is that of what it does."""
    text = " ".join(statement.split())
    text = re.sub(r"^WITH changed AS \(", "", text)
    text = re.sub(r"^COPY \S+ .* FROM STDIN .*", "COPY ... FROM STDIN", text)
    matching = [name for name in known if text.startswith(name)]
    return max(matching, key=len, default=text)


def eventful(directory: Path) -> list[Any]:
    """Messages that make the target do everything it can."""
    path = directory / "batch.csv"
    path.write_text('id,name\n"9",""\n')
    full = {"id": INTEGER, "name": {**STRING, "title": "Name"}, "is_deleted": BOOLEAN}
    csv = {"format": "csv", "quoted_empty": "null"}
    return [
        schema_message("accounts", full),
        *(record("accounts", {"id": n % 3, "name": str(n)}, version=1) for n in range(5)),
        schema_message("accounts", {"id": INTEGER, "added": INTEGER}),
        record("accounts", {"id": 1, "added": 1}, version=1),
        schema_message("accounts", {"id": INTEGER, "added": {"type": ["null", "number"]}}),
        record("accounts", {"id": 1, "added": 1.5}, version=1),
        {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": 2},
        schema_message("leads", full),
        record("leads", {"id": 1}),
        record("leads", {"id": "x"}),
        {"type": "BATCH", "stream": "leads", "encoding": csv, "manifest": [path.as_uri()]},
        schema_message("log", {"text": STRING}, []),
        record("log", {"text": "a"}),
        state(1),
        record("log", {"text": "b"}),
        schema_message("names", {"id": STRING}),
        # No index can hold it.
        record("names", {"id": "".join(f"{n:x}" for n in range(100_000, 106_000))}),
    ]


@pytest.mark.parametrize("less", [False, True], ids=["as it is", "as if it could do less"])
def test_the_statements_are_the_documented_ones(less: bool, tmp_path: Path, warehouse: Warehouse) -> None:
    sent: set[str] = set()
    known = documented()
    execute, copy = psycopg.Cursor.execute, psycopg.Cursor.copy

    def recorded_execute(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent.add(kind_of(query.decode() if isinstance(query, bytes) else query, known))
        return execute(self, query, *arguments, **options)

    def recorded_copy(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent.add(kind_of(query.decode(), known))
        return copy(self, query, *arguments, **options)

    reduced = Capabilities(merge=False, row_origin=False)
    messages = eventful(tmp_path)
    with (
        patch.object(psycopg.Cursor, "execute", recorded_execute),
        patch.object(psycopg.Cursor, "copy", recorded_copy),
        patch(
            "target_sfwarehouse.postgres.capabilities.detect",
            (lambda _: reduced) if less else capabilities.detect,
        ),
    ):
        for hard in (False, True):
            asked = {"indexes": ["name"], "on_bad_record": "quarantine", "grant_select_to": ["public"]}
            asked["compatibility"] = "fivetran"
            config = warehouse.config(**asked, hard_delete=hard, batch_size_rows=2)
            assert load(config, messages).error is None
    warehouse.execute(f'DROP SCHEMA "{warehouse.schema}_fivetran" CASCADE')
    assert sent <= known
    # The driver opens and closes transactions by itself; a savepoint and ROLLBACK are for what goes wrong.
    untold = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}
    by_engine = (
        {"MERGE"}
        if less or warehouse.connection.info.server_version < capabilities.MERGE_RETURNING
        else set()
    )
    assert known - sent - untold == by_engine


def test_a_session_that_has_been_used_before(warehouse: Warehouse) -> None:
    """As a pooler hands one over: its temporary buffers are fixed already."""
    with psycopg.connect(plain_url(warehouse.url), autocommit=True) as used:
        used.execute("CREATE TEMP TABLE t (id int)")
        used.execute("INSERT INTO t VALUES (1)")
        with patch("target_sfwarehouse.load.loader.connector", lambda _settings: lambda: used):
            messages = [schema_message("accounts", {"id": INTEGER}), record("accounts", {"id": 1}), state(1)]
            assert load(warehouse.config(), messages).states == [1]


@pytest.mark.parametrize("bad", ["fail", "quarantine"])
def test_a_shard_that_refuses_a_key_which_comes_twice(bad: str, warehouse: Warehouse) -> None:
    """Citus gives what a shard says as an internal error. Here a trigger does, for rows that a first load copies."""
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE FUNCTION {schema}.shard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_NARGS = 0 AND EXISTS (SELECT 1 FROM {schema}.log WHERE id = NEW.id) "
        "OR NEW.name = 'bad' THEN RAISE EXCEPTION 'duplicate key value violates unique constraint \"log_102008\"' "
        "USING ERRCODE = 'XX000'; END IF; RETURN NEW; END $$"
    )
    warehouse.execute("CREATE TABLE {schema}.log (id bigint, name text)")
    warehouse.execute(
        "CREATE TRIGGER shard BEFORE INSERT ON {schema}.log FOR EACH ROW EXECUTE FUNCTION {schema}.shard()"
    )
    messages = [
        schema_message("log", {"id": INTEGER, "name": STRING}, []),
        *(record("log", {"id": n, "name": "good"}) for n in (1, 2, 3)),
        state(1),
        record("log", {"id": 2, "name": "again"}),
        record("log", {"id": 4, "name": "good"}),
        state(2),
    ]
    outcome = load(warehouse.config(on_bad_record=bad), messages)
    kept = [row["id"] for row in warehouse.query("SELECT id FROM {schema}.log ORDER BY id")]
    if bad == "fail":
        assert str(outcome.error).startswith("line 6, stream 'log': duplicate key")
        assert (kept, outcome.states) == ([1, 2, 3], [1])
    else:
        assert (outcome.error, kept, outcome.states) == (None, [1, 2, 3, 4], [2])
        assert warehouse.query("SELECT line FROM {schema}._rejected") == [{"line": 6}]


def test_a_key_that_comes_twice_in_a_first_load_into_shards(warehouse: Warehouse) -> None:
    """The table that the run makes gets the trigger while it is loaded; the last record of the key wins."""
    trigger = warehouse.schema + "_made"
    warehouse.execute("CREATE SCHEMA {schema}")
    warehouse.execute(
        "CREATE FUNCTION {schema}.shard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF current_query() ~ '^COPY' AND EXISTS (SELECT 1 FROM {schema}.accounts WHERE id = NEW.id) THEN "
        "RAISE EXCEPTION 'duplicate key' USING ERRCODE = 'XX000'; END IF; RETURN NEW; END $$"
    )
    warehouse.execute(
        f"CREATE FUNCTION {{schema}}.made() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF to_regclass('{warehouse.schema}.accounts') IS NOT NULL THEN "
        f"EXECUTE 'CREATE OR REPLACE TRIGGER shard BEFORE INSERT ON {warehouse.schema}.accounts "
        f"FOR EACH ROW EXECUTE FUNCTION {warehouse.schema}.shard()'; END IF; END $$"
    )
    warehouse.execute(
        f"CREATE EVENT TRIGGER {trigger} ON ddl_command_end WHEN TAG IN ('CREATE TABLE') "
        "EXECUTE FUNCTION {schema}.made()"
    )
    try:
        messages = [
            schema_message("accounts", {"id": INTEGER, "name": STRING}),
            *(record("accounts", {"id": n % 7, "name": str(n)}) for n in range(50)),
            state(1),
        ]
        outcome = load(warehouse.config(), messages)
    finally:
        warehouse.execute(f"DROP EVENT TRIGGER {trigger}")
    assert (outcome.error, outcome.states) == (None, [1])
    found = warehouse.query("SELECT id, name FROM {schema}.accounts ORDER BY id")
    assert found == [{"id": n % 7, "name": str(n)} for n in (49, 43, 44, 45, 46, 47, 48)]


def test_a_default_table_access_method_that_is_not_heap(warehouse: Warehouse) -> None:
    """As on Citus with columnar tables, which take rows and neither updates nor ON CONFLICT."""
    method = f"other_{warehouse.schema}"
    wide = {f"c{n}": STRING for n in range(100)}
    messages = [
        schema_message("accounts", {"id": INTEGER, "name": STRING}),
        *(record("accounts", {"id": n % 3, "name": str(n)}) for n in range(5)),
        record("accounts", {"id": "x"}),
        schema_message("log", wide, []),
        record("log", {"c1": "a"}),
        schema_message("log", {**wide, "more": STRING}, []),
        record("log", {"c1": "b"}),
        state(1),
    ]
    warehouse.execute(f"CREATE ACCESS METHOD {method} TYPE TABLE HANDLER heap_tableam_handler")
    options = quote(f"-c default_table_access_method={method}")
    settings = warehouse.config(
        sqlalchemy_url=f"{warehouse.url}?options={options}", on_bad_record="quarantine"
    )
    try:
        for _ in range(2):
            assert load(settings, messages).states == [1]
        found = warehouse.query(
            "SELECT relname, amname, reloptions FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
            "WHERE relnamespace = %s::regnamespace AND relkind = 'r' ORDER BY relname",
            warehouse.schema,
        )
        methods = {row["relname"]: row["amname"] for row in found}
        own = dict.fromkeys(("_rejected", "_sync_runs", "_received_at"), "heap")
        assert methods == {**own, "accounts": "heap", "log": method}
        assert {row["reloptions"] for row in found if row["relname"] == "log"} == {None}
    finally:
        warehouse.execute("DROP SCHEMA {schema} CASCADE")
        warehouse.execute(f"DROP ACCESS METHOD {method}")


@pytest.mark.parametrize("choice", ["key", "schema"])
def test_a_server_without_shards(choice: str, warehouse: Warehouse) -> None:
    outcome = load(warehouse.config(distribute_by=choice), [schema_message("accounts", {"id": INTEGER})])
    assert "lacks the extension citus" in str(outcome.error)
    assert warehouse.table_names() == set()


def test_what_is_distributed(warehouse: Warehouse) -> None:
    """Citus's function is stood in for by one that notes what it is given; the tables stay where they are."""
    messages = [
        schema_message("accounts", {"Id": STRING, "name": STRING}, ["Id"]),
        record("accounts", {"Id": "a"}),
        schema_message("log", {"text": STRING}, []),
        record("log", {"text": "a"}),
        state(1),
    ]
    home = f"{warehouse.schema}_citus"
    warehouse.execute(f"CREATE SCHEMA {home}")
    warehouse.execute(f"CREATE TABLE {home}.given (name regclass, key text)")
    warehouse.execute(
        f"CREATE FUNCTION {home}.create_distributed_table(regclass, text) RETURNS void "
        f"LANGUAGE sql AS 'INSERT INTO {home}.given VALUES ($1, $2)'"
    )
    options = quote(f"-c search_path={home}")
    settings = warehouse.config(sqlalchemy_url=f"{warehouse.url}?options={options}", distribute_by="key")
    citus = Capabilities(merge=False, row_origin=False, citus=True)
    try:
        with patch("target_sfwarehouse.postgres.capabilities.detect", lambda _: citus):
            for _ in range(2):
                assert load(settings, messages).states == [1]
            assert load({**settings, "distribute_by": "schema"}, messages).states == [1]
        given = warehouse.query(f"SELECT name::text, key FROM {home}.given")
        assert given == [{"name": f"{warehouse.schema}.accounts", "key": "Id"}]
    finally:
        warehouse.execute(f"DROP SCHEMA {home} CASCADE")
