"""`objects: ["*"]` in an org with every object that other clients leave out, each refusing in its own way."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator import strangers
from tap_sfsource.catalog.restrictions import BIG_OBJECTS, CHILDREN, NEEDS_FILTER
from tests.tap.syncs import accounts

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes

LEFT_OUT_BY_OTHERS = frozenset(
    {
        # "certain WHERE clause restrictions", in tap-salesforce of singer-io and MeltanoLabs, and in Airbyte's source
        *(
            "Announcement",
            "AppTabMember",
            "CollaborationGroupRecord",
            "ColorDefinition",
            "ContentDocumentLink",
        ),
        *(
            "ContentFolderItem",
            "ContentFolderMember",
            "DataStatistics",
            "DatacloudDandBCompany",
            "EntityParticle",
        ),
        *("FieldDefinition", "FieldHistoryArchive", "FlexQueueItem", "FlowVariableView", "FlowVersionView"),
        *("IconDefinition", "IdeaComment", "NetworkUserHistoryRecent", "OwnerChangeOptionInfo"),
        *(
            "PicklistValueInfo",
            "PlatformAction",
            "RecordActionHistory",
            "RelationshipDomain",
            "RelationshipInfo",
        ),
        *("SearchLayout", "SiteDetail", "UserEntityAccess", "UserFieldAccess", "Vote"),
        # "not supported by the query method", where describe calls them queryable
        *("DataType", "DatacloudAddress", "ListViewChartInstance", "OutgoingEmail", "OutgoingEmailRelation"),
        "UserRecordAccess",
        # what others met: a list of recorded answers of April 2020, a backup of 2017, a scan of 2026
        *("ApexTypeImplementor", "ContentHubItem", "ContentVersionRenditionContent", "DatacloudCompany"),
        *("DatacloudContact", "ExternalEncryptionRootKey", "FlowTestView", "PendingOrderSummary"),
        *("RecordRecommendation", "RelatedListColumnDefinition", "RelatedListDefinition"),
        # standard big objects
        *("ActivityFieldHistory", "ApiEvent", "BulkApiResultEventStore", "FileEventStore", "LoginAsEvent"),
        *("IdentityProviderEventStore", "IdentityVerificationEvent", "LightningUriEvent", "ListViewEvent"),
        *("LoginEvent", "LogoutEvent", "OmniRoutingEventStore", "ReportEvent", "UriEvent"),
    }
)


def test_the_lists_have_all_that_other_clients_leave_out() -> None:
    known = NEEDS_FILTER | BIG_OBJECTS | CHILDREN.keys()
    assert known >= LEFT_OUT_BY_OTHERS
    refusing = {*strangers.REFUSING, *strangers.REIFIED, *strangers.CHILDREN, *strangers.BIG}
    assert refusing >= LEFT_OUT_BY_OTHERS - {"ContentDocumentLink"}


@pytest.mark.parametrize("reader", ["auto", "bulk"])
@pytest.mark.parametrize("told", [True, False], ids=["as describe has it", "describe tells nothing"])
def test_a_run_of_all_objects_succeeds(
    org_server: OrgServer, processes: Processes, reader: str, told: bool
) -> None:
    """Objects without any query are so by describe; if it tells nothing, the answer to the first query does."""
    unqueryable = [
        part if told else replace(part, queryable=True, refusal=_no_query(part.name))
        for part in strangers.objects(*strangers.UNQUERYABLE)
    ]
    others = [part for part in strangers.objects() if part.name not in strangers.UNQUERYABLE]
    org_server.org.add_objects([*unqueryable, *others])
    accounts(org_server, 3)
    config = org_server.config(objects=["*"], reader=reader, retry_seconds=1)
    processes.write("tap.json", config)

    refused = {part.name for part in others if part.refusal or part.requires_filter or part.big}
    refused = (refused | {part.name for part in unqueryable} | {"EntityDefinition"}) - CHILDREN.keys()
    for state in ("", " --state state.json"):
        org_server.ledger.clear()
        line = f"tap-sfsource --config tap.json{state} > messages.jsonl"
        last = "grep '\"STATE\"' messages.jsonl | tail -n 1 > state.json"
        said = processes.shell(f"{line} && {last}").expect().said
        calls = org_server.ledger.calls
        told_of = [(entry.sobject, entry.path) for entry in calls]
        told_of += [(part.sobject, part.path) for entry in calls for part in entry.parts]
        asked = {name for name, path in told_of if "query" in path and "describe" not in path}
        first = not state and not told
        assert asked & refused == (set(strangers.UNQUERYABLE) - NEEDS_FILTER if first else set())
        for name in refused:
            if name in strangers.UNQUERYABLE and told:
                continue  # a pattern means objects that can be queried
            lines = re.findall(rf"^.*\b{name}\b.* is (?:left out|skipped): .*$", said, re.MULTILINE)
            assert len(lines) == 1, (name, lines)


def _no_query(name: str) -> tuple[str, str]:
    return "INVALID_TYPE_FOR_OPERATION", f"entity type {name} does not support query"
