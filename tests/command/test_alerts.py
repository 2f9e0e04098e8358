"""People are told once of each trouble, and once when it is over; nothing that fails in telling harms the sync."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.command.receiver import TOKEN, Receiver, receiving
from tests.command.runs import Runs, ago, changed, failed, sfsource
from tests.command.test_status import history
from tests.fix_process import PROJECT, wait_until
from tests.levels import slow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from tests.fix_meltano import Meltano
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The receiver that .env of this folder names."""
    monkeypatch.chdir(tmp_path)
    with receiving() as found:
        (tmp_path / ".env").write_text(f"SFSOURCE_ALERT_URLS={found.url}\n")
        yield found


@dataclass
class Ticks:
    """A schedule, tick by tick."""

    runs: Runs

    def __call__(self, *arguments: str, status: int = 0) -> Result:
        """What deploy/run-schedule does after a tick."""
        told = ("--name", "hourly", "--exit-status", str(status), *arguments)
        result = sfsource(self.runs.warehouse, "alerts", *told)
        assert TOKEN not in result.output
        return result

    def run(self, hours: float, *rows: dict[str, object], exits: int = 0, **values: object) -> Result:
        """A tick with a record of its run."""
        self.runs.add(ago(hours=hours), *rows, **values)  # type: ignore[arg-type]
        return self(status=exits)


@pytest.fixture
def tick(warehouse: Warehouse, receiver: Receiver) -> Ticks:
    return Ticks(Runs(warehouse))


def test_failures_are_told_once_when_there_are_enough_and_once_when_they_are_over(
    tick: Ticks, receiver: Receiver
) -> None:
    refused = {"status": "failed", "error_message": "Salesforce refused the login", "exits": 1}
    tick.run(9, changed("accounts"))
    tick.run(8, **refused)  # type: ignore[arg-type]
    assert receiver.take() == []
    tick.run(7, **refused)  # type: ignore[arg-type]
    ((title, text),) = receiver.take()
    assert title == "hourly is not well"
    assert text == "2 ticks in a row failed, with exit status 1. Salesforce refused the login"
    for hours in (6, 5, 4):
        tick.run(hours, **refused)  # type: ignore[arg-type]
    assert receiver.take() == []
    tick.run(3, changed("accounts"))
    ((title, text),) = receiver.take()
    assert title == "hourly is well again"
    assert text == "Over:\n5 ticks in a row failed, with exit status 1. Salesforce refused the login"
    tick.run(2)
    assert receiver.take() == []


def test_a_partial_run_is_told_at_once_collection_by_collection(tick: Ticks, receiver: Receiver) -> None:
    partial = {"status": "partial", "exits": 1}
    tick.run(9, changed("accounts"), failed("cases", "its page is short"), **partial)  # type: ignore[arg-type]
    assert receiver.take() == [("hourly is not well", "cases is not complete: its page is short")]
    tick.run(8, failed("cases", "its page is short"), **partial)  # type: ignore[arg-type]
    tick.run(7, failed("cases", "its page is short"), **partial)  # type: ignore[arg-type]
    assert receiver.take() == []
    tick.run(6, failed("cases", "its page is short"), failed("leads", "gone"), **partial)  # type: ignore[arg-type]
    ((title, text),) = receiver.take()
    assert (title, text.splitlines()) == (
        "hourly is not well",
        ["leads is not complete: gone", "Still:", "cases is not complete: its page is short"],
    )
    tick.run(5, changed("cases"), failed("leads", "gone"), **partial)  # type: ignore[arg-type]
    assert receiver.take()[0][0] == "hourly is better"
    tick.run(4, others=("cases", "leads"))
    assert receiver.take() == [("hourly is well again", "Over:\nleads is not complete: gone")]


def test_collections_of_a_run_that_failed_are_not_told_one_by_one(tick: Ticks, receiver: Receiver) -> None:
    down = [failed(f"c{number}", "the org is down") for number in range(40)]
    for hours in (9, 8):
        tick.run(hours, *down, status="failed", error_message="the org is down", exits=1)
    ((_, text),) = receiver.take()
    assert text == "2 ticks in a row failed, with exit status 1. the org is down"


def test_many_troubles_are_one_short_message(tick: Ticks, receiver: Receiver) -> None:
    tick.run(9, *(failed(f"c{number}", "bad") for number in range(40)), status="partial", exits=1)
    ((_, text),) = receiver.take()
    assert len(text.splitlines()) == 11
    assert text.endswith("and 30 more: see sfsource status")


