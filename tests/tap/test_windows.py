"""An object of more rows than `split_rows` is read by several Bulk jobs, each of a window that goes on by itself."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from salesforce_simulator.http.faults import AbortJob, FailJob, Status, UseUp
from salesforce_simulator.http.jobs import ENDED
from tests.levels import at_level, search, slow
from tests.tap.reference import ReferenceTarget
from tests.tap.running import run_tap
from tests.tap.syncs import Meanwhile, Syncs, accounts

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

EVERY = at_level(normal=4, wide=1, long=1)
"""Of so many places in the output one is where the tap is killed."""

MONTHS, EACH = 8, 5
ROWS = MONTHS * EACH


@pytest.fixture
def syncs(org_server: OrgServer, frozen: Clock) -> Syncs:
    """Accounts of eight months, ten of them to a window, three to a page; nothing is synced yet."""
    for _ in range(MONTHS):
        accounts(org_server, EACH)
        frozen.advance(days=31)
    return Syncs(org_server, "Account", reader="bulk", split_rows=10, bulk_page_size=3)


def jobs(server: OrgServer) -> list[str]:
    """The conditions of all jobs so far."""
    return [job.query.partition(" WHERE ")[2] for job in server.server.site.jobs.all()]


def windows(server: OrgServer) -> list[str]:
    """Those of windows that have an end."""
    return [where for where in jobs(server) if " < " in where]


def fetched(server: OrgServer) -> Counter[tuple[str, str]]:
    """How often each page was downloaded, by job and locator."""
    pages = server.ledger.matching("/results")
    return Counter((page.path.split("/")[-2], parse_qs(page.query).get("locator", [""])[0]) for page in pages)


def open_parts(state: Any) -> list[list[str]]:
    """The parts that a state names: start, end, job, locator, rows."""
    bookmark = (state or {"bookmarks": {}})["bookmarks"].get("accounts", {})
    parts = bookmark.get("jobs", {}).get("rows", {}).get("parts", "")
    return [part.split("/") for part in parts.split()]


def test_each_window_is_read_by_a_job_of_its_own(org_server: OrgServer, syncs: Syncs) -> None:
    assert syncs.sync() == {"accounts": ROWS}
    assert syncs.complete
    assert len(windows(org_server)) == 4 + 1  # and from the first job's creation to the present
    assert len(syncs.target.tables["accounts"]) == ROWS
    assert syncs.target.state is not None
    assert "jobs" not in syncs.target.state["bookmarks"]["accounts"]
    assert syncs.sync() == {}


def test_rows_are_as_they_are_without_windows(org_server: OrgServer, syncs: Syncs) -> None:
    whole = Syncs(org_server, "Account", reader="bulk")
    whole.sync()
    syncs.sync()
    assert syncs.target.tables == whole.target.tables
    assert syncs.target.state == whole.target.state


def test_an_object_of_fewer_rows_is_read_by_one_job(org_server: OrgServer, syncs: Syncs) -> None:
    syncs.sync(split_rows=ROWS)
    assert len(jobs(org_server)) == 1
    assert len(org_server.ledger.matching("/composite")) <= 2


def test_reading_by_rest_is_not_cut(org_server: OrgServer, syncs: Syncs) -> None:
    assert syncs.sync(reader="rest") == {"accounts": ROWS}
    assert not jobs(org_server)


def test_a_month_of_too_many_rows_is_cut(org_server: OrgServer, frozen: Clock) -> None:
    for _ in range(20):
        accounts(org_server, 2)
        frozen.advance(hours=1)
    syncs = Syncs(org_server, "Account", reader="bulk", split_rows=10)
    assert syncs.sync() == {"accounts": 40}
    assert 4 + 1 <= len(windows(org_server)) <= 5 + 1  # the hours may lie in two months


def test_rows_of_one_second_are_not_cut(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 40)
    frozen.advance(hours=1)
    syncs = Syncs(org_server, "Account", reader="bulk", split_rows=10)
    assert syncs.sync() == {"accounts": 40}
    assert len(jobs(org_server)) == 1


@pytest.mark.parametrize("code", ["QUERY_TIMEOUT", "MALFORMED_QUERY"])
def test_rows_that_are_not_counted_by_month_are_cut_evenly(
    org_server: OrgServer, syncs: Syncs, code: str
) -> None:
    org_server.faults.add(Status(400, code, "no"), path="*/queryAll", nth=1)
    assert syncs.sync() == {"accounts": ROWS}
    assert syncs.complete
    assert len(windows(org_server)) == 4 + 1


def test_many_changed_rows_are_cut_as_well(org_server: OrgServer, frozen: Clock) -> None:
    ids = accounts(org_server, 250)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", page_size=200, bulk_threshold=100, split_rows=100)
    syncs.sync(reader="rest")
    for record_id in ids:
        frozen.advance(minutes=1)
        org_server.org.update(record_id, {"Name": "Renamed"})
    syncs.sync()
    assert syncs.complete
    assert {row["name"] for row in syncs.target.tables["accounts"].values()} == {"Renamed"}
    assert len(jobs(org_server)) >= 3


def test_a_row_that_leaves_its_window_before_its_job_comes_in_the_same_run(
    org_server: OrgServer, frozen: Clock, syncs: Syncs
) -> None:
    """The last windows' jobs are created once the first are read."""
    ids = sorted(row["Id"] for row in org_server.org.rows("Account"))
    syncs.config["split_rows"] = 5
    outcome = run_tap(syncs.config)
    lines = outcome.output.splitlines()
    stop = next(at for at, line in enumerate(lines) if b'"locator":"Mw"' in line)
    syncs.target.feed(b"\n".join(lines[: stop + 1]))
    org_server.org.update(ids[-1], {"Name": "Renamed"})
    frozen.advance(hours=1)
    syncs.sync()
    assert syncs.complete
    assert set(syncs.target.tables["accounts"]) == set(ids)
    assert syncs.row("accounts", ids[-1])["name"] == "Renamed"


