"""Rows by the million, for speed and memory to be measured on."""

from __future__ import annotations

from itertools import cycle, islice
from random import Random
from typing import TYPE_CHECKING

from tests.simulator.filler import Filler

if TYPE_CHECKING:
    from tests.simulator.org import Org

_POOL = 997


def load_many(org: Org, sobject: str, count: int, *, span_seconds: int = 86_400) -> None:
    """Load many plausible rows fast: a pool of filled rows, again and again, with stamps of their own.

    Args:
        org: the org.
        sobject: the object; every field that nothing else sets is filled.
        count: how many rows.
        span_seconds: SystemModstamp and LastModifiedDate run evenly over so many seconds up to an hour ago.
    """
    target = org.object(sobject)
    random = Random(org.seed)
    ids = {"User": [org.admin.id], "Profile": [row["Id"] for row in org.rows("Profile")]}
    now = org.clock.now_ms() // 1000 * 1000
    make = Filler(random, ids, now).row_maker(target)
    pool = [make() for _ in range(min(_POOL, count))]
    columns = [f.name for f in target.columns if f.name in pool[0] and not f.unique]
    stamps = [name for name in ("LastModifiedDate", "SystemModstamp") if name in target.fields]
    rows = [tuple(row[name] for name in columns) for row in pool]
    first = now - (3600 + span_seconds) * 1000
    stamped = (
        (*row, *(first + number * span_seconds // count * 1000 for _ in stamps))
        for number, row in enumerate(islice(cycle(rows), count))
    )
    org.load(sobject, stamped, [*columns, *stamps])
