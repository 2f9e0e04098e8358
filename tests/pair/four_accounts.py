"""Four accounts in both halves: what the tables say of them, and runs of a part of what there is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from salesforce_simulator.org import Org
    from tests.pair.both import Pair, TapRun


NAMES = ("Acme", "Borg", "Cyberdyne", "Dunder")


def ids(org: Org, sobject: str = "Account") -> list[str]:
    return [row["Id"] for row in org.rows(sobject)]


def table(pair: Pair, name: str = "accounts") -> list[dict[str, Any]]:
    return pair.warehouse.query(f'SELECT * FROM {{schema}}."{name}"')


def alive(pair: Pair, name: str = "accounts") -> set[str]:
    return {row["name"] for row in table(pair, name) if not row["is_deleted"]}


def without(*properties: str, stream: str = "accounts") -> dict[str, Any]:
    """A catalog file that deselects properties."""
    metadata = [{"breadcrumb": ["properties", name], "metadata": {"selected": False}} for name in properties]
    return {"streams": [{"tap_stream_id": stream, "metadata": metadata}]}


def until(run: TapRun, reached: Callable[[Mapping[str, Any]], Any], stream: str = "accounts") -> list[bytes]:
    """The tap's lines up to the first STATE with such a bookmark: it is killed there."""
    lines = run.output.splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        message = json.loads(line)
        if message["type"] == "STATE" and reached(message["value"].get("bookmarks", {}).get(stream, {})):
            return lines[:number]
    raise AssertionError("no such STATE")
