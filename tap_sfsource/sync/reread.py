"""Rows that the state asks to be read again, by their ids."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_sfsource import clock
from tap_sfsource.rows.pages import values
from tap_sfsource.sync.column_groups import IDS_A_QUERY, batches, of_ids
from tap_sfsource.sync.events import Checkpoint, Event, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from tap_sfsource.sync.source import Source

logger = logging.getLogger("tap-sfsource.sync")


def reread(source: Source, marks: Callable[[Sequence[str]], Rows]) -> Generator[Event, None, int]:
    """Read the rows as whole rows. Such that are gone become tombstones, or are left to a sweep: gives how many.

    `marks` makes tombstones.
    """
    left = 0
    if not source.state.reread:
        return 0
    ids = _own(source)
    if source.key is not None and ids:
        end = source.loaded.end
        conditions = [] if end is None else [f"{source.key} < {clock.isoformat(end)}"]
        missing = dict.fromkeys(ids)
        layout = source.whole_layout()
        for page, found in source.rows_by_id(ids, conditions):
            for record_id in found:
                missing.pop(record_id, None)
            yield source.whole_rows(page, layout)
        gone = _gone(source, list(missing))
        if gone and source.whole:
            left = len(gone)
        elif gone:
            yield marks(gone)
    yield Checkpoint(source.state.read_again)
    return left


def _own(source: Source) -> list[str]:
    """The ids that can be of the object: a tombstone of another object's id would be a row that never was."""
    prefix = source.plan.key_prefix
    ids = [record_id for record_id in source.state.reread if not prefix or record_id.startswith(prefix)]
    if more := len(source.state.reread) - len(ids):
        logger.warning(
            "%s: %s ids that the state asks for do not begin with %s: left out.",
            source.plan.stream_name,
            f"{more:,}",
            prefix,
        )
    return ids


def _gone(source: Source, ids: Sequence[str]) -> Sequence[str]:
    """Those of ids that are gone: rows of another shard, and such that wait for a later run, are not."""
    if source.may_sweep or not ids:
        return ids
    found: set[str] = set()
    for some in batches(ids, IDS_A_QUERY):
        first = source.readers.first_page(of_ids(source.plan.api_name, some, ["Id"]))
        for page in source.readers.pages(first):
            found.update(row[0] for row in values(page, source.layout([source.id])))
    return [record_id for record_id in ids if record_id not in found]
