"""Meltano runs the pair from the checkout's meltano.yml."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
import pytest

from salesforce_simulator import company
from salesforce_simulator.http.faults import Status
from tests.fix_process import wait_until
from tests.levels import slow
from tests.pair.store import differences

if TYPE_CHECKING:
    from tests.fix_meltano import Meltano
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

PAIR = ("run", "tap-sfsource", "target-sfwarehouse")
STATE = "dev:tap-sfsource-to-target-sfwarehouse"


@pytest.fixture
def configured(meltano: Meltano, company_server: OrgServer, warehouse: Warehouse) -> Meltano:
    """Meltano set up by environment variables, as a person does it."""
    meltano.configure("tap-sfsource", company_server.config())
    meltano.configure("target-sfwarehouse", {"sqlalchemy_url": warehouse.url})
    meltano.environment["TAP_SFSOURCE__LOAD_SCHEMA"] = warehouse.schema
    return meltano


def test_run_twice_equals_the_org_both_times(
    configured: Meltano, company_server: OrgServer, warehouse: Warehouse
) -> None:
    configured.run(*PAIR).expect()
    assert differences(warehouse, company_server.org) == []
    company.next_day(company_server.org)
    configured.run(*PAIR).expect()
    assert differences(warehouse, company_server.org) == []


@slow
def test_a_second_account_goes_into_a_schema_of_its_own(
    configured: Meltano, company_server: OrgServer, warehouse: Warehouse
) -> None:
    for name in [name for name in configured.environment if name.startswith("TAP_SFSOURCE_")]:
        del configured.environment[name]
    configured.configure("tap-sfsource--emea", company_server.config(objects=["Account"]))
    configured.environment["TAP_SFSOURCE__EMEA__LOAD_SCHEMA"] = warehouse.schema
    configured.environment["TAP_SFSOURCE__EMEA__SELECT"] = '["accounts.*"]'
    finished = configured.run("run", "tap-sfsource--emea", "target-sfwarehouse").expect()
    assert differences(warehouse, company_server.org, ["Account"]) == []
    assert "'dev:tap-sfsource--emea-to-target-sfwarehouse'" in finished.said


@slow
def test_a_second_account_without_credentials_is_not_the_first_one(configured: Meltano) -> None:
    finished = configured.run("run", "tap-sfsource--emea", "target-sfwarehouse")

    assert finished.status != 0
    assert "no credentials are set" in finished.said


@slow
def test_sigterm_to_the_tap_fails_the_run(
    configured: Meltano, company_server: OrgServer, warehouse: Warehouse
) -> None:
    configured.configure("tap-sfsource", {"reader": "bulk"})  # many calls, so that there is a middle
    configured.environment["TAP_SFSOURCE__SELECT"] = '["accounts.*", "cases.*", "leads.*"]'
    company_server.server.settings.latency = 700
    running = configured.start(*PAIR)
    tap = wait_until(lambda: syncing_tap(running.pid), "the tap syncs", deadline=60)
    wait_until(lambda: company_server.ledger.matching("/jobs/query"), "the tap reads rows", deadline=60)
    tap.send_signal(signal.SIGTERM)
    finished = configured.processes.finish(running)
    assert finished.status != 0, finished.said[-3000:]
    company_server.server.settings.latency = 0
    configured.run(*PAIR).expect()
    assert differences(warehouse, company_server.org, ["Account", "Case", "Lead"]) == []


@slow
def test_a_run_that_fails_leaves_its_record_and_the_state(
    configured: Meltano, company_server: OrgServer, warehouse: Warehouse
) -> None:
    configured.environment["TAP_SFSOURCE__SELECT"] = '["accounts.*", "leads.*", "sync_reports.*"]'
    configured.run(*PAIR).expect()
    state = json.loads(configured.run("state", "get", STATE).expect().stdout)
    company_server.org.clock.advance(hours=3)
    refused = Status(400, "MALFORMED_QUERY", "no")
    company_server.faults.add(refused, path="*/queryAll", times=99)

    finished = configured.run(*PAIR)

    assert finished.status != 0
    first, failed = warehouse.query(
        "SELECT * FROM {schema}.sync_reports WHERE collection IS NULL ORDER BY started_at"
    )
    assert (first["status"], failed["status"]) == ("success", "failed")
    assert failed["bookmark"] == first["bookmark"]
    assert json.loads(configured.run("state", "get", STATE).expect().stdout) == state
    company_server.faults.clear()
    configured.run(*PAIR).expect()
    assert differences(warehouse, company_server.org, ["Account", "Lead"]) == []


@slow
def test_a_first_run_that_may_not_log_in_leaves_its_record(
    configured: Meltano, company_server: OrgServer, warehouse: Warehouse
) -> None:
    configured.environment["TAP_SFSOURCE__SELECT"] = '["accounts.*", "sync_reports.*"]'
    configured.configure("tap-sfsource", {"client_secret": "rotated"})

    finished = configured.run(*PAIR)

    assert finished.status != 0
    (row,) = warehouse.query("SELECT * FROM {schema}.sync_reports")
    assert (row["collection"], row["status"], row["error_code"]) == (None, "failed", "auth")
    assert "accounts" not in warehouse.table_names()
    configured.configure("tap-sfsource", company_server.config())
    configured.run(*PAIR).expect()
    assert differences(warehouse, company_server.org, ["Account"]) == []


def syncing_tap(pid: int) -> psutil.Process | None:
    """The tap that Meltano started for the sync, discovery done.

    Only the sync is given a catalog. A child that has not yet become the tap still shows Meltano's own arguments, in
    which the tap is named too.
    """
    try:
        for child in psutil.Process(pid).children(recursive=True):
            command = child.cmdline()
            if any(part.endswith("/tap-sfsource") for part in command) and "--catalog" in command:
                return child
    except psutil.NoSuchProcess:
        return None
    return None
