"""The subcommand."""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from sfsource.doctor import org, state, warehouse
from sfsource.doctor.findings import AREAS, Finding
from sfsource.doctor.forecasts import Outlook, outlook, outlook_findings
from sfsource.errors import SettingsMissingError, SfsourceError
from sfsource.forecast.every import every_option
from sfsource.forecast.show import as_json as forecast_json
from sfsource.forecast.show import table_of
from sfsource.given.options import pair_options
from sfsource.output import console, hushed, json_option, print_json, progress, warnings_of
from tap_sfsource.catalog.discovery import plan_run
from tap_sfsource.errors import TapError
from tap_sfsource.sync.given_names import GivenNames
from tap_sfsource.sync.run import check_starts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from sfsource.given.pair import Pair
    from tap_sfsource.api.bulk_budget import Limit
    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.discovery import RunPlan

_STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red", "skipped": "dim"}


@click.command("doctor", short_help="Find what would stop a run, and forecast its cost.")
@pair_options
@every_option
@click.option("--no-forecast", is_flag=True, help="Do not count the org's rows.")
@json_option
def command(pair: Pair, every: datetime.timedelta, no_forecast: bool, as_json: bool) -> None:
    """Check the login, permissions, limits and clock, the warehouse and the state, and forecast what runs will cost.

    Of rows nothing is read but one id of each collection and counts, and nothing is changed. Exits with 1 if anything would
    stop a run.
    """
    checkup = Checkup(pair, None if no_forecast else every)
    # What the tap warns of has a row below.
    with hushed("tap-sfsource", logging.ERROR), progress.status("Asking the org and the warehouse ..."):
        findings = [part.masked() for part in checkup.findings()]
    if as_json:
        _print(checkup, findings)
    else:
        _show(checkup, findings)
    if any(part.level == "failure" for part in findings):
        sys.exit(1)


class Checkup:
    """One look at everything.

    Args:
        every: The time from one run of a day to the next; None for no forecast.

    Attributes:
        outlook: The forecast, once there is one.
    """

    def __init__(self, pair: Pair, every: datetime.timedelta | None) -> None:
        self._pair = pair
        self._every = every
        self._client: Client | None = None
        self._run_plan: RunPlan | None = None
        self._org_id = ""
        self.outlook: Outlook | None = None

    @property
    def calls(self) -> int:
        """API calls so far."""
        return self._client.calls if self._client is not None else 0

    def findings(self) -> Iterator[Finding]:
        """Look at the org, the state and the warehouse, in this order: each needs what the one before has told."""
        try:
            with warnings_of("tap-sfsource") as warnings:
                client = self._client = self._pair.tap_without_catalog.client
        except TapError as error:
            yield Finding("org", "settings", "failure", str(error))
            yield from self._warehouse()
            return
        yield from _warned(warnings)
        login = org.login_finding(client)
        yield login
        try:
            if login.level == "failure":
                yield Finding("org", "permissions", "skipped", "there is no login")
            else:
                self._org_id = client.org_id
                yield from self._org()
        except (TapError, SfsourceError) as error:
            yield Finding("org", "reading", "failure", str(error))
        yield org.clock_finding(client)
        yield from self._warehouse()

    def _org(self) -> Iterator[Finding]:
        tap = self._pair.tap_without_catalog
        client = tap.client
        yield org.version_finding(client)
        findings, limits = org.limits_findings(client)
        yield from findings
        given = self._pair.given_state
        last = given.read() if given is not None else None
        names = GivenNames(last or {})
        catalog = self._pair.catalog
        before = client.calls
        plan = self._run_plan = plan_run(client, tap.settings, catalog, names.emitted, names.streams)
        planning = client.calls - before
        named = catalog is not None or bool(tap.settings.objects)
        yield from org.selection_findings(client, plan, named=named)
        yield from self._settings(plan)
        if given is None:
            yield Finding("state", "bookmarks", "skipped", "nothing says where it is: give --state FILE")
        else:
            if not state.bookmarks_of(last):
                told = f"{given.name} holds no bookmark yet: the next run is a first sync"
                yield Finding("state", "bookmarks", "ok", told)
            yield from state.state_findings(last, plan.streams, tap.settings, self._org_id, client.now())
        if self._every is not None and plan.streams:
            yield from self._forecast(plan, planning, last, limits)

    def _settings(self, plan: RunPlan) -> Iterator[Finding]:
        """Settings that a run looks at only with its plan."""
        tap = self._pair.tap_without_catalog
        try:
            check_starts(tap.client, plan.streams)
            tap.run_plan = plan
            with warnings_of("tap-sfsource") as warnings:
                tap.setup_mapper()
        except TapError as error:
            yield Finding("org", "settings", "failure", str(error))
        else:
            yield from _warned(warnings)

    def _forecast(
        self, plan: RunPlan, planning: int, last: Mapping[str, Any] | None, limits: Mapping[str, Limit]
    ) -> Iterator[Finding]:
        client = self._pair.tap_without_catalog.client
        assert self._every is not None
        try:
            self.outlook = outlook(client, plan, planning, last, self._every)
        except TapError as error:
            yield Finding("forecast", "rows", "failure", str(error))
        else:
            yield from outlook_findings(client, limits, self.outlook)

    def _warehouse(self) -> Iterator[Finding]:
        streams = [plan.stream_name for plan in self._run_plan.streams] if self._run_plan else []
        try:
            yield from warehouse.warehouse_findings(self._pair, streams, self._org_id)
        except SettingsMissingError as error:
            yield Finding("warehouse", "settings", "skipped", str(error))


def _warned(texts: Sequence[str]) -> Iterator[Finding]:
    return (Finding("org", "settings", "warning", text) for text in texts)


def _print(checkup: Checkup, findings: list[Finding]) -> None:
    seen = checkup.outlook
    told: dict[str, Any] = {"findings": [asdict(part) for part in findings], "api_calls": checkup.calls}
    if seen is not None:
        told["forecast"] = {
            "first_sync": seen.first,
            "next_run": forecast_json(seen.run),
            "every_hours": seen.every.total_seconds() / 3600,
            "day": forecast_json(seen.day),
        }
    print_json(told)


def _show(checkup: Checkup, findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "check", "", "what is so, and what to do"):
        table.add_column(heading, overflow="fold")
    order = {area: place for place, area in enumerate(AREAS)}
    before = ""
    for part in sorted(findings, key=lambda finding: order[finding.area]):
        told = f"{part.told.rstrip('.')}. {part.advice}" if part.advice else part.told
        area = part.area if part.area != before else ""
        table.add_row(area, part.check, Text(part.level, _STYLES[part.level]), Text(told.strip()))
        before = part.area
    console.print(table)
    if checkup.outlook is not None:
        console.print()
        console.print(table_of(checkup.outlook.run, checkup.outlook.day, checkup.outlook.title))
    console.print()
    console.print(f"API calls that this took: {checkup.calls}")
