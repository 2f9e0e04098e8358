"""`start_date` and `end_date`, for all objects or by pattern: which rows a run reads, and what waits for a later run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.http.faults import Status
from tap_sfsource.errors import ConfigError
from tests.tap.running import run_tap
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from datetime import datetime

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

READERS = pytest.mark.parametrize("reader", ["rest", "bulk"])
ROWS = pytest.mark.parametrize("partial_rows", ["auto", "whole"])


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def contact(server: OrgServer) -> str:
    return server.org.create("Contact", {"LastName": "Doe"})


@READERS
@ROWS
def test_a_run_reads_up_to_end_date_and_a_later_one_goes_on_from_there(
    org_server: OrgServer, frozen: Clock, reader: str, partial_rows: str
) -> None:
    (before,) = accounts(org_server, 1)
    frozen.advance(hours=3)
    end = frozen.now()
    (at,) = accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader=reader, partial_rows=partial_rows)
    assert syncs.sync(end_date=text(end)) == {"accounts": 1}
    assert set(syncs.target.tables["accounts"]) == {before}
    assert syncs.target.state is not None
    assert syncs.target.state["bookmarks"]["accounts"]["replication_key_value"] == text(end)
    frozen.advance(hours=3)
    assert syncs.sync(end_date=text(end)) == {}
    assert syncs.sync(end_date=text(end + timedelta(seconds=1))) == {"accounts": 1}
    assert set(syncs.target.tables["accounts"]) == {before, at}
    (last,) = accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs.sync()
    assert set(syncs.target.tables["accounts"]) == {before, at, last}
    assert syncs.complete


def test_a_fraction_of_a_second_takes_the_whole_second_in(org_server: OrgServer, frozen: Clock) -> None:
    end = frozen.now()
    accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", end_date=end.strftime("%Y-%m-%dT%H:%M:%S.001Z"))
    assert syncs.sync() == {"accounts": 1}


@READERS
@ROWS
def test_deletions_after_end_date_wait_for_a_later_run(
    org_server: OrgServer, frozen: Clock, reader: str, partial_rows: str
) -> None:
    early, soft, hard, kept = accounts(org_server, 4)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader=reader, partial_rows=partial_rows)
    syncs.sync()
    org_server.org.hard_delete(early)
    frozen.advance(hours=3)
    end = frozen.now()
    org_server.org.delete(soft)
    org_server.org.hard_delete(hard)
    frozen.advance(hours=3)
    syncs.sync(end_date=text(end))
    flags = {name: syncs.row("accounts", name)["is_deleted"] for name in (early, soft, hard, kept)}
    # With whole rows only a sweep could tell; it would take rows that have changed since then for deleted ones.
    assert flags == {early: partial_rows == "auto", soft: False, hard: False, kept: False}
    frozen.advance(hours=3)
    syncs.sync()
    flags = {name: syncs.row("accounts", name)["is_deleted"] for name in (early, soft, hard, kept)}
    assert flags == {early: True, soft: True, hard: True, kept: False}


@ROWS
def test_a_sweep_waits_for_a_run_without_a_past_end_date(
    org_server: OrgServer, frozen: Clock, partial_rows: str
) -> None:
    """A row that has changed since then is not in the window, and is not deleted either."""
    changed, gone, kept = accounts(org_server, 3)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", deletes="sweep", partial_rows=partial_rows)
    syncs.sync()
    frozen.advance(hours=3)
    end = frozen.now()
    frozen.advance(hours=3)
    org_server.org.update(changed, {"Name": "Changed"})
    org_server.org.hard_delete(gone)
    (new,) = accounts(org_server, 1)
    frozen.advance(days=20)
    syncs.sync(end_date=text(end))
    assert syncs.complete
    table = syncs.target.tables["accounts"]
    assert {name for name, row in table.items() if row["is_deleted"]} == set()
    assert new not in table
    syncs.sync()
    assert {name for name, row in table.items() if row["is_deleted"]} == {gone}
    assert table[changed]["name"] == "Changed"
    assert table[kept]["name"] == "Account 2"
    assert table[new]["name"] == "Account 0"


def test_deletions_of_a_window_long_past_are_swept_by_the_run_that_goes_on(
    org_server: OrgServer, frozen: Clock
) -> None:
    gone, kept = accounts(org_server, 2)
    frozen.advance(hours=3)
    end = frozen.now()
    frozen.advance(days=1)
    syncs = Syncs(org_server, "Account")
    syncs.sync(end_date=text(end))
    org_server.org.hard_delete(gone)
    frozen.advance(days=30)
    # Nothing more is asked of a log that is older than it is kept.
    assert syncs.sync(end_date=text(end)) == {}
    assert not [part for entry in org_server.ledger.calls for part in entry.parts if "deleted" in part.path]
    syncs.sync()
    assert (syncs.row("accounts", gone)["is_deleted"], syncs.row("accounts", kept)["is_deleted"]) == (
        True,
        False,
    )


@READERS
@ROWS
def test_a_new_column_is_filled_for_loaded_rows_and_makes_no_others(
    org_server: OrgServer, frozen: Clock, reader: str, partial_rows: str
) -> None:
    (loaded,) = accounts(org_server, 1)
    org_server.org.update(loaded, {"Industry": "Energy"})
    frozen.advance(hours=3)
    end = frozen.now()
    accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader=reader, partial_rows=partial_rows, end_date=text(end))
    part = {"breadcrumb": ["properties", "industry"], "metadata": {"selected": False}}
    syncs.sync({"streams": [{"tap_stream_id": "accounts", "metadata": [part]}]})
    assert "industry" not in syncs.row("accounts", loaded)
    syncs.sync()
    assert {name: row["industry"] for name, row in syncs.target.tables["accounts"].items()} == {
        loaded: "Energy"
    }


def test_dates_by_name_and_pattern_go_before_one_another_as_in_a_catalog(
    org_server: OrgServer, frozen: Clock
) -> None:
    old = accounts(org_server, 1)[0], contact(org_server)
    frozen.advance(days=10)
    middle = frozen.now()
    new = accounts(org_server, 1)[0], contact(org_server)
    frozen.advance(days=10)
    starts = {"contacts": None, "*": text(middle)}
    syncs = Syncs(org_server, "Account", "Contact", start_date=starts)
    syncs.sync()
    assert set(syncs.target.tables["accounts"]) == {new[0]}
    assert set(syncs.target.tables["contacts"]) == {old[1], new[1]}
    in_text = f'{{"c*": "{text(middle)}", "Contact": ""}}'
    syncs = Syncs(org_server, "Account", "Contact", end_date=in_text)
    syncs.sync()
    assert set(syncs.target.tables["accounts"]) == set(syncs.target.tables["contacts"]) - {old[1], new[1]} | {
        old[0],
        new[0],
    }
    ends = {"*": text(middle), "a*": None}
    syncs = Syncs(org_server, "Account", "Contact", end_date=ends)
    syncs.sync()
    assert set(syncs.target.tables["accounts"]) == {old[0], new[0]}
    assert set(syncs.target.tables["contacts"]) == {old[1]}


@pytest.mark.parametrize("setting", ["start_date", "end_date", "filters", "refresh_formulas_hours"])
def test_a_misspelt_name_is_refused_and_a_pattern_without_a_match_warned_of(
    org_server: OrgServer, setting: str, caplog: pytest.LogCaptureFixture
) -> None:
    value = {"filters": "Name != null", "refresh_formulas_hours": 3}.get(setting, "2020-01-01")
    with pytest.raises(ConfigError, match=rf"Setting {setting}: Acount matches no object .* Is it Account\?"):
        Syncs(org_server, "Account").sync(**{setting: {"Acount": value}})
    Syncs(org_server, "Account").sync(**{setting: {"Leed*": value, "Contact": value}})
    warnings = [
        record.getMessage() for record in caplog.records if "matches no object" in record.getMessage()
    ]
    assert warnings == [f"Setting {setting}: Leed* matches no object that the user may see."]


def test_an_end_before_the_start_is_refused(org_server: OrgServer) -> None:
    with pytest.raises(
        ConfigError, match="end_date: 2020-01-01 is not later than the start_date 2021-01-01 of"
    ):
        Syncs(org_server, "Account", start_date={"*": "2021-01-01"}, end_date="2020-01-01").sync()


def test_an_end_date_in_the_future_changes_nothing(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 3)
    frozen.advance(hours=3)
    config = org_server.config(objects=["Account"], progress="none", deletes="sweep")
    plain = run_tap(config).output
    assert run_tap({**config, "end_date": "2199-01-01"}).output.count(b"\n") == plain.count(b"\n")


def test_an_object_without_a_replication_key_has_no_dates(org_server: OrgServer, frozen: Clock) -> None:
    accounts(org_server, 1)
    frozen.advance(hours=3)
    entry = {
        "tap_stream_id": "accounts",
        "metadata": [{"breadcrumb": [], "metadata": {"forced-replication-method": "FULL_TABLE"}}],
    }
    syncs = Syncs(org_server, "Account", end_date="2001-01-01")
    assert syncs.sync({"streams": [entry]}) == {"accounts": 1}


@READERS
def test_a_first_sync_that_was_broken_off_goes_on_to_a_later_end(
    org_server: OrgServer, frozen: Clock, reader: str
) -> None:
    first = []
    for _ in range(4):
        first += accounts(org_server, 1)
        frozen.advance(hours=3)
    end = frozen.now()
    last = accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs = Syncs(
        org_server,
        "Account",
        reader=reader,
        bulk_page_size=1,
        page_size=200,
        end_date=text(end),
        retry_seconds=0,
    )
    org_server.faults.add(Status(500), path="*/results*", nth=3)
    syncs.sync()
    assert syncs.complete == (reader == "rest")
    syncs.sync(end_date=text(end + timedelta(hours=1)))
    assert set(syncs.target.tables["accounts"]) == {*first, *last}
    assert all(row["is_deleted"] is False for row in syncs.target.tables["accounts"].values())
