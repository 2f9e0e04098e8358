"""A sandbox is refreshed: another org at the same address, through both halves, by each setting that says what then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.pair.both import Pair, batch_config

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

OTHER = "00D7Q00000ABCDEUA2"


@pytest.fixture
def org(org_server: OrgServer) -> Org:
    """Three accounts, of three hours ago; the clock stands still."""
    org = org_server.org
    org.clock.freeze()
    for name in ("Acme", "Borg", "Cyberdyne"):
        org.create("Account", {"Name": name})
    org.clock.advance(hours=3)
    return org


@pytest.fixture(params=["records", "csv", "mapped"])
def pair(request: pytest.FixtureRequest, org_server: OrgServer, warehouse: Warehouse, tmp_path: Path) -> Pair:
    """Both halves, for accounts, with messages of each kind."""
    config: dict[str, Any] = {"objects": ["Account"], "deletes": "sweep"}
    if request.param == "csv":
        config["batch_config"] = batch_config("csv", tmp_path)
    pair = Pair(org_server, warehouse, config)
    if request.param == "mapped":
        pair.target["stream_maps"] = {"accounts": {"shouted": "name.upper() if name else None"}}
    return pair


def refresh(org: Org) -> tuple[str, str]:
    """Make it another org, which lacks one record of the first and has a new one; give the first one's id, and both."""
    first = f"salesforce:{org.id[:15]}"
    org.id = OTHER
    org.hard_delete(org.rows("Account")[0]["Id"])
    org.create("Account", {"Name": "Dunder"})
    org.clock.advance(hours=3)
    return first, f"salesforce:{OTHER[:15]}"


def alive(pair: Pair) -> set[str]:
    return {row["name"] for row in pair.rows("accounts").values() if not row["is_deleted"]}


def recorded(pair: Pair) -> list[dict[str, Any]]:
    return pair.warehouse.query("SELECT collection, source FROM {schema}._sources")


def test_the_target_refuses_what_the_tap_reads_anew(pair: Pair, org: Org) -> None:
    pair.good()
    state = pair.state
    first, second = refresh(org)

    pair.sync()

    assert f"accounts holds rows of {first}, and these are of {second}" in str(pair.target_error)
    assert pair.state == state
    assert alive(pair) == {"Acme", "Borg", "Cyberdyne"}
    assert recorded(pair) == [{"collection": "accounts", "source": first}]


def test_the_tables_follow_where_the_target_allows_it(pair: Pair, org: Org) -> None:
    pair.good()
    _, second = refresh(org)
    pair.target["on_other_source"] = "allow"

    pair.good()

    assert alive(pair) == {"Borg", "Cyberdyne", "Dunder"}
    assert recorded(pair) == [{"collection": "accounts", "source": second}]
    del pair.target["on_other_source"]
    pair.good()


def test_a_tap_that_stops_leaves_all_as_it_is(pair: Pair, org: Org) -> None:
    pair.good()
    refresh(org)

    run = pair.sync(on_other_org="stop")

    assert run.failed_aloud
    assert alive(pair) == {"Acme", "Borg", "Cyberdyne"}


def test_a_state_that_was_lost_does_not_hide_the_other_org(pair: Pair, org: Org) -> None:
    """The tap cannot know; the warehouse does."""
    pair.good()
    first, _ = refresh(org)
    pair.state = None

    pair.sync(on_other_org="stop")

    assert f"accounts holds rows of {first}" in str(pair.target_error)
    assert alive(pair) == {"Acme", "Borg", "Cyberdyne"}
