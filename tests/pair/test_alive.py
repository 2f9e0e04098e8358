"""Whatever marks deleted rows, those that are there stay alive and whole, and those that are gone are marked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from tests.pair.four_accounts import NAMES, alive, ids, table

if TYPE_CHECKING:
    from salesforce_simulator.org import Org
    from tests.pair.both import Pair


@pytest.mark.parametrize("hard_delete", [False, True], ids=["marks", "removes"])
@pytest.mark.parametrize("cause", ["constraint", "map of the target"])
def test_a_row_in_quarantine_is_not_deleted_by_its_version(
    pair: Pair, org: Org, cause: str, hard_delete: bool
) -> None:
    """The row is alive in the org, its old form was in the table: the sweep marks or removes it."""
    pair.target = {"on_bad_record": "quarantine", "hard_delete": hard_delete}
    if cause == "map of the target":
        pair.target["stream_maps"] = {"accounts": {"industry": "industry.upper()"}}
    pair.good(partial_rows="whole")
    if cause == "constraint":
        pair.warehouse.execute("ALTER TABLE {schema}.accounts ADD CHECK (industry <> 'Banking')")
    org.update(ids(org)[0], {"Industry": "Banking" if cause == "constraint" else None})
    org.clock.advance(hours=3)
    pair.good(partial_rows="whole", deletes="sweep")
    assert alive(pair) == set(NAMES)


def refused(pair: Pair, **settings: Any) -> None:
    """The target, which the tap knows nothing of, takes no partial rows: it says so and what to do, and loads nothing."""
    before = sorted(row["name"] for row in table(pair))
    pair.sync(**settings)
    assert "Set the tap's `partial_rows` to `whole`." in str(pair.target_error)
    assert sorted(row["name"] for row in table(pair)) == before


@pytest.mark.parametrize("way", ["append-only", "no key by a map"])
@pytest.mark.parametrize(
    "later", [timedelta(hours=3), timedelta(days=16)], ids=["asked for", "after 16 days"]
)
def test_a_sweep_of_a_table_without_a_key_leaves_whole_rows_alive(
    pair: Pair, org: Org, way: str, later: timedelta
) -> None:
    """Every whole row is marked as deleted, and rows of nothing but an id are alive."""
    if way == "append-only":
        pair.target = {"load_method": "append-only"}
    else:
        pair.config["stream_maps"] = {"accounts": {"__key_properties__": None}}
    pair.good()
    org.clock.advance(seconds=later.total_seconds())
    settings: dict[str, Any] = {} if later.days else {"deletes": "sweep"}
    if way == "append-only":
        refused(pair, **settings)
        settings["partial_rows"] = "whole"
    pair.good(**settings)
    assert alive(pair) == set(NAMES)


def test_a_late_deletion_is_seen_behind_a_sweep_of_whole_rows(pair: Pair, org: Org) -> None:
    """With `auto` it is seen: `deleted_until` keeps to latestDateCovered, `swept_until` does not."""
    pair.config.update(objects=["CampaignMember"], partial_rows="whole")
    campaign = org.create("Campaign", {"Name": "fair"})
    leads = [org.create("Lead", {"LastName": f"lead {n}", "Company": "x"}) for n in range(3)]
    members = [org.create("CampaignMember", {"CampaignId": campaign, "LeadId": lead}) for lead in leads]
    org.clock.advance(hours=3)
    pair.good()
    org.clock.advance(hours=1)
    with org.transaction() as late:
        late.delete(members[0])
        org.clock.advance(minutes=3)
        pair.good(deletes="sweep")
        org.clock.advance(minutes=3)
    for _ in range(2):
        org.clock.advance(hours=1)
        pair.good()
    assert pair.deleted("campaign_members") == {members[0]}


@pytest.mark.parametrize(
    "before",
    ["start_date", "start_date that is gone", "start_date that moves on", "a filter that is gone"],
)
@pytest.mark.parametrize("cause", ["a new field", "a refreshed field", "a sweep"])
def test_reads_of_every_row_make_no_rows_without_content(
    pair: Pair, org: Org, before: str, cause: str
) -> None:
    """All rows before `start_date`, or that a filter dropped until now."""
    first: dict[str, Any] = {}
    if before.startswith("start_date"):
        org.clock.advance(hours=24)
        pair.config["start_date"] = org.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        new = org.create("Account", {"Name": "New"})
        org.clock.advance(hours=3)
    else:
        first["stream_maps"] = {"accounts": {"__filter__": "name != 'Borg'"}}
    pair.good(**first)
    settings: dict[str, Any] = {}
    if cause == "a new field":
        org.add_field("Account", custom_field("Extra__c", "string"))
    elif cause == "a refreshed field":
        settings["refresh_fields"] = ["Account.Industry"]
    else:
        settings["deletes"] = "sweep"
    org.clock.advance(hours=25)
    if before == "start_date that is gone":
        del pair.config["start_date"]
    elif before == "start_date that moves on":
        pair.config["start_date"] = org.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    pair.good(**settings)
    assert [row["id"] for row in table(pair) if row["name"] is None and not row["is_deleted"]] == []
    if before.startswith("start_date"):
        assert [(row["id"], row["is_deleted"]) for row in table(pair)] == [(new, False)]


def test_deletes_are_seen_where_a_map_removes_is_deleted(pair: Pair, org: Org) -> None:
    """ "2 deletions" in the summary, none in the table, and a living row of a record that is gone."""
    pair.config["stream_maps"] = {"accounts": {"is_deleted": None}}
    pair.good()
    gone = ids(org)[0]
    org.hard_delete(gone)
    passing = org.create("Account", {"Name": "Passing"})
    org.clock.advance(minutes=2)
    org.hard_delete(passing)
    org.clock.advance(hours=3)
    pair.good()
    rows = pair.rows("accounts")
    assert passing not in rows
    assert rows[gone].get("_sdc_deleted_at") is not None


def test_two_streams_under_one_name_do_not_delete_each_other(pair: Pair, org: Org) -> None:
    """Either the setting is refused, or no living row is marked."""
    pair.config["stream_maps"] = {
        "accounts": {"__alias__": "parties"},
        "contacts": {"__alias__": "parties"},
    }
    pair.config["objects"] = ["Account", "Contact"]
    first = pair.sync()
    if first.error is not None or pair.target_error is not None:
        return
    org.clock.advance(hours=3)
    pair.sync(deletes="sweep")
    assert not [row["id"] for row in table(pair, "parties") if row["is_deleted"]]


def test_overwrite_does_not_leave_rows_without_content(pair: Pair, org: Org) -> None:
    """A field is added: the table is emptied, and one whole row and three of an id and the new column take its place."""
    pair.target = {"load_method": "overwrite"}
    pair.good()
    org.add_field("Account", custom_field("Extra__c", "string"))
    org.clock.advance(hours=3)
    refused(pair)
    pair.good(partial_rows="whole")
    assert alive(pair) == set(NAMES)


def test_a_slow_sweep_beside_another_sync_marks_newer_rows(pair: Pair, org: Org) -> None:
    """Rows that the hourly sync loads while the sweep is on its way have no version, so the sweep marks them.

    The target cannot tell them from rows that are gone. So one table has one pipeline, says docs/loading.md. If it had
    two, a sweep of the one that stays takes the marks back.
    """
    pair.good()
    org.clock.advance(hours=1)
    nightly = pair.tap(deletes="sweep")
    org.create("Account", {"Name": "Between"})
    org.clock.advance(minutes=30)
    pair.good()
    hourly = pair.state
    pair.load(nightly.output)
    assert alive(pair) == set(NAMES)
    pair.state = hourly
    org.clock.advance(hours=1)
    pair.good(deletes="sweep")
    assert alive(pair) == {*NAMES, "Between"}
