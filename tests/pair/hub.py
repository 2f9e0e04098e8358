"""A hub in a database of its own, and warehouses that read it by tap-postgres as deploy/hub.meltano.yml says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import yaml

from tests.fix_process import PROJECT
from tests.fix_warehouse import Warehouse, plain_url
from tests.pair.test_kill import last_state

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.fix_process import Finished, Processes
    from tests.pair.both import Pair

Rows = dict[str, dict[str, Any]]


def shipped(plugin: str) -> dict[str, Any]:
    """The definition of an extractor in deploy/hub.meltano.yml."""
    project = yaml.safe_load((PROJECT / "deploy" / "hub.meltano.yml").read_text())
    found: dict[str, Any] = next(
        entry for entry in project["plugins"]["extractors"] if entry["name"] == plugin
    )
    return found


def chosen(patterns: list[str], name: str) -> bool:
    """Whether Meltano's `select` takes a property, written as stream.property."""
    return any(fnmatchcase(name, pattern) for pattern in patterns if not pattern.startswith("!")) and not any(
        fnmatchcase(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")
    )


@dataclass
class Hub:
    """The hub's schema, and the source that fills it."""

    pair: Pair

    @property
    def warehouse(self) -> Warehouse:
        return self.pair.warehouse

    @property
    def url(self) -> str:
        return plain_url(self.warehouse.url)

    def tables(self) -> set[str]:
        return {name for name in self.warehouse.table_names() if not name.startswith("_")}

    def an_hour_passes(self) -> None:
        """What the hub took in the last hour is an hour older; the order of the times stays."""
        for table in self.warehouse.table_names():
            if "received_at" in self.columns(table) and table != "_received_at":
                self.warehouse.execute(
                    f"UPDATE {{schema}}.\"{table}\" SET received_at = received_at - interval '1 hour' "
                    "WHERE received_at > now() - interval '1 hour'"
                )

    def fill(self) -> None:
        """A run of the source, an hour ago."""
        self.pair.good()
        self.an_hour_passes()

    def columns(self, table: str) -> list[str]:
        return columns(self.warehouse, table)

    def selected(self, patterns: list[str]) -> dict[str, list[str]]:
        """What a selection takes: columns by table."""
        found = {
            table: [name for name in self.columns(table) if chosen(patterns, f"hub-{table}.{name}")]
            for table in self.tables()
        }
        return {table: names for table, names in found.items() if names}

    def rows(self, table: str, names: list[str]) -> Rows:
        return rows(self.warehouse, table, names)


def columns(warehouse: Warehouse, table: str) -> list[str]:
    found = warehouse.query(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
        "ORDER BY ordinal_position",
        warehouse.schema,
        table,
    )
    return [row["column_name"] for row in found]


def rows(warehouse: Warehouse, table: str, names: list[str]) -> Rows:
    listed = ", ".join(f'"{name}"' for name in names)
    return {row["id"]: row for row in warehouse.query(f'SELECT {listed} FROM {{schema}}."{table}"')}


def differences(hub: Hub, warehouse: Warehouse, patterns: list[str]) -> list[str]:
    """How a warehouse differs from what it selected of the hub."""
    selected = hub.selected(patterns)
    found = [f"{table} is not selected" for table in others(warehouse) - selected.keys()]
    for table, names in selected.items():
        extra = set(columns(warehouse, table)) - set(names) - {"uuid_ts"}
        missing = set(names) - set(columns(warehouse, table))
        if extra or missing:
            found.append(f"{table}: more {sorted(extra)}, fewer {sorted(missing)}")
        elif (here := rows(warehouse, table, names)) != (there := hub.rows(table, names)):
            unlike = [key for key in here.keys() | there.keys() if here.get(key) != there.get(key)]
            found.append(f"{table}: {len(unlike)} rows, such as {unlike[0]}")
    return found


def others(warehouse: Warehouse) -> set[str]:
    return {name for name in warehouse.table_names() if not name.startswith("_")}


@dataclass
class Flush:
    """Warehouse runs by a pipe: tap-postgres and any target.

    Attributes:
        tap: The command of tap-postgres.
        target: The command line of the target.
        settings: More settings of the tap.
    """

    hub: Hub
    processes: Processes
    tap: Path
    target: str
    patterns: list[str]
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        folder = self.processes.directory
        config = {**shipped("tap-postgres")["config"], "sqlalchemy_url": self.hub.url, **self.settings}
        self.config = self.processes.write("tap-postgres.json", config)
        self.catalog = folder / "catalog.json"
        self.state = folder / "state.json"
        self.states = folder / "states.jsonl"

    def discover(self) -> None:
        """The catalog that Meltano would give the tap."""
        found = self.processes.run(self.tap, "--config", self.config, "--discover").expect()
        catalog = json.loads(found.stdout)
        for stream in catalog["streams"]:
            for entry in stream["metadata"]:
                if entry["breadcrumb"]:
                    name = f"{stream['tap_stream_id']}.{entry['breadcrumb'][-1]}"
                    entry["metadata"]["selected"] = chosen(self.patterns, name)
                else:
                    names = [f"{stream['tap_stream_id']}.{name}" for name in stream["schema"]["properties"]]
                    entry["metadata"]["selected"] = any(chosen(self.patterns, name) for name in names)
                    entry["metadata"].update(shipped("tap-postgres")["metadata"]["*"])
        self.catalog.write_text(json.dumps(catalog))

    def start(self) -> subprocess.Popen[str]:
        state = f"--state {self.state}" if self.state.exists() else ""
        line = (
            f"{self.tap} --config {self.config} --catalog {self.catalog} {state} "
            f"| {self.target} > {self.states}"
        )
        return self.processes.start(["bash", "-o", "pipefail", "-c", line])

    def keep_state(self) -> None:
        if state := last_state(self.states):
            self.state.write_text(state)

    def run(self) -> Finished:
        self.discover()
        return self.again()

    def again(self) -> Finished:
        """A run with the catalog of the last one."""
        finished = self.processes.finish(self.start()).expect()
        self.keep_state()
        return finished
