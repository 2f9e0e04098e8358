"""Any valid stream of messages leaves the tables that the plain-Python model predicts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pyarrow
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from target_sfwarehouse.postgres import capabilities
from tests.levels import at_level
from tests.target.model import NARROW, STREAM_MAPS, Model, ModelTable, mapped
from tests.target.support import load, loaded, record, schema_message, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

EXAMPLES = at_level(normal=60, wide=600, long=1500)

PROPERTIES: dict[str, Any] = {
    "name": {"type": ["null", "string"]},
    'odd "name"': {"type": ["null", "string"]},
    "count": {"type": ["null", "integer"]},
    "amount": {"type": ["null", "number"], "multipleOf": 0.0001},
    "plain": {"type": ["null", "number"]},
    "at": {"type": ["null", "string"], "format": "date-time"},
    "flag": {"type": ["null", "boolean"]},
    "details": {"type": ["null", "object", "array"]},
    "is_deleted": {"type": ["null", "boolean"]},
    "IsDeleted": {"type": ["null", "boolean"], "x-soft-delete": True},
}

texts = st.one_of(
    st.sampled_from(
        [
            "",
            "null",
            "NULL",
            "\\",
            "\\.",
            "\\N",
            '"',
            '""',
            ",",
            "\n",
            "\r\n",
            "\t",
            "]\n[",
            "\0",
            "a\0b",
            "\\u0000",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text(st.sampled_from('\\"\n\r\t,\x00\x01\x1f\x7f{}[]nu'), max_size=12),
)
amounts = st.integers(-(10**9), 10**9).map(lambda n: float(Decimal(n).scaleb(-4)))
moments = st.builds(
    datetime.isoformat,
    st.datetimes(
        datetime(1000, 1, 1),  # noqa: DTZ001 - the offset comes from `timezones`
        datetime(9000, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))),
    ),
    st.sampled_from("T "),
)
NO_MOMENTS = ["01/02/2024", "now", "tomorrow", "infinity", "Jan 2, 2024", "soon"]
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": texts,
    'odd "name"': texts,
    "count": st.integers(-(2**63), 2**63 - 1),
    "amount": amounts,
    "plain": st.floats(allow_nan=False, allow_infinity=False),
    "at": moments,
    "flag": st.booleans(),
    "details": st.dictionaries(texts, documents, max_size=3) | st.lists(documents, max_size=3),
    "is_deleted": st.booleans(),
    "IsDeleted": st.booleans(),
}


@st.composite
def streams(draw: st.DrawFn, *, bad_dates: bool = False) -> tuple[list[Any], dict[str, bool]]:
    """Messages of up to three streams, and which of them have versions."""
    names = ["keyed", "other", "keyless"][: draw(st.integers(1, 3))]
    versioned = {name: draw(st.booleans()) for name in names}
    marks = {name: draw(st.sampled_from(["is_deleted", "IsDeleted"])) for name in names}
    pools: dict[str, list[str]] = {}
    for name in names:
        choice = sorted(PROPERTIES.keys() - {"is_deleted", "IsDeleted"} | {marks[name]})
        pools[name] = draw(st.lists(st.sampled_from(choice), min_size=1, unique=True))
    messages: list[Any] = []
    current: dict[str, list[str]] = {}
    for number in range(draw(st.integers(1, 40))):
        name = draw(st.sampled_from(names))
        action = draw(st.sampled_from("rrrrrrrrsssav"))
        if name not in current or action == "s":
            chosen = (
                pools[name]
                if draw(st.booleans())
                else draw(st.lists(st.sampled_from(pools[name]), unique=True))
            )
            if name == "keyless":  # it has no key to merge partial rows by
                chosen = list(dict.fromkeys([*current.get(name, ()), *chosen]))
            current[name] = chosen
            keys = [] if name == "keyless" else ["id"]
            # The key may stand anywhere among the properties.
            order = draw(st.permutations(["id", *chosen]))
            properties = {"id": {"type": "integer"}} | PROPERTIES
            messages.append(schema_message(name, {p: properties[p] for p in order}, keys))
        elif action == "a":
            messages.append(state({"n": number}))
        elif action == "v" and versioned[name]:
            messages.append({"type": "ACTIVATE_VERSION", "stream": name, "version": number // 8})
        else:
            values: dict[str, Any] = {"id": draw(st.integers(1, 4))}
            for chosen_property in current[name]:
                if draw(st.integers(0, 3)):
                    values[chosen_property] = draw(st.none() | VALUES[chosen_property])
                    if chosen_property == "at" and bad_dates and draw(st.integers(0, 3)) == 0:
                        values["at"] = draw(st.sampled_from(NO_MOMENTS))
            extra = {"version": number // 8} if versioned[name] else {}
            messages.append(record(name, values, **extra))
    return messages, versioned


def cell(value: Any) -> str:
    """A value in a CSV file; text is always quoted."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return '"' + text.replace('"', '""') + '"' if isinstance(value, str | dict | list) else text


