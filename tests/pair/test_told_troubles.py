"""Troubles of a run are told, by their own names and without values; what is none is not called one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.http.faults import Replace
from tests.pair.four_accounts import ids
from tests.target.support import load, record, schema_message, state

if TYPE_CHECKING:
    from salesforce_simulator.org import Org
    from tests.fix_warehouse import Warehouse
    from tests.pair.both import Pair


@pytest.mark.parametrize("policy", ["fail", "quarantine"])
def test_an_error_of_a_map_in_the_target_shows_no_value(pair: Pair, policy: str) -> None:
    """`int(name)`: the tap tells only the kind of error, the target its text."""
    pair.target = {
        "on_bad_record": policy,
        "stream_maps": {"accounts": {"number": "int(name)", "name": "md5(name)"}},
    }
    pair.sync()
    told = str(pair.target_error)
    if policy == "quarantine":
        told += str(pair.warehouse.query("SELECT reason, message FROM {schema}._rejected"))
    assert "Acme" not in told


def test_a_map_of_names_that_fails_is_the_failure_of_names(pair: Pair, org: Org) -> None:
    """Events are "not complete", tasks are, `names` is not mentioned and is empty."""
    account = ids(org)[0]
    org.create("Task", {"Subject": "call", "WhatId": account})
    event = {"Subject": "visit", "WhatId": account, "DurationInMinutes": 5}
    org.create("Event", {**event, "ActivityDateTime": "2026-12-01T00:00:00Z"})
    org.clock.advance(hours=1)
    run = pair.sync(
        objects=["Event", "Task", "Name"], stream_maps={"names": {"last_name": "last_name.upper()"}}
    )
    assert run.failed_aloud
    assert str(run.error).startswith("Not complete: names.")


def test_a_query_by_rest_that_ends_early_fails_aloud(pair: Pair, org: Org) -> None:
    """454 rows are promised by totalSize, 200 come, the bookmark moves behind all of them."""
    for number in range(450):
        org.create("Account", {"Name": f"Account {number}"})
    org.clock.advance(hours=3)
    pair.server.faults.add(Replace('"done":false', '"done":true'), path="*/composite*", times=9)
    pair.server.faults.add(Replace('"done": false', '"done": true'), path="*/composite*", times=9)
    run = pair.sync(reader="rest", page_size=200)
    assert run.failed_aloud or len(pair.rows("accounts")) == 454


def test_csv_files_pass_the_validation_of_records(pair: Pair, tmp_path: Any) -> None:
    """959 of a CSV file is a Decimal, which the SDK's validator takes for no integer; RECORD passes."""
    pair.target = {"validate_records": True}
    pair.good(
        reader="bulk",
        batch_config={
            "encoding": {"format": "csv", "compression": "none"},
            "storage": {"root": f"file://{tmp_path}/batches"},
        },
    )


def test_a_broken_schema_line_is_no_bad_record(warehouse: Warehouse) -> None:
    """The rows behind it are loaded under the narrow SCHEMA before it: their names are lost, the exit status is 0."""
    text = {"type": ["null", "string"]}
    whole = schema_message("s", {"id": text, "name": text})
    broken = json.dumps(whole).encode()[:-3] + b"\n"
    lines = [
        whole,
        record("s", {"id": "1", "name": "a"}),
        schema_message("s", {"id": text}),
        record("s", {"id": "1"}),
        broken,
        record("s", {"id": "2", "name": "b"}),
        state({"position": 2}),
    ]
    outcome = load(warehouse.config(on_bad_record="quarantine"), lines)
    loaded = warehouse.query("SELECT id, name FROM {schema}.s WHERE id = '2'")
    assert outcome.error is not None or loaded == [{"id": "2", "name": "b"}]
