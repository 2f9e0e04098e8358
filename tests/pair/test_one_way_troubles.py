"""One way for a record, when something goes wrong: bad pages, bad answers, bad bookmarks, states that were merged."""

from __future__ import annotations

import copy
import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.http.faults import Action, CutBody, HtmlPage, LostRows, Replace, Status
from tests.pair.both import Pair, batch_config
from tests.pair.store import differences

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

NAMES = ("Acme", "Borg", "Cyberdyne", "Dunder", "Evil")
MAP = {"stream_maps": {"accounts": {"name": "name.upper()"}}}


@pytest.fixture
def org(org_server: OrgServer) -> Org:
    """Five accounts and a contact, three hours ago; the clock stands still."""
    org = org_server.org
    org.clock.freeze()
    for name in NAMES:
        org.create(
            "Account", {"Name": name, "NumberOfEmployees": 959, "AnnualRevenue": 12.5, "Industry": "Energy"}
        )
    org.create("Contact", {"LastName": "Smith"})
    org.clock.advance(hours=3)
    return org


@pytest.fixture
def pair(org_server: OrgServer, org: Org, warehouse: Warehouse) -> Pair:
    """Both halves, for accounts and contacts."""
    return Pair(org_server, warehouse, {"objects": ["Account", "Contact"]})


def emitter(form: str, folder: Path) -> dict[str, Any]:
    """The settings by which rows go out in a form."""
    if form == "map":
        return MAP
    return {} if form == "lines" else {"batch_config": batch_config(form, folder)}


def bookmark(pair: Pair, stream: str) -> dict[str, Any]:
    found: dict[str, Any] = ((pair.state or {}).get("bookmarks") or {}).get(stream) or {}
    return found


def names(pair: Pair, form: str) -> set[str]:
    """Names of the accounts that are loaded, as the org has them."""
    loaded = pair.column("accounts", "name").values()
    return {name.title() if form == "map" else name for name in loaded}


# Bad pages (B5, B7).

BAD_PAGES: dict[str, Action] = {
    "a row short": LostRows(),
    "cut inside quotes": CutBody(-2),
    "a double that is an error": Replace('"12.5"', '"#Error!"'),
    "an int that is none": Replace('"959"', '"abc"'),
    "no UTF-8": Replace("Energy", "Ener\udcffgy"),
}


@pytest.mark.parametrize("form", ["lines", "map", "jsonl", "csv"])
@pytest.mark.parametrize("page", [*BAD_PAGES])
def test_a_bad_bulk_page_fails_its_collection_and_no_row_of_it_leaves(
    pair: Pair, org: Org, tmp_path: Path, form: str, page: str
) -> None:
    settings = {**emitter(form, tmp_path / "batches"), "reader": "bulk", "bulk_page_size": 3}
    fault = pair.server.faults.add(BAD_PAGES[page], path="*/results", sobject="Account", nth=2)
    run = pair.sync(**settings)
    assert fault.fired
    assert run.failed_aloud, (run.error, run.said)
    assert "accounts" in run.said
    # Of the first page a BATCH file of two rows may have left, and the third row waits for the next.
    assert len(pair.rows("accounts")) in ({2, 3} if form == "jsonl" else {3})
    assert names(pair, form) <= set(NAMES)
    assert bookmark(pair, "accounts").get("replication_key_value") is None
    assert differences(pair.warehouse, org, ["Contact"]) == []
    org.clock.advance(hours=3)
    pair.good(**settings)
    assert names(pair, form) == set(NAMES)
    assert set(pair.column("accounts", "number_of_employees").values()) == {959}


