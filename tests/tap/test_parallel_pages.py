"""Pages of a Bulk job that are downloaded several at a time: every row once, in order, from where a run left off."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from salesforce_simulator.http.faults import Drop, EndSession, Latency, Locator, LostRows, ShortPage, Status
from tap_sfsource.api.downloads import several
from tests.fix_process import wait_until
from tests.tap.running import run_tap
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

ROWS = 40
PAGE = 5


@pytest.fixture
def syncs(org_server: OrgServer, frozen: Clock) -> Syncs:
    """Accounts whose job has eight of Salesforce's pages; nothing is synced yet."""
    accounts(org_server, ROWS)
    org_server.server.settings.bulk_page_rows = PAGE
    frozen.advance(hours=3)
    return Syncs(org_server, "Account", reader="bulk", bulk_page_size=3)


def ids_in(output: bytes) -> list[str]:
    messages = [json.loads(line) for line in output.splitlines()]
    return [message["record"]["id"] for message in messages if message["type"] == "RECORD"]


def pages_fetched(server: OrgServer) -> list[str]:
    """The locators of the pages that were fetched, sorted; empty for a first page."""
    fetched = (parse_qs(entry.query) for entry in server.ledger.matching("/results"))
    return sorted(query.get("locator", [""])[0] for query in fetched)


@pytest.mark.parametrize("chunks", [False, True], ids=["as in the guide", "as clients have met them"])
def test_rows_come_in_the_jobs_order(org_server: OrgServer, syncs: Syncs, *, chunks: bool) -> None:
    one_by_one = ids_in(run_tap({**syncs.config, "download_connections": 1}).output)
    org_server.server.settings.result_chunks = chunks
    org_server.ledger.clear()
    assert ids_in(run_tap(syncs.config).output) == one_by_one
    assert len(one_by_one) == ROWS
    assert len(org_server.ledger.matching("/resultPages")) == 2  # of up to five pages each
    assert len(org_server.ledger.matching("/results")) == ROWS // PAGE


def test_pages_are_downloaded_at_the_same_time(org_server: OrgServer, syncs: Syncs) -> None:
    org_server.faults.add(Latency(0.5), path="*/results")
    begun = time.monotonic()
    syncs.sync()
    assert syncs.complete
    assert time.monotonic() - begun < 0.5 * ROWS // PAGE


def test_as_many_at_a_time_as_the_setting_says(org_server: OrgServer, syncs: Syncs) -> None:
    org_server.server.instance.long_requests = 50
    org_server.faults.add(Latency(0.2), path="*/results")
    begun = time.monotonic()
    syncs.sync(download_connections=2)
    assert syncs.complete
    assert time.monotonic() - begun >= 0.2 * ROWS // PAGE / 2


