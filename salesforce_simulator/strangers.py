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
REFUSING: dict[str, tuple[str, str]] = {
    "ApexTypeImplementor": _UNKNOWN,
    "DataStatistics": (_EXTERNAL, "Where clauses should contain StatType"),
    "DataType": _UNKNOWN,
    "DatacloudAddress": (
        "EXTERNAL_OBJECT_EXCEPTION",
        "SObject - DATACLOUD_ADDRESS : Transient queries are not implemented",
    ),
    "DatacloudCompany": _NO_DATACLOUD,
    "DatacloudContact": _NO_DATACLOUD,
    "DatacloudDandBCompany": (_EXTERNAL, "Datacloud D&B company is not filterable without a criteria."),
    "FlexQueueItem": (_EXTERNAL, "The WHERE clause must contain a JobType field expression."),
    "FlowTestView": _UNKNOWN,
    "ListViewChartInstance": (_EXTERNAL, "Getting all ListViewChartInstances is unsupported"),
    "OutgoingEmail": _NO_EMAIL,
    "OutgoingEmailRelation": _NO_EMAIL,
    "PlatformAction": (_EXTERNAL, "Getting all PlatformAction entities is unsupported"),
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
    "RelationshipInfo": ("ChildSobjectId", "FieldId", "DurableId"),
    "SearchLayout": ("EntityDefinitionId", "DurableId"),
    "SiteDetail": ("DurableId",),
    "UserEntityAccess": ("UserId", "DurableId"),
    "UserFieldAccess": ("DurableId",),
}
"""Columns of which a query must filter on one."""

BIG = ("ApiEvent", "ActivityFieldHistory", "ListViewEvent", "LoginEvent", "ReportEvent", "UriEvent")
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


def _prefix(name: str) -> str:
    """A key prefix of no other object; which Salesforce gives them no source says."""
    return f"z0{DIGITS[sorted((*REFUSING, *REIFIED, *BIG, 'EntityDefinition')).index(name)]}"