@pytest.mark.parametrize("form", ["lines", "map", "jsonl"])
@pytest.mark.parametrize(
    "page",
    [
        Replace(":12.5", ':"#Error!"'),
        Replace(":959", ':"abc"'),
        Replace("Acme", "Ac\udcffe"),
    ],
    ids=["a double that is an error", "an int that is none", "no UTF-8"],
)
def test_a_bad_rest_page_fails_its_collection_and_no_row_of_it_leaves(
    pair: Pair, org: Org, tmp_path: Path, form: str, page: Action
) -> None:
    for number in range(250):
        org.create("Account", {"Name": f"No {number:03}", "NumberOfEmployees": 1, "AnnualRevenue": 2})
    for name in NAMES:
        org.create("Account", {"Name": name, "NumberOfEmployees": 959, "AnnualRevenue": 12.5})
    org.clock.advance(hours=3)
    settings = {**emitter(form, tmp_path / "batches"), "reader": "rest", "page_size": 200}
    rule = pair.server.faults.add(page, path="*/query*", sobject="Account", nth=2)
    run = pair.sync(**settings)
    assert rule.fired
    assert run.failed_aloud, (run.error, run.said)
    assert len(pair.rows("accounts")) == 200
    assert differences(pair.warehouse, org, ["Contact"]) == []
    org.clock.advance(hours=3)
    pair.good(**settings)
    assert pair.rows("accounts").keys() == {row["Id"] for row in org.rows("Account")}


@pytest.mark.parametrize("form", ["lines", "map", "jsonl"])
@pytest.mark.parametrize("page", [CutBody(-20), HtmlPage()], ids=["cut", "HTML"])
def test_a_rest_page_that_is_no_json_is_asked_for_again(
    pair: Pair, org: Org, tmp_path: Path, form: str, page: Action
) -> None:
    for number in range(250):
        org.create("Account", {"Name": f"No {number:03}"})
    org.clock.advance(hours=3)
    settings = {**emitter(form, tmp_path / "batches"), "reader": "rest", "page_size": 200}
    rule = pair.server.faults.add(page, path="*/query*", sobject="Account", nth=2)
    pair.good(**settings)
    assert rule.fired
    assert pair.rows("accounts").keys() == {row["Id"] for row in org.rows("Account")}


def test_an_error_that_nobody_thought_of_fails_its_collection_only(pair: Pair, org: Org) -> None:
    pair.server.faults.add(
        Replace('"SystemModstamp":"2', '"SystemModstamp":"x'), path="*/query*", sobject="Contact"
    )
    run = pair.sync(reader="rest", page_size=200)
    assert run.failed_aloud, (run.error, run.said)
    assert "contacts" in run.said
    assert bookmark(pair, "contacts").get("replication_key_value") is None
    assert differences(pair.warehouse, org, ["Account"]) == []


# Bad answers to other calls (B7).


@pytest.mark.parametrize(
    "answer", [HtmlPage(), CutBody(5), Replace("{", "[")], ids=["HTML", "cut", "no object"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "*/jobs/query"),
        ("GET", "*/jobs/query/???????????????"),
        ("GET", "*/jobs/query/??????????????????"),
        ("GET", "*/limits/recordCount"),
        ("GET", "*/limits"),
        ("GET", "*/sobjects/Account/describe"),
        ("POST", "*/composite"),
    ],
)
def test_an_answer_that_cannot_be_read_ends_no_run_with_a_traceback(
    pair: Pair, org: Org, answer: Action, method: str, path: str
) -> None:
    faults = pair.server.faults
    if path.endswith("describe"):
        faults.add(Status(404, "NOT_FOUND", "The requested resource does not exist"), path="*/composite")
    faults.add(answer, path=path, method=method, times=1)
    run = pair.sync(reader="bulk")
    assert run.error is None or run.failed_aloud, repr(run.error)
    assert "Traceback" not in run.said
    wrong = [line for line in differences(pair.warehouse, org, ["Account"]) if "missing" not in line]
    assert wrong in ([], [f"accounts: no table for {len(NAMES)} rows"])
    if "composite" not in path:
        assert differences(pair.warehouse, org, ["Contact"]) == [], "the other collection goes on"
    faults.clear()
    pair.good(reader="bulk")
    assert differences(pair.warehouse, org, ["Account", "Contact"]) == []


# Bad bookmarks (B8).


