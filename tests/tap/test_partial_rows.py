"""Partial rows: framed by SCHEMA messages of their own, and never the first that a target sees of a stream in a run.

Some targets take a file's header, or a table's columns, from the first record.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from tests.pair.both import batch_config, run_tap

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer
    from tests.pair.both import TapRun

NEWS = ["a new field", "a refreshed field", "a sweep", "a tombstone"]


def happens(server: OrgServer, news: str) -> dict[str, Any]:
    """Let something happen that makes partial rows; gives the settings of the next run."""
    org = server.org
    if news == "a new field":
        org.add_field("Account", custom_field("Extra__c", "string"))
    elif news == "a tombstone":
        gone = next(iter({row["Id"] for row in org.rows("Account")} - org.deleted_ids("Account")))
        org.hard_delete(gone)
    org.clock.advance(hours=26 if news == "a refreshed field" else 3)
    return {"deletes": "sweep"} if news == "a sweep" else {}


def config(server: OrgServer, form: str, folder: Path, reader: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "objects": ["Account"],
        "reader": reader,
        "refresh_fields": ["Account.Industry"],
        "sync_reports": False,
    }
    if form == "removed":
        settings["stream_maps"] = {"accounts": {"phone": "__NULL__"}}
    elif form in ("csv", "jsonl"):
        settings["batch_config"] = batch_config(form, folder / "batches")
    return server.config(**settings)


def frames(run: TapRun) -> list[tuple[str, frozenset[str]]]:
    """Each SCHEMA, RECORD or BATCH of a run with the properties that are in force."""
    found: list[tuple[str, frozenset[str]]] = []
    names: frozenset[str] = frozenset()
    for message in run.messages:
        if message["type"] == "SCHEMA":
            names = frozenset(message["schema"]["properties"])
        if message["type"] in ("SCHEMA", "RECORD", "BATCH"):
            found.append((message["type"], names))
        for held in properties_of(message):
            assert held == names, "a record has the properties of its SCHEMA, all of them"
    return found


def properties_of(message: dict[str, Any]) -> list[set[str]]:
    """The properties of each record that a message brings."""
    if message["type"] == "RECORD":
        return [set(message["record"])]
    if message["type"] != "BATCH":
        return []
    if message["encoding"]["format"] == "csv":
        return [set(message["encoding"]["columns"])]
    files = [gzip.decompress(Path(url.removeprefix("file://")).read_bytes()) for url in message["manifest"]]
    return [set(json.loads(line)) for file in files for line in file.splitlines()]


@pytest.mark.parametrize("reader", ["rest", "bulk"])
@pytest.mark.parametrize("form", ["lines", "removed", "csv", "jsonl"])
@pytest.mark.parametrize("news", NEWS)
def test_a_whole_row_goes_before_the_first_partial_one(
    org_server: OrgServer, frozen: Clock, tmp_path: Path, *, form: str, news: str, reader: str
) -> None:
    for name in ("Acme", "Borg", "Cyberdyne"):
        org_server.org.create("Account", {"Name": name, "Industry": "Energy"})
    frozen.advance(hours=3)
    settings = config(org_server, form, tmp_path, reader)
    first = run_tap(settings)
    assert first.error is None, first.said
    more = happens(org_server, news)
    run = run_tap({**settings, **more}, state=first.of("STATE")[-1]["value"])
    assert run.error is None, run.said
    seen = frames(run)
    whole = max((names for _, names in seen), key=len)
    rows = [names for kind, names in seen if kind in ("RECORD", "BATCH")]
    assert rows, "there is news"
    assert rows[0] == whole
    assert seen[0] == ("SCHEMA", whole)
    assert [names for kind, names in seen if kind == "SCHEMA"][-1] == whole, "the whole SCHEMA holds again"


def test_deletions_of_the_last_rows_need_no_row_before_them(
    org_server: OrgServer, frozen: Clock, tmp_path: Path
) -> None:
    gone = org_server.org.create("Account", {"Name": "Acme"})
    frozen.advance(hours=3)
    settings = config(org_server, "lines", tmp_path, "rest")
    first = run_tap(settings)
    org_server.org.hard_delete(gone)
    frozen.advance(hours=3)
    run = run_tap(settings, state=first.of("STATE")[-1]["value"])
    assert run.error is None, run.said
    assert [message["record"] for message in run.of("RECORD")] == [{"id": gone, "is_deleted": True}]


@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
def test_news_of_an_object_without_rows_are_none(
    org_server: OrgServer, frozen: Clock, tmp_path: Path, partial_rows: str
) -> None:
    settings = config(org_server, "lines", tmp_path, "rest") | {"partial_rows": partial_rows}
    state = run_tap(settings).of("STATE")[-1]["value"]
    for news in ("a new field", "a refreshed field", "a sweep"):
        run = run_tap({**settings, **happens(org_server, news)}, state=state)
        assert run.error is None, run.said
        assert run.of("RECORD") == []
        state = run.of("STATE")[-1]["value"]
