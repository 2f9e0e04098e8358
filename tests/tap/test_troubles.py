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
    assert syncs.sync() == {"accounts": 3, "leads": 1}
    assert not syncs.complete
    assert syncs.target.state is not None
    assert "replication_key_value" not in syncs.target.state["bookmarks"].get("contacts", {})
    assert syncs.sync() == {"contacts": 1}
    assert syncs.complete


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


def test_a_query_that_is_refused_for_another_reason_has_salesforces_own_words(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    accounts(org_server, 1)
    org_server.faults.add(Status(400, "MALFORMED_QUERY", "unexpected token: 'FROM'"), path="*/queryAll")
    syncs = Syncs(org_server, "Account")

    syncs.sync()

    assert not syncs.complete
    assert "400 MALFORMED_QUERY for Account /queryAll: unexpected token: 'FROM'" in caplog.text
    assert "does not give all rows" not in caplog.text


def test_an_object_that_wants_a_filter_says_how_to_leave_it_out(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Describe does not tell of it; KnowledgeArticleVersion is one."""
    accounts(org_server, 3)
    message = "Implementation restriction: you must filter using the following syntax: PublishStatus = [single status]"
    org_server.faults.add(Status(400, "MALFORMED_QUERY", message), path="*/queryAll", sobject="Contact")
    syncs = Syncs(org_server, "Account", "Contact")
    assert syncs.sync() == {"accounts": 3}
    assert not syncs.complete
    assert (
        "Salesforce does not give all rows of Contact (MALFORMED_QUERY: Implementation restriction"
        in caplog.text
    )
    assert "name it in exclude_objects" in caplog.text


def test_an_answer_that_is_no_json_is_told(org_server: OrgServer) -> None:
    """As of a proxy that shows a page of its own for everything."""
    accounts(org_server, 1)
    org_server.faults.add(Status(200, html="<html>Please accept our terms</html>"), path="*/composite")
    with pytest.raises(TapError, match=r"/composite cannot be read.*such as a proxy"):
        Syncs(org_server, "Account", retry_seconds=1).sync()
