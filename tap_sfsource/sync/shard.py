"""What a run may not do that reads a part of an object's rows, beside runs that read the others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_sfsource.errors import TapError

if TYPE_CHECKING:
    from tap_sfsource.catalog.plan import SObjectPlan

logger = logging.getLogger("tap-sfsource.sync")


def check_part(plan: SObjectPlan, key: str | None) -> None:
    """Make sure that a part of an object is not read as a table version: it would mark the other rows as deleted.

    Raises:
        TapError: Each run reads all rows of the object under a version of its own.
    """
    if plan.own.part and key is None:
        raise TapError(
            f"{plan.api_name} cannot be read in parts: without a replication key each run reads all of its rows. "
            "Make the catalogs of the shards anew."
        )


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
