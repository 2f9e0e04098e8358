"""The subcommand."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from sfsource.doctor import org, state, warehouse
from sfsource.doctor.findings import AREAS, Finding
from sfsource.errors import SettingsMissingError
from sfsource.given.options import pair_options
from sfsource.output import console, json_option, print_json
from tap_sfsource.catalog.discovery import plan_run
from tap_sfsource.errors import TapError
from tap_sfsource.sync.given_names import GivenNames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sfsource.given.pair import Pair
    from tap_sfsource.catalog.discovery import RunPlan
    from tap_sfsource.check import Limit

_STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red", "skipped": "dim"}


@click.command("doctor")
@pair_options
@json_option
def command(pair: Pair, as_json: bool) -> None:
    """Check the login, permissions, limits and clock, the warehouse and the state.

    Nothing is read but one id of each collection, and nothing is changed. Exits with 1 if anything would stop a run.
    """
    checkup = Checkup(pair)
    findings = list(checkup.findings())
    if as_json:
        print_json({"findings": [asdict(part) for part in findings], "api_calls": checkup.calls})
    else:
        _show(findings)
        console.print(f"API calls that this took: {checkup.calls}")
    if any(part.level == "failure" for part in findings):
        sys.exit(1)


class Checkup:
    """One look at everything.

    Attributes:
        run_plan: What the next run reads, once the org has been looked at.
        limits: What is left of the org's day.
    """

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.run_plan: RunPlan | None = None
        self.limits: Mapping[str, Limit] = {}
        self.state: dict[str, Any] | None = None
        self._org_id = ""

    @property
    def calls(self) -> int:
        """API calls so far."""
        return self.pair.tap_without_catalog.client.calls

    def findings(self) -> Iterator[Finding]:
        """Look at the org, the state and the warehouse, in this order: each needs what the one before has told."""
        yield from self._org()
        yield from self._warehouse()

    def _org(self) -> Iterator[Finding]:
        tap = self.pair.tap_without_catalog
        client = tap.client
        login = org.login_finding(client)
        yield login
        if login.level == "failure":
            yield org.clock_finding(client)
            yield Finding("org", "permissions", "skipped", "there is no login")
            return
        self._org_id = client.org_id
        try:
            yield org.version_finding(client)
            findings, self.limits = org.limits_findings(client)
            yield from findings
            self.state = self._state()
            names = GivenNames(self.state or {})
            catalog = self.pair.catalog
            plan = plan_run(client, tap.settings, catalog, names.emitted, names.streams)
            self.run_plan = plan
            named = catalog is not None or bool(tap.settings.objects)
            yield from org.selection_findings(client, plan, named=named)
            yield org.clock_finding(client)
            if self.pair.given_state is None:
                told = "nothing says where it is: give --state FILE"
                yield Finding("state", "bookmarks", "skipped", told)
            else:
                yield from state.state_findings(
                    self.state, plan.streams, tap.settings, self._org_id, client.now()
                )
        except TapError as error:
            yield Finding("org", "reading", "failure", str(error))

    def _state(self) -> dict[str, Any] | None:
        return self.pair.given_state.read() if self.pair.given_state is not None else None

    def _warehouse(self) -> Iterator[Finding]:
        streams = [plan.stream_name for plan in self.run_plan.streams] if self.run_plan else []
        try:
            _ = self.pair.target_settings
        except SettingsMissingError as error:
            yield Finding("warehouse", "settings", "skipped", str(error))
            return
        yield from warehouse.warehouse_findings(self.pair, streams, self._org_id)


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "check", "", "what is so, and what to do"):
        table.add_column(heading, overflow="fold", no_wrap=False)
    order = {area: place for place, area in enumerate(AREAS)}
    before = ""
    for part in sorted(findings, key=lambda finding: order[finding.area]):
        style = _STYLES[part.level]
        told = f"{part.told.rstrip('.')}. {part.advice}" if part.advice else part.told
        area = part.area if part.area != before else ""
        table.add_row(area, part.check, f"[{style}]{part.level}[/]", told.strip())
        before = part.area
    console.print(table)
