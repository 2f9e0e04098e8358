"""Names of streams and properties: Segment's, as its warehouses show them.

The rule for columns is a break between a lower-case letter and an upper-case letter or digit, a break after a
run of digits, one `_` for every run of other characters, and lower case. Tables of the 48 collections are as
Segment's collections table gives them, irregular ones included.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

COLLECTIONS: Final[Mapping[str, str]] = {
    "Account": "accounts",
    "AccountContactRole": "account_contact_roles",
    "AccountTag": "account_tags",
    "Campaign": "campaigns",
    "CampaignMember": "campaign_members",
    "CampaignShare": "campaign_shares",
    "CampaignTag": "campaign_tags",
    "Case": "cases",
    "CaseComment": "case_comments",
    "CaseContactRole": "case_contact_role",
    "CaseSolution": "case_solution",
    "CaseTag": "case_tags",
    "Contact": "contacts",
    "ContactTag": "contact_tags",
    "Contract": "contracts",
    "ContractTag": "contract_tags",
    "Dashboard": "dashboards",
    "DashboardTag": "dashboard_tags",
    "Document": "documents",
    "DocumentTag": "document_tags",
    "Event": "events",
    "EventTag": "event_tags",
    "Group": "_group",
    "Lead": "leads",
    "LeadTag": "lead_tags",
    "Name": "names",
    "Note": "notes",
    "NoteTag": "note_tags",
    "Opportunity": "opportunities",
    "OpportunityCompetitor": "opportunity_competitor",
    "OpportunityContactRole": "opportunity_contact_role",
    "OpportunityFieldHistory": "opportunity_field_history",
    "OpportunityLineItem": "opportunity_product",
    "OpportunityLineItemSchedule": "opportunity_line_item_schedules",
    "OpportunityStage": "opportunity_stage",
    "OpportunityTag": "opportunity_tag",
    "Period": "period",
    "Pricebook2": "price_books",
    "PricebookEntry": "price_book_entries",
    "Product2": "products",
    "Profile": "profile",
    "Solution": "solutions",
    "SolutionTag": "solution_tags",
    "Task": "tasks",
    "TaskTag": "task_tags",
    "User": "users",
    "UserLogin": "user_login",
    "UserRole": "role",
}
"""API name to collection name, in the order of Segment's collections table."""

API_NAMES: Final[Mapping[str, str]] = {collection: api for api, collection in COLLECTIONS.items()}
"""Collection name to API name, for the 48."""

IS_DELETED: Final = "is_deleted"
"""The property that every stream but names has, also where the SObject has no IsDeleted."""

_BREAK = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Za-z])")
_OTHER = re.compile(r"[^A-Za-z0-9]+")


@functools.lru_cache(maxsize=65_536)  # every object has the audit fields, and many share more
def column_name(api_name: str) -> str:
    """Segment's name of a field: `Product2Id` is `product_2_id`, `My_Field__c` is `my_field_c`."""
    return _OTHER.sub("_", _BREAK.sub("_", api_name)).lower()


def collection_name(api_name: str) -> str:
    """Collection name of the 48; for any other SObject its API name by the column rule."""
    return COLLECTIONS.get(api_name) or column_name(api_name)


def unique_names(
    wanted: Mapping[str, str],
    known: Mapping[str, str] | None = None,
    is_taken: Callable[[str], bool] = lambda _: False,
) -> dict[str, str]:
    """Give every API name a name of its own, near the `wanted` one.

    Colliding names get a suffix `_2`, `_3`, ... in API-name order; an API name that a state or a catalog has named
    before keeps that name, so a new field never renames an older one. No other one gets a name that `is_taken`.
    """
    known = known or {}
    given: dict[str, str] = {}
    taken: set[str] = set()
    for api_name in wanted:
        name = known.get(api_name)
        if name and name not in taken:
            given[api_name] = name
            taken.add(name)
    for api_name in sorted(wanted.keys() - given.keys()):
        name = candidate = wanted[api_name]
        count = 1
        while candidate in taken or is_taken(candidate):
            count += 1
            candidate = f"{name}_{count}"
        given[api_name] = candidate
        taken.add(candidate)
    return {api_name: given[api_name] for api_name in wanted}


def column_names(
    api_names: Iterable[str], known: Mapping[str, str] | None = None, naming: str = "segment"
) -> dict[str, str]:
    """API name of a field to property name, unique in its SObject; `known` has the names of an earlier catalog."""
    if naming == "salesforce":
        return {name: name for name in api_names}
    return unique_names({name: column_name(name) for name in api_names}, known)


def stream_names(
    api_names: Iterable[str], known: Mapping[str, str] | None = None, naming: str = "segment"
) -> dict[str, str]:
    """API name to stream name, unique, in the order given; `known` has the names that a state gives.

    The 48 get their collection names before any other object gets one.
    """
    if naming == "salesforce":
        return {name: name for name in api_names}
    return kept_names({name: collection_name(name) for name in api_names}, {**(known or {}), **COLLECTIONS})


def kept_names(wanted: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Names near the wanted ones, where names once given stay: also those of objects that are not wanted now."""
    others = frozenset(name for api_name, name in known.items() if api_name not in wanted)
    mine = {api_name: name for api_name, name in known.items() if name not in others}
    return unique_names(wanted, mine, others.__contains__)
