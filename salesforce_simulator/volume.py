"""Rows by the million, for speed and memory to be measured on."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from salesforce_simulator.filler import Filler

if TYPE_CHECKING:
    from salesforce_simulator.org import Org

_POOL = 997


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
