"""From the settings of the pair to a judgement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from sfsource.output import one_line
from sfsource.reports.health import Health, judge
from sfsource.reports.history import read
from sfsource.reports.table import find
from tap_sfsource.catalog.selection import read_catalog
from tap_sfsource.catalog.sync_reports import is_reports

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from sfsource.given.pair import Pair

may_be_quiet_option: Final[Callable[[Callable[..., Any]], Callable[..., Any]]] = click.option(
    "--may-be-quiet",
    "may_be_quiet",
    multiple=True,
    metavar="COLLECTION",
    help="Never call this collection silent or too old, such as one with an end_date. * and ? are wildcards. May be "
    "repeated.",
)


def look(pair: Pair, connection: psycopg.Connection[Any]) -> Health:
    """Read what the warehouse knows of the runs, and judge it as of now. Raises NoReportsError."""
    history = read(connection, find(connection, pair.target_settings))
    health = judge(history, datetime.now(UTC), _selected(pair))
    info = connection.info
    by = f", {pair.environment}" if pair.environment else ""
    place = f"Schema {pair.schema} at {info.host or 'local socket'}:{info.port}/{info.dbname}{by}"
    return replace(health, place=one_line(place))


def _selected(pair: Pair) -> list[str]:
    """Collections that the user's own catalog selects; without one, only the runs tell them."""
    if pair.given_catalog is None:
        return []
    entries = read_catalog(pair.given_catalog)
    return [entry.stream_name for entry in entries if entry.selected and not is_reports(entry)]