def test_skipped_ticks_are_told_once(tick: Ticks, receiver: Receiver) -> None:
    for _ in range(3):
        tick("--skipped")
    assert receiver.take() == []
    tick("--skipped")
    ((_, text),) = receiver.take()
    assert text.startswith("4 ticks in a row were skipped")
    tick("--skipped")
    assert receiver.take() == []
    tick.run(1, changed("accounts"))
    assert receiver.take()[0][0] == "hourly is well again"


def test_a_collection_that_fell_silent_is_told(tick: Ticks, receiver: Receiver) -> None:
    history(tick.runs, "accounts", [*range(49, 80)])
    tick("--may-be-quiet", "acc*")
    assert receiver.take() == []
    tick()
    ((_, text),) = receiver.take()
    assert text == "accounts had no change for 49 days, much longer than its usual pause."
    tick()
    assert receiver.take() == []


def test_a_run_without_a_record_is_counted_by_its_exit_status(tick: Ticks, receiver: Receiver) -> None:
    tick.run(9, changed("accounts"))
    tick(status=3)
    tick(status=3)
    ((_, text),) = receiver.take()
    assert text.startswith(
        "2 ticks in a row failed, with exit status 3. The warehouse has no record that says why"
    )


def test_without_a_warehouse_failures_are_told_all_the_same(tick: Ticks, receiver: Receiver) -> None:
    said = [tick(status=1).stderr for _ in range(2)]
    assert all("The alerts know the exit status only. The schema" in line for line in said)
    ((_, text),) = receiver.take()
    assert text.startswith("2 ticks in a row failed")


def test_an_alert_that_nobody_took_is_sent_at_the_next_tick(tick: Ticks, receiver: Receiver) -> None:
    receiver.status = 500
    tick(status=1)
    result = tick(status=1)
    assert result.exit_code == 1
    assert "The receiver 1 of SFSOURCE_ALERT_URLS did not take an alert" in result.stderr
    receiver.status = 200
    assert tick(status=1).exit_code == 0
    ((_, text),) = receiver.take()
    assert text.startswith("3 ticks in a row failed")


def test_a_receiver_that_is_down_does_not_keep_the_others_from_knowing(
    tick: Ticks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "SFSOURCE_ALERT_URLS", f"json://:{TOKEN}@127.0.0.1:1/x, {receiver.url}, nonsense://{TOKEN}"
    )
    monkeypatch.setenv("SFSOURCE_ALERT_AFTER", "1")
    result = tick(status=1)
    assert result.exit_code == 0
    assert "The receiver 1 of" in result.stderr
    assert "has a URL that apprise does not know" in result.stderr
    assert len(receiver.take()) == 1
    tick(status=1)
    assert receiver.take() == []


def test_a_command_of_the_user_gets_the_text(
    tick: Ticks, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "SFSOURCE_ALERT_COMMAND", '(echo "$SFSOURCE_ALERT_TITLE"; cat) >> told; exit ${ENDS:-0}'
    )
    monkeypatch.setenv("SFSOURCE_ALERT_URLS", "")
    tick(status=1)
    tick(status=1)
    assert (tmp_path / "told").read_text().startswith("hourly is not well\n2 ticks in a row failed")
    monkeypatch.setenv("ENDS", "4")
    result = sfsource(tick.runs.warehouse, "alerts", "--test")
    assert "SFSOURCE_ALERT_COMMAND ended with status 4." in result.stderr
    assert receiver.take() == []


@pytest.mark.parametrize("quote", ["'", '"', ""])
def test_a_command_in_the_file_is_the_shells(quote: str, tick: Ticks, tmp_path: Path) -> None:
    """What the file's own syntax would fill in is empty before there is a text; other variables of the file are there."""
    line = "echo ${SFSOURCE_ALERT_TITLE} $SFSOURCE_ALERT_TITLE ${SFSOURCE_ALERT_TEXT} >> $FOLDER/told"
    (tmp_path / ".env").write_text(f"FOLDER={tmp_path}\nSFSOURCE_ALERT_COMMAND={quote}{line}{quote}\n")
    tick(status=1)
    tick(status=1)
    said = (tmp_path / "told").read_text()
    assert said.startswith("hourly is not well hourly is not well 2 ticks in a row failed")


def test_a_test_message_arrives_and_who_is_told_is_needed(
    tick: Ticks, receiver: Receiver, tmp_path: Path
) -> None:
    assert tick("--test").exit_code == 0
    assert receiver.take()[0][0] == "hourly: a test"
    (tmp_path / ".env").unlink()
    assert tick().exit_code == 0, "nobody wants to be told"
    result = tick("--test")
    assert (result.exit_code, "set SFSOURCE_ALERT_URLS or" in result.stderr) == (2, True)


