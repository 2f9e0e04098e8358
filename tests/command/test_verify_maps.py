"""`sfsource verify` beside masks, stream maps and settings of the target: it compares what goes out, or says why not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.command.running import sfsource
from tests.command.verifying import Verified, fill, ids, lost, many, spoilt
from tests.levels import at_level, search

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

SALT = "x" * 32


@search
@pytest.mark.parametrize("kind", ["hash", "null", "drop"][: at_level(normal=1, wide=3, long=3)])
def test_all_that_can_be_masked_may_be(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path, kind: str
) -> None:
    mask = {"*.*": kind}
    verified = Verified(org_server, warehouse, tmp_path, objects=["Task"], mask=mask, mask_salt=SALT)
    fill(verified.org)
    verified.sync()
    tasks = ids(verified.org, "Task")
    warehouse.execute(lost("tasks", tasks[0]))
    warehouse.execute(lost("tasks", tasks[4]))
    wrong = {("tasks", "missing", tasks[0]), ("tasks", "missing", tasks[4])}
    for how in ([], ["--full"]):
        assert verified.differences(*how) == wrong, how
    archived = [part["id"] for part in verified(status=1)["tasks"]["differences"] if part.get("archived")]
    assert archived == ([] if kind == "drop" else [tasks[0]])


def test_a_large_collection_with_a_masked_date_is_compared(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    settings = {"mask": {"Account.CreatedDate": "hash"}, "mask_salt": SALT}
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"], **settings)
    many(verified.org)
    verified.sync()
    account = ids(verified.org, "Account")[1000]
    warehouse.execute(lost("accounts", account))
    assert verified.differences() == {("accounts", "missing", account)}


def test_plain_values_of_a_masked_column_are_never_shown(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    settings = {"mask": {"Account.Name": "hash"}, "mask_salt": SALT}
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"], **settings)
    fill(verified.org)
    verified.sync()
    account = ids(verified.org, "Account")[1]
    warehouse.execute(spoilt("accounts", account, "name = 'Ada Lovelace', number_of_employees = 7"))
    said = sfsource("verify", "--show-values", *verified.files(), status=1).output
    assert "name, number_of_employees" in said
    assert "'7' in the warehouse" in said
    assert "Ada" not in said


MAPS: dict[str, dict[str, Any]] = {
    "computed, renamed": {"__alias__": "konten", "loud": "name.upper()", "name": "name.lower()"},
    "without the stamp": {"system_modstamp": None},
    "without the date": {"created_date": None},
}


@search
@pytest.mark.parametrize("maps", list(MAPS.values())[: at_level(normal=2, wide=3, long=3)], ids=str)
def test_rows_that_stream_maps_make_are_compared(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path, maps: dict[str, Any]
) -> None:
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"], stream_maps={"accounts": maps})
    fill(verified.org)
    verified.sync()
    first, second, third, fourth = ids(verified.org, "Account")[:4]
    verified.org.update(first, {"Name": "newer"})
    verified.org.delete(second)
    for how in ([], ["--full"]):
        assert verified.differences(*how, status=0) == set(), how
    table = maps.get("__alias__", "accounts")
    warehouse.execute(lost(table, third))
    warehouse.execute(spoilt(table, fourth, "name = 'spoilt'"))
    wrong = {("accounts", "missing", third), ("accounts", "differs", fourth)}
    for how in ([], ["--full"]):
        assert verified.differences(*how) == wrong, how
    # A map that is set later is not what the rows went through.
    verified.pair.config["stream_maps"] = {"accounts": {"name": "name + '!'"}}
    assert "stream maps have changed" in verified(status=2)["accounts"]["unchecked"]


def test_a_date_that_a_stream_map_computes_is_not_counted_by(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    maps = {"created_date": "str(created_date)[:4]", "system_modstamp": "str(system_modstamp)[:4]"}
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account"], stream_maps={"accounts": maps})
    many(verified.org)
    verified.sync()
    assert verified.differences(status=0) == set()
    account = ids(verified.org, "Account")[1000]
    warehouse.execute(lost("accounts", account))
    assert verified.differences() == {("accounts", "missing", account)}


def test_rows_that_a_stream_map_filters_are_compared_in_full(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    maps = {"accounts": {"__filter__": "(record['number_of_employees'] or 0) < 4"}}
    verified = Verified(org_server, warehouse, tmp_path, objects=["Account", "Contact"], stream_maps=maps)
    fill(verified.org)
    verified.sync()
    found = verified(status=2)
    assert found["contacts"]["status"] == "equal"
    assert "give --full" in found["accounts"]["unchecked"]
    assert verified.differences("--full", status=0) == set()
    account = ids(verified.org, "Account")[1]
    warehouse.execute(lost("accounts", account))
    assert verified.differences("--full") == {("accounts", "missing", account)}


@pytest.mark.parametrize(
    ("maps", "why"),
    [
        ({"is_deleted": None}, "a stream map of the tap removes is_deleted"),
        ({"__key_properties__": ["name"]}, "a stream map of the tap changes its key"),
        ({"id": "id.lower()"}, "a stream map of the tap changes its key"),
    ],
    ids=str,
)
def test_a_stream_map_that_forbids_a_comparison_is_named(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path, maps: dict[str, Any], why: str
) -> None:
    verified = Verified(
        org_server, warehouse, tmp_path, objects=["Account", "Contact"], stream_maps={"accounts": maps}
    )
    fill(verified.org)
    verified.sync()
    contact = ids(verified.org, "Contact")[2]
    warehouse.execute(lost("contacts", contact))
    found = verified(status=1)
    assert why in found["accounts"]["unchecked"]
    assert found["contacts"]["differences"][0]["id"] == contact


@pytest.mark.parametrize(
    "target",
    [
        {"stream_maps": {"accounts": {"loud": "name", "name": "name.upper()"}}},
        {"stream_maps": {"accounts": {"name": None}, "tasks": {"__alias__": "chores"}}},
        {"flattening_enabled": True, "flattening_max_depth": 1},
    ],
    ids=json.dumps,
)
def test_what_the_target_s_settings_leave_is_compared(verified: Verified, target: dict[str, Any]) -> None:
    verified.pair.state = None
    verified.warehouse.execute("DROP SCHEMA {schema} CASCADE")
    verified.target = target
    verified.sync()
    found = verified(status=2 if "tasks" in str(target) else 0)
    assert found["accounts"]["status"] == "equal"
    assert "flattening" in str(target) or "name" in str(found["accounts"]["notes"])
    first, second = ids(verified.org, "Account")[:2]
    verified.warehouse.execute(lost("accounts", first))
    verified.warehouse.execute(spoilt("accounts", second, "number_of_employees = 17"))
    wrong = {("accounts", "missing", first), ("accounts", "differs", second)}
    for how in ([], ["--full"]):
        assert verified.differences(*how) == wrong, how