@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
@pytest.mark.parametrize("reader", ["auto", "bulk"])
def test_a_row_that_changes_during_a_sweep_is_not_marked(
    org_server: OrgServer, frozen: Clock, partial_rows: str, reader: str
) -> None:
    """A part of a sweep that is read again is read before all that follow it: no row slips behind the parts."""
    for _ in range(8):
        accounts(org_server, 30)
        frozen.advance(days=31)
    syncs = Syncs(org_server, "Account", start_date="2001-01-01", reader=reader, partial_rows=partial_rows)
    syncs.config |= {"split_rows": 100, "bulk_threshold": 150, "page_size": 200}
    assert syncs.sync() == {"accounts": 240}
    # Bulk reads the rows since the bookmark as well.
    org_server.faults.add(FailJob("INVALID"), path="*/jobs/query", nth=2 if reader == "bulk" else 1)
    oldest = min(org_server.org.rows("Account"), key=lambda row: row["CreatedDate"])["Id"]
    renamed: list[str] = []

    def rename() -> None:
        """Once one has failed and all others are done: the later parts, if there are any, hold the row where it was."""
        deadline = time.monotonic() + 20
        while not ENDED.issuperset(states := [job.state for job in org_server.server.site.jobs.all()]):
            assert time.monotonic() < deadline
        if "Failed" in states and not renamed:
            org_server.org.update(oldest, {"Name": "Renamed"})
            renamed.append(oldest)

    org_server.faults.add_rule(Meanwhile(rename, method="GET", path="*/jobs/query/*"))
    syncs.sync(deletes="sweep")
    assert syncs.complete
    assert renamed
    assert not [name for name, row in syncs.target.tables["accounts"].items() if row["is_deleted"]]


def check_resumed(server: OrgServer, config: dict[str, Any], lines: list[bytes], count: int) -> None:
    """Killed after so many lines, the next run makes the table whole and does nothing a second time."""
    target = ReferenceTarget()
    target.feed(b"".join(lines[:count]))
    parts = open_parts(target.state)
    server.ledger.clear()
    known = {job.id for job in server.server.site.jobs.all()}
    outcome = run_tap(config, state=target.state)
    assert outcome.complete
    target.feed(outcome.output)
    assert set(target.tables["accounts"]) == {row["Id"] for row in server.org.rows("Account")}
    new = [job.query for job in server.server.site.jobs.all() if job.id not in known]
    pages = fetched(server)
    assert not pages or max(pages.values()) == 1
    for start, end, job, locator, rows in parts:
        if not job:
            continue
        done = server.server.site.jobs.find(job).state == "JobComplete"  # type: ignore[union-attr]
        again = [query for query in new if f" < {end}" in query and (f" >= {start} " in query or not start)]
        assert not done or not again, "a window's job was created twice"
        read = [at for name, at in pages if name == job]
        assert not done or locator in read or not locator
        if int(rows):
            assert {"", "MA"}.isdisjoint(read), "a window was read from its start twice"
    assert target.state is not None
    assert "jobs" not in target.state["bookmarks"]["accounts"]


