"""Columns that describe lists and that a query is refused for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.http.faults import FailJob, Status
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer


@pytest.mark.parametrize("reader", ["rest", "bulk"])
def test_a_column_that_cannot_be_read_does_not_block_its_object(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture, reader: str
) -> None:
    record = org_server.org.create("Account", {"Name": "Acme", "Industry": "Energy", "Phone": "1"})
    frozen.advance(hours=3)
    refused = org_server.server.settings.refused_columns
    refused |= {"Account.Industry": "read", "Account.Phone": "read"}
    syncs = Syncs(org_server, "Account", reader=reader)
    assert syncs.sync() == {"accounts": 1}
    assert syncs.complete
    assert syncs.row("accounts", record)["name"] == "Acme"
    assert not {"industry", "phone"} & set(syncs.row("accounts", record))
    assert not {"industry", "phone"} & syncs.target.properties("accounts")
    assert "Account.Industry cannot be read although describe lists it" in caplog.text
    # When the org takes it again, it is read for the rows that lack it.
    refused.clear()
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("accounts", record)["industry"] == "Energy"


def test_old_values_of_a_refused_column_are_kept(org_server: OrgServer, frozen: Clock) -> None:
    record = org_server.org.create("Account", {"Name": "Acme", "Industry": "Energy"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    org_server.server.settings.refused_columns["Account.Industry"] = "read"
    org_server.org.update(record, {"Name": "Acme 2"})
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.complete
    assert syncs.row("accounts", record)["name"] == "Acme 2"
    assert syncs.row("accounts", record)["industry"] == "Energy"


@pytest.mark.parametrize("use", ["filter", "read"])
def test_without_a_usable_replication_key_the_object_is_read_in_full(
    org_server: OrgServer, frozen: Clock, use: str
) -> None:
    ids = accounts(org_server, 3)
    frozen.advance(hours=3)
    org_server.server.settings.refused_columns["Account.SystemModstamp"] = use
    syncs = Syncs(org_server, "Account")
    for _ in range(2):
        assert syncs.sync() == {"accounts": 3}
        assert syncs.complete
        frozen.advance(hours=3)
    assert set(syncs.target.tables["accounts"]) == set(ids)


def test_a_cached_describe_that_a_permission_has_made_wrong_is_read_again(
    org_server: OrgServer, frozen: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    accounts(org_server, 2)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", cache_dir=str(tmp_path))
    org_server.server.settings.refused_columns["Account.Industry"] = "read"
    syncs.sync()
    assert syncs.complete
    assert (
        len([entry for entry in org_server.ledger.calls for part in entry.parts if "describe" in part.path])
        == 2
    )
    assert "Account.Industry" in caplog.text


@pytest.mark.parametrize("settings", [{}, {"partial_rows": "whole"}])
@pytest.mark.parametrize("objects", [["Account"], ["Account", "Name"]])
@pytest.mark.parametrize("use", ["read", "filter"])
def test_a_column_that_a_job_fails_for_does_not_block_its_object(
    org_server: OrgServer,
    frozen: Clock,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
    objects: list[str],
    use: str,
) -> None:
    ids = accounts(org_server, 3)
    org_server.org.update(ids[0], {"Industry": "Energy"})
    frozen.advance(hours=3)
    column = "Industry" if use == "read" else "SystemModstamp"
    org_server.server.settings.refused_when_run = True
    org_server.server.settings.refused_columns[f"Account.{column}"] = use
    syncs = Syncs(org_server, *objects, reader="bulk", **settings)
    for rows in (3, 0 if use == "read" else 3):
        assert syncs.sync().get("accounts", 0) == rows
        assert syncs.complete
        frozen.advance(hours=3)
    assert set(syncs.target.tables["accounts"]) == set(ids)
    assert f"Account.{column} cannot be" in caplog.text
    if use == "read":
        assert "industry" not in syncs.target.properties("accounts")
        # When the org takes it again, it is read for the rows that lack it.
        org_server.server.settings.refused_columns.clear()
        syncs.sync()
        assert syncs.row("accounts", ids[0])["industry"] == "Energy"


def test_a_column_that_only_jobs_refuse_is_read_by_rest(org_server: OrgServer, frozen: Clock) -> None:
    record = org_server.org.create("Account", {"Name": "Acme", "Industry": "Energy"})
    frozen.advance(hours=3)
    org_server.faults.add(
        FailJob("INVALID_FIELD", "No such column 'Industry' on entity 'Account'."), path="*/jobs/query"
    )
    syncs = Syncs(org_server, "Account", reader="bulk")
    assert syncs.sync() == {"accounts": 1}
    assert syncs.complete
    assert syncs.row("accounts", record)["industry"] == "Energy"


def test_a_column_that_jobs_refuse_is_left_out_where_rest_cannot_read_the_rows(
    org_server: OrgServer, frozen: Clock
) -> None:
    for _ in range(4):
        accounts(org_server, 500)
        frozen.advance(days=30)
    org_server.org.limits.daily_api_requests.maximum = 200
    org_server.faults.add(
        FailJob("INVALID_FIELD", "No such column 'Industry' on entity 'Account'."), path="*/jobs/query", nth=1
    )
    syncs = Syncs(org_server, "Account", reader="bulk", page_size=200, quota_percent_per_run=7)
    assert syncs.sync() == {"accounts": 2000}
    assert syncs.complete
    assert "industry" not in syncs.target.properties("accounts")
    assert len(org_server.ledger.matching("/jobs/query", method="POST")) == 2


def test_a_job_that_fails_for_a_column_beside_an_older_bookmark(org_server: OrgServer, frozen: Clock) -> None:
    """With batches and versions: nothing of the first try is lost or marked as deleted."""
    ids = accounts(org_server, 3)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader="bulk", bulk_page_size=1)
    syncs.sync()
    org_server.org.update(ids[0], {"Name": "New", "Industry": "Energy"})
    org_server.org.hard_delete(ids[1])
    frozen.advance(hours=3)
    org_server.server.settings.refused_when_run = True
    org_server.server.settings.refused_columns["Account.Industry"] = "read"
    syncs.sync()
    assert syncs.complete
    assert syncs.row("accounts", ids[0])["name"] == "New"
    assert syncs.row("accounts", ids[1])["is_deleted"] is True
    assert syncs.row("accounts", ids[2])["is_deleted"] is False


def test_a_column_that_is_refused_whatever_is_asked_costs_few_calls(
    org_server: OrgServer, frozen: Clock
) -> None:
    accounts(org_server, 1)
    frozen.advance(hours=3)
    message = "field 'SystemModstamp' can not be sorted in a query call"
    org_server.faults.add(Status(400, "INVALID_FIELD", message), path="*/queryAll")
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    assert not syncs.complete
    assert len(org_server.ledger.calls) < 10


@pytest.mark.parametrize("when", ["asked", "run"])
@pytest.mark.parametrize("reader", ["rest", "bulk"])
def test_a_name_that_lookups_cannot_be_asked_for_costs_no_column(
    org_server: OrgServer, frozen: Clock, reader: str, when: str
) -> None:
    """The refusal is of the object Name, and Lead has a field of that name."""
    lead = org_server.org.create("Lead", {"LastName": "Lovelace", "FirstName": "Ada", "Company": "x"})
    frozen.advance(hours=3)
    org_server.server.settings.refused_when_run = when == "run"
    org_server.server.settings.refused_columns["Name.FirstName"] = "read"
    syncs = Syncs(org_server, "Lead", "Name", reader=reader)
    for name in ("Ada", "Augusta"):
        syncs.sync()
        assert syncs.complete
        assert syncs.row("leads", lead)["first_name"] == name
        org_server.org.update(lead, {"FirstName": "Augusta"})
        frozen.advance(hours=3)
