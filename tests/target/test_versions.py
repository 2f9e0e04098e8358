"""ACTIVATE_VERSION beside what the message files show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.support import BOOLEAN, INTEGER, STRING, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

FULL = schema_message("accounts", {"id": STRING, "name": STRING, "is_deleted": BOOLEAN})
NARROW = schema_message("accounts", {"id": STRING, "name": STRING})


def activate(version: int) -> dict[str, object]:
    return {"type": "ACTIVATE_VERSION", "stream": "accounts", "version": version}


def deleted(warehouse: Warehouse) -> dict[str, bool]:
    return {
        row["id"]: row["is_deleted"]
        for row in warehouse.query("SELECT id, is_deleted FROM {schema}.accounts")
    }


@pytest.mark.parametrize("metadata", [False, True])
@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_a_full_table_run_marks_what_has_gone(metadata: bool, by_sdk: bool, warehouse: Warehouse) -> None:
    config = warehouse.config(add_record_metadata=metadata)
    rows = [record("accounts", {"id": id_}, version=1) for id_ in "abc"]
    assert load(config, [FULL, *rows, activate(1)], by_sdk=by_sdk).error is None
    assert deleted(warehouse) == {"a": False, "b": False, "c": False}
    rows = [record("accounts", {"id": id_}, version=2) for id_ in "bd"]
    assert load(config, [FULL, *rows, activate(2)], by_sdk=by_sdk).error is None
    assert deleted(warehouse) == {"a": True, "b": False, "c": True, "d": False}
    (run,) = warehouse.query(
        "SELECT rows_inserted AS i, rows_updated AS u, rows_unchanged AS n, rows_marked_deleted AS d "
        "FROM {schema}._sync_runs ORDER BY started_at DESC LIMIT 1"
    )
    assert run == {"i": 1, "u": 0, "n": 1, "d": 2}


def test_a_version_after_a_narrow_schema(warehouse: Warehouse) -> None:
    """Found by the model: the narrow SCHEMA had brought no record, so its stream seemed to have no versions."""
    loaded(warehouse.config(), [FULL, record("accounts", {"id": "a"}, version=1), NARROW, activate(2)])
    assert deleted(warehouse) == {"a": True}


@pytest.mark.parametrize("hard_delete", [False, True])
def test_names_with_a_percent_sign(hard_delete: bool, warehouse: Warehouse) -> None:
    """The driver takes it for a parameter where a statement has some."""
    for version in (1, 2):
        messages = [
            schema_message("50%s off", {"id": STRING, "a%b": STRING}),
            record("50%s off", {"id": str(version), "a%b": "x"}, version=version),
            {"type": "ACTIVATE_VERSION", "stream": "50%s off", "version": version},
        ]
        loaded(warehouse.config(hard_delete=hard_delete), messages)
    found = warehouse.connection.execute(f'SELECT id FROM {warehouse.schema}."50%s off"'.encode()).fetchall()
    assert len(found) == (1 if hard_delete else 2)


@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_a_mark_that_the_tap_sends(by_sdk: bool, warehouse: Warehouse) -> None:
    """Log-based taps say `_sdc_deleted_at`; without `add_record_metadata` the SDK would leave it out."""
    schema = schema_message(
        "accounts", {"id": STRING, "_sdc_deleted_at": {"type": ["null", "string"], "format": "date-time"}}
    )
    records = [
        record("accounts", {"id": "gone", "_sdc_deleted_at": "2026-01-02T03:04:05Z"}, version=1),
        record("accounts", {"id": "here", "_sdc_deleted_at": None}, version=1),
        record("accounts", {"id": "gone, too", "_sdc_deleted_at": "2026-01-02T03:04:05Z"}, version=1),
    ]
    assert load(warehouse.config(), [schema, *records], by_sdk=by_sdk).error is None
    assert load(warehouse.config(), [schema, *records], by_sdk=by_sdk).error is None
    found = warehouse.query("SELECT id FROM {schema}.accounts WHERE _sdc_deleted_at IS NOT NULL ORDER BY id")
    assert [row["id"] for row in found] == ["gone", "gone, too"]


def test_an_empty_full_table_marks_everything(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [FULL, record("accounts", {"id": "a"}, version=1), activate(1)])
    loaded(warehouse.config(), [FULL, activate(2)])
    assert deleted(warehouse) == {"a": True}


def test_a_version_resumed_in_a_second_run(warehouse: Warehouse) -> None:
    """A full table that takes two runs keeps its version; what the first run brought is not marked."""
    loaded(warehouse.config(), [FULL, record("accounts", {"id": "old"}, version=1), activate(1)])
    loaded(warehouse.config(), [FULL, record("accounts", {"id": "a"}, version=2)])
    loaded(warehouse.config(), [FULL, record("accounts", {"id": "b"}, version=2), activate(2)])
    assert deleted(warehouse) == {"old": True, "a": False, "b": False}


REFUSED = [
    ("a value", record("accounts", {"id": "b", "name": "B", "size": "big"}, version=2), "accounts"),
    ("a constraint", record("accounts", {"id": "b", "name": "refused", "size": 1}, version=2), "accounts"),
    ("a map", record("accounts", {"id": "b", "name": None, "size": 1}, version=2), "accounts"),
    ("no JSON", b'{"type": "RECORD", "stream": "accounts", "version": 2, "record": {"id": "b\n', None),
    ("no record", {"type": "RECORD", "stream": "accounts", "record": None, "version": 2}, "accounts"),
]


@pytest.mark.parametrize("resumed", [False, True], ids=["", "resumed"])
@pytest.mark.parametrize("renamed", [False, True], ids=["", "renamed"])
@pytest.mark.parametrize("hard_delete", [False, True], ids=["marks", "removes"])
@pytest.mark.parametrize("bad", REFUSED, ids=[case[0] for case in REFUSED])
def test_a_version_is_not_activated_without_a_row_that_is_in_quarantine(
    bad: tuple[str, Any, str | None],
    hard_delete: bool,
    renamed: bool,
    resumed: bool,
    warehouse: Warehouse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Accounts stay as they are; a whole table beside them is activated, unless the line may be one of its rows."""
    cause, line, stream = bad
    table = "parties" if renamed else "accounts"
    config = warehouse.config(on_bad_record="quarantine", hard_delete=hard_delete)
    if renamed or cause == "a map":
        config["stream_maps"] = {"accounts": {"name": "name.lower()"}}
    if renamed:
        config["stream_maps"]["accounts"]["__alias__"] = table
    wide = {"id": STRING, "name": STRING, "size": INTEGER, "is_deleted": BOOLEAN}
    schemas = [schema_message("accounts", wide), schema_message("leads", wide)]

    def whole(version: int, ids: str) -> list[Any]:
        values = [{"id": id_, "name": id_, "size": 1} for id_ in ids]
        return [record(name, row, version=version) for name in ("accounts", "leads") for row in values]

    loaded(config, [*schemas, *whole(1, "abc"), activate(1), {**activate(1), "stream": "leads"}])
    warehouse.execute(f"ALTER TABLE {{schema}}.{table} ADD CHECK (name <> 'refused')")
    messages = [*schemas, *whole(2, "a"), line]
    rest = [activate(2), {**activate(2), "stream": "leads"}, state(2)]
    if resumed:
        loaded(config, messages)
        messages = [*schemas]
    outcome = loaded(config, [*messages, *rest])
    assert outcome.states == [2]

    def alive(name: str) -> list[str]:
        found = warehouse.query(f"SELECT id FROM {{schema}}.{name} WHERE NOT is_deleted ORDER BY id")
        return [row["id"] for row in found]

    assert alive(table) == ["a", "b", "c"]
    assert alive("leads") == (["a"] if stream else ["a", "b", "c"])
    assert f"ACTIVATE_VERSION of '{table}' ignored: 1 of its records are in quarantine" in caplog.text