def file_of(kind: str, rows: list[dict[str, Any]], path: Path) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if kind == "csv":
        lines = [list(map(cell, names)), *([cell(row.get(name)) for name in names] for row in rows)]
        path.write_text("".join(",".join(line) + "\n" for line in lines), newline="")
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        whole = [{name: row.get(name) for name in names} for row in rows]
        parquet.write_table(pyarrow.Table.from_pylist(whole), path)


def with_files(messages: list[Any], kinds: dict[str, str], directory: Path) -> list[Any]:
    """The same messages, where records that follow each other come in a file, if their stream has a kind of file."""
    found: list[Any] = []
    for (stream, version), group in groupby(messages, lambda m: (m.get("stream"), m.get("version"))):
        together = list(group)
        for is_record, part in groupby(together, lambda m: m["type"] == "RECORD"):
            rows = list(part)
            kind = kinds.get(stream, "record")
            if not is_record or kind == "record":
                found += rows
                continue
            values = [row["record"] for row in rows]
            if kind == "parquet" and any("details" in each for each in values):
                kind = "jsonl"  # a column of Parquet has one type
            path = directory / f"{len(found)}.{kind}"
            file_of(kind, values, path)
            message = {
                "type": "BATCH",
                "stream": stream,
                "encoding": {"format": kind},
                "manifest": [str(path)],
            }
            found.append(message | ({} if version is None else {"version": version}))
    return found


def canonical(rows: list[dict[str, Any]]) -> list[str]:
    def text(value: Any) -> str:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value.astimezone(UTC).isoformat()

    return sorted(json.dumps({**row}, default=text, sort_keys=True) for row in rows)


def stored(warehouse: Warehouse, table: str) -> list[dict[str, Any]]:
    names = {"_sdc_table_version": "_version", "_sdc_deleted_at": "_deleted"}
    rows = warehouse.query(f'SELECT * FROM {{schema}}."{table}"')
    found = [{names.get(name, name): value for name, value in row.items()} for row in rows]
    return [row | ({"_deleted": row["_deleted"] is not None} if "_deleted" in row else {}) for row in found]


def forced(*, merge: bool, row_origin: bool) -> Any:
    """The server as if it could do less."""
    less = capabilities.Capabilities(merge=merge, row_origin=row_origin)
    return patch("target_sfwarehouse.postgres.capabilities.detect", lambda _connection: less)


SEARCH = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
ROWS = st.sampled_from([1, 2, 3, 7, 50_000])
ABLE = st.sampled_from([(True, True), (False, True), (False, False)])


def check_tables(warehouse: Warehouse, model: Model) -> None:
    for name, table in model.tables.items():
        expected = [dict(row) for row in table.stored()]
        for row in expected:
            if "_deleted" in row:
                row["_deleted"] = bool(row["_deleted"])
        assert canonical(stored(warehouse, name)) == canonical(expected)


KINDS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("keyed", "other", "keyless"), st.sampled_from(["csv", "jsonl", "parquet"]))
)


@SEARCH
@given(
    streamed=streams(),
    rows=ROWS,
    able=ABLE,
    by_sdk=st.booleans(),
    hard_delete=st.booleans(),
    kinds=KINDS,
    stream_map=st.sampled_from(sorted(STREAM_MAPS)),
)
def test_the_tables_are_what_the_model_predicts(
    streamed: tuple[list[Any], dict[str, bool]],
    *,
    rows: int,
    able: tuple[bool, bool],
    by_sdk: bool,
    hard_delete: bool,
    kinds: dict[str, str],
    stream_map: str,
    tmp_path: Path,
    warehouse: Warehouse,
) -> None:
    messages, _ = streamed
    warehouse.connection.prepare_threshold = None
    warehouse.execute("DROP SCHEMA IF EXISTS {schema} CASCADE")
    model = Model(hard_delete=hard_delete)
    for message in mapped(messages, stream_map):
        model.take(message)
    config = warehouse.config(batch_size_rows=rows, hard_delete=hard_delete)
    if STREAM_MAPS[stream_map]:
        config["stream_maps"] = {"*": STREAM_MAPS[stream_map]}
    merge = able[0] and warehouse.connection.info.server_version >= capabilities.MERGE_RETURNING
    with forced(merge=merge, row_origin=able[1]):
        outcome = load(config, with_files(messages, kinds, tmp_path), by_sdk=by_sdk)
    event(f"records: {sum(m['type'] == 'RECORD' for m in messages) // 10}0s")
    assert outcome.error is None
    sent = [message["value"] for message in messages if message["type"] == "STATE"]
    assert outcome.states[-1:] == sent[-1:]
    assert [s for s in sent if s in outcome.states] == outcome.states
    check_tables(warehouse, model)
    counted = warehouse.query("SELECT * FROM {schema}._sync_runs") if model.tables else []
    for row in counted:
        table = model.tables[row["collection"]]
        assert row["rows_inserted"] + row["rows_updated"] + row["rows_unchanged"] == table.read
        if not hard_delete:
            assert row["rows_inserted"] == len(table.rows)
        # In a batch of more than one row the last record of a key is the only one that counts.
        assert row["rows_marked_deleted"] == table.gone or rows > 1 or kinds


