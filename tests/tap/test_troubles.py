"""Collections, queries, jobs and days that go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from salesforce_simulator.http.faults import (
    AbortJob,
    Drop,
    EndSession,
    FailJob,
    Locator,
    ShortPage,
    Status,
    UseUp,
)
from tap_sfsource.errors import TapError
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer


def test_one_failing_collection_lets_the_others_finish(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 3)
    org_server.org.create("Contact", {"LastName": "Doe"})
    org_server.org.create("Lead", {"LastName": "Roe", "Company": "Acme"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", "Contact", "Lead", reader="bulk")
    org_server.faults.add(
        FailJob("INVALID", "Something odd."), path="*/jobs/query", sobject="Contact", times=1
    )
    org_server.faults.add(
        Status(400, "INVALID", "Something odd."), path="*/queryAll", sobject="Contact", times=2
    )
    assert syncs.sync() == {"accounts": 3, "leads": 1}
    assert not syncs.complete
    assert syncs.target.state is not None
    assert not syncs.target.state["bookmarks"].get("contacts", {}).get("replication_key_value")
    assert syncs.sync() == {"contacts": 1}
    assert syncs.complete


@pytest.mark.parametrize(
    ("spoiled", "told"),
    [
        (None, "the bookmark null is not a JSON object"),
        (["a"], 'the bookmark ["a"] is not a JSON object'),
        ({"properties": 5}, "properties 5 is not text"),
        ({"names": 5}, "names 5 is not text"),
        ({"former": [True]}, "former [true] is not text"),
        ({"jobs": None}, "jobs null is not a JSON object"),
    ],
)
def test_a_spoiled_bookmark_fails_its_stream_and_is_shown_as_json(
    spoiled: Any, told: str, org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    assert syncs.target.state is not None
    bookmarks = syncs.target.state["bookmarks"]
    bookmarks["accounts"] = {**bookmarks["accounts"], **spoiled} if isinstance(spoiled, dict) else spoiled

    syncs.sync()

    assert not syncs.complete
    assert f"State of accounts: {told}. Remove it." in caplog.text


@pytest.mark.parametrize("code", ["QUERY_TIMEOUT", "OPERATION_TOO_LARGE"])
def test_a_job_that_is_too_large_is_read_in_halves(org_server: OrgServer, frozen: Clock, code: str) -> None:
    ids = []
    for _ in range(6):
        ids += accounts(org_server, 2)
        frozen.advance(days=30)
    syncs = Syncs(org_server, "Account", reader="bulk")
    org_server.faults.add(FailJob(code), path="*/jobs/query", nth=(1, 2))
    assert syncs.sync() == {"accounts": 12}
    assert syncs.complete
    assert set(syncs.target.tables["accounts"]) == set(ids)
    assert syncs.sync() == {}


@pytest.mark.parametrize(
    "fault",
    [
        Locator("MTAwMDAw"),
        Locator(None),
        Locator("Mw"),  # page 2 names itself
        ShortPage(1),
        Drop("body"),
        Drop("end"),
        Status(503),
        EndSession(),
    ],
    ids=str,
)
def test_bulk_pages_that_go_wrong_lose_nothing(org_server: OrgServer, fault: Any) -> None:
    ids = accounts(org_server, 9)
    syncs = Syncs(org_server, "Account", reader="bulk", bulk_page_size=3)
    org_server.faults.add(fault, path="*/results", nth=2)
    for _ in range(3):
        syncs.sync()
        if syncs.complete:
            break
    assert syncs.complete
    assert set(syncs.target.tables["accounts"]) == set(ids)


def test_a_used_up_day_stops_politely_and_names_what_is_missing(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    accounts(org_server, 2)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", retry_seconds=1)
    syncs.sync()
    org_server.org.create("Account", {"Name": "New"})
    org_server.faults.add(UseUp(), path="*/composite", nth=2)
    before = syncs.target.state
    assert before is not None
    syncs.sync()
    assert not syncs.complete
    assert "API calls" in caplog.text
    assert syncs.target.state is not None
    assert syncs.target.state["bookmarks"]["accounts"] == before["bookmarks"]["accounts"]


@pytest.mark.parametrize("code", ["QUERY_TIMEOUT", "OPERATION_TOO_LARGE"])
@pytest.mark.parametrize("reader", ["rest", "auto"])
def test_a_rest_query_that_is_too_large_is_asked_for_less(
    org_server: OrgServer, frozen: Clock, reader: str, code: str
) -> None:
    ids = []
    for _ in range(4):
        ids += accounts(org_server, 2)
        frozen.advance(days=100)
    message = "Your query request was running for too long."
    fault = org_server.faults.add(Status(400, code, message), path="*/queryAll", nth=(1, 2, 4))
    syncs = Syncs(org_server, "Account", reader=reader)
    assert syncs.sync() == {"accounts": 8}
    assert syncs.complete
    assert set(syncs.target.tables["accounts"]) == set(ids)
    assert fault.fired > 0


def test_rows_of_one_second_that_are_too_many_are_read_by_id(org_server: OrgServer, frozen: Clock) -> None:
    ids = accounts(org_server, 5)
    frozen.advance(hours=3)
    message = "Your query request was running for too long."
    fault = org_server.faults.add(Status(400, "QUERY_TIMEOUT", message), path="*/queryAll", nth=range(1, 40))
    syncs = Syncs(org_server, "Account", reader="rest")
    assert syncs.sync() == {"accounts": 5}
    assert fault.fired > 10
    assert set(syncs.target.tables["accounts"]) == set(ids)


def test_an_aborted_job_says_so_and_the_next_run_reads_the_collection(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    accounts(org_server, 3)
    org_server.faults.add(AbortJob(), path="*/jobs/query", times=1)
    syncs = Syncs(org_server, "Account", reader="bulk")
    syncs.sync()
    assert not syncs.complete
    assert "ended as Aborted" in caplog.text
    assert syncs.sync() == {"accounts": 3}
    assert syncs.complete


def test_a_page_that_cannot_be_spooled_names_the_setting(
    org_server: OrgServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    accounts(org_server, 3)
    syncs = Syncs(org_server, "Account", reader="bulk", spool_dir=str(tmp_path / "missing"))
    syncs.sync()
    assert not syncs.complete
    assert "spool_dir" in caplog.text


def test_a_wide_object_goes_to_bulk_where_the_org_takes_no_composite_calls(org_server: OrgServer) -> None:
    for number in range(450):
        org_server.org.add_field(
            "Account", custom_field(f"A_rather_long_name_for_a_field_{number:03}__c", "string")
        )
    accounts(org_server, 3)
    org_server.faults.add(Status(400, "NOT_SUPPORTED", "no composite here"), path="*/composite")
    syncs = Syncs(org_server, "Account")
    assert syncs.sync() == {"accounts": 3}
    assert syncs.complete
    assert len(org_server.ledger.matching("/jobs/query", method="POST")) == 1


WANTS_A_FILTER = (
    "Implementation restriction: you must filter using the following syntax: PublishStatus = [single status]"
)


def queries_of(server: OrgServer, sobject: str) -> int:
    parts = [part for entry in server.ledger.calls for part in entry.parts]
    return sum(part.sobject == sobject and "queryAll" in part.path for part in parts)


def test_an_object_that_wants_a_filter_is_left_out_and_remembered(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Describe does not tell of it; KnowledgeArticleVersion is one."""
    caplog.set_level("INFO")
    accounts(org_server, 3)
    fault = Status(400, "MALFORMED_QUERY", WANTS_A_FILTER)
    org_server.faults.add(fault, path="*/queryAll", sobject="Contact")
    syncs = Syncs(org_server, "Account", "Contact")
    assert syncs.sync() == {"accounts": 3}
    assert syncs.complete
    assert (
        "Contact is left out: Salesforce does not give all of its rows (MALFORMED_QUERY: Impl" in caplog.text
    )
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.complete
    assert queries_of(org_server, "Contact") == 0
    # It is asked again after some days, and read once it answers.
    org_server.faults.clear()
    org_server.org.create("Contact", {"LastName": "Doe"})
    frozen.advance(days=8)
    assert syncs.sync()["contacts"] == 1


