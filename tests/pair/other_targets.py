"""Targets of others with the settings of docs/other-warehouses.md, and their tables beside the org's."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import yaml

from tests.fix_process import PROJECT
from tests.pair.both import run_tap
from tests.pair.store import NUMBERS, columns_of, expected_value, table_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from salesforce_simulator.schema import Field
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.pair.both import TapRun

Rows = dict[str, dict[str, Any]]
OBJECTS = ["Account", "Contact", "Opportunity", "Lead", "Group", "CampaignShare"]
PAGE = (PROJECT / "docs" / "other-warehouses.md").read_text()


def part(heading: str) -> str:
    """What the page says under a heading."""
    return re.split(r"^## ", PAGE.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]


def block(heading: str, language: str) -> str:
    """The one fenced block of a language under a heading."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", part(heading), re.MULTILINE | re.DOTALL)
    return str(found)


@dataclass(frozen=True)
class Shown:
    """The definitions of tap and target under a heading of the page."""

    heading: str

    @property
    def plugins(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(block(self.heading, "yaml"))["plugins"]
        return found

    @property
    def tap(self) -> dict[str, Any]:
        found: dict[str, Any] = self.plugins["extractors"][0]
        return found

    @property
    def target(self) -> dict[str, Any]:
        found: dict[str, Any] = self.plugins["loaders"][0]
        return found


@dataclass
class Pipeline:
    """The tap as the page has it, and a target of others.

    Attributes:
        command: The target's program.
        more: Settings of the target that the page leaves to the user (where the server is).
        rows: Gives the rows of a table by id, as somebody who reads the target's tables sees them.
        environment: Variables of the target.
        without: Columns of accounts that are not selected.
        state: What the target handed on last.
    """

    server: OrgServer
    processes: Processes
    shown: Shown
    command: Path
    rows: Callable[[str], Rows]
    more: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    state: dict[str, Any] | None = None

    def sync(self, **settings: Any) -> TapRun:
        """A run of both; `settings` are the tap's."""
        run = run_tap(
            self.server.config(**{**self.shown.tap["config"], **settings}),
            catalog=self._catalog(),
            state=self.state,
        )
        assert run.error is None, run.said
        messages = self.processes.directory / "messages.singer"
        messages.write_bytes(run.output)
        config = self.processes.write("config.json", _merged(self.shown.target["config"], self.more))
        finished = self.processes.run(
            self.command, "--config", config, stdin=messages, env=self.environment
        ).expect()
        self.state = json.loads(finished.stdout.splitlines()[-1])
        return run

    def _catalog(self) -> dict[str, Any]:
        streams: list[dict[str, Any]] = [
            {"tap_stream_id": table_of(self.server.org.object(name)), "metadata": [_chosen()]}
            for name in OBJECTS
        ]
        streams[0]["metadata"] += [_chosen("properties", name, selected=False) for name in self.without]
        return {"streams": streams}

    def differences(self, *, exact: bool = True, snapshot: bool = False) -> list[str]:
        """Where a table differs from its object; rows that are gone are marked, or absent from a snapshot.

        Args:
            exact: whether numbers keep all their digits, not only those of a double.
        """
        return [
            line for name in OBJECTS for line in self._differences_of(name, exact=exact, snapshot=snapshot)
        ]

    def _differences_of(self, name: str, *, exact: bool, snapshot: bool) -> list[str]:
        sobject = self.server.org.object(name)
        table = table_of(sobject)
        expected = {row["Id"]: row for row in self.server.org.rows(name)}
        held = self.rows(table)
        found = [f"{table}: {key} is missing" for key in expected.keys() - held.keys()]
        found += [
            f"{table}: {key} is not in the org and not marked"
            for key in held.keys() - expected.keys()
            if snapshot or not _flag(held[key]["is_deleted"])
        ]
        for key in expected.keys() & held.keys():
            for column, of in columns_of(sobject).items():
                if column in self.without:
                    continue
                if column not in held[key]:
                    found.append(f"{table}.{column}: no such column")
                    continue
                want = expected_value(of, expected[key][of.name])
                have = held_value(of, held[key][column])
                if of.type in NUMBERS and not exact:
                    want, have = want and float(want), have and float(have)
                if want != have:
                    found.append(f"{table}.{column} of {key}: {have!r}, but the org has {want!r}")
            if "IsDeleted" not in sobject.fields and _flag(held[key]["is_deleted"]):
                found.append(f"{table}: {key} is marked")
        return found


def held_value(of: Field, value: Any) -> Any:
    """A value as a target keeps it (a number, text, a moment without its zone), as the org has it."""
    if value is None or value == "":
        return None
    if of.type in NUMBERS:
        return Decimal(str(value))
    read: dict[str, Callable[[str], Any]] = {
        "boolean": _flag,
        "datetime": _moment,
        "date": lambda text: date.fromisoformat(text[:10]),
        "time": lambda text: time.fromisoformat(text.rstrip("Z")).replace(tzinfo=None),
    }
    return read[of.type](str(value)) if of.type in read else value


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _chosen(*breadcrumb: str, selected: bool = True) -> dict[str, Any]:
    return {"breadcrumb": list(breadcrumb), "metadata": {"selected": selected}}


def _flag(value: Any) -> bool:
    return str(value).lower() == "true"


def _merged(config: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """The settings, with further ones within those that are objects."""
    deep = {
        key: _merged(config[key], value)
        for key, value in more.items()
        if isinstance(value, dict) and key in config
    }
    return {**config, **more, **deep}