@pytest.mark.parametrize("policy", ["fail", "quarantine"])
@pytest.mark.parametrize("cause", ["constraint", "trigger", "foreign key"])
def test_a_version_that_the_table_refuses(cause: str, policy: str, warehouse: Warehouse) -> None:
    """The table keeps its rows, other streams are loaded, and the run fails; it used to end with a row's values."""
    leads = schema_message("leads", {"id": STRING})
    config = warehouse.config(on_bad_record=policy, hard_delete=cause == "foreign key")
    rows = [record("accounts", {"id": id_, "name": "secret"}) for id_ in "ab"]
    loaded(config, [FULL, *rows])
    if cause == "constraint":
        warehouse.execute("ALTER TABLE {schema}.accounts ADD CHECK (name <> 'secret') NOT VALID")
    elif cause == "trigger":
        warehouse.execute(
            "CREATE FUNCTION {schema}.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not so'; END $$"
        )
        warehouse.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON {schema}.accounts FOR EACH ROW WHEN (NEW.is_deleted) "
            "EXECUTE FUNCTION {schema}.no()"
        )
    else:
        warehouse.execute("CREATE TABLE {schema}.orders (account text REFERENCES {schema}.accounts)")
        warehouse.execute("INSERT INTO {schema}.orders VALUES ('a')")
    messages = [FULL, state(1), activate(2), leads, record("leads", {"id": "x"}), state(2)]
    messages += [FULL, record("accounts", {"id": "c"}, version=3), activate(3), state(3)]
    outcome = load(config, messages)
    told = str(outcome.error)
    assert told.startswith("line 3, stream 'accounts': the rows of ")
    assert "secret" not in told
    assert outcome.states == [1]
    assert deleted(warehouse) == {"a": False, "b": False, "c": False}
    assert [row["id"] for row in warehouse.query("SELECT id FROM {schema}.leads")] == ["x"]