@search
@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize(
    "fault",
    [None, FailJob("OPERATION_TOO_LARGE"), FailJob("INVALID", "Something odd.")],
    ids=["no fault", "too large", "by REST"],
)
def test_killed_at_any_line_no_window_is_read_from_its_start_twice(
    org_server: OrgServer, syncs: Syncs, connections: int, fault: FailJob | None
) -> None:
    org_server.server.settings.bulk_page_rows = 4
    config = {**syncs.config, "download_connections": connections}
    if fault is not None:
        org_server.faults.add(fault, path="*/jobs/query", nth=2)
    lines = run_tap(config).output.splitlines(keepends=True)
    states = [at for at, line in enumerate(lines) if b'"type":"STATE"' in line]
    assert len(states) > ROWS / 5
    for at in states[connections % EVERY :: EVERY]:
        check_resumed(org_server, config, lines, at + 1)
        check_resumed(org_server, config, lines, at)


def test_a_window_whose_job_fails_is_halved_and_no_other_is_read_again(
    org_server: OrgServer, syncs: Syncs
) -> None:
    org_server.faults.add(FailJob("OPERATION_TOO_LARGE"), path="*/jobs/query", nth=(2, 5))
    assert syncs.sync() == {"accounts": ROWS}
    assert syncs.complete
    assert len(windows(org_server)) > 4 + 1


def test_halves_of_a_job_that_is_too_large_go_on_where_they_were(org_server: OrgServer, syncs: Syncs) -> None:
    """Though nobody has counted the rows before."""
    config = {**syncs.config, "split_rows": 1_000_000}
    org_server.faults.add(FailJob("OPERATION_TOO_LARGE"), path="*/jobs/query", nth=(1, 2))
    lines = run_tap(config).output.splitlines(keepends=True)
    states = [at for at, line in enumerate(lines) if b'"type":"STATE"' in line]
    for at in states:
        check_resumed(org_server, config, lines, at + 1)


@pytest.mark.parametrize("ending", ["removed", "refused", "aborted"])
def test_a_window_whose_job_is_lost_is_read_alone(org_server: OrgServer, syncs: Syncs, ending: str) -> None:
    lines = run_tap(syncs.config).output.splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if len(open_parts_in(line)) == 4 and b"/Mw/" in line)
    syncs.target.feed(b"".join(lines[: at + 1]))
    assert syncs.target.state is not None
    bookmark = syncs.target.state["bookmarks"]["accounts"]["jobs"]["rows"]
    first, second, *rest = bookmark["parts"].split()
    start, end, job, *_ = second.split("/")
    if ending == "removed":
        second = f"{start}/{end}/750000000000000AAA//0"
    elif ending == "refused":
        second = f"{start}/{end}/{job}/MTAwMDAwMDAw/3"
    else:
        org_server.server.site.jobs.find(job).state = "Aborted"  # type: ignore[union-attr]
    bookmark["parts"] = " ".join([first, second, *rest])
    before = len(jobs(org_server))
    syncs.sync()
    assert syncs.complete
    assert len(syncs.target.tables["accounts"]) == ROWS
    assert len(jobs(org_server)) == before + 1 + 1  # this window's, and on to the present


def open_parts_in(line: bytes) -> list[list[str]]:
    message = json.loads(line)
    return open_parts(message["value"]) if message["type"] == "STATE" else []


def test_parts_that_cannot_be_read_are_named(
    org_server: OrgServer, syncs: Syncs, caplog: pytest.LogCaptureFixture
) -> None:
    lines = run_tap(syncs.config).output.splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if open_parts_in(line))
    state = json.loads(lines[at])["value"]
    state["bookmarks"]["accounts"]["jobs"]["rows"]["parts"] = "yesterday"
    assert not run_tap(syncs.config, state=state).complete
    assert "State of accounts: job 'rows'" in caplog.text
    assert "Remove it." in caplog.text


