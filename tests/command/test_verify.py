"""`sfsource verify` proves that the warehouse holds what the org holds, names what differs, and repairs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.command.running import sfsource, told
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

    def __call__(self, *arguments: str, status: int = 0) -> dict[str, dict[str, Any]]:
        """Verify, and give the outcomes by collection."""
        found = told("verify", *arguments, *self.files(), status=status)
        self.calls = found["calls"]
        return {part["collection"]: part for part in found["collections"]}

    def differences(self, *arguments: str, status: int = 1) -> set[tuple[str, str, str]]:
        """The differences that make the warehouse different: collection, kind, id."""
        return {
            (name, found["kind"], found["id"])
            for name, part in self(*arguments, status=status).items()
            for found in part["differences"]
            if "accepted" not in found
        }


def test_the_example_company_is_equal_in_about_ten_calls(
    company_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    verified = Verified(company_server, warehouse, tmp_path)
    verified.sync()
    company_server.ledger.clear()
    found = verified("--sample", "0")
    assert {part["status"] for part in found.values()} == {"equal"}, found
    queries = [call for call in company_server.ledger.calls if "composite" in call.path]
    assert len(queries) <= 16, [call.path for call in company_server.ledger.calls]
    assert found["tasks"]["org_rows"] == found["tasks"]["warehouse_rows"] > 0
    found = verified()
    assert {part["status"] for part in found.values()} == {"equal"}, found
    assert found["accounts"]["compared"] > 0
    found = verified("--full")
    assert {part["status"] for part in found.values()} == {"equal"}, found
    assert all(part["compared"] == part["warehouse_rows"] for part in found.values() if part["as_of"])
