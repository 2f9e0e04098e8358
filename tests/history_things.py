"""What the histories are made of: objects and fields that come and go, values, faults."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from salesforce_simulator.http.faults import (
    AbortJob,
    Drop,
    EndSession,
    ExpireCursors,
    FailJob,
    Locator,
    ShortPage,
    Status,
    UseUp,
)

STANDARD = ("Account", "Contact", "Task", "AccountContactRole")
CUSTOM = ("Visit__c", "Site_Visit__c")
"""Objects that come and go."""

FIELDS = ("Extra__c", "More_Extra__c", "MoreExtra__c")
"""Fields that come and go on accounts and custom objects; the last two want the same column."""

DOUBLES = {FIELDS[1]: [FIELDS[2]], FIELDS[2]: [FIELDS[1]]}
"""Those that want the same column, by each of them."""

VALUES: dict[str, Any] = {
    "string": "filled",
    "textarea": "two\nlines",
    "double": Decimal("12.5"),
    "boolean": True,
    "date": "2026-02-03",
}
"""Types that the fields can have, each with a value."""

HIDEABLE = ("Account.Industry", *(f"{sobject}.{name}" for sobject in ("Account", *CUSTOM) for name in FIELDS))
LONGEST_TRANSACTION = timedelta(minutes=10)
"""An Apex transaction's own limit (Apex limits guide)."""

words = st.sampled_from(
    ["Acme", "ACME", "Über", 'a "quoted" name', "two\nlines", "\\", "😀", "null", "x" * 200]
)
faults = st.sampled_from(
    [
        (Status(503), "*"),
        (Status(500), "*"),
        (Status(400, "QUERY_TIMEOUT"), "*/queryAll"),
        (Status(420), "*"),
        (Drop("request"), "*"),
        (Drop("response"), "*/queryAll*"),
        (Drop("body"), "*/results*"),
        (EndSession(), "*"),
        (EndSession(), "*/results*"),
        (ShortPage(1), "*"),
        (ExpireCursors(), "*/query/*"),
        (Locator(None), "*/results*"),
        (FailJob(), "*/jobs/query"),
        (FailJob("OPERATION_TOO_LARGE"), "*/jobs/query"),
        (UseUp("DailyBulkV2QueryJobs"), "*"),
        (AbortJob(), "*/jobs/query"),
    ]
)


def as_json(value: Any, sf_type: str) -> Any:
    """A REST value as a message holds it."""
    if isinstance(value, str) and sf_type == "datetime":
        return value.replace("+0000", "Z")
    if isinstance(value, float | int | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    return value
