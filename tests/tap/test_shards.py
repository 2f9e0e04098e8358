"""A stream with a window of CreatedDate: taps side by side have each row once, and mark no row of another."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from sfsource.resync.bookmarks import ask_for_all
from tap_sfsource.shards.__main__ import main
from tests.tap.running import run_tap
from tests.tap.syncs import Syncs

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

READERS = pytest.mark.parametrize("reader", ["rest", "bulk"])
ROWS = pytest.mark.parametrize("partial_rows", ["auto", "whole"])


def part(start: str = "", end: str = "", stream: str = "accounts", **more: Any) -> dict[str, Any]:
    window = {"sfsource.created-from": start, "sfsource.created-before": end}
    root = {"selected": True, **{key: value for key, value in window.items() if value}, **more}
    return {"streams": [{"tap_stream_id": stream, "metadata": [{"breadcrumb": [], "metadata": root}]}]}


class Shards:
    """Two taps, each with a state of its own, into one target."""

    def __init__(self, server: OrgServer, middle: str, **config: Any) -> None:
        first, second = Syncs(server, "Account", **config), Syncs(server, "Account", **config)
        self.syncs = [(first, part(end=middle)), (second, part(start=middle))]

    def sync(self, **config: Any) -> list[dict[str, int]]:
        return [syncs.sync(catalog, **config) for syncs, catalog in self.syncs]

    @property
    def rows(self) -> dict[str, bool]:
        """Id of each row to whether any shard holds it as live and none as deleted."""
        found: dict[str, bool] = {}
        for syncs, _ in self.syncs:
            for key, row in syncs.target.tables.get("accounts", {}).items():
                found[key] = found.get(key, True) and not row["is_deleted"]
        return found


def create(server: OrgServer, count: int = 1) -> list[str]:
    return [server.org.create("Account", {"Name": f"Account {number}"}) for number in range(count)]


@READERS
@ROWS
def test_each_row_is_read_by_one_shard_and_changes_by_the_same(
    org_server: OrgServer, frozen: Clock, reader: str, partial_rows: str
) -> None:
    old = create(org_server, 3)
    frozen.advance(hours=3)
    middle = frozen.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    new = create(org_server, 2)
    frozen.advance(hours=3)
    shards = Shards(org_server, middle, reader=reader, partial_rows=partial_rows)
    assert shards.sync() == [{"accounts": 3}, {"accounts": 2}]
    org_server.org.update(old[0], {"Name": "Changed"})
    newest = create(org_server)
    org_server.org.delete(new[0])
    frozen.advance(hours=3)
    shards.sync()
    assert shards.syncs[0][0].row("accounts", old[0])["name"] == "Changed"
    assert shards.rows == dict.fromkeys([*old, new[1], *newest], True) | {new[0]: False}
    assert shards.sync() == [{}, {}]


def test_a_sweep_of_a_part_marks_nothing_and_is_told(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    create(org_server, 3)
    frozen.advance(hours=3)
    shards = Shards(org_server, frozen.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
    create(org_server, 2)
    frozen.advance(hours=3)
    shards.sync()
    frozen.advance(days=40)
    for syncs, catalog in shards.syncs:
        outcome = run_tap({**syncs.config, "deletes": "sweep"}, catalog=catalog, state=syncs.target.state)
        assert '"ACTIVATE_VERSION"' not in outcome.output.decode()
    assert "Account: a sweep is due" in caplog.text


def test_a_window_that_has_moved_is_read_anew(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    create(org_server, 2)
    frozen.advance(hours=3)
    middle = frozen.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    create(org_server, 2)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    assert syncs.sync(part(end=middle)) == {"accounts": 2}
    assert syncs.sync(part(end=middle)) == {}
    assert "a sweep is due" not in caplog.text
    assert syncs.sync(part(start="2001-01-01T00:00:00Z")) == {"accounts": 4}
    assert "Account: a sweep is due (its filter or its window has changed)" in caplog.text
    # As a whole again: the rows, and the ids of a sweep.
    assert syncs.sync(part()) == {"accounts": 4 + 4}


@pytest.mark.parametrize("keeps", [False, True], ids=["the log forgets", "the log keeps"])
def test_a_shard_marks_no_row_of_another_that_came_back_meanwhile(
    org_server: OrgServer, frozen: Clock, *, keeps: bool
) -> None:
    org = org_server.org
    org.recycle_bin.log_keeps_undeleted = keeps
    back, binned, gone = create(org_server, 3)
    frozen.advance(hours=3)
    middle = frozen.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    own = create(org_server)
    frozen.advance(hours=3)
    shards = Shards(org_server, middle)
    shards.sync()
    (first, before), (second, since) = shards.syncs
    org.delete(back)
    org.delete(binned)
    org.hard_delete(gone)
    org.delete(own[0])
    frozen.advance(hours=3)
    # It has read, and its rows are loaded only after the others'.
    slow = run_tap(second.config, catalog=since, state=second.target.state).output
    org.undelete(back)
    frozen.advance(hours=3)
    first.sync(before)
    late = run_tap(second.config, catalog=since, state=second.target.state).output
    for output in (slow, late):
        records = [json.loads(line).get("record", {}) for line in output.splitlines()]
        marked = {record["id"] for record in records if record.get("is_deleted")}
        assert back not in marked
        assert {gone, *own} <= marked
    first.sync(before)
    second.sync(since)
    assert shards.rows == {back: True, binned: False, gone: False, own[0]: False}


@READERS
@pytest.mark.parametrize("before", ["whole", "other windows"])
def test_deletions_are_seen_though_windows_move_meanwhile(
    org_server: OrgServer, frozen: Clock, reader: str, before: str
) -> None:
    rows = create(org_server, 3)
    frozen.advance(hours=3)
    middle = frozen.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader=reader)
    syncs.sync(part() if before == "whole" else part(end=middle))
    org_server.org.hard_delete(rows[0])
    frozen.advance(hours=3)
    syncs.sync(part(end=frozen.now().strftime("%Y-%m-%dT%H:%M:%SZ")))
    marks = [syncs.row("accounts", key)["is_deleted"] for key in rows]
    assert marks == [True, False, False]


@pytest.mark.parametrize("way", ["the old state", "a sweep"])
def test_an_object_that_moves_to_another_shard_loses_no_deletion(
    org_server: OrgServer, frozen: Clock, way: str
) -> None:
    rows = create(org_server, 2)
    frozen.advance(hours=3)
    old, new = Syncs(org_server, "Account"), Syncs(org_server, "Account")
    old.sync(part())
    org_server.org.hard_delete(rows[0])
    frozen.advance(hours=3)
    state, new.target = old.target.state, old.target  # the same tables
    new.target.state = state if way == "the old state" else None
    new.sync(part(), **({"deletes": "sweep"} if way == "a sweep" else {}))
    assert [new.row("accounts", key)["is_deleted"] for key in rows] == [True, False]


def test_a_part_in_whole_rows_tells_what_it_cannot_mark(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    (gone,) = create(org_server)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", partial_rows="whole")
    catalog = part(end=frozen.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
    syncs.sync(catalog)
    org_server.org.hard_delete(gone)
    frozen.advance(hours=3)
    syncs.sync(catalog)
    assert "Account: a sweep is due (1 deletions are not among its own rows)" in caplog.text
    assert "swept" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "shards"),
    [
        ({"partial_rows": "whole"}, 1),
        ({"stream_maps": {"accounts": {"__filter__": "name != 'none'"}}}, 1),
        ({"partial_rows": "whole", "deletes": "soft"}, 2),
        ({}, 2),
    ],
)
def test_an_object_whose_deletions_only_a_sweep_marks_stays_whole(
    org_server: OrgServer, frozen: Clock, tmp_path: Path, settings: dict[str, Any], shards: int
) -> None:
    for _ in range(2):
        create(org_server, 3000)
        frozen.advance(hours=24 * 40)
    (tmp_path / "tap.json").write_text(json.dumps(org_server.config(objects=["Account"], **settings)))
    arguments = ["--config", str(tmp_path / "tap.json"), "--shards", "2", "--output", str(tmp_path)]
    assert main(arguments) == 0
    assert sum("accounts" in (tmp_path / f"shard-{number}.json").read_text() for number in range(2)) == shards


def test_an_object_whose_creation_may_be_empty_stays_whole(
    org_server: OrgServer, frozen: Clock, tmp_path: Path
) -> None:
    account = org_server.org.schema.get("Account")
    assert account is not None
    fields = account.fields
    fields["CreatedDate"] = dataclasses.replace(fields["CreatedDate"], nillable=True)
    for _ in range(2):
        create(org_server, 3000)
        frozen.advance(hours=24 * 40)
    (tmp_path / "tap.json").write_text(json.dumps(org_server.config(objects=["Account"])))
    arguments = ["--config", str(tmp_path / "tap.json"), "--shards", "2", "--output", str(tmp_path)]
    assert main(arguments) == 0
    assert "created-from" not in (tmp_path / "shard-1.json").read_text()
    assert sum("accounts" in (tmp_path / f"shard-{number}.json").read_text() for number in range(2)) == 1


def test_an_object_that_is_read_in_full_is_not_read_in_parts(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    create(org_server, 2)
    frozen.advance(hours=3)
    method = {"forced-replication-method": "FULL_TABLE"}
    syncs = Syncs(org_server, "Account")
    syncs.sync(part(start="2001-01-01T00:00:00Z", **method))
    assert not syncs.complete
    assert "Account cannot be read in parts" in caplog.text


def test_a_window_that_is_no_date_is_told(org_server: OrgServer, processes: Any) -> None:
    processes.write("tap.json", org_server.config())
    processes.write("catalog.json", part(start="soon"))
    finished = processes.tap("--config", "tap.json", "--catalog", "catalog.json")
    assert finished.status == 1
    assert (
        "The catalog's sfsource.created-from of accounts is 'soon', which is no date and time."
        in finished.stderr
    )


def test_a_large_object_is_cut_and_keeps_what_its_entry_says(
    org_server: OrgServer, frozen: Clock, tmp_path: Path
) -> None:
    for _ in range(6):
        frozen.advance(hours=24 * 40)
        create(org_server, 3000)
    org_server.org.create("Contact", {"LastName": "One"})
    frozen.advance(hours=3)
    (tmp_path / "tap.json").write_text(json.dumps(org_server.config()))
    entries = [
        {
            "tap_stream_id": name,
            "metadata": [
                {"breadcrumb": [], "metadata": {"selected": True}},
                {"breadcrumb": ["properties", "description"], "metadata": {"selected": False}},
            ],
        }
        for name in ("accounts", "contacts")
    ]
    entries.append({"tap_stream_id": "sync_reports"})
    (tmp_path / "all.json").write_text(json.dumps({"streams": entries}))
    arguments = ["--config", str(tmp_path / "tap.json"), "--catalog", str(tmp_path / "all.json")]
    assert main([*arguments, "--shards", "3", "--output", str(tmp_path)]) == 0
    catalogs = [json.loads((tmp_path / f"shard-{number}.json").read_text()) for number in range(3)]
    ids: list[str] = []
    for catalog in catalogs:
        syncs = Syncs(org_server)
        counts = syncs.sync(catalog)
        assert counts["accounts"] == 6000
        ids += syncs.target.tables["accounts"]
        assert not any("description" in row for row in syncs.target.tables["accounts"].values())
    assert len(ids) == len(set(ids)) == 18_000
    assert sum("contacts" in str(catalog) for catalog in catalogs) == 1
    assert all(catalog["streams"][-1] == {"tap_stream_id": "sync_reports"} for catalog in catalogs)


@READERS
def test_a_shard_whose_key_is_refused_in_mid_read_marks_no_row_of_another(
    org_server: OrgServer, frozen: Clock, reader: str
) -> None:
    create(org_server, 3)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", reader=reader)
    middle = frozen.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    org_server.server.settings.refused_columns["Account.SystemModstamp"] = "filter"
    org_server.server.settings.refused_when_run = True
    outcome = run_tap(syncs.config, catalog=part(end=middle))
    assert not outcome.complete
    assert b'"ACTIVATE_VERSION"' not in outcome.output


def test_a_resync_of_a_shard_loses_no_deletion(org_server: OrgServer, frozen: Clock) -> None:
    """It reads its rows again and cannot sweep."""
    old = create(org_server, 3)
    frozen.advance(hours=3)
    syncs, catalog = Syncs(org_server, "Account"), part(end=frozen.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
    syncs.sync(catalog)
    org_server.org.hard_delete(old[0])
    frozen.advance(days=1)
    assert syncs.target.state is not None
    ask_for_all("accounts", syncs.target.state["bookmarks"]["accounts"])
    syncs.sync(catalog)
    assert {key for key, row in syncs.target.tables["accounts"].items() if row["is_deleted"]} == {old[0]}
