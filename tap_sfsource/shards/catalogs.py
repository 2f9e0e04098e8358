"""The catalog of a shard: the entries of its streams as they were, or selections, with the windows of large streams."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tap_sfsource import clock
from tap_sfsource.catalog.keys import API_NAME, CREATED_BEFORE, CREATED_FROM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.shards.balance import Piece


def shard_catalog(
    pieces: Sequence[Piece],
    plans: Mapping[str, SObjectPlan],
    entries: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The catalog of a shard; `plans` has all streams by name, `entries` those of the input catalog by API name."""
    streams = []
    for piece in sorted(pieces, key=lambda part: part.stream):
        plan = plans[piece.stream]
        entry = copy.deepcopy(dict(entries.get(plan.api_name) or _selection(plan)))
        root = _root(entry)
        if piece.window is not None and piece.window.start is not None:
            root[CREATED_FROM] = clock.isoformat(piece.window.start)
        if piece.window is not None and piece.window.end is not None:
            root[CREATED_BEFORE] = clock.isoformat(piece.window.end)
        streams.append(entry)
    return {"streams": streams}


def _selection(plan: SObjectPlan) -> dict[str, Any]:
    root = {"selected": True, API_NAME: plan.api_name}
    return {"tap_stream_id": plan.stream_name, "metadata": [{"breadcrumb": [], "metadata": root}]}


def _root(entry: dict[str, Any]) -> dict[str, Any]:
    """The metadata of an entry's stream, made where there is none."""
    metadata: list[dict[str, Any]] = entry.setdefault("metadata", [])
    for part in metadata:
        if not part.get("breadcrumb"):
            root: dict[str, Any] = part["metadata"]
            return root
    root = {}
    metadata.append({"breadcrumb": [], "metadata": root})
    return root
