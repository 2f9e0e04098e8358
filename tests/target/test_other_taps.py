"""Taps that nobody here wrote, installed as their users do: what they really send loads.

Those that need no network are run. Of those that read a service on the internet, the schemas are real (their own
discovery makes them) and the records are made from these.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.fix_warehouse import plain_url
from tests.levels import slow
from tests.target.examples import examples
from tests.target.support import load, record, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

RECORDS = 24
LOCKS = {"tap-github": "sdk-taps", "tap-stripe": "tap-stripe"}


@pytest.fixture
def sdk_taps(plugin_environment: Callable[[str], Path]) -> Path:
    return plugin_environment("sdk-taps")


def piped(
    tap: Path,
    config: Any,
    warehouse: Warehouse,
    processes: Processes,
    *arguments: str | Path,
    **settings: Any,
) -> str:
    """Run `tap | target-sfwarehouse` in a shell; gives what the target said."""
    source = processes.write("tap.json", config)
    target = processes.write("target.json", warehouse.config(**settings))
    rest = " ".join(f"'{argument}'" for argument in arguments)
    line = f"'{tap}' --config '{source}' {rest} | target-sfwarehouse --config '{target}'"
    return processes.shell(line).expect(0).said


def test_tap_spreadsheets_reads_csv(sdk_taps: Path, warehouse: Warehouse, processes: Processes) -> None:
    rows = '1,Ä "q",1.5,"two\nlines",2026-01-02\n2,,,\\N,\n'
    (processes.directory / "people.csv").write_text("id,name,Price (EUR),note,when\n" + rows)
    file = {"path": str(processes.directory / "people.csv"), "format": "csv", "table_name": "people"}
    config = {"files": [{**file, "primary_keys": ["id"]}]}
    assert "people: 2 inserted" in piped(sdk_taps / "tap-spreadsheets", config, warehouse, processes)
    found = warehouse.query("SELECT * FROM {schema}.people ORDER BY id")
    own = [{name: value for name, value in row.items() if not name.startswith("_sdc")} for row in found]
    assert own == [
        {"id": "1", "name": 'Ä "q"', "price_eur": "1.5", "note": "two\nlines", "when": "2026-01-02"},
        {"id": "2", "name": "", "price_eur": "", "note": "\\N", "when": ""},
    ]
    assert isinstance(found[0]["_sdc_last_modified"], dt.datetime)


SOURCE = """
CREATE TABLE {schema}."Things" (
  id bigint PRIMARY KEY, name varchar(9), amount numeric(14,4), flag boolean, day date, moment timestamptz, at time,
  uid uuid, doc json, docb jsonb, texts text[], numbers int[])
"""
THINGS = """
INSERT INTO {schema}."Things" VALUES
  (1, 'ä"\\,', 1234567890.1234, true, '2026-01-02', '2026-01-02 03:04:05.678+02', '10:11:12',
   'f47ac10b-58cc-4372-a567-0e02b2c3d479', '{"a": [1, {"b": null}]}', '[1, "x", null]', '{a,"b c",NULL}', '{1,-2}'),
  (2, '', 0, false, '9999-12-31', NULL, NULL, NULL, '"text"', '{}', '{}', NULL),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""
LOADED = """
SELECT id, name, amount, flag, day, moment, at, uid::uuid, doc, docb, texts, numbers FROM {schema}.things ORDER BY id
"""


@pytest.fixture
def source(warehouse: Warehouse) -> Iterator[str]:
    """A schema beside the test's own, with a table to copy from."""
    name = f"{warehouse.schema}_source"
    warehouse.execute(f"CREATE SCHEMA {name}")
    for statement in (SOURCE, THINGS):
        warehouse.execute(statement.replace("{schema}", name))
    yield name
    warehouse.execute(f"DROP SCHEMA {name} CASCADE")