def told(table: ModelTable, row: dict[str, Any]) -> str:
    """A state of a row: the version that brought it is not part of it, nor is a column that is NULL since it was added."""
    marks = {table.mark, "_deleted"}
    values = {
        name: value
        for name, value in row.items()
        if name != "_version" and value is not None and (value or name not in marks)
    }
    return canonical([values])[0]


VALIDITY = ("valid_from", "valid_to", "is_current")


@dataclass
class Schemas:
    """What a later run begins with: of each stream the whole SCHEMA, as only that names the mark of a deleted row."""

    whole: dict[str, dict[str, Any]] = field(default_factory=dict)
    last: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, messages: list[Any]) -> None:
        """Keep what the SCHEMA messages of a run say."""
        for message in messages:
            if message["type"] == "SCHEMA":
                properties = message["schema"]["properties"]
                self.whole[message["stream"]] = self.whole.get(message["stream"], {}) | properties
                self.last[message["stream"]] = message

    def messages(self) -> list[Any]:
        """Of each stream the whole SCHEMA, then the last one."""
        return [
            message
            for name, last in self.last.items()
            for message in (schema_message(name, self.whole[name], last["key_properties"]), last)
        ]


def contents(table: ModelTable) -> dict[Any, str]:
    """The state of each row."""
    return {key: told(table, row) for key, row in zip(table.rows, table.stored(), strict=True)}


@SEARCH
@given(
    streamed=streams(),
    cuts=st.sets(st.integers(0, 40), max_size=3),
    rows=ROWS,
    able=ABLE,
    by_sdk=st.booleans(),
    kinds=KINDS,
)
def test_a_row_tells_when_it_was_inserted_or_changed(
    streamed: tuple[list[Any], dict[str, bool]],
    *,
    cuts: set[int],
    rows: int,
    able: tuple[bool, bool],
    by_sdk: bool,
    kinds: dict[str, str],
    tmp_path: Path,
    warehouse: Warehouse,
) -> None:
    """Several runs: a later one sets a later time, in the rows only that it changed."""
    messages, _ = streamed
    warehouse.connection.prepare_threshold = None
    warehouse.execute("DROP SCHEMA IF EXISTS {schema} CASCADE")
    model = Model()
    schemas = Schemas()
    before: dict[tuple[str, int], datetime] = {}
    places = sorted({0, len(messages)} | {cut for cut in cuts if cut < len(messages)})
    merge = able[0] and warehouse.connection.info.server_version >= capabilities.MERGE_RETURNING
    for first, last in pairwise(places):
        run = [*schemas.messages(), *messages[first:last]]
        schemas.note(run)
        touched: set[tuple[str, int]] = set()
        begun = {name: contents(table) for name, table in model.tables.items()}
        for message in run:
            was = contents(model.tables[message["stream"]]) if message.get("stream") in model.tables else {}
            model.take(message)
            if message["type"] in {"SCHEMA", "STATE"}:
                continue
            now = contents(model.tables[message["stream"]])
            touched |= {(message["stream"], key) for key in now if now[key] != was.get(key)}
        with forced(merge=merge, row_origin=able[1]):
            files = with_files(run, kinds, tmp_path)
            assert load(warehouse.config(batch_size_rows=rows), files, by_sdk=by_sdk).error is None
        after = {
            (name, row["id"]): row["received_at"]
            for name, table in model.tables.items()
            if table.key
            for row in warehouse.query(f"SELECT id, received_at, uuid_ts FROM {{schema}}.{name}")
            if row["received_at"] == row["uuid_ts"]
        }
        assert len(after) == sum(len(table.rows) for table in model.tables.values() if table.key)
        for (name, key), moment in after.items():
            known = before.get((name, key))
            newest = max((at for (other, _), at in before.items() if other == name), default=None)
            if (name, key) not in touched:
                assert moment == known
            elif begun.get(name, {}).get(key) != contents(model.tables[name])[key]:
                assert newest is None or moment > newest
        before = after
    check_tables(warehouse, model)


