"""An org and its warehouse to verify, and what happens to them behind the back of the pair."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.command.running import told
from tests.pair.both import Pair

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse


class Verified:
    """An org and its warehouse, with the files that the command reads."""

    def __init__(self, server: OrgServer, warehouse: Warehouse, folder: Path, **config: Any) -> None:
        self.server, self.warehouse, self.folder = server, warehouse, folder
        self.org: Org = server.org
        self.org.clock.freeze()
        self.pair = Pair(server, warehouse, config)
        self.target: dict[str, Any] = {}

    def sync(self) -> None:
        self.org.clock.advance(hours=3)
        self.pair.target = self.target
        self.pair.good()

    def files(self) -> list[str]:
        """The options that name the files."""
        content = {
            "tap": self.server.config(**self.pair.config),
            "target": self.warehouse.config(**self.target),
            "state": self.pair.state,
        }
        options = []
        for name, value in content.items():
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps(value))
            options += [f"--{name}", str(path)]
        return options

    def __call__(self, *arguments: str, status: int | None = 0) -> dict[str, dict[str, Any]]:
        """Verify, and give the outcomes by collection."""
        found = told("verify", *arguments, *self.files(), status=status)
        self.calls = found["calls"]
        return {part["collection"]: part for part in found["collections"]}

    def differences(self, *arguments: str, status: int | None = 1) -> set[tuple[str, str, str]]:
        """The differences that make the warehouse different: collection, kind, id."""
        return {
            (name, found["kind"], found["id"])
            for name, part in self(*arguments, status=status).items()
            for found in part["differences"]
            if "accepted" not in found
        }


def fill(org: Org) -> None:
    for number in range(6):
        account = org.create("Account", {"Name": f"Account {number}", "NumberOfEmployees": number})
        org.create("Contact", {"LastName": f"Contact {number}", "AccountId": account})
        org.create("Task", {"Subject": f"Task {number}", "Status": "Not Started", "Priority": "Normal"})
        org.clock.advance(days=1)
    tasks = ids(org, "Task")
    org.archive(tasks[:2])
    org.delete(tasks[2])
    org.delete(ids(org, "Contact")[0])
    org.create("Account", {"Name": "gone"})


def ids(org: Org, sobject: str) -> list[str]:
    return [row["Id"] for row in org.rows(sobject)]


def copied(table: str, key: str, values: str) -> str:
    """Statements that double a row, with other values."""
    return (
        f"CREATE TEMP TABLE copied AS SELECT * FROM {{schema}}.{table} WHERE id = '{key}'; UPDATE copied SET {values}; "
        f"INSERT INTO {{schema}}.{table} SELECT * FROM copied; DROP TABLE copied"
    )


def spoilt(table: str, key: str, values: str) -> str:
    """A statement that changes a row."""
    return f"UPDATE {{schema}}.{table} SET {values} WHERE id = '{key}'"


def lost(table: str, key: str) -> str:
    """A statement that removes a row."""
    return f"DELETE FROM {{schema}}.{table} WHERE id = '{key}'"


def many(org: Org) -> None:
    """More accounts than a page has, of 70 days."""
    for _ in range(70):
        for number in range(31):
            org.create("Account", {"Name": f"Account {number}"})
        org.clock.advance(days=1)