@pytest.mark.parametrize("how", ["refused", "no list", "one page"])
def test_where_no_pages_are_listed_they_come_one_by_one(
    org_server: OrgServer, syncs: Syncs, how: str
) -> None:
    if how == "refused":
        org_server.faults.add(Status(404, "NOT_FOUND", "no"), path="*/resultPages")
    elif how == "no list":
        org_server.faults.add(Status(200, html="[]"), path="*/resultPages")
    else:
        org_server.server.settings.bulk_page_rows = 1000
    assert syncs.sync() == {"accounts": ROWS}
    assert syncs.complete
    assert len(org_server.ledger.matching("/resultPages")) == 1
    assert len(org_server.ledger.matching("/results")) == -(-ROWS // 3)


@pytest.mark.parametrize("nth", [1, 2, 8])
@pytest.mark.parametrize(
    "fault",
    [
        Locator("MTAwMDAw"),
        Locator(None),
        Locator("NQ"),  # of the second page
        ShortPage(1),
        LostRows(1),
        Drop("body"),
        Drop("end"),
        Status(503),
        EndSession(),
    ],
    ids=str,
)
def test_pages_that_go_wrong_lose_nothing(org_server: OrgServer, syncs: Syncs, fault: Any, nth: int) -> None:
    ids = {row["Id"] for row in org_server.org.rows("Account")}
    org_server.faults.add(fault, path="*/results", nth=nth)
    for _ in range(3):
        syncs.sync()
        if syncs.complete:
            break
    assert syncs.complete
    assert set(syncs.target.tables["accounts"]) == ids


@pytest.mark.parametrize("connections", [1, 2, 16])
def test_killed_at_any_line_it_goes_on_with_the_next_page(
    org_server: OrgServer, syncs: Syncs, connections: int
) -> None:
    """Whatever read the pages before, and however many come at a time."""
    config = {**syncs.config, "download_connections": 3}
    lines = run_tap(config).output.splitlines(keepends=True)
    places = [place for place, line in enumerate(lines) if b'"type":"STATE"' in line]
    for place in places:
        state = json.loads(lines[place])["value"]
        job = state["bookmarks"].get("accounts", {}).get("jobs", {}).get("rows")
        if job is None:
            continue
        before = sum(b'"type":"RECORD"' in line for line in lines[: place + 1])
        org_server.ledger.clear()
        outcome = run_tap({**config, "download_connections": connections}, state=state)
        assert outcome.complete
        own = [line for line in outcome.output.splitlines(keepends=True) if b'"type":"RECORD"' in line]
        assert len(own) == ROWS - before
        assert len(org_server.ledger.matching("/jobs/query", method="POST")) == 1  # from then to the present
        assert pages_fetched(org_server).count("") <= (1 if before else 2)


def test_the_page_of_an_older_state_is_found_though_none_is_listed_there(
    org_server: OrgServer, syncs: Syncs
) -> None:
    """A run that reads pages one by one cuts them as it likes."""
    lines = run_tap({**syncs.config, "download_connections": 1}).output.splitlines(keepends=True)
    located = [line for line in lines if b'"locator":"Mw"' in line]
    state = json.loads(located[0])["value"]
    outcome = run_tap(syncs.config, state=state)
    assert outcome.complete
    ids = ids_in(b"".join(lines[: lines.index(located[0])])) + ids_in(outcome.output)
    assert len(ids) == len(set(ids)) == ROWS


@dataclass
class Sparse:
    """A page that takes no room in fact."""

    file: IO[bytes]


def test_a_folder_that_is_not_there_is_named(
    syncs: Syncs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    syncs.sync(spool_dir=str(tmp_path / "gone"))
    assert not syncs.complete
    assert "A Bulk page cannot be spooled (No such file or directory)." in caplog.text


def test_pages_that_wait_take_a_gigabyte_at_most(tmp_path: Path) -> None:
    """Beside those that are on their way before the size of a page is known."""
    begun: list[str] = []

    def download(locator: str) -> Sparse:
        file = tempfile.TemporaryFile(dir=tmp_path)  # noqa: SIM115 - whoever takes the page closes it
        file.truncate(400_000_000)
        begun.append(locator)
        return Sparse(file)

    taken = []
    for locator, page in several(download, map(str, range(20)), 4, str(tmp_path)):
        taken.append(locator)
        wait_until(lambda: len(begun) >= min(20, len(taken) + 1), "the next page is there")
        # The one in hand, two that wait: a third would be more than a gigabyte.
        assert len(begun) <= max(4, len(taken) + 2)
        page.file.close()
    assert taken == [*map(str, range(20))]


def test_a_page_that_breaks_off_too_often_leaves_the_ones_before(org_server: OrgServer, syncs: Syncs) -> None:
    org_server.faults.add(Status(400, "INVALID", "no"), path="*/results", nth=range(4, 9))
    syncs.sync()
    before = len(syncs.target.tables["accounts"])
    assert before % PAGE == 0
    assert before < ROWS
    org_server.faults.clear()
    syncs.sync()
    assert syncs.complete
    assert len(syncs.target.tables["accounts"]) == ROWS