def test_a_program_is_told_what_was_sent(tick: Ticks, receiver: Receiver) -> None:
    assert json.loads(tick("--json").stdout) == {"sent": None, "troubles": []}
    tick(status=1)
    said = json.loads(tick("--json", status=1).stdout)
    assert said["sent"] is True
    assert said["troubles"][0].startswith("2 ticks in a row failed")
    assert json.loads(tick("--test", "--json").stdout)["sent"] is True


def test_a_damaged_memory_begins_anew_and_a_folder_is_made(
    tick: Ticks, receiver: Receiver, tmp_path: Path
) -> None:
    memory = tmp_path / "new" / "memory.json"
    assert tick("--memory", str(memory), status=1).exit_code == 0
    assert json.loads(memory.read_text())["failures"] == 1
    memory.write_text('{"failures": 1')
    tick("--memory", str(memory), status=1)
    assert receiver.take() == []
    tick("--memory", str(memory), status=1)
    assert len(receiver.take()) == 1


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "²"])
def test_a_wrong_number_is_refused(value: str, tick: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFSOURCE_ALERT_AFTER", value)
    result = tick()
    assert result.exit_code == 2
    assert "SFSOURCE_ALERT_AFTER must be a number of ticks from 1 on." in result.stderr


def test_the_extra_is_named_where_it_is_missing(tick: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    result = tick("--test")
    assert result.exit_code == 1
    assert "Install it: pip install 'sfsource[notify]'." in result.stderr
    assert (tick(status=1).exit_code, tick(status=1).exit_code) == (0, 1)


@slow
def test_run_schedule_tells_people(
    meltano: Meltano, company_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    """A real schedule and an org that fails: told at the second tick, not again, and once when it is well."""
    meltano.configure("tap-sfsource", company_server.config())
    meltano.configure("target-sfwarehouse", {"sqlalchemy_url": warehouse.url})
    told = tmp_path / "told"
    with receiving() as receiver:
        meltano.environment |= {
            "TAP_SFSOURCE__LOAD_SCHEMA": warehouse.schema,
            "TAP_SFSOURCE__SELECT": '["accounts.*", "sync_reports.*"]',
            "SFSOURCE_ALERT_URLS": receiver.url,
            "SFSOURCE_ALERT_COMMAND": f"cat >> {told}",
        }
        schedule = str(PROJECT / "deploy" / "run-schedule")

        def tick(**variables: str) -> int:
            environment = {**meltano.environment, **variables}
            name = f"--memory={tmp_path / 'memory.json'}"
            done = meltano.processes.run(schedule, "salesforce-every-3-hours", name, env=environment)
            assert TOKEN not in done.said
            return done.status

        refused = {"TAP_SFSOURCE_CLIENT_SECRET": "wrong"}
        assert tick() == 0
        assert tick(**refused) != 0
        assert receiver.take() == []
        assert tick(**refused) != 0
        ((title, text),) = receiver.take()
        assert title == "salesforce-every-3-hours is not well"
        assert text.startswith("2 ticks in a row failed, with exit status")
        assert "Salesforce refused the login" in text, "the record of the run says why"
        assert tick(**refused) != 0
        assert receiver.take() == []
        receiver.status = 500
        assert tick() == 0, "an alert that fails does not fail the run"
        assert [line.split(" ticks")[0] for line in told.read_text().splitlines()] == ["2", "Over:", "3"]


@slow
def test_a_stop_reaches_the_run_and_people_hear_of_it(
    meltano: Meltano, company_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    meltano.configure("tap-sfsource", company_server.config())
    meltano.configure("target-sfwarehouse", {"sqlalchemy_url": warehouse.url})
    company_server.server.settings.latency = 300
    told = tmp_path / "told"
    environment = {
        **meltano.environment,
        "TAP_SFSOURCE__LOAD_SCHEMA": warehouse.schema,
        "SFSOURCE_ALERT_COMMAND": f"cat >> {told}",
        "SFSOURCE_ALERT_AFTER": "1",
    }
    schedule = str(PROJECT / "deploy" / "run-schedule")
    memory = f"--memory={tmp_path / 'memory.json'}"
    started = meltano.processes.start([schedule, "salesforce-every-3-hours", memory], env=environment)
    wait_until(lambda: company_server.ledger.calls, "the run talks to the org", deadline=60)
    started.terminate()
    done = meltano.processes.finish(started, deadline=60)
    assert done.status != 0
    assert told.read_text().startswith("The last tick failed, with exit status")