@pytest.mark.parametrize(
    "bad",
    [
        {"replication_key": "system_modstamp", "replication_key_value": "yesterday"},
        {"replication_key": "system_modstamp", "replication_key_value": 17},
        {"deleted_until": "yesterday"},
        {"jobs": {"rows": {"job": 1}}},
        {"jobs": {"rows": {"id": ["750"], "query": 5, "locator": None}}},
        {"jobs": []},
        {"properties": 5},
        {"refreshed_at": []},
        [],
        "gone",
        # Before the first bookmark.
        {"replication_key_value": None, "jobs": []},
        {"replication_key_value": None, "jobs": {"rows": {"job": 1}}},
    ],
    ids=json.dumps,
)
def test_a_bad_bookmark_fails_at_most_its_own_collection(pair: Pair, org: Org, bad: Any) -> None:
    pair.good()
    assert pair.state is not None
    good = copy.deepcopy(pair.state)
    org.update(org.rows("Contact")[0]["Id"], {"LastName": "Jones"})
    org.clock.advance(hours=3)
    spoiled = {**good["bookmarks"]["accounts"], **bad} if isinstance(bad, dict) else bad
    pair.state["bookmarks"]["accounts"] = spoiled
    run = pair.sync()
    assert run.error is None or run.failed_aloud, repr(run.error)
    assert "Traceback" not in run.said
    assert differences(pair.warehouse, org, ["Contact"]) == []
    if run.error is not None:
        assert "accounts" in run.said
        pair.state = good
        pair.good()
    assert differences(pair.warehouse, org, ["Account"]) == []


def test_unknown_keys_of_a_state_are_kept(pair: Pair, org: Org) -> None:
    for row in org.rows("Account"):
        org.update(row["Id"], {"Name": "Renamed"})
    cut = pair.tap(reader="bulk", bulk_page_size=2)
    lines = cut.output.splitlines(keepends=True)
    middle = next(place for place, line in enumerate(lines) if b'"STATE"' in line and b'"locator":"M' in line)
    pair.load(lines[: middle + 1])
    job = bookmark(pair, "accounts")["jobs"]["rows"]
    assert job["locator"]
    job["new_in_version_9"] = {"a": 1}
    bookmark(pair, "accounts")["also_new"] = [1]
    jobs = len(pair.server.ledger.matching("/jobs/query", method="POST"))
    pair.good(reader="bulk", bulk_page_size=2, objects=["Account"])
    assert len(pair.server.ledger.matching("/jobs/query", method="POST")) <= jobs + 1, "the job goes on"
    assert differences(pair.warehouse, org, ["Account"]) == []
    assert bookmark(pair, "accounts")["also_new"] == [1]


# Requests in flight (B9).


@pytest.mark.parametrize("reader", ["rest", "bulk"])
def test_no_more_requests_are_in_flight_than_the_setting_says(
    company_server: OrgServer, warehouse: Warehouse, reader: str
) -> None:
    company_server.server.settings.latency = 20
    company_server.faults.add(
        Status(404, "NOT_FOUND", "The requested resource does not exist"), path="*/composite"
    )
    pair = Pair(company_server, warehouse, {"max_workers": 4, "reader": reader})
    run = pair.tap()
    assert run.error is None, run.said
    calls = [call for call in company_server.ledger.calls if call.path.startswith("/services/data")]
    events = [(call.time.timestamp(), 1) for call in calls]
    # Each answer takes 20 ms at least; the org notes its end a little after the client has it.
    events += [(call.time.timestamp() + min(call.seconds, 0.01), -1) for call in calls]
    at_once = list(itertools.accumulate(change for _, change in sorted(events)))
    assert 2 <= max(at_once) <= 4


# Merged states (B10).


