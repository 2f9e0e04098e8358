"""Records of runs, loaded by the real target: what `sfsource status` has to show."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from sfsource.cli import cli
from tap_sfsource.catalog.sync_reports import COLUMNS, STREAM, schema_of
from tests.target.support import load, record, schema_message

if TYPE_CHECKING:
    from click.testing import Result

    from tests.fix_warehouse import Warehouse

ORG = "00D000000000001"


def ago(**span: float) -> datetime:
    """A moment before now."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**span)


@dataclass
class Runs:
    """Runs of a tap, each loaded by the target as it ends."""

    warehouse: Warehouse
    stream: str = STREAM
    columns: tuple[str, ...] = (*COLUMNS,)
    target: dict[str, Any] = field(default_factory=dict)
    count: int = 0

    def add(
        self,
        at: datetime,
        *collections: dict[str, Any],
        status: str = "success",
        others: tuple[str, ...] = (),
        load_now: bool = True,
        **values: Any,
    ) -> list[Any]:
        """A run that ended then, its rows of collections, and other streams that it announced without a row."""
        self.count += 1
        run_id = f"run-{self.count}"
        shared = {"run_id": run_id, "org_id": ORG, "finished_at": at.isoformat(), "tap_version": "1"}
        shared |= {"started_at": (at - timedelta(minutes=2)).isoformat()}
        rows = [
            {
                **shared,
                "id": f"{run_id}/{part['collection']}",
                "status": "success",
                "bookmark": (at - timedelta(minutes=3)).isoformat(),
                **part,
            }
            for part in collections
        ]
        rows.append(
            {
                **shared,
                "id": run_id,
                "status": status,
                "bookmark": (at - timedelta(minutes=4)).isoformat() if status != "failed" else None,
                "rows": sum(part.get("rows", 0) for part in collections),
                **values,
            }
        )
        schema = {**schema_of(self.columns), "x-run-id": run_id}
        properties = schema.pop("properties")
        streams = [*others, *(part["collection"] for part in collections)]
        messages = [schema_message(name, {"id": {"type": "string"}}) for name in streams]
        messages.append(schema_message(self.stream, properties, **schema))
        messages += [record(self.stream, {name: row.get(name) for name in self.columns}) for row in rows]
        if load_now:
            self.load(messages)
        return messages

    def load(self, messages: list[Any]) -> None:
        """Load messages."""
        outcome = load(self.warehouse.config(**self.target), messages)
        assert outcome.error is None, outcome.error


def changed(collection: str, rows: int = 1, **values: Any) -> dict[str, Any]:
    """A row of a collection that had rows."""
    return {"collection": collection, "object": collection.title(), "rows": rows, "deletions": 0, **values}


def failed(collection: str, message: str, status: str = "failed") -> dict[str, Any]:
    """A row of a collection that failed."""
    return changed(collection, 0, status=status, error_code="TOO_BAD", error_message=message, bookmark=None)


def sfsource(warehouse: Warehouse, *arguments: str, **target: Any) -> Result:
    """Run the command with the target's settings in a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "target.json")
        path.write_text(json.dumps(warehouse.config(**target)))
        return CliRunner().invoke(cli, [arguments[0], "--target", str(path), *arguments[1:]])
