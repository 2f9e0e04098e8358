"""What a run may not do that reads a part of an object's rows, beside runs that read the others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_sfsource.errors import TapError

if TYPE_CHECKING:
    from tap_sfsource.sync.source import Source

logger = logging.getLogger("tap-sfsource.sync")


def check_part(source: Source) -> None:
    """Make sure that a part of an object is not read as a table version: it would mark the other rows as deleted.

    Raises:
        TapError: Each run reads all rows of the object under a version of its own.
    """
    if source.plan.own.part and source.key is None:
        raise TapError(
            f"{source.plan.api_name} cannot be read in parts: without a replication key each run reads all of its rows. "
            "Make the catalogs of the shards anew."
        )


def tell_unswept(source: Source, reason: str) -> None:
    """Say that rows that are gone for good are not marked, for a reason given as a clause."""
    told = reason or "it is asked for"
    source.notes.append("no sweep of a part")
    logger.warning(
        "%s: a sweep is due (%s), and this shard reads a part of the rows. Rows that are gone for good keep their place "
        "until one run reads the object as a whole.",
        source.plan.api_name,
        told,
    )