def merged(old: Any, new: Any) -> Any:
    """What Meltano's `state merge` and `--full-refresh` make of two states: the new one's values over the old one's."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


def killed_at(pair: Pair, mark: bytes, **settings: Any) -> dict[str, Any]:
    """Run, but for the lines behind the first STATE that holds the mark; gives the state."""
    lines = pair.tap(**settings).output.splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if b'"STATE"' in line and mark in line)
    pair.load(lines[: place + 1])
    assert pair.state is not None
    return copy.deepcopy(pair.state)


@pytest.mark.parametrize("lost", [True, False], ids=["full refresh", "state merge"])
@pytest.mark.parametrize("purpose", ["ids", "rows", "backfill", "formulas"])
def test_a_job_beside_another_bookmark_than_its_own_is_not_resumed(
    pair: Pair, org: Org, purpose: str, lost: bool
) -> None:
    settings: dict[str, Any] = {"reader": "bulk", "bulk_page_size": 2, "objects": ["Account"]}
    if purpose == "backfill":
        without = {"breadcrumb": ["properties", "industry"], "metadata": {"selected": False}}
        pair.good({"streams": [{"tap_stream_id": "accounts", "metadata": [without]}]}, **settings)
    elif purpose != "rows":
        pair.good(**settings)
    org.clock.advance(hours=30)
    extra: dict[str, dict[str, Any]] = {
        "ids": {"deletes": "sweep"},
        "formulas": {"refresh_fields": ["Account.Industry"]},
    }
    old = killed_at(pair, f'"{purpose}":{{"id"'.encode(), **settings, **extra.get(purpose, {}))
    # Runs that do not know of the job go on; one of them is of a version that keeps no bookmark of it.
    if lost:
        pair.state = None
    else:
        assert pair.state is not None
        pair.state["bookmarks"]["accounts"].pop("jobs")
    org.clock.advance(hours=3)
    for name in ("Foxtrot", "Golf", "Hotel"):
        org.create("Account", {"Name": name, "Industry": "Shipping"})
    org.clock.advance(hours=3)
    pair.good(**settings)
    assert pair.state is not None
    pair.state = merged(old, pair.state)
    assert purpose in json.dumps(pair.state)
    org.clock.advance(hours=3)
    # A sweep that was asked for again would put right what the old one did.
    pair.good(**{**settings, **extra.get(purpose, {}), "deletes": "all"})
    assert "jobs" not in bookmark(pair, "accounts")
    assert pair.deleted() == set()
    assert differences(pair.warehouse, org, ["Account"]) == []


@pytest.mark.parametrize("reader", ["rest", "bulk"])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
def test_a_full_refresh_that_was_killed_leaves_no_column_unfilled(
    pair: Pair, org: Org, reader: str, share: float
) -> None:
    """Meltano merges the state of the killed run into the one before it, whose bookmark then holds."""
    settings: dict[str, Any] = {"reader": reader, "bulk_page_size": 2, "objects": ["Account"]}
    without = {"breadcrumb": ["properties", "industry"], "metadata": {"selected": False}}
    pair.good({"streams": [{"tap_stream_id": "accounts", "metadata": [without]}]}, **settings)
    before, pair.state = pair.state, None
    org.clock.advance(hours=3)
    lines = pair.tap(**settings).output.splitlines(keepends=True)
    states = [place for place, line in enumerate(lines) if b'"STATE"' in line]
    pair.load(lines[: states[round(share * (len(states) - 1))] + 1])
    pair.state = merged(before, pair.state)
    org.clock.advance(hours=3)
    pair.good(**settings)
    assert differences(pair.warehouse, org, ["Account"]) == []


@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
@pytest.mark.parametrize("act", ["delete", "hard_delete"])
@pytest.mark.parametrize("days", [0, 8], ids=["its job goes on", "its job is gone"])
def test_what_is_deleted_after_a_killed_first_sync_is_seen(
    pair: Pair, org: Org, act: str, partial_rows: str, days: int
) -> None:
    settings: dict[str, Any] = {"reader": "bulk", "bulk_page_size": 2, "objects": ["Account"]}
    killed_at(pair, b'"locator":"M', **settings, partial_rows=partial_rows)
    assert bookmark(pair, "accounts")["replication_key_value"] is None
    gone = min(pair.rows("accounts"))
    org.clock.advance(hours=3)
    getattr(org, act)(gone)
    org.clock.advance(days=days, hours=3)
    pair.good(**settings, partial_rows=partial_rows)
    assert pair.deleted() == {gone}


# Integers (B13).


@pytest.mark.parametrize("form", ["lines", "map", "jsonl", "csv"])
@pytest.mark.parametrize("spelt", ["959.0", "959.00", "9.59E2"])
def test_an_integer_may_be_spelt_with_a_point(
    pair: Pair, org: Org, tmp_path: Path, form: str, spelt: str
) -> None:
    pair.server.faults.add(Replace('"959"', f'"{spelt}"'), path="*/results", sobject="Account")
    pair.good(**emitter(form, tmp_path / "batches"), reader="bulk")
    assert set(pair.column("accounts", "number_of_employees").values()) == {959}