def versions_of(warehouse: Warehouse, table: ModelTable, name: str) -> dict[int, list[str]]:
    """The states of each row as its history has them, oldest first, after a look at when they were valid."""
    found: dict[int, list[str]] = {}
    # Of a row that is gone the last version has ended; of every other one it is open, and equal to the row.
    here = {row["id"]: row for row in stored(warehouse, name)}
    rows = stored(warehouse, f"{name}_history")
    for key, group in groupby(
        sorted(rows, key=lambda row: (row["id"], row["valid_from"])), lambda row: row["id"]
    ):
        versions = list(group)
        assert [row["is_current"] for row in versions] == [False] * (len(versions) - 1) + [key in here]
        assert [row["valid_to"] is None for row in versions] == [row["is_current"] for row in versions]
        for one, other in pairwise(versions):
            # Only where the row was removed is there a time between two versions.
            assert one["valid_from"] < one["valid_to"] <= other["valid_from"]
            assert one["valid_to"] == other["valid_from"] or table.removes
        states = [
            told(table, {name: value for name, value in row.items() if name not in VALIDITY})
            for row in versions
        ]
        assert key not in here or states[-1] == told(table, here[key])
        assert table.removes or all(one != other for one, other in pairwise(states))
        found[key] = states
    assert here.keys() <= found.keys()
    return found


def note_states(model: Model, run: list[Any], states: dict[tuple[str, int], list[str]]) -> None:
    """Let the model take messages, and note each new state of a row with a key."""
    for message in run:
        model.take(message)
        if message["type"] in {"SCHEMA", "STATE"} or message["stream"] == "keyless":
            continue
        table = model.tables[message["stream"]]
        for key, row in zip(table.rows, table.stored(), strict=True):
            known = states.setdefault((message["stream"], key), [])
            known += [told(table, row)] if known[-1:] != [told(table, row)] else []


def is_part(some: list[str], whole: list[str]) -> bool:
    """Whether a list is another one with some items left out."""
    rest = iter(whole)
    return all(item in rest for item in some)


@SEARCH
@given(
    streamed=streams(),
    cuts=st.sets(st.integers(0, 40), max_size=3),
    rows=ROWS,
    able=ABLE,
    by_sdk=st.booleans(),
    hard_delete=st.booleans(),
    torn=st.booleans(),
    kinds=KINDS,
)
def test_the_history_has_the_states_that_a_row_had_after_each_commit(
    streamed: tuple[list[Any], dict[str, bool]],
    *,
    cuts: set[int],
    rows: int,
    able: tuple[bool, bool],
    by_sdk: bool,
    hard_delete: bool,
    torn: bool,
    kinds: dict[str, str],
    tmp_path: Path,
    warehouse: Warehouse,
) -> None:
    """Several runs, each of which may be killed at its end before it has committed all, and is run again."""
    messages, _ = streamed
    warehouse.connection.prepare_threshold = None
    warehouse.execute("DROP SCHEMA IF EXISTS {schema} CASCADE")
    model = Model(hard_delete=hard_delete)
    schemas = Schemas()
    states: dict[tuple[str, int], list[str]] = {}
    places = sorted({0, len(messages)} | {cut for cut in cuts if cut < len(messages)})
    merge = able[0] and warehouse.connection.info.server_version >= capabilities.MERGE_RETURNING
    config = warehouse.config(batch_size_rows=rows, hard_delete=hard_delete, history=["keyed", "oth*"])
    for first, last in pairwise(places):
        run = [*schemas.messages(), *messages[first:last]]
        schemas.note(run)
        note_states(model, run, states)
        with forced(merge=merge, row_origin=able[1]):
            files = with_files(run, kinds, tmp_path)
            if torn:
                load(config, files, by_sdk=by_sdk, torn=True)
            assert load(config, files, by_sdk=by_sdk).error is None
    if not torn:
        check_tables(warehouse, model)
    for name, table in model.tables.items():
        if name == "keyless":
            continue
        table.removes = hard_delete
        for key, found in versions_of(warehouse, table, name).items():
            expected = states[name, key]
            if not torn and not hard_delete:
                assert is_part(found, expected)
                assert found == expected or rows > 1 or name in kinds
    assert not any(name.startswith("keyless_") for name in warehouse.table_names())


