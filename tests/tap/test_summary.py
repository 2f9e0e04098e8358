"""What a run says at its end: a table for people, metrics for machines, and calls that add up to the org's own count."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from salesforce_simulator.http.faults import FailJob, Status
from tap_sfsource.api.usage import RUN, SHARED, CallsByPayer, paid_by
from tap_sfsource.singer.report import StreamSummary, table
from tests.tap.syncs import accounts

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer
    from tests.fix_process import Finished, Processes


def rows_of(finished: Finished) -> dict[str, dict[str, str]]:
    """The table as a person reads it: collection to column to cell."""
    lines = finished.stderr.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("collection "))
    head = lines[start]
    names = head.split()
    rows: dict[str, dict[str, str]] = {}
    for line in lines[start + 1 :]:
        cells = line.split(None, len(names) - 1)
        if len(cells) < len(names) - 1 or not re.fullmatch(r"[\d,]+", cells[1]):
            break
        rows[cells[0]] = dict(zip(names, cells, strict=False))
    return rows


def metrics_of(finished: Finished) -> list[dict[str, Any]]:
    return [
        json.loads(line.partition("METRIC: ")[2]) for line in finished.stderr.splitlines() if "METRIC" in line
    ]


def last_line(finished: Finished) -> str:
    (line,) = [line for line in finished.stderr.splitlines() if " deletions, " in line]
    return line


def test_the_summary_is_a_table() -> None:
    calls = CallsByPayer()
    for payer, count in (("accounts", 12), (SHARED, 3), (RUN, 2)):
        with paid_by(payer):
            for _ in range(count):
                calls.count()
    text = table(
        [
            StreamSummary("accounts", rows=1200, tombstones=3, reader="Bulk", seconds=1.25),
            StreamSummary("contacts", problem="it broke"),
            StreamSummary("leads"),
        ],
        calls,
        seconds=2.0,
        skipped={"tags": "the org lacks it", "notes": "the org lacks it"},
    )
    *lines, last = text.splitlines()
    assert lines == [
        "collection   rows  deleted  partial  calls  reader  seconds  notes",
        "accounts    1,200        3        0     12  Bulk        1.2",
        "contacts        0        0        0      0  REST        0.0  INCOMPLETE: it broke",
        "(1 collection without a change)",
        "skipped, because the org lacks it: notes, tags",
    ]
    told = "17 API calls (12 for single collections, 3 shared by several, 2 for describes and limits)"
    assert last == f"1,200 rows, 3 deletions, {told}, 2.0 s"


def test_calls_are_told_by_collection_and_add_up_to_the_orgs_own_count(
    org_server: OrgServer, processes: Processes
) -> None:
    accounts(org_server, 9)
    org_server.org.create("Contact", {"LastName": "Doe"})
    config = org_server.config(
        objects=["Account", "Contact", "Lead"], bulk_threshold=5, bulk_page_size=3, start_date="2000-01-01"
    )
    processes.write("tap.json", config)

    finished = processes.tap("--config", "tap.json").expect()

    rows = rows_of(finished)
    own = [entry for entry in org_server.ledger.calls if "/jobs/query" in entry.path]
    assert int(rows["accounts"]["calls"]) == len(own) >= 5
    assert rows["accounts"]["reader"] == "Bulk"
    assert rows["contacts"]["calls"] == "0"
    assert f" {org_server.ledger.api_calls} API calls" in last_line(finished)
    assert "1 shared by several" in last_line(finished)
    told = [point for point in metrics_of(finished) if point["metric"] == "http_request_count"]
    assert sum(point["value"] for point in told) == org_server.ledger.api_calls
    assert {point["tags"].get("stream", point["tags"].get("payer")) for point in told} == {
        "accounts",
        "shared",
        "run",
    }


def test_deletions_are_counted_whoever_tells_of_them(
    org_server: OrgServer, frozen: Clock, processes: Processes
) -> None:
    ids = accounts(org_server, 4)
    frozen.advance(hours=3)
    for deletes, expected in (("all", "2"), ("soft", "1")):
        config = org_server.config(objects=["Account"], deletes=deletes)
        processes.write("tap.json", config)
        first = processes.tap("--config", "tap.json").expect()
        processes.write("state.json", first.messages("STATE")[-1]["value"])
        frozen.advance(hours=3)
        org_server.org.delete(ids.pop())
        org_server.org.hard_delete(ids.pop())
        frozen.advance(hours=3)

        second = processes.tap("--config", "tap.json", "--state", "state.json").expect()

        assert rows_of(second)["accounts"]["deleted"] == expected
        (point,) = [point for point in metrics_of(second) if point["metric"] == "deleted_count"]
        assert point["value"] == int(expected)


def test_what_failed_and_what_was_skipped_is_in_the_table_and_in_the_metrics(
    org_server: OrgServer, processes: Processes
) -> None:
    accounts(org_server, 2)
    org_server.faults.add(Status(400, code="INSUFFICIENT_ACCESS", message="no"), path="*/Lead/describe")
    org_server.faults.add(FailJob("INVALID", "Something odd."), path="*/jobs/query", sobject="Contact")
    org_server.faults.add(Status(400, "INVALID", "Something odd."), path="*/queryAll", sobject="Contact")
    config = org_server.config(objects=["Account", "Contact", "Lead", "CaseTag"], reader="bulk")
    processes.write("tap.json", config)

    finished = processes.tap("--config", "tap.json").expect(1)

    rows = rows_of(finished)
    assert "INCOMPLETE: " in rows["contacts"]["notes"]
    assert "Something odd." in rows["contacts"]["notes"]
    assert "INCOMPLETE: " in rows["leads"]["notes"]
    assert "skipped, because the org lacks it or the user may not see it: case_tags" in finished.stderr
    assert "Not complete: contacts, leads." in finished.stderr
    points = metrics_of(finished)
    (skipped,) = [point for point in points if point["metric"] == "skipped_count"]
    assert skipped["tags"]["stream"] == "case_tags"
    statuses = {
        point["tags"]["stream"]: point["tags"]["status"]
        for point in points
        if point["metric"] == "sync_duration"
    }
    assert statuses == {"accounts": "succeeded", "contacts": "failed"}
