"""The command line of `sfsource resync`."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from sfsource.errors import SfsourceError
from sfsource.given.options import pair_options
from sfsource.output import console, json_option, print_json
from sfsource.resync.bookmarks import Again, ask_for_all, ask_for_ids, ask_since, bookmarks_in, named
from tap_sfsource import clock

if TYPE_CHECKING:
    import datetime

    from sfsource.given.pair import Pair

_MOST_IDS = 10_000


@click.command("resync", short_help="Let the next run read collections again.")
@click.argument("collections", nargs=-1, required=True, metavar="COLLECTION...")
@click.option("--since", metavar="DATE", help="Read again what has changed since then, such as 2026-01-31.")
@click.option(
    "--ids",
    "ids_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read again the rows of these ids, one a line; - is standard input.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be read again, and change nothing.")
@json_option
@pair_options
def command(
    pair: Pair,
    collections: tuple[str, ...],
    since: str | None,
    ids_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Read collections again at the next run: all rows, those changed --since a date, or those of --ids.

    COLLECTION is a stream such as accounts, an object such as Account, or a pattern such as '*'. What changes is the state
    that the next run is given: the file of --state, or the one that Meltano keeps. Rows stay in the warehouse until they are
    read again. Call it while no run is going, because a run writes its own state at its end.
    """
    if since is not None and ids_file is not None:
        raise SfsourceError("--since and --ids exclude each other: give one of them.")
    state = pair.state.read()
    if state is None:
        raise SfsourceError(f"{pair.state.name} holds no state: the next run reads every row anyway.")
    changed = copy.deepcopy(state)
    bookmarks = bookmarks_in(changed)
    streams = named(bookmarks, collections)
    if ids_file is not None:
        found = ask_for_ids(bookmarks, streams, _ids_in(ids_file))
    elif since is not None:
        moment = _moment(since)
        found = [ask_since(stream, bookmarks[stream], moment) for stream in streams]
    else:
        found = [ask_for_all(stream, bookmarks[stream]) for stream in streams]
    if not dry_run and changed != state:
        pair.state.write(changed)
    _tell(found, pair.state.name, dry_run=dry_run, as_json=as_json)


def _moment(text: str) -> datetime.datetime:
    try:
        return clock.to_second(clock.parse(text))
    except ValueError:
        raise SfsourceError(
            f"--since: {text!r} is not a date. Write it like 2026-01-31 or 2026-01-31T12:00:00Z."
        ) from None


def _ids_in(path: Path) -> list[tuple[int, str]]:
    """The ids of a file, each with its line."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise SfsourceError(f"--ids: {path} cannot be read ({error.strerror}).") from None
    except ValueError:
        raise SfsourceError(f"--ids: {path} is no text. Give a file with one id a line.") from None
    found = [(number, line.strip().strip('",')) for number, line in enumerate(text.splitlines(), start=1)]
    found = [(number, line) for number, line in found if line and line.lower() != "id"]
    if not found:
        raise SfsourceError(f"--ids: {path} has no id. Give a file with one id a line.")
    if len(found) > _MOST_IDS:
        raise SfsourceError(
            f"--ids: {path} has {len(found):,} ids, and the state has room for {_MOST_IDS:,}. Give --since, or read the "
            "whole collection again."
        )
    return found


def _tell(found: list[Again], place: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        listed = [{"collection": part.collection, "reads": part.reads, "ids": part.ids} for part in found]
        print_json({"state": place, "changed": not dry_run, "collections": listed})
        return
    table = Table("collection", "the next run reads", box=None)
    for part in found:
        table.add_row(part.collection, part.reads)
    console.print(table)
    done = "This would change" if dry_run else "Changed"
    console.print(f"{done} {place}.")
