"""The connection check: what the user may do, in plain words, before a run finds out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from tap_sfsource.api.bulk_budget import LIMITS
from tap_sfsource.api.composite import Subrequest
from tap_sfsource.api.query import select
from tap_sfsource.catalog.discovery import plan_run
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.catalog.plan import NAME, REPLICATION_KEYS
from tap_sfsource.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_sfsource.api.bulk_budget import Limit
    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.discovery import RunPlan
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.config import Settings

Level = Literal["ok", "warning", "failure", "skipped"]

_PERMISSIONS: Final = {
    "PermissionsViewAllData": (
        "View All Data",
        "rows that are not shared with the user are not seen, and cannot be told from deleted ones",
    ),
    "PermissionsQueryAllFiles": ("Query All Files", "files of other users are not seen"),
}

DAILY: Final = {
    "DailyApiRequests": "API calls a day",
    "DailyBulkV2QueryJobs": "Bulk query jobs a day",
    "DailyBulkV2QueryFileStorageMB": "megabytes of Bulk results a day",
}
"""Limits that a run meets, by their names in `/limits`."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that the check has found.

    Attributes:
        about: What was looked at.
        told: What is so, and what to do, in a sentence.
    """

    about: str
    level: Level
    told: str


class _Permissions(msgspec.Struct):
    records: list[dict[str, object]]


_PERMISSION_PAGE: Final = msgspec.json.Decoder(_Permissions)


def check_connection(client: Client, settings: Settings) -> bool:
    """Print what login, objects, permissions and limits allow, and tell whether a run without a catalog can read all.

    Raises:
        TapError: Not even the login or the API works.
    """
    _say(f"Login: ok, {client.instance_url}")
    run_plan = plan_run(client, settings, None)
    readable = readable_plans(run_plan)
    found = [*selected_findings(run_plan, settings), *reading_findings(client, readable)]
    failures = [part for part in found if part.level == "failure"]
    for finding in [*found, permissions_finding(client), *limit_findings(daily_limits(client))]:
        _say(finding.told)
    unread = len(failures) - len(run_plan.failed)
    _say(f"{len(readable) - unread} of {len(readable)} selected collections can be read.")
    return bool(readable) and not failures


def readable_plans(run_plan: RunPlan) -> list[SObjectPlan]:
    """The plans of collections that have a query to try. Names come with the rows of other collections."""
    return [plan for plan in run_plan.streams if plan.api_name != NAME]


def selected_findings(run_plan: RunPlan, settings: Settings) -> Iterator[Finding]:
    """What of the selection the user does not see, or cannot be read as it should be."""
    plans = readable_plans(run_plan)
    found = {plan.api_name for plan in plans}
    missing = [name for name in COLLECTIONS if name not in found and name != NAME]
    if missing and not settings.objects:
        listed = ", ".join(missing)
        reasons = "the feature is off or the user has no Read permission on the object"
        yield Finding("objects", "ok", f"Not there, because {reasons}: {listed}")
    for plan in plans:
        if plan.replication_key is None and plan.parents is None:
            yield Finding(
                plan.stream_name,
                "warning",
                f"{plan.stream_name}: the user sees none of {', '.join(REPLICATION_KEYS)} of {plan.api_name}, so every "
                "run reads all its rows. Give field-level access to SystemModstamp.",
            )
    for stream_name, error in run_plan.failed.items():
        yield Finding(stream_name, "failure", f"{stream_name}: cannot be described. {error}")


def reading_findings(client: Client, plans: Sequence[SObjectPlan]) -> Iterator[Finding]:
    """Read one Id of every collection, or of its parents, five queries to a call; tells of those that fail."""
    asked = [plan.parents.api_name if plan.parents else plan.api_name for plan in plans]
    queries = [
        select(name, ["Id"], conditions=() if plan.parents else plan.own.conditions, limit=1)
        for name, plan in zip(asked, plans, strict=True)
    ]
    requests = [
        Subrequest("GET", client.data("/query", {"q": query}), f"q{place}")
        for place, query in enumerate(queries)
    ]
    for plan, request, answer in zip(plans, requests, client.composite(requests), strict=True):
        if not answer.ok:
            asked_for = " The query had the condition of the setting filters." if plan.own.condition else ""
            told = f"{plan.stream_name}: cannot be read. {answer.error(request.path)}{asked_for}"
            yield Finding(plan.stream_name, "failure", told)


def permissions_finding(client: Client) -> Finding:
    """The user's own system permissions (UserPermissionAccess, object reference)."""
    query = select("UserPermissionAccess", list(_PERMISSIONS), limit=1)
    try:
        records = client.get(client.data("/query", {"q": query}), _PERMISSION_PAGE).records
    except SalesforceError as error:
        told = f"System permissions: the org does not tell ({error.error_code or error.status})."
        return Finding("permissions", "skipped", told)
    lacking = [told for name, told in _PERMISSIONS.items() if records and records[0].get(name) is False]
    if not lacking:
        return Finding("permissions", "ok", "System permissions: ok")
    return Finding(
        "permissions",
        "warning",
        "\n".join(
            f'System permission "{label}" is lacking: {consequence}. Give it by profile or permission set.'
            for label, consequence in lacking
        ),
    )


def daily_limits(client: Client) -> Mapping[str, Limit] | SalesforceError:
    """The limits of DAILY that the org tells, or why it does not."""
    try:
        limits = client.get(client.data("/limits"), LIMITS)
    except SalesforceError as error:
        return error
    return {name: limits[name] for name in DAILY if name in limits}


def limit_findings(limits: Mapping[str, Limit] | SalesforceError) -> Iterator[Finding]:
    """What is left of the org's day."""
    if isinstance(limits, SalesforceError):
        yield Finding("limits", "skipped", f"Limits: the org does not tell ({limits}).")
        return
    for name, limit in limits.items():
        yield Finding(name, "ok", f"{DAILY[name]}: {limit.Remaining} of {limit.Max} left")


def _say(line: str) -> None:
    print(line)  # noqa: T201 - the check's answer is its output
