"""`max_workers` bounds the requests in flight, whatever asks and whatever the org refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.http.faults import Drop, EndSession, Latency, Status
from tap_sfsource.catalog.naming import API_NAMES
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

WORKERS = 4
SECONDS = 0.05


def in_flight(server: OrgServer) -> int:
    """The most requests that waited for their answer at one moment: each waits for at least the latency.

    Half of it counts: on a busy machine the org may note a request later than it took it.
    """
    begun = [entry.time for entry in server.ledger.calls]
    return max(
        sum(moment - timedelta(seconds=SECONDS / 2) < other <= moment for other in begun) for moment in begun
    )


@pytest.mark.parametrize("composite", [True, False], ids=["composite", "composite refused"])
@pytest.mark.parametrize(
    "config",
    [{"reader": "rest", "page_size": 200}, {"reader": "bulk", "bulk_page_size": 50}, {"deletes": "sweep"}],
    ids=str,
)
def test_never_more_than_max_workers_at_once(
    org_server: OrgServer, config: dict[str, Any], composite: bool
) -> None:
    accounts(org_server, 250)
    if not composite:
        org_server.faults.add(Status(404, code="NOT_FOUND", message="no"), path="*/composite")
    # A session that ends in between makes every thread ask for another one.
    org_server.faults.add(EndSession(), path="*/describe", nth=7)
    org_server.faults.add(Latency(SECONDS))
    objects = [name for name in sorted(API_NAMES) if name != "names"][:24]
    syncs = Syncs(org_server, *objects, max_workers=WORKERS, **config)

    assert syncs.sync()["accounts"] >= 250
    assert syncs.complete
    assert 1 < in_flight(org_server) <= WORKERS


def test_contents_that_break_off_fail_their_collection_only(org_server: OrgServer) -> None:
    folder = org_server.org.create(
        "Folder", {"Name": "F", "DeveloperName": "F", "Type": "Document", "AccessType": "Public"}
    )
    for number in range(3):
        org_server.org.create("Document", {"Name": f"{number}", "FolderId": folder, "Body": b"x" * 5000})
    accounts(org_server, 3)
    org_server.faults.add(Drop("body"), path="*/Body")
    syncs = Syncs(org_server, "Account", "Document", include_base64=True, max_workers=1)

    for _ in range(3):
        syncs.sync()
        assert not syncs.complete
    assert len(syncs.target.tables["accounts"]) == 3
    org_server.faults.clear()
    syncs.sync()
    assert syncs.complete
