"""Rows by the million and objects by the thousand, for speed and memory to be measured on."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.filler import Filler

if TYPE_CHECKING:
    from salesforce_simulator.org import Org

_POOL = 997
_KINDS = ("string", "double", "currency", "date", "datetime", "boolean", "email", "url")


def load_many(org: Org, sobject: str, count: int, *, span: timedelta = timedelta(days=1)) -> None:
    """Load many plausible rows fast: a pool of filled rows, then copies of them with ids and stamps of their own.

    Args:
        org: the org.
        sobject: the object; best an empty one.
        count: how many rows.
        span: SystemModstamp and LastModifiedDate of the copies run evenly over it, up to an hour ago.
    """
    target = org.object(sobject)
    ids = {"User": [org.admin.id], "Profile": [row["Id"] for row in org.rows("Profile")]}
    first = org.clock.now() - timedelta(hours=1) - span
    make = Filler(Random(org.seed), ids, org.clock.now_ms() // 1000 * 1000).row_maker(target)
    pool = [make() for _ in range(min(_POOL, count))]
    columns = [name for name in pool[0] if not target.fields[name].unique]
    with org.backdated(first):
        org.load(sobject, ([row[name] for name in columns] for row in pool), columns)
    if count > len(pool):
        org.multiply(sobject, count - len(pool), first=first, span=span)


def add_custom_objects(org: Org, count: int) -> None:
    """Add `Custom_1__c` and so on, each with a field of ten kinds and a lookup to Account."""

    fields = [custom_field(f"{kind.title()}__c", kind) for kind in _KINDS]
    fields += [
        custom_field("Textarea__c", "textarea", length=255),
        custom_field("Picklist__c", "picklist", picklist=("One", "Two", "Three")),
        custom_field("Account__c", "reference", reference_to=("Account",)),
    ]

    org.add_objects(custom_object(f"Custom_{number}__c", fields) for number in range(1, count + 1))
