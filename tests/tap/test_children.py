"""Children that Salesforce gives only by the ids of their parents, such as links of files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator import strangers
from salesforce_simulator.http.faults import Status
from tests.tap.running import run_tap
from tests.tap.syncs import Syncs

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer


def files(server: OrgServer, count: int) -> list[str]:
    """Documents, each linked with an account and with its owner; gives the ids of their links."""
    org = server.org
    account = org.create("Account", {"Name": "Acme"})
    links = []
    for number in range(count):
        document = org.create("ContentDocument", {"Title": f"Slides {number}"})
        links += [
            org.create("ContentDocumentLink", {"ContentDocumentId": document, "LinkedEntityId": to})
            for to in (account, server.user.id)
        ]
    return links


def living(syncs: Syncs, stream: str = "content_document_link") -> set[str]:
    return {key for key, row in syncs.target.tables[stream].items() if not row["is_deleted"]}


def refusals(server: OrgServer) -> list[int]:
    calls = server.ledger.calls
    told = [entry.status for entry in calls] + [part.status for entry in calls for part in entry.parts]
    return [status for status in told if status >= 400]


@pytest.mark.parametrize(
    "settings", [{}, {"reader": "bulk"}, {"deletes": "sweep"}, {"partial_rows": "whole"}]
)
def test_links_of_files_are_read_by_the_ids_of_the_files(
    org_server: OrgServer, frozen: Clock, settings: dict[str, Any]
) -> None:
    first, *links = files(org_server, 5)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "ContentDocumentLink", **settings)
    assert syncs.sync() == {"content_document_link": 10}
    assert syncs.complete
    assert not refusals(org_server)
    assert living(syncs) == {first, *links}
    assert syncs.row("content_document_link", first)["content_document_id"].startswith("069")
    # What is gone, and what is new, shows in the next run: each run reads every link.
    org_server.org.hard_delete(first)
    new = files(org_server, 1)
    frozen.advance(hours=3)
    assert syncs.sync() == {"content_document_link": 11}
    assert syncs.complete
    assert living(syncs) == {*links, *new}
    assert syncs.row("content_document_link", first)["is_deleted"] is True


def test_more_files_than_a_query_takes(org_server: OrgServer, frozen: Clock) -> None:
    org = org_server.org
    user = org_server.user.id
    org.load("ContentDocument", ([f"File {n}"] for n in range(5_200)), ["Title"])
    ids = [row["Id"] for row in org.rows("ContentDocument")]
    org.load("ContentDocumentLink", ([each, user] for each in ids), ["ContentDocumentId", "LinkedEntityId"])
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "ContentDocumentLink")
    assert syncs.sync() == {"content_document_link": 5_200}
    assert syncs.complete
    assert len(syncs.target.tables["content_document_link"]) == 5_200
    assert len(org_server.ledger.calls) < 15


@pytest.mark.parametrize("code", ["QUERY_TIMEOUT", "QUERY_TOO_COMPLICATED"])
def test_too_many_ids_for_the_org_are_halved(org_server: OrgServer, frozen: Clock, code: str) -> None:
    links = files(org_server, 6)
    frozen.advance(hours=3)
    org_server.faults.add(
        Status(400, code, "too long"), path="*/queryAll", sobject="ContentDocumentLink", times=2
    )
    syncs = Syncs(org_server, "ContentDocumentLink")
    syncs.sync()
    assert syncs.complete
    assert living(syncs) == set(links)


def test_links_of_a_file_in_the_recycle_bin_are_read_as_they_are(
    org_server: OrgServer, frozen: Clock
) -> None:
    links = files(org_server, 2)
    org = org_server.org
    gone = next(row["ContentDocumentId"] for row in org.rows("ContentDocumentLink") if row["Id"] == links[0])
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "ContentDocumentLink")
    syncs.sync()
    org.delete(links[1])
    org.delete(gone)
    frozen.advance(hours=3)
    assert syncs.sync() == {"content_document_link": 4}
    assert syncs.complete
    deleted = {row["Id"] for row in org.rows("ContentDocumentLink") if row["IsDeleted"]}
    assert links[1] in deleted
    assert living(syncs) == set(links) - deleted


def test_items_of_folders_and_comments_on_ideas(org_server: OrgServer, frozen: Clock) -> None:
    org = org_server.org
    names = ("ContentFolder", "ContentFolderItem", "Idea", "IdeaComment")
    org.add_objects(strangers.objects(*names))
    for parent, child, field in (names[0], names[1], "ParentContentFolderId"), (*names[2:], "IdeaId"):
        org.load(parent, [["One"], ["Two"]], ["Name"])
        org.load(child, [[row["Id"], "x"] for row in org.rows(parent)], [field, "Title"])
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "ContentFolderItem", "IdeaComment")
    assert syncs.sync() == {"content_folder_item": 2, "idea_comment": 2}
    assert syncs.complete
    assert not refusals(org_server)


def test_without_the_parents_the_children_are_left_out_with_a_line(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    files(org_server, 1)
    user = org_server.user
    user.permissions = user.permissions.without_object("ContentDocument")
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", "ContentDocumentLink")
    for _ in range(2):
        syncs.sync()
        assert syncs.complete
        assert (
            "ContentDocumentLink is left out: it is read by the ids of ContentDocument, which the user may not "
            "see" in caplog.text
        )
        caplog.clear()
        frozen.advance(hours=3)


def test_the_catalog_offers_children_as_full_tables_and_takes_no_replication_key(
    org_server: OrgServer, frozen: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    links = files(org_server, 2)
    frozen.advance(hours=3)
    metadata = {
        "selected": True,
        "replication-key": "system_modstamp",
        "forced-replication-method": "INCREMENTAL",
    }
    entry = {
        "tap_stream_id": "content_document_link",
        "metadata": [{"breadcrumb": [], "metadata": metadata}],
    }
    syncs = Syncs(org_server)
    for _ in range(2):
        assert syncs.sync(catalog={"streams": [entry]}) == {"content_document_link": 4}
        assert syncs.complete
        frozen.advance(hours=3)
    assert living(syncs) == set(links)
    assert "is read in full by each run" in caplog.text


@pytest.mark.parametrize("way", ["a map", "a filter", "a batch", "names", "a refused column"])
def test_children_by_every_way(org_server: OrgServer, frozen: Clock, tmp_path: Path, way: str) -> None:
    links = files(org_server, 3)
    frozen.advance(hours=3)
    config: dict[str, Any] = {}
    if way == "a map":
        config["stream_maps"] = {"content_document_link": {"share_type": "__NULL__"}}
    elif way == "a filter":
        config["stream_maps"] = {"content_document_link": {"__filter__": "linked_entity_id != ''"}}
    elif way == "a batch":
        config["batch_config"] = {
            "encoding": {"format": "jsonl", "compression": "gzip"},
            "storage": {"root": f"file://{tmp_path}"},
        }
    elif way == "a refused column":
        org_server.server.settings.refused_columns["ContentDocumentLink.Visibility"] = "read"
    objects = ["ContentDocumentLink", *(["Name"] if way == "names" else [])]
    syncs = Syncs(org_server, *objects, **config)
    for _ in range(2):
        if way == "a batch":
            outcome = run_tap(syncs.config, state=syncs.target.state)
            assert outcome.complete
            kinds = [json.loads(line)["type"] for line in outcome.output.splitlines()]
            assert kinds.index("BATCH") < kinds.index("ACTIVATE_VERSION")
            continue
        syncs.sync()
        assert syncs.complete
        assert living(syncs) == set(links)
        if "Name" in objects:
            assert len(syncs.target.tables["names"]) == 2
        frozen.advance(hours=3)
