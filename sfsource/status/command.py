"""The subcommand."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psycopg
from rich.live import Live

from sfsource.errors import SfsourceError
from sfsource.given.files import write_whole
from sfsource.given.options import pair_options
from sfsource.output import console, json_option, print_json
from sfsource.reports.look import look, may_be_quiet_option
from sfsource.reports.words import parse_duration
from sfsource.status.document import document
from sfsource.status.page import page
from sfsource.status.screen import screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from sfsource.given.pair import Pair
    from sfsource.reports.health import Health, Trouble


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A duration such as 4h. Older versions of click know no type argument here."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read one."""
        found = parse_duration(value) if isinstance(value, str) else value
        if found is None:
            self.fail(f"{value!r} is no duration. Write one such as 4h, 90m or 2d.", param, ctx)
        return found


@click.command("status", short_help="Show how the last runs went.")
@pair_options
@click.option(
    "--max-age",
    type=Duration(),
    help="Exit with status 1 if a collection is further behind the org (4h, 90m, 2d), or anything else is not well.",
)
@may_be_quiet_option
@click.option(
    "--html", "html_file", type=click.Path(path_type=Path), help="Write one page to FILE.", metavar="FILE"
)
@click.option("--watch", is_flag=True, help="Renew the table on the terminal until Ctrl-C.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.5),
    default=5.0,
    show_default=True,
    help="Seconds between, with --watch.",
)
@click.option("--quiet", is_flag=True, help="Print only what is not well.")
@json_option
def command(
    *,
    pair: Pair,
    max_age: timedelta | None,
    may_be_quiet: tuple[str, ...],
    html_file: Path | None,
    watch: bool,
    every: float,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show how the last runs went: each collection's outcome, rows, deletions, and how far it is behind the org.

    It reads the tables sync_reports and _sync_runs of the warehouse, and asks Salesforce nothing. With --max-age the exit
    status is 1 if something is older, failed, or had no change for much longer than usual: for monitors and probes.
    """
    if watch and (as_json or quiet):
        raise click.UsageError("--watch shows a table: leave out --json and --quiet.")
    if watch and not console.is_terminal:
        raise SfsourceError("--watch needs a terminal. Leave it out, or write a page with --html.")

    def judged(health: Health) -> list[Trouble]:
        troubles = health.troubles(max_age, may_be_quiet)
        if html_file is not None:
            write_whole(html_file, page(health, troubles))
        return troubles

    if watch:
        _watch(pair, judged, every)
        return
    with pair.connect() as connection:
        health = look(pair, connection)
    troubles = judged(health)
    if as_json:
        print_json(document(health, troubles))
    elif quiet:
        for trouble in troubles:
            console.print(trouble.text)
    else:
        console.print(screen(health, troubles, width=console.width))
    if max_age is not None and troubles:
        sys.exit(1)


def _watch(pair: Pair, judged: Any, every: float) -> None:
    """Show the table and renew it until Ctrl-C."""
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            for health in _again(pair):
                live.update(
                    screen(health, judged(health), width=console.width, worst_first=True), refresh=True
                )
                time.sleep(every)
    except KeyboardInterrupt:
        return


def _again(pair: Pair) -> Iterator[Health]:
    """Judge again and again, by one connection; one that is lost is opened anew."""
    while True:
        with pair.connect() as connection:
            try:
                while True:
                    yield look(pair, connection)
            except psycopg.OperationalError:
                if not connection.closed:
                    raise
