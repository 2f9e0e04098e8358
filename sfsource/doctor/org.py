"""The org: login, API version, clock, permissions, what is selected, and what is left of the day."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from sfsource.doctor.findings import Finding, of_tap
from tap_sfsource.check import (
    DAILY,
    daily_limits,
    permissions_finding,
    readable_plans,
    reading_findings,
    selected_findings,
)
from tap_sfsource.errors import SalesforceError, TapError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_sfsource.api.bulk_budget import Limit
    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.discovery import RunPlan

_APART: Final = datetime.timedelta(seconds=5)
"""The Date header has whole seconds, and an answer takes some time on its way."""

_FEW_PERCENT: Final = 10
_NAMES_TOLD: Final = 8


def login_finding(client: Client) -> Finding:
    """Log in."""
    try:
        url, org_id = client.instance_url, client.org_id
    except TapError as error:
        return Finding("org", "login", "failure", str(error))
    return Finding("org", "login", "ok", f"{url}{f', org {org_id}' if org_id else ''}")


def version_finding(client: Client) -> Finding:
    """Compare the API version of the settings with those that the org speaks. Raises TapError."""
    wanted, spoken = client.settings.api_version, client.versions()
    newest = spoken[-1] if spoken else ""
    if wanted in spoken:
        return Finding("org", "API version", "ok", f"{wanted}; the org speaks {spoken[0]} to {newest}")
    advice = f"Set api_version to {newest} or one before that." if newest else "Set another api_version."
    return Finding("org", "API version", "failure", f"the org does not speak {wanted}", advice)


def clock_finding(client: Client) -> Finding:
    """Compare this machine's clock with the Date headers of the org's answers, a refused login's included."""
    ahead = client.clock_ahead
    if ahead is None:
        return Finding("org", "clock", "skipped", "the org has not answered")
    seconds = round(abs(ahead).total_seconds())
    if abs(ahead) <= _APART:
        return Finding("org", "clock", "ok", "this machine's clock agrees with the org's")
    return Finding(
        "org",
        "clock",
        "warning",
        f"this machine's clock is {seconds:,} s {'behind' if ahead > datetime.timedelta() else 'ahead of'} the org's",
        "Let NTP set it (timedatectl set-ntp true). A JWT login is refused where it is minutes off.",
    )


def selection_findings(client: Client, run_plan: RunPlan, *, named: bool) -> Iterator[Finding]:
    """What of the selection cannot be read; `named` tells whether a catalog or the setting objects names it."""
    plans = readable_plans(run_plan)
    yield of_tap(permissions_finding(client))
    told = [of_tap(part) for part in (*selected_findings(run_plan, client.settings),)]
    told += [of_tap(part) for part in reading_findings(client, plans)]
    unread = sum(part.level == "failure" for part in told) - len(run_plan.failed)
    if plans:
        yield Finding(
            "org",
            "selection",
            "ok",
            f"{len(plans) - unread} of {len(plans)} selected collections can be read",
        )
    else:
        advice = "Select streams in the catalog, or objects in the settings."
        yield Finding("org", "selection", "failure", "nothing of what is selected can be read", advice)
    # The 48 are nobody's own choice: an org without a feature lacks some of them.
    yield from (part for part in told if part.check != "objects" or not named)
    if named:
        for stream, reason in sorted(run_plan.skipped.items()):
            advice = "Give the user Read permission on the object, or deselect it."
            yield Finding("org", stream, "warning", f"{stream} is selected and not read: {reason}", advice)
    for stream, names in sorted(run_plan.lost.items()):
        listed = ", ".join(names[:_NAMES_TOLD]) + (
            f" and {len(names) - _NAMES_TOLD} more" if len(names) > _NAMES_TOLD else ""
        )
        advice = "Give field-level access, correct the names, or take them out of the catalog."
        yield Finding("org", stream, "warning", f"{stream}: the user sees no {listed}", advice)


def limits_findings(client: Client) -> tuple[list[Finding], Mapping[str, Limit]]:
    """What is left of the day, beside the quotas of the settings; with the limits themselves, empty if unknown."""
    limits = daily_limits(client)
    if isinstance(limits, SalesforceError):
        told = f"the org does not tell ({limits.error_code or limits.status})"
        advice = "Give the user View Setup and Configuration."
        return [Finding("org", "limits", "skipped", told, advice)], {}
    return [
        _of_limit(name, limit, client.settings.quota_percent_total) for name, limit in limits.items()
    ], limits


def _of_limit(name: str, limit: Limit, quota: int) -> Finding:
    told = f"{limit.Remaining:,} of {limit.Max:,} left"
    used = 100 * limit.used
    if limit.Max and used >= quota * limit.Max:
        calls = name == "DailyApiRequests"
        what = "no run begins now" if calls else "large reads wait for a later run"
        return Finding(
            "org",
            DAILY[name],
            "failure" if calls else "warning",
            f"{told}: quota_percent_total ({quota} %) is reached, so {what}",
            "Wait until the day's window has moved on, raise the setting, or find who else uses it (Setup, System Overview).",
        )
    if limit.Max and used >= (quota - _FEW_PERCENT) * limit.Max:
        return Finding(
            "org",
            DAILY[name],
            "warning",
            f"{told}: quota_percent_total ({quota} %) is near",
            "Run less often.",
        )
    return Finding("org", DAILY[name], "ok", told)
