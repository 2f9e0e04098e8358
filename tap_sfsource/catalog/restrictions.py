"""Objects that Salesforce does not give as a whole, which describe does not tell.

From Salesforce's object reference, recorded answers to queries without a filter, and what other clients leave out. An object
that is not listed and refuses is found out when it is asked; see `sync/refusals.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

BIG_OBJECT: Final = "__b"
"""Ending of a big object's API name. A query for Ids finds none of its rows, and filters go along its index only (Big
Objects implementation guide, "SOQL with Big Objects")."""

BIG_OBJECTS: Final = frozenset(
    {
        "ActivityFieldHistory",
        "ApiEvent",
        "BulkApiResultEventStore",
        "FileEventStore",
        "IdentityProviderEventStore",
        "IdentityVerificationEvent",
        "LightningUriEvent",
        "ListViewEvent",
        "LoginAsEvent",
        "LoginEvent",
        "LogoutEvent",
        "OmniRoutingEventStore",
        "ReportEvent",
        "UriEvent",
    }
)
"""Standard big objects, whose names do not end so (Platform Events guide, "Real-Time Event Monitoring Objects")."""

NEEDS_FILTER: Final = frozenset(
    {
        "Announcement",
        "ApexTypeImplementor",
        "AppTabMember",
        "CollaborationGroupRecord",
        "ColorDefinition",
        "ConcurLongRunApexErrEvent",
        "ContentFolderMember",
        "ContentHubItem",
        "ContentVersionRenditionContent",
        "DataStatistics",
        "DataType",
        "DatacloudAddress",
        "DatacloudCompany",
        "DatacloudContact",
        "DatacloudDandBCompany",
        "DatacloudSocialHandle",
        "EntityDefinition",
        "EntityParticle",
        "ExternalEncryptionRootKey",
        "FieldDefinition",
        "FieldHistoryArchive",
        "FlexQueueItem",
        "FlowTestView",
        "FlowVariableView",
        "FlowVersionView",
        "IconDefinition",
        "ListViewChartInstance",
        "NetworkUserHistoryRecent",
        "OutgoingEmail",
        "OutgoingEmailRelation",
        "OwnerChangeOptionInfo",
        "PendingOrderSummary",
        "PicklistValueInfo",
        "PlatformAction",
        "RecordActionHistory",
        "RecordRecommendation",
        "RelatedListColumnDefinition",
        "RelatedListDefinition",
        "RelationshipDomain",
        "RelationshipInfo",
        "SearchLayout",
        "SiteDetail",
        "UserEntityAccess",
        "UserFieldAccess",
        "UserRecordAccess",
        "Vote",
    }
)
"""Objects that answer only to queries for some of their rows, or to none."""


class Parents(NamedTuple):
    """Whose ids a query for children has to name, and the children's field with these ids."""

    api_name: str
    field: str


CHILDREN: Final[Mapping[str, Parents]] = {
    "ContentDocumentLink": Parents("ContentDocument", "ContentDocumentId"),
    "ContentFolderItem": Parents("ContentFolder", "ParentContentFolderId"),
    "IdeaComment": Parents("Idea", "IdeaId"),
}
"""Objects whose rows Salesforce gives for a list of parents' ids. It takes no other filter beside it (recorded:
"filtering on non-id fields is only permitted when ..."), so each run reads all rows.

`ContentFolderMember`, `CollaborationGroupRecord` and `Vote` take one id a query: a call for each parent would be too many.
"""
