"""What a run may not do that reads a part of an object's rows, beside runs that read the others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_sfsource.errors import TapError
from tap_sfsource.rows.pages import values
from tap_sfsource.sync.column_groups import IDS_A_QUERY, batches, of_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.rows.layout import Layout
    from tap_sfsource.sync.readers import Readers

logger = logging.getLogger("tap-sfsource.sync")


def check_part(plan: SObjectPlan) -> None:
    """Make sure that a part of an object is not read as a table version: it would mark the other rows as deleted.

    Raises:
        TapError: The object is read in parts.
    """
    if plan.own.part:
        raise TapError(
            f"{plan.api_name} cannot be read in parts: without a replication key each run reads all of its rows. "
            "Make the catalogs of the shards again."
        )


def own_deletions(readers: Readers, plan: SObjectPlan, ids: Sequence[str], layout: Layout) -> Sequence[str]:
    """Of the ids of the deletion log, leave those to the other shards whose rows are still there, in their parts.

    The log is of the whole object. A row in the recycle bin may come back, and its own shard alone reads it then: a mark that
    this one sets later would stay. A row that is gone for good is in no part, so each shard tells of it.

    The layout is of a row's id only.
    """
    others = f"(NOT ({' AND '.join(plan.own.part)}))"
    theirs: set[str] = set()
    for some in batches(ids, IDS_A_QUERY):
        first = readers.first_page(of_ids(plan.api_name, some, ["Id"], [others]))
        theirs.update(record_id for page in readers.pages(first) for (record_id,) in values(page, layout))
    return [record_id for record_id in ids if record_id not in theirs]


def tell_unswept(api_name: str, notes: list[str], reason: str) -> None:
    """Say, in the notes too, that rows that are gone for good are not marked, for a reason given as a clause."""
    told = reason or "it is asked for"
    notes.append("no sweep of a part")
    logger.warning(
        "%s: a sweep is due (%s), and this shard reads a part of the rows. Rows that are gone for good keep their place "
        "until one run reads the object as a whole.",
        api_name,
        told,
    )
