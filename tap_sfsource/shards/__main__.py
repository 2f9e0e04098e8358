"""Divide what a run reads into catalogs of about equal cost, one for each of several taps that run side by side."""

from __future__ import annotations

import argparse
import copy
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource import clock
from tap_sfsource.api.months import Span, by_month
from tap_sfsource.api.query import QUERY_PAGE, QueryPage, RestReader, select
from tap_sfsource.api.record_counts import record_counts
from tap_sfsource.catalog.keys import API_NAME, CREATED, CREATED_BEFORE, CREATED_FROM
from tap_sfsource.catalog.plan import NAME
from tap_sfsource.catalog.sync_reports import STREAM
from tap_sfsource.errors import SalesforceError, TapError
from tap_sfsource.given import add_options, tap_of
from tap_sfsource.shards.balance import Piece, balanced, cut, windows_wanted
from tap_sfsource.singer.stream import SalesforceStream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.tap import TapSFSource

logger = logging.getLogger("tap-sfsource.shards")

_EQUAL_SPANS: Final = 240
"""Spans of equal length, where the org does not count by month."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the catalogs; gives the exit status."""
    options = _options().parse_args(arguments)
    try:
        tap = tap_of(options)
        tap.setup_mapper()
        pieces = _pieces(tap, options.shards)
        shards = balanced(pieces, options.shards)
        _write(tap, shards, options.output)
    except TapError as error:
        logger.error("%s", error)  # noqa: TRY400 - a line for people
        return 1
    _tell(shards, options.output)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tap_sfsource.shards", description=__doc__)
    add_options(parser)
    parser.add_argument("--shards", type=_count, required=True, help="how many catalogs to make")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for shard-0.json, shard-1.json, ..."
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _pieces(tap: TapSFSource, shards: int) -> list[Piece]:
    """What each stream costs; large ones are cut into windows."""
    plans = {plan.stream_name: plan for plan in tap.run_plan.streams if plan.api_name != NAME}
    tap.run_plan.check()
    counts = record_counts(tap.client, (plan.api_name for plan in plans.values()))
    pieces = [
        Piece(stream, counts.get(plan.api_name, 0), len(plan.columns)) for stream, plan in plans.items()
    ]
    windows = windows_wanted(pieces, shards)
    return [
        part
        for piece in pieces
        for part in (
            _cut(tap, plans[piece.stream], piece, windows[piece.stream])
            if piece.stream in windows
            else [piece]
        )
    ]


def _cut(tap: TapSFSource, plan: SObjectPlan, piece: Piece, windows: int) -> list[Piece]:
    if reason := _why_whole(plan, tap):
        logger.info("%s stays whole: %s.", plan.stream_name, reason)
        return [piece]
    return cut(piece, _created_by_month(tap.client, plan, piece.rows), windows)


def _why_whole(plan: SObjectPlan, tap: TapSFSource) -> str:
    """Why a stream is not cut into windows; empty if it can be."""
    if plan.replication_key is None:
        return "each run reads all its rows"
    created = next((column for column in plan.columns if column.api_name == CREATED), None)
    if created is None:
        return f"{CREATED} is not selected"
    if created.nillable:
        return f"{CREATED} may be empty, and such a row would be in no window"
    if tap.settings.deletes == "sweep" or not plan.replicateable:
        return "what is gone shows only by all ids, which no shard of several has"
    stream = tap.streams[plan.stream_name]
    if (
        tap.settings.deletes != "soft"
        and isinstance(stream, SalesforceStream)
        and tap.takes_whole_rows_only(stream)
    ):
        return "it is read in whole rows, so what is gone shows only by all of them, which no shard of several has"
    return ""


def _created_by_month(client: Client, plan: SObjectPlan, rows: int) -> Sequence[Span]:
    """Spans of time in their order, each with about how many of an object's rows were created in it.

    An object of which Salesforce cannot count so many rows in one query is taken to have grown evenly.

    Raises:
        TapError: The org tells neither.
    """

    def ask(fields: Sequence[str]) -> str:
        return select(plan.api_name, fields, conditions=plan.own.conditions)

    def first_page(query: str) -> QueryPage:
        return client.get(client.data("/queryAll", {"q": query}), QUERY_PAGE)

    try:
        return by_month(CREATED, ask, first_page)
    except SalesforceError as error:
        logger.info("%s is not counted by month: %s", plan.api_name, error)
    pages = RestReader(client, 1, CREATED)
    edges = [
        next(pages.pages(first_page(f"{ask([CREATED])} ORDER BY {CREATED} {order} LIMIT 1"))).last
        for order in ("ASC", "DESC")
    ]
    first, last = (clock.parse(edge) if edge else None for edge in edges)
    if first is None or last is None:
        return []
    step = (last - first) / _EQUAL_SPANS
    starts = [clock.to_second(first + step * number) for number in range(_EQUAL_SPANS)]
    return [Span(start, start + step, rows // _EQUAL_SPANS) for start in starts]


def _write(tap: TapSFSource, shards: Sequence[Sequence[Piece]], folder: Path) -> None:
    plans = {plan.stream_name: plan for plan in tap.run_plan.streams}
    given = tap.catalog_as_given or {"streams": []}
    streams = plans | {plan.api_name: plan for plan in plans.values()}
    entries = {
        streams[name].api_name: entry
        for entry in given["streams"]
        if (name := entry.get("tap_stream_id") or entry.get("stream")) in streams
    }
    names = [Piece(plan.stream_name, 0, 0) for plan in plans.values() if plan.api_name == NAME]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, pieces in enumerate(shards):
            catalog = _catalog([*pieces, *names], plans, entries)
            catalog["streams"] += _reports(tap)
            (folder / f"shard-{number}.json").write_text(json.dumps(catalog, indent=1), encoding="utf-8")
    except OSError as error:
        raise TapError(
            f"The catalogs cannot be written to {folder} ({error}). Name another folder with --output."
        ) from None


def _catalog(
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


def _reports(tap: TapSFSource) -> list[dict[str, Any]]:
    """The entry of the record of each run, which each shard has of its own; none where it is not selected."""
    given = tap.catalog_as_given or {"streams": [{"tap_stream_id": STREAM}]}
    entries = [
        entry for entry in given["streams"] if STREAM in {entry.get("tap_stream_id"), entry.get("stream")}
    ]
    return entries if tap.sync_reports.properties else []


def _tell(shards: Sequence[Sequence[Piece]], folder: Path) -> None:
    for number, pieces in enumerate(shards):
        rows = sum(piece.rows for piece in pieces)
        cells = sum(piece.cost for piece in pieces)
        windows = sorted(piece.stream for piece in pieces if piece.window is not None)
        parts = f"; windows of {', '.join(windows)}" if windows else ""
        print(  # noqa: T201 - the command's answer
            f"{folder / f'shard-{number}.json'}: {len(pieces)} streams, about {rows:,} rows, {cells:,} cells{parts}"
        )


if __name__ == "__main__":
    sys.exit(main())
