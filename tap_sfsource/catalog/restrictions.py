"""What describe does not tell of an object: that it answers only to queries for some of its rows.

From Salesforce's object reference and the errors that queries without a filter meet.
"""

from __future__ import annotations

from typing import Final

BIG_OBJECT: Final = "__b"
"""Ending of a big object's API name. A query for Ids finds none of its rows, and filters go along its index only (Big
Objects implementation guide, "SOQL with Big Objects")."""

NEEDS_FILTER: Final = frozenset(
    {
        "Announcement",
        "AppTabMember",
        "CollaborationGroupRecord",
        "ColorDefinition",
        "ContentDocumentLink",
        "ContentFolderItem",
        "ContentFolderMember",
        "DataStatistics",
        "EntityParticle",
        "FieldDefinition",
        "FieldHistoryArchive",
        "FlexQueueItem",
        "FlowVariableView",
        "FlowVersionView",
        "IconDefinition",
        "IdeaComment",
        "NetworkUserHistoryRecent",
        "OwnerChangeOptionInfo",
        "PicklistValueInfo",
        "PlatformAction",
        "RecordActionHistory",
        "RelationshipDomain",
        "RelationshipInfo",
        "SearchLayout",
        "SiteDetail",
        "UserEntityAccess",
        "UserFieldAccess",
        "Vote",
    }
)
"""Objects that cannot be read as a whole."""
