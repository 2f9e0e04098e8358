"""The connection check: what the user may do, in plain words, before a run finds out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tap_sfsource.api.composite import Subrequest
from tap_sfsource.api.query import select
from tap_sfsource.catalog.discovery import plan_run
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.catalog.plan import NAME, REPLICATION_KEYS
from tap_sfsource.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.config import Settings

_PERMISSIONS: Final = {
    "PermissionsViewAllData": (
        "View All Data",
        "rows that are not shared with the user are not seen, and cannot be told from deleted ones",
    ),
    "PermissionsQueryAllFiles": ("Query All Files", "files of other users are not seen"),
}


class _Permissions(msgspec.Struct):
    records: list[dict[str, object]]


_PERMISSION_PAGE: Final = msgspec.json.Decoder(_Permissions)
_LIMITS: Final = msgspec.json.Decoder(dict[str, dict[str, object]])


def check_connection(client: Client, settings: Settings) -> bool:
    """Print what login, objects, permissions and limits allow, and tell whether a run without a catalog can read all.

    Raises:
        TapError: Not even the login or the API works.
    """
    _say(f"Login: ok, {client.instance_url}")
    # Names come with the rows of other collections, so there is no query to try.
    run_plan = plan_run(client, settings, None)
    plans = [plan for plan in run_plan.streams if plan.api_name != NAME]
    _check_missing(plans, settings)
    for stream_name, error in run_plan.failed.items():
        _say(f"{stream_name}: cannot be described. {error}")
    failures = _check_reading(client, plans)
    _check_permissions(client)
    _check_limits(client)
    _say(f"{len(plans) - len(failures)} of {len(plans)} selected collections can be read.")
    return bool(plans) and not failures and not run_plan.failed


def _check_missing(plans: Sequence[SObjectPlan], settings: Settings) -> None:
    found = {plan.api_name for plan in plans}
    missing = [name for name in COLLECTIONS if name not in found and name != NAME]
    if missing and not settings.objects:
        _say(
            "Not there, because the feature is off or the user has no Read permission on the object: "
            + ", ".join(missing)
        )
    for plan in plans:
        if plan.replication_key is None and plan.parents is None:
            _say(
                f"{plan.stream_name}: the user sees none of {', '.join(REPLICATION_KEYS)} of {plan.api_name}, so every "
                "run reads all its rows. Give field-level access to SystemModstamp."
            )


def _check_reading(client: Client, plans: Sequence[SObjectPlan]) -> list[str]:
    """Read one Id of every collection, or of its parents, five queries to a call."""
    asked = [plan.parents.api_name if plan.parents else plan.api_name for plan in plans]
    queries = [
        select(name, ["Id"], conditions=() if plan.parents else plan.own.conditions, limit=1)
        for name, plan in zip(asked, plans, strict=True)
    ]
    requests = [
        Subrequest("GET", client.data("/query", {"q": query}), f"q{place}")
        for place, query in enumerate(queries)
    ]
    failures = []
    for plan, request, answer in zip(plans, requests, client.composite(requests), strict=True):
        if not answer.ok:
            asked_for = " The query had the condition of the setting filters." if plan.own.condition else ""
            _say(f"{plan.stream_name}: cannot be read. {answer.error(request.path)}{asked_for}")
            failures.append(plan.stream_name)
    return failures


def _check_permissions(client: Client) -> None:
    """Ask for the user's own system permissions (UserPermissionAccess, object reference)."""
    query = select("UserPermissionAccess", list(_PERMISSIONS), limit=1)
    try:
        records = client.get(client.data("/query", {"q": query}), _PERMISSION_PAGE).records
    except SalesforceError as error:
        _say(f"System permissions: the org does not tell ({error.error_code or error.status}).")
        return
    lacking = [told for name, told in _PERMISSIONS.items() if records and records[0].get(name) is False]
    for label, consequence in lacking:
        _say(f'System permission "{label}" is lacking: {consequence}. Give it by profile or permission set.')
    if not lacking:
        _say("System permissions: ok")


def _check_limits(client: Client) -> None:
    try:
        limits = client.get(client.data("/limits"), _LIMITS)
    except SalesforceError as error:
        _say(f"Limits: the org does not tell ({error}).")
        return
    for name, label in (
        ("DailyApiRequests", "API calls a day"),
        ("DailyBulkV2QueryJobs", "Bulk query jobs a day"),
        ("DailyBulkV2QueryFileStorageMB", "megabytes of Bulk results a day"),
    ):
        limit = limits.get(name)
        if limit:
            _say(f"{label}: {limit.get('Remaining')} of {limit.get('Max')} left")


def _say(line: str) -> None:
    print(line)  # noqa: T201 - the check's answer is its output
