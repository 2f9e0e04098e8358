"""How many STATE lines a run writes, and when: few, but each that a restart needs."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field, custom_object
from tap_sfsource.singer.output import Output
from tap_sfsource.singer.state_lines import StateLines
from tap_sfsource.sync.events import Checkpoint
from tests.pair.both import TapRun, run_tap
from tests.tap.reference import ReferenceTarget
from tests.tap.test_endings import Started

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer

ROWS = 1000


def add_things(org: Org, count: int) -> None:
    """Objects of 20 fields; the first ten have a row."""
    fields = [custom_field(f"Field_{place}__c", "string") for place in range(11)]
    org.add_objects(custom_object(f"Thing_{number}__c", fields) for number in range(count))
    for number in range(10):
        org.create(f"Thing_{number}__c", {"Name": "x"})


def state_bytes(run: TapRun) -> list[int]:
    """How long each STATE line is."""
    return [len(line) for line in run.output.splitlines() if line.startswith(b'{"type":"STATE"')]


def rows_of(run: TapRun) -> list[Any]:
    return [message["record"] for message in run.of("RECORD")]


@pytest.mark.parametrize("count", [50, 200])
def test_an_idle_run_writes_one_state_and_asks_for_five_objects_a_call(
    org_server: OrgServer, count: int
) -> None:
    add_things(org_server.org, count)
    org_server.org.add_objects(custom_object(f"Other_{number}__c", []) for number in range(count))
    org_server.org.clock.advance(hours=3)
    config = org_server.config(objects=["Thing_*"], sync_reports=False)
    first = run_tap(config)
    assert first.error is None, first.said
    org_server.org.clock.advance(hours=3)
    org_server.ledger.clear()
    idle = run_tap(config, state=first.of("STATE")[-1]["value"])
    assert idle.error is None, idle.said
    assert idle.of("RECORD") == []
    (only,) = state_bytes(idle)
    # Of 5,000 objects with 60 fields each it would be 4.5 MB.
    assert only < count * 500
    queries, describes = count / 5, count / 25
    assert org_server.ledger.api_calls <= queries + describes + 3
    assert len(idle.of("STATE")[0]["value"]["bookmarks"]) == count


@pytest.fixture
def paged_org(org_server: OrgServer) -> OrgServer:
    """An org with five pages of accounts."""
    for start in range(0, ROWS, 200):
        org_server.org.load("Account", ((f"Account {start + number}",) for number in range(200)), ["Name"])
        org_server.org.clock.advance(hours=1)
    org_server.org.clock.advance(hours=3)
    return org_server


def config_of(server: OrgServer, **settings: Any) -> dict[str, Any]:
    objects = ["Account", "Contact", "Lead"]
    more = {"progress": "none", "sync_reports": False, **settings}
    return server.config(objects=objects, reader="rest", page_size=200, **more)


def test_the_setting_says_how_often_a_state_comes(paged_org: OrgServer) -> None:
    often = run_tap(config_of(paged_org, state_seconds=0))
    seldom = run_tap(config_of(paged_org, state_seconds=3600))
    assert len(state_bytes(often)) > ROWS / 200
    begun, last = seldom.of("STATE")
    assert (
        begun["value"]["bookmarks"].keys()
        == last["value"]["bookmarks"].keys()
        == {"accounts", "contacts", "leads"}
    )
    assert not any(mark.get("replication_key_value") for mark in begun["value"]["bookmarks"].values())
    assert rows_of(often) == rows_of(seldom)


def test_rows_wait_no_longer_than_that(paged_org: OrgServer) -> None:
    paged_org.server.site.settings.latency = 400
    run = run_tap(config_of(paged_org, state_seconds=1))
    assert run.error is None, run.said
    assert 3 <= len(state_bytes(run)) <= 5
    values = [message["value"]["bookmarks"]["accounts"] for message in run.of("STATE")]
    assert values[0] != values[-1]


@pytest.mark.parametrize(("seconds", "lines"), [(0, range(10, 50)), (3600, range(2, 4))])
def test_a_large_state_is_not_written_for_each_page_of_a_job(
    paged_org: OrgServer, seconds: int, lines: range
) -> None:
    """Nor for each job: with a thousand objects, each line says what all of them have come to."""
    others = {f"thing_{number}": {"properties": "x" * 600} for number in range(1000)}
    config = config_of(paged_org, state_seconds=seconds) | {"reader": "bulk", "bulk_page_size": 100}
    run = run_tap(config, state={"bookmarks": others})
    assert run.error is None, run.said
    assert len(state_bytes(run)) in lines
    every = run.output.splitlines(keepends=True)
    for stop in [at for at, line in enumerate(every) if line.startswith(b'{"type":"STATE"')][:3]:
        target = ReferenceTarget()
        target.feed(b"".join(every[: stop + 1]))
        target.feed(run_tap(config, state=target.state).output)
        assert len(target.tables["accounts"]) == ROWS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_says_how_far_it_came(
    paged_org: OrgServer, tmp_path: Path, number: signal.Signals
) -> None:
    paged_org.server.site.settings.latency = 1000
    target = ReferenceTarget()
    tap = Started(tmp_path, config_of(paged_org, state_seconds=3600), None)
    target.feed(tap.until(b'"RECORD"'))
    assert target.state is not None
    assert not target.state["bookmarks"]["accounts"].get("replication_key_value")
    tap.process.send_signal(number)
    target.feed([line.decode() for line in tap.lines])
    assert tap.process.wait(30) == 128 + number
    read = len(target.tables["accounts"])
    assert 0 < read < ROWS
    paged_org.server.site.settings.latency = 0
    again = run_tap(config_of(paged_org), state=target.state)
    assert again.error is None, again.said
    assert len(again.of("RECORD", "accounts")) <= ROWS - read + 200
    target.feed(again.output)
    assert len(target.tables["accounts"]) == ROWS


def test_a_run_in_which_an_object_fails_says_how_far_the_others_came(paged_org: OrgServer) -> None:
    config = config_of(paged_org, state_seconds=3600)
    state = run_tap(config).of("STATE")[-1]["value"]
    state["bookmarks"]["leads"]["jobs"] = 7
    paged_org.org.clock.advance(hours=3)
    paged_org.org.create("Account", {"Name": "new"})
    paged_org.org.clock.advance(hours=3)
    run = run_tap(config, state=state)
    assert run.failed_aloud
    (last,) = run.of("STATE")
    before, after = state["bookmarks"], last["value"]["bookmarks"]
    assert after["accounts"]["replication_key_value"] > before["accounts"]["replication_key_value"]
    assert after["leads"] == before["leads"]


def test_a_signal_does_not_part_what_a_checkpoint_says(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    output = Output()
    state: dict[str, Any] = {}
    states = StateLines(state, output, 5)

    def apply() -> None:
        state["bookmark"] = 1
        signal.raise_signal(signal.SIGTERM)
        state["of the same moment"] = 1

    before = signal.signal(signal.SIGTERM, lambda *_: output.end(SystemExit(143)))
    try:
        with pytest.raises(SystemExit):
            states.move([Checkpoint(apply)])
        with pytest.raises(SystemExit):
            states.write_moved()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capfdbinary.readouterr().out == (
        b'{"type":"STATE","value":{"bookmark":1,"of the same moment":1}}\n'
    )


def test_a_run_that_ends_before_its_first_checkpoint_writes_no_state(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    StateLines({"bookmarks": {}}, Output(), 5).write_moved()
    assert capfdbinary.readouterr().out == b""
