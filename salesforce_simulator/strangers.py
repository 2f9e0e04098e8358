"""Objects that many orgs have, that describe calls queryable, and that refuse a plain query or allow little of it.

They stand outside the 48; a test adds those that it wants: `org.add_objects(strangers.objects("LoginEvent"))`. Codes and
messages are recorded ones but for those of `_UNKNOWN`, of which only is known that clients leave them out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salesforce_simulator.ids import DIGITS
from salesforce_simulator.schema import Field, SObject

if TYPE_CHECKING:
    from collections.abc import Callable

_EXTERNAL = "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION"
_NO_EMAIL = (_EXTERNAL, "This query is not supported on the OutgoingEmail object.")
_NO_DATACLOUD = (
    "DATACLOUD_API_DISABLED_EXCEPTION",
    "Your organization doesn't have permission to access the Data.com API",
)
_UNKNOWN = (
    "UNKNOWN_EXCEPTION",
    "An unexpected error occurred. Please include this ErrorId if you contact support: 1234567890-54321",
)
_WANTED = "MALFORMED_QUERY"
REFUSING: dict[str, tuple[str, str]] = {
    "Announcement": _UNKNOWN,
    "ApexTypeImplementor": _UNKNOWN,
    "AppTabMember": _UNKNOWN,
    "ColorDefinition": _UNKNOWN,
    "ContentHubItem": (_WANTED, "ContentHubRepositoryId,ExternalId or Id must be specified in your query"),
    "ContentVersionRenditionContent": (_WANTED, "ContentVersionId must be specified in your query."),
    "DataStatistics": (_EXTERNAL, "Where clauses should contain StatType"),
    "DataType": _UNKNOWN,
    "DatacloudAddress": (
        "EXTERNAL_OBJECT_EXCEPTION",
        "SObject - DATACLOUD_ADDRESS : Transient queries are not implemented",
    ),
    "DatacloudCompany": _NO_DATACLOUD,
    "DatacloudContact": _NO_DATACLOUD,
    "DatacloudDandBCompany": (_EXTERNAL, "Datacloud D&B company is not filterable without a criteria."),
    "ExternalEncryptionRootKey": _UNKNOWN,
    "FieldHistoryArchive": _UNKNOWN,
    "FlexQueueItem": (_EXTERNAL, "The WHERE clause must contain a JobType field expression."),
    "FlowTestView": _UNKNOWN,
    "FlowVariableView": _UNKNOWN,
    "FlowVersionView": _UNKNOWN,
    "IconDefinition": _UNKNOWN,
    "ListViewChartInstance": (_EXTERNAL, "Getting all ListViewChartInstances is unsupported"),
    "NetworkUserHistoryRecent": _UNKNOWN,
    "OutgoingEmail": _NO_EMAIL,
    "OutgoingEmailRelation": _NO_EMAIL,
    "PendingOrderSummary": _UNKNOWN,
    "PlatformAction": (_EXTERNAL, "Getting all PlatformAction entities is unsupported"),
    "RecordActionHistory": _UNKNOWN,
    "RecordRecommendation": (
        _WANTED,
        (
            "Implementation restriction: RecordRecommendation requires a filter on TargetSobjectType or TargetId or "
            "RecordRecommendationId"
        ),
    ),
    "RelatedListColumnDefinition": _UNKNOWN,
    "RelatedListDefinition": _UNKNOWN,
    "UserRecordAccess": (
        "INVALID_FIELD",
        "Can select only RecordId, a Has*Access field, and MaxAccessLevel",
    ),
}
"""Code and message with which every query of the object is refused."""

REIFIED: dict[str, tuple[str, ...]] = {
    "EntityParticle": ("EntityDefinitionId", "FieldDefinitionId", "DurableId"),
    "FieldDefinition": ("EntityDefinitionId", "DurableId"),
    "OwnerChangeOptionInfo": ("EntityDefinitionId", "DurableId"),
    "PicklistValueInfo": ("EntityParticleId", "DurableId"),
    "RelationshipDomain": (
        "FieldId",
        "ChildSobjectId",
        "ParentSobjectId",
        "RelationshipInfoId",
        "DurableId",
    ),
    "RelationshipInfo": ("ChildSobjectId", "FieldId", "DurableId"),
    "SearchLayout": ("EntityDefinitionId", "DurableId"),
    "SiteDetail": ("DurableId",),
    "UserEntityAccess": ("UserId", "DurableId"),
    "UserFieldAccess": ("DurableId",),
}
"""Columns of which a query must filter on one."""

CHILDREN: dict[str, tuple[tuple[str, ...], str]] = {
    "CollaborationGroupRecord": (
        ("CollaborationGroupId", "RecordId"),
        (
            "Implementation restriction: CollaborationGroupRecord requires a filter by a single Id, CollaborationGroupId or "
            "RecordId using the equals operator"
        ),
    ),
    "ContentFolderItem": (
        ("ParentContentFolderId",),
        (
            "Implementation restriction: ContentFolderItem requires a filter by Id or ParentContentFolderId using the equals "
            "or 'IN' operator"
        ),
    ),
    "ContentFolderMember": (
        ("ParentContentFolderId", "ChildRecordId"),
        (
            "Implementation restriction: ContentFolderMember requires a filter by a single Id, ChildRecordId or "
            "ParentContentFolderId using the equals operator"
        ),
    ),
    "IdeaComment": (
        ("IdeaId", "CommunityId"),
        (
            "Implementation restriction. When querying the Idea Comment object, you must filter using the following syntax: "
            "CommunityId = [single ID], Id = [single ID], IdeaId = [single ID], Id IN [list of IDs], or IdeaId IN [list of "
            "IDs]."
        ),
    ),
    "Vote": (
        ("ParentId",),
        (
            "Implementation restriction: When querying the Vote object, you must filter using the following syntax: "
            "ParentId = [single ID], Parent.Type = [single Type], Id = [single ID], or Id IN [list of ID's]."
        ),
    ),
}
"""Columns of ids of which a query must filter on one, and what it is told otherwise."""

UNQUERYABLE = (
    "AIPredictionEvent",
    "ActivityHistory",
    "AggregateResult",
    "ApiAnomalyEvent",
    "ApiEventStream",
    "AssetTokenEvent",
    "AsyncOperationEvent",
    "AsyncOperationStatus",
    "AttachedContentDocument",
    "AttachedContentNote",
    "BatchApexErrorEvent",
    "BulkApiResultEvent",
    "CombinedAttachment",
    "ConcurLongRunApexErrEvent",
    "ContentBody",
    "CredentialStuffingEvent",
    "EmailStatus",
    "FeedLike",
    "FeedSignal",
    "FeedTrackedChange",
    "FlowExecutionErrorEvent",
    "FolderedContentDocument",
    "LightningUriEventStream",
    "ListViewEventStream",
    "LoginAsEventStream",
    "LoginEventStream",
    "LogoutEventStream",
    "LookedUpFromActivity",
    "NoteAndAttachment",
    "OpenActivity",
    "OrgLifecycleNotification",
    "OwnedContentDocument",
    "PlatformStatusAlertEvent",
    "ProcessExceptionEvent",
    "ProcessInstanceHistory",
    "QuoteTemplateRichTextData",
    "RemoteKeyCalloutEvent",
    "ReportAnomalyEvent",
    "ReportEventStream",
    "SessionHijackingEvent",
    "UriEventStream",
)
"""Objects without any query."""

NO_BULK = (
    "AcceptedEventRelation",
    "ContractStatus",
    "DeclinedEventRelation",
    "EventWhoRelation",
    "FieldSecurityClassification",
    "OrderStatus",
    "PartnerRole",
    "RecentlyViewed",
    "SolutionStatus",
    "TaskPriority",
    "TaskWhoRelation",
    "UndecidedEventRelation",
)
"""Objects that the Bulk API refuses and REST gives."""

_ONE_ID = frozenset({"CollaborationGroupRecord", "ContentFolderMember", "Vote"})
_PARENTS = ("ContentFolder", "Idea")

BIG = (
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
)
"""Standard big objects, whose names do not end in `__b`: nothing but their index can be filtered on, Id neither."""

_READ_ONLY: dict[str, Any] = {
    "nillable": False,
    "createable": False,
    "updateable": False,
    "defaulted_on_create": True,
}


def objects(*names: str) -> list[SObject]:
    """These objects, or all of them."""
    makers: dict[str, Callable[[str], SObject]] = {
        **dict.fromkeys(REFUSING, _refusing),
        **dict.fromkeys(REIFIED, _reified),
        **dict.fromkeys(CHILDREN, _child),
        **dict.fromkeys(_PARENTS, _parent),
        **dict.fromkeys(NO_BULK, _without_bulk),
        **dict.fromkeys(UNQUERYABLE, _unqueryable),
        **dict.fromkeys(BIG, _big),
        "EntityDefinition": _entity_definition,
    }
    return [makers[name](name) for name in names or sorted(makers)]


def _refusing(name: str) -> SObject:
    fields = [Field("DurableId", "string", length=255), Field("SystemModstamp", "datetime", **_READ_ONLY)]
    return _object(name, fields, refusal=REFUSING[name])


def _reified(name: str) -> SObject:
    columns = [Field(column, "string", length=255) for column in REIFIED[name]]
    return _object(name, [*columns, Field("Label", "string", length=255)], requires_filter=REIFIED[name])


def _child(name: str) -> SObject:
    columns, refusal = CHILDREN[name]
    fields = [
        *(
            Field(column, "reference", nillable=False, createable=False, updateable=False)
            for column in columns
        ),
        Field("Title", "string", length=255),
        Field("CreatedDate", "datetime", **_READ_ONLY),
        Field("SystemModstamp", "datetime", **_READ_ONLY),
    ]
    return _object(
        name, fields, requires_filter=columns, filter_refusal=refusal, one_id_a_filter=name in _ONE_ID
    )


def _parent(name: str) -> SObject:
    fields = [
        Field("Name", "string", length=255, name_field=True),
        Field("SystemModstamp", "datetime", **_READ_ONLY),
    ]
    return _object(name, fields)


def _without_bulk(name: str) -> SObject:
    return _object(name, [Field("SystemModstamp", "datetime", **_READ_ONLY)], bulk=False)


def _unqueryable(name: str) -> SObject:
    return _object(name, [Field("SystemModstamp", "datetime", **_READ_ONLY)], queryable=False)


def _entity_definition(name: str) -> SObject:
    columns = [Field(column, "string", length=255) for column in ("DurableId", "QualifiedApiName", "Label")]
    return _object(name, columns, single_batch=True)


def _big(name: str) -> SObject:
    unindexed: dict[str, Any] = {"filterable": False, "sortable": False, "groupable": False}
    fields = [
        Field("EventIdentifier", "string", length=36, nillable=False, createable=False, updateable=False),
        Field("EventDate", "datetime", nillable=False, createable=False, updateable=False),
        Field("CreatedDate", "datetime", **_READ_ONLY | unindexed),
        Field("UserId", "reference", reference_to=("User",), relationship_name="User", **unindexed),
        Field("Username", "string", length=80, **unindexed),
        Field("SourceIp", "string", length=39, **unindexed),
    ]
    return _object(name, fields, id_attributes=unindexed, big=True)


def _object(
    name: str, fields: list[Field], *, id_attributes: dict[str, Any] | None = None, **more: Any
) -> SObject:
    own = [Field("Id", "id", **_READ_ONLY | (id_attributes or {})), *fields]
    return SObject(
        name,
        _prefix(name),
        {f.name: f for f in own},
        replicateable=False,
        createable=False,
        updateable=False,
        deletable=False,
        undeletable=False,
        searchable=False,
        layoutable=False,
        triggerable=False,
        **more,
    )


_NAMES = sorted((*REFUSING, *REIFIED, *CHILDREN, *_PARENTS, *NO_BULK, *UNQUERYABLE, *BIG, "EntityDefinition"))


def _prefix(name: str) -> str:
    """A key prefix of no other object; which Salesforce gives them no source says."""
    first, second = divmod(_NAMES.index(name), len(DIGITS))
    return f"z{DIGITS[first]}{DIGITS[second]}"