def test_parts_of_an_older_state_are_none_of_another_job(org_server: OrgServer, syncs: Syncs) -> None:
    """Meltano merges states key by key, so what a new state lacks may come back from an older one."""
    lines = run_tap(syncs.config).output.splitlines(keepends=True)
    with_parts = [at for at, line in enumerate(lines) if open_parts_in(line)]
    after = with_parts[-1] + 1
    while b'"type":"STATE"' not in lines[after]:
        after += 1
    syncs.target.feed(b"".join(lines[: after + 1]))
    assert syncs.target.state is not None
    job = syncs.target.state["bookmarks"]["accounts"]["jobs"]["rows"]  # on to the present
    older = json.loads(lines[with_parts[0]])["value"]["bookmarks"]["accounts"]["jobs"]["rows"]
    job["parts"] = older["parts"]
    before = len(jobs(org_server))
    syncs.sync()
    assert syncs.complete
    assert len(syncs.target.tables["accounts"]) == ROWS
    assert {name for name, _ in fetched(org_server)}.isdisjoint(
        part.split("/")[2] for part in older["parts"].split()
    )
    assert len(jobs(org_server)) == before + 1


def test_other_columns_read_all_that_is_left_anew(org_server: OrgServer, syncs: Syncs) -> None:
    lines = run_tap(syncs.config).output.splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if len(open_parts_in(line)) == 3)
    syncs.target.feed(b"".join(lines[: at + 1]))
    catalog = {
        "streams": [
            {
                "tap_stream_id": "accounts",
                "metadata": [{"breadcrumb": ["properties", "industry"], "metadata": {"selected": False}}],
            }
        ]
    }
    syncs.sync(catalog)
    assert syncs.complete
    assert len(syncs.target.tables["accounts"]) == ROWS


def test_a_job_that_an_administrator_aborts_ends_the_object_and_keeps_the_others(
    org_server: OrgServer, syncs: Syncs
) -> None:
    org_server.faults.add(AbortJob(), path="*/jobs/query", nth=3)
    syncs.sync()
    assert len(syncs.target.tables["accounts"]) == 20
    before = len(jobs(org_server))
    syncs.sync()
    assert syncs.complete
    assert len(syncs.target.tables["accounts"]) == ROWS
    assert len(jobs(org_server)) == before + 1 + 1


def test_jobs_of_windows_that_no_state_names_are_aborted(org_server: OrgServer, syncs: Syncs) -> None:
    """A run that ends before the object's turn leaves no job for nobody behind."""
    org_server.org.create("Contact", {"LastName": "Doe"})
    org_server.faults.add(Status(401, "INVALID_LOGIN", "no"), path="*/token", nth=2)
    config = {**syncs.config, "objects": ["Account", "Contact"]}
    run_tap(config)
    assert {job.state for job in org_server.server.site.jobs.all()} <= {"JobComplete", "Aborted"}


@search
@pytest.mark.parametrize("limit", ["DailyBulkV2QueryJobs", "DailyApiRequests"])
@pytest.mark.parametrize("killed", [False, pytest.param(True, marks=slow)])
def test_windows_that_a_days_limit_does_not_hold_are_read_once_it_does(
    org_server: OrgServer, frozen: Clock, limit: str, *, killed: bool
) -> None:
    """The limit is used up by others at any call of the run; the days after go on where it stopped."""
    for _ in range(5):
        org_server.org.load("Account", ((f"Account {number}",) for number in range(500)), ["Name"])
        frozen.advance(days=31)
    ids = {row["Id"] for row in org_server.org.rows("Account")}
    config = {"reader": "bulk", "split_rows": 600, "bulk_page_size": 250, "quota_percent_total": 90}
    nth, stopped = 1, 0
    while True:
        frozen.advance(hours=25)
        syncs = Syncs(org_server, "Account", **config)
        used = org_server.faults.add(UseUp(limit), path="*/jobs/query*", nth=nth)
        # By REST it would take more calls than are left.
        org_server.org.limits.daily_api_requests.maximum = 50
        org_server.ledger.clear()
        outcome = run_tap(syncs.config)
        stopped += not outcome.complete
        output = outcome.output.splitlines(keepends=True)
        syncs.target.feed(b"".join(output[: len(output) * 2 // 3] if killed else output))
        org_server.faults.clear()
        org_server.org.limits.daily_api_requests.maximum = 100_000
        for _ in range(3):
            frozen.advance(hours=25)
            syncs.sync()
            if syncs.complete:
                break
        assert syncs.complete
        assert set(syncs.target.tables["accounts"]) == ids
        if not used.fired:
            break
        nth += EVERY
    assert stopped