@SEARCH
@given(streamed=streams(), rows=ROWS, able=ABLE, by_sdk=st.booleans(), kinds=KINDS)
def test_columns_of_others_keep_their_types_until_a_value_does_not_fit(
    streamed: tuple[list[Any], dict[str, bool]],
    *,
    rows: int,
    able: tuple[bool, bool],
    by_sdk: bool,
    kinds: dict[str, str],
    tmp_path: Path,
    warehouse: Warehouse,
) -> None:
    """Tables stand before the run, each with a column for most of the properties."""
    messages, _ = streamed
    warehouse.connection.prepare_threshold = None
    warehouse.execute("DROP SCHEMA IF EXISTS {schema} CASCADE")
    warehouse.execute("CREATE SCHEMA {schema}")
    model = Model()
    for name in {message["stream"] for message in messages if message["type"] == "SCHEMA"}:
        keyed = name != "keyless"
        model.tables[name] = ModelTable("id" if keyed else None, columns=list(NARROW), narrow=NARROW)
        columns = ", ".join(f"{column} {narrow.kind}" for column, narrow in NARROW.items())
        key = ", PRIMARY KEY (id)" if keyed else ""
        warehouse.execute(f"CREATE TABLE {{schema}}.{name} ({columns}{key})")
    for message in messages:
        model.take(message)
    merge = able[0] and warehouse.connection.info.server_version >= capabilities.MERGE_RETURNING
    with forced(merge=merge, row_origin=able[1]):
        outcome = load(
            warehouse.config(batch_size_rows=rows), with_files(messages, kinds, tmp_path), by_sdk=by_sdk
        )
    assert outcome.error is None
    check_tables(warehouse, model)
    for name, table in model.tables.items():
        found = warehouse.query(
            "SELECT attname AS name, format_type(atttypid, atttypmod) AS kind FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attname = ANY(%s)",
            f"{warehouse.schema}.{name}",
            list(NARROW),
        )
        assert {row["name"]: row["kind"] for row in found} == table.types()
    event(f"widened: {sum(len(table.widened) for table in model.tables.values())}")


@SEARCH
@given(streamed=streams(bad_dates=True), rows=ROWS, able=ABLE, by_sdk=st.booleans())
def test_rows_that_a_table_refuses_are_left_out(
    streamed: tuple[list[Any], dict[str, bool]],
    *,
    rows: int,
    able: tuple[bool, bool],
    by_sdk: bool,
    warehouse: Warehouse,
) -> None:
    """Tables that stand before the run have a rule that some of the records break."""
    messages, _ = streamed
    warehouse.connection.prepare_threshold = None
    warehouse.execute("DROP SCHEMA IF EXISTS {schema} CASCADE")
    first = {m["stream"]: m for m in reversed(messages) if m["type"] == "SCHEMA"}
    loaded(warehouse.config(sync_runs=False), first.values())
    model = Model()
    for name, message in first.items():
        model.take(message)
        model.tables[name].refuses = "count" in message["schema"]["properties"]
        if model.tables[name].refuses:
            warehouse.execute(f"ALTER TABLE {{schema}}.{name} ADD CHECK (count % 3 <> 0)")
    broken, taken = set(), []
    for message in messages:
        known = sum(table.refused for table in model.tables.values())
        # A bad record that a later one of its batch replaces may never be tried, and then its version is activated.
        if message["type"] == "ACTIVATE_VERSION" and model.tables[message["stream"]].refused and rows > 1:
            continue
        taken.append(message)
        model.take(message)
        if sum(table.refused for table in model.tables.values()) > known:
            broken.add(len(taken))
    config = warehouse.config(batch_size_rows=rows, on_bad_record="quarantine")
    merge = able[0] and warehouse.connection.info.server_version >= capabilities.MERGE_RETURNING
    with forced(merge=merge, row_origin=able[1]):
        outcome = load(config, taken, by_sdk=by_sdk)
    event(f"refused: {len(broken)}")
    assert outcome.error is None
    assert outcome.states[-1:] == [m["value"] for m in messages if m["type"] == "STATE"][-1:]
    check_tables(warehouse, model)
    found = warehouse.query("SELECT to_regclass(%s) IS NOT NULL AS it", f"{warehouse.schema}._rejected")
    lines = warehouse.query("SELECT line FROM {schema}._rejected") if found[0]["it"] else []
    assert {row["line"] for row in lines} <= broken
    for row in warehouse.query("SELECT * FROM {schema}._sync_runs"):
        table = model.tables[row["collection"]]
        done = row["rows_inserted"] + row["rows_updated"] + row["rows_unchanged"] + row["rows_rejected"]
        assert (done, row["rows_inserted"]) == (table.read, len(table.rows))
