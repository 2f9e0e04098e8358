"""The command line of `sfsource verify`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.table import Table

from sfsource.given.options import pair_options
from sfsource.output import console, counted, json_option, print_json, progress
from sfsource.verify.verification import Verification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sfsource.given.pair import Pair
    from sfsource.verify.findings import Outcome

_SHOWN = 10
_DIFFERENT, _UNCHECKED = 1, 2


@click.command("verify", short_help="Prove that the warehouse equals the org; repair it.")
@click.argument("collections", nargs=-1, metavar="[COLLECTION...]")
@click.option("--full", is_flag=True, help="Compare the values of every row.")
@click.option(
    "--sample",
    type=click.IntRange(0, 500),
    default=200,
    show_default=True,
    help="Rows of a collection whose values are compared; fewer of an object with long texts.",
)
@click.option("--repair", is_flag=True, help="Read again what differs, load it, and verify again.")
@click.option("--show-values", is_flag=True, help="Show differing values, which may be personal data.")
@json_option
@pair_options
def command(
    pair: Pair,
    collections: tuple[str, ...],
    full: bool,
    sample: int,
    repair: bool,
    show_values: bool,
    as_json: bool,
) -> None:
    """Prove that the warehouse holds what the org holds, as of the last sync.

    It counts the rows of each selected collection on both sides, finds the rows by which counts differ, and compares values.
    Rows that have changed since the bookmark are no difference, so it may run while a sync runs. It changes nothing, but with
    --repair: then rows are read and loaded again, those that the org lacks are marked as deleted, and of a doubled row one
    stays.

    Exit status: 0 equal, 1 different, 2 something could not be checked.
    """
    quiet = as_json or not progress.is_terminal
    verification = Verification(
        pair,
        collections,
        sample,
        full,
        show_values,
        said=(lambda _: None) if quiet else (lambda text: progress.print(text, style="dim")),
    )
    outcomes = verification.run(mend=repair)
    if as_json:
        print_json(
            {
                "calls": verification.calls,
                "status": _status(outcomes),
                "collections": [part.as_json() for part in outcomes],
            }
        )
    else:
        _tell(outcomes, verification.calls)
    sys.exit({"equal": 0, "different": _DIFFERENT, "unchecked": _UNCHECKED}[_status(outcomes)])


def _status(outcomes: Sequence[Outcome]) -> str:
    found = {part.status for part in outcomes}
    return next(
        status for status in ("different", "unchecked", "equal") if status in found or status == "equal"
    )


def _tell(outcomes: Sequence[Outcome], calls: int) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("collection", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for heading in ("org", "warehouse", "compared"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("as of (UTC)", no_wrap=True)
    for part in outcomes:
        table.add_row(
            part.collection,
            part.status,
            _number(part.org_rows),
            _number(part.warehouse_rows),
            _number(part.compared),
            f"{part.as_of:%m-%d %H:%M}" if part.as_of else "",
        )
    console.print(table)
    for part in outcomes:
        remarks = [part.unchecked, *part.notes, f"{part.repaired} repaired" if part.repaired else ""]
        if told := "; ".join(filter(None, remarks)):
            console.print(f"{part.collection}: {told}")
    for part in outcomes:
        for found in part.differences[:_SHOWN]:
            names = f" ({', '.join(found.properties)})" if found.properties else ""
            archived = ", archived" if found.archived else ""
            note = f"; accepted: {found.accepted}" if found.accepted else ""
            console.print(f"{part.collection} {found.id}: {found.kind.value}{archived}{names}{note}")
            for name, (here, there) in found.values.items():
                console.print(f"    {name}: {here!r} in the warehouse, {there!r} in the org")
        if (more := len(part.differences) - _SHOWN) > 0:
            console.print(f"{part.collection}: {more:,} more, all of them with --json")
    console.print(f"{_status(outcomes)}: {counted(len(outcomes), 'collection')}, {counted(calls, 'call')}")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
