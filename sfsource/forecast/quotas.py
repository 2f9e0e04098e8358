"""What a forecast takes of the org's day, beside what is left and the quotas of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_sfsource.api.bulk_budget import Share
from tap_sfsource.check import DAILY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sfsource.forecast.cost import Cost
    from tap_sfsource.api.bulk_budget import Limit
    from tap_sfsource.config import Settings

_ALL = 100


def passed(cost: Cost, limits: Mapping[str, Limit], settings: Settings, *, one_run: bool) -> Iterator[str]:
    """Say which quotas a cost passes; that of a run counts for `one_run` only."""
    per_run = settings.quota_percent_per_run if one_run else _ALL
    needs = {
        "DailyApiRequests": cost.calls,
        "DailyBulkV2QueryJobs": cost.jobs,
        "DailyBulkV2QueryFileStorageMB": cost.bulk_megabytes,
    }
    for name, more in needs.items():
        limit = limits.get(name)
        if limit is None or not limit.Max or not more:
            continue
        share = Share(DAILY[name].removesuffix(" a day"), limit.Max, limit.Remaining)
        if reason := share.reached(more, settings.quota_percent_total, per_run):
            yield f"{more:,.0f} {share.what} are more than the quotas leave: {reason}"