@slow
def test_tap_postgres_copies_a_table(
    sdk_taps: Path, source: str, warehouse: Warehouse, processes: Processes
) -> None:
    """Arrays, documents of any kind, dates and times, one schema's table in another; then a second, unchanged run."""
    url = plain_url(warehouse.url).replace("postgresql://", "postgresql+psycopg2://", 1)
    config = {"sqlalchemy_url": url, "filter_schemas": [source]}
    found = processes.run(
        sdk_taps / "tap-postgres", "--config", processes.write("tap.json", config), "--discover"
    ).expect(0)
    catalog = json.loads(found.stdout)
    for entry in catalog["streams"]:
        (whole,) = [marks["metadata"] for marks in entry["metadata"] if not marks["breadcrumb"]]
        whole |= {"selected": True, "replication-method": "FULL_TABLE"}
        entry["replication_method"] = "FULL_TABLE"
    path = processes.write("catalog.json", catalog)
    maps = {f"{source}-Things": {"__alias__": "things"}}
    for said in ("things: 3 inserted", "things: 3 unchanged"):
        told = piped(
            sdk_taps / "tap-postgres", config, warehouse, processes, "--catalog", path, stream_maps=maps
        )
        assert said in told
    arrays = "to_jsonb(texts) AS texts, to_jsonb(numbers) AS numbers"
    columns = f"id, name, amount, flag, day, moment, at, uid, doc, docb, {arrays}"
    expected = warehouse.query(f'SELECT {columns} FROM {source}."Things" ORDER BY id')
    assert warehouse.query(LOADED) == expected


def catalog_of(tap: str, commands: Path, processes: Processes) -> list[dict[str, Any]]:
    """Streams as the tap itself discovers them."""
    if tap == "tap-github":
        config = processes.write("tap.json", {"repositories": ["a/b"], "auth_token": "x"})
        found = processes.run(commands / tap, "--config", config, "--discover")
    else:
        found = processes.run(
            commands / "python", "-c", "import json, tap_stripe; print(json.dumps(tap_stripe.discover()))"
        )
    streams: list[dict[str, Any]] = json.loads(found.expect(0).stdout)["streams"]
    return streams


@pytest.mark.parametrize("tap", LOCKS)
@pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
def test_every_stream_of_a_tap_loads(
    tap: str,
    by_sdk: bool,
    plugin_environment: Callable[[str], Path],
    warehouse: Warehouse,
    processes: Processes,
) -> None:
    """tap-github: nested objects, arrays, closed and open objects; tap-stripe: anyOf, types in threes, decimals as text."""
    streams = catalog_of(tap, plugin_environment(LOCKS[tap]), processes)
    assert len(streams) >= 15
    sent: dict[str, list[dict[str, Any]]] = {}
    messages: list[Any] = []
    for stream in streams:
        name, keys = stream["stream"], stream["key_properties"]
        schema = {"type": "object", **stream["schema"]}
        sent[name] = examples(schema, keys, RECORDS)
        messages.append({"type": "SCHEMA", "stream": name, "schema": schema, "key_properties": keys})
    messages += [record(name, rows[n]) for n in range(RECORDS) for name, rows in sent.items()]
    outcome = load(warehouse.config(validate_records=by_sdk), [*messages, state({"n": 1})], by_sdk=by_sdk)
    assert (outcome.error, outcome.states) == (None, [{"n": 1}])
    for name, rows in sent.items():
        row = "to_jsonb(t) - ARRAY['received_at', 'uuid_ts']"
        stored = warehouse.query(f'SELECT {row} AS row FROM {{schema}}."{name}" AS t')
        assert sorted(map(plain, (row["row"] for row in stored))) == sorted(
            plain({column: row.get(column) for column in stored[0]["row"]}) for row in rows
        )


def plain(row: dict[str, Any]) -> str:
    """A row in one spelling: moments in UTC, decimals that came as text as numbers."""
    return json.dumps({name: _spelled(value) for name, value in row.items()}, sort_keys=True)


def _spelled(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"\d+\.\d+", value):
        return float(value)
    try:
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC).isoformat()
    except ValueError:
        return value
