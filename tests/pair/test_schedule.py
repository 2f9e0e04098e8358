"""Real ticks of a shortened schedule fire the command that deploy/ names."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cronsim import CronSim

from salesforce_simulator import company
from tests.fix_process import PROJECT, Finished, wait_until
from tests.levels import slow
from tests.pair.store import differences

if TYPE_CHECKING:
    from tests.fix_meltano import Meltano
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

EVERY_TWO_SECONDS = "*/2 * * * * *"


def deployed_line() -> tuple[str, list[str]]:
    """Cron expression and command of deploy/crontab, the path put in, the log left out."""
    line = (PROJECT / "deploy" / "crontab").read_text().splitlines()[-1]
    *expression, rest = line.split(maxsplit=5)
    command, _, _ = rest.partition(" >>")
    return " ".join(expression), command.replace("/opt/sfsource", str(PROJECT)).split()


def tick(meltano: Meltano, expression: str, command: list[str], times: int) -> list[Finished]:
    """Be cron: run the command at each moment of the expression, `times` times, one after the other."""
    finished: list[Finished] = []
    moments = CronSim(expression, datetime.now(UTC))
    never = threading.Event()
    while len(finished) < times:
        moment = next(moments)
        now = datetime.now(UTC)
        if moment < now:
            continue  # the last run took longer than a period; cron would have found the lock held
        never.wait((moment - now).total_seconds())
        finished.append(meltano.processes.run(*command, env=meltano.environment, deadline=180))
    return finished


@pytest.fixture
def scheduled(meltano: Meltano, company_server: OrgServer, warehouse: Warehouse) -> Meltano:
    """The project as deploy/run-schedule finds it, in the environment prod."""
    meltano.configure("tap-sfsource", company_server.config())
    meltano.configure("target-sfwarehouse", {"sqlalchemy_url": warehouse.url})
    meltano.environment["TAP_SFSOURCE__LOAD_SCHEMA"] = warehouse.schema
    meltano.environment["TAP_SFSOURCE__SELECT"] = '["accounts.*", "cases.*", "leads.*"]'
    return meltano


@slow
def test_ticks_run_the_pair_twice(
    scheduled: Meltano, company_server: OrgServer, warehouse: Warehouse
) -> None:
    expression, command = deployed_line()
    assert expression == "0 */3 * * *"
    objects = ["Account", "Case", "Lead"]
    (first,) = tick(scheduled, EVERY_TWO_SECONDS, command, 1)
    first.expect()
    assert differences(warehouse, company_server.org, objects) == []
    company.next_day(company_server.org)
    (second,) = tick(scheduled, EVERY_TWO_SECONDS, command, 1)
    second.expect()
    assert differences(warehouse, company_server.org, objects) == []
    assert "'prod:tap-sfsource-to-target-sfwarehouse'" in second.said


def test_a_tick_during_a_run_is_skipped(scheduled: Meltano, company_server: OrgServer) -> None:
    _, command = deployed_line()
    company_server.server.settings.latency = 300
    first = scheduled.processes.start(list(command), env=scheduled.environment)
    wait_until(lambda: company_server.ledger.calls, "the first run talks to the org", deadline=60)
    second = scheduled.processes.run(*command, env=scheduled.environment).expect()
    assert "this tick is skipped" in second.stderr
    assert first.poll() is None
    company_server.server.settings.latency = 0
    scheduled.processes.finish(first).expect()


@slow
def test_a_failed_run_fails_the_tick(scheduled: Meltano) -> None:
    _, command = deployed_line()
    scheduled.configure("tap-sfsource", {"client_secret": "wrong"})
    assert scheduled.processes.run(*command, env=scheduled.environment).status != 0