def test_an_object_that_has_answered_before_is_not_left_out(org_server: OrgServer, frozen: Clock) -> None:
    org_server.org.create("Contact", {"LastName": "Doe"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", "Contact")
    syncs.sync()
    fault = Status(400, "MALFORMED_QUERY", WANTS_A_FILTER)
    org_server.faults.add(fault, path="*/queryAll", sobject="Contact")
    syncs.sync()
    assert not syncs.complete


def test_another_malformed_query_is_told_as_it_is(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    accounts(org_server, 3)
    fault = Status(400, "MALFORMED_QUERY", "unexpected token: 'x'")
    org_server.faults.add(fault, path="*/queryAll", sobject="Contact")
    syncs = Syncs(org_server, "Account", "Contact")
    assert syncs.sync() == {"accounts": 3}
    assert not syncs.complete
    assert "does not give all" not in caplog.text


def test_an_unknown_exception_that_lasts_is_told_from_one_that_passes(
    org_server: OrgServer, frozen: Clock
) -> None:
    accounts(org_server, 3)
    fault = Status(500, "UNKNOWN_EXCEPTION", "ErrorId")
    rule = org_server.faults.add(fault, path="*/queryAll", sobject="Contact")
    syncs = Syncs(org_server, "Account", "Contact", retry_seconds=1)
    complete, asked = [], []
    for _ in range(3):
        syncs.sync()
        complete.append(syncs.complete)
        asked.append(rule.fired)
        frozen.advance(hours=3)
    assert complete == [False, True, True]
    assert asked[1] == asked[2]
    assert len(syncs.target.tables["accounts"]) == 3
    org_server.faults.clear()
    org_server.org.create("Contact", {"LastName": "Doe"})
    frozen.advance(days=8)
    assert syncs.sync()["contacts"] == 1


def test_an_answer_that_is_no_json_is_told(org_server: OrgServer) -> None:
    """As of a proxy that shows a page of its own for everything."""
    accounts(org_server, 1)
    org_server.faults.add(Status(200, html="<html>Please accept our terms</html>"), path="*/composite")
    with pytest.raises(TapError, match=r"/composite cannot be read.*such as a proxy"):
        Syncs(org_server, "Account", retry_seconds=1).sync()


@pytest.mark.parametrize(
    "message",
    [
        "Failed to write query result",
        "Cannot serialize value for field",
        "Foreign Key Relationships not supported",
        "InternalServerError",
        "",
    ],
)
def test_rows_whose_job_fails_are_read_by_rest_whatever_the_reason(
    org_server: OrgServer, frozen: Clock, message: str
) -> None:
    ids = accounts(org_server, 5)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader="bulk")
    org_server.faults.add(FailJob("InvalidBatch", message), path="*/jobs/query")
    assert syncs.sync() == {"accounts": 5}
    assert syncs.complete
    assert set(syncs.target.tables["accounts"]) == set(ids)
    assert syncs.sync() == {}


@pytest.mark.parametrize(
    "refusal",
    [
        Status(403, "FUNCTIONALITY_NOT_ENABLED", "Bulk is not for this user."),
        Status(400, "INVALIDJOB", "Unable to find object."),
        Status(400, "ANY_OTHER", ""),
    ],
    ids=str,
)
@pytest.mark.parametrize("reader", ["bulk", "auto"])
def test_rows_whose_job_is_refused_are_read_by_rest_whatever_the_reason(
    org_server: OrgServer, refusal: Status, reader: str
) -> None:
    accounts(org_server, 5)
    org_server.faults.add(refusal, path="*/jobs/query")
    syncs = Syncs(org_server, "Account", reader=reader, bulk_threshold=2)
    assert syncs.sync() == {"accounts": 5}
    assert syncs.complete


def test_rows_too_many_for_the_quota_by_rest_are_tried_by_bulk_in_halves(
    org_server: OrgServer, frozen: Clock
) -> None:
    """A job that fails over one row is no reason to read millions of others by calls that the run does not have."""
    for _ in range(6):
        accounts(org_server, 500)
        frozen.advance(days=30)
    org_server.org.limits.daily_api_requests.maximum = 400
    syncs = Syncs(org_server, "Account", reader="bulk", page_size=200, quota_percent_per_run=5)
    org_server.faults.add(FailJob("InvalidBatch", "Failed to write query result"), path="*/jobs/query", nth=1)
    syncs.sync()
    assert syncs.complete
    assert len(syncs.target.tables["accounts"]) == 3000
    assert len(org_server.ledger.matching("/jobs/query", method="POST")) > 1


@pytest.mark.parametrize("reader", ["rest", "bulk", "auto"])
def test_a_query_of_too_many_columns_is_read_in_groups_of_columns(
    org_server: OrgServer, frozen: Clock, reader: str
) -> None:
    fields = {"Industry": "Energy", "Phone": "1", "Description": 'a "text"', "NumberOfEmployees": 7}
    ids = [org_server.org.create("Account", {"Name": f"{n}", **fields}) for n in range(450)]
    frozen.advance(hours=3)
    expected = Syncs(org_server, "Account")
    expected.sync()
    org_server.server.settings.most_columns = 9
    syncs = Syncs(org_server, "Account", reader=reader, page_size=200)
    syncs.sync()
    assert syncs.complete
    assert set(syncs.target.tables["accounts"]) == set(ids)
    assert syncs.target.tables["accounts"] == expected.target.tables["accounts"]
    # A tombstone wants a whole row before it, and a row of the recycle bin is read by its Id.
    org_server.org.delete(ids[0])
    org_server.org.empty_recycle_bin([ids[0]])
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.complete
    assert syncs.row("accounts", ids[0])["is_deleted"] is True
    org_server.org.delete(ids[1])
    frozen.advance(hours=3)
    syncs.sync(partial_rows="whole")
    assert syncs.complete
    assert syncs.row("accounts", ids[1])["is_deleted"] is True
