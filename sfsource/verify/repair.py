"""Rows that differ are read again, and written by the target; rows that are gone get tombstones."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sfsource.errors import SfsourceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO, Any

    from sfsource.verify.collection import Collection


def repair(collections: Sequence[Collection], config: dict[str, Any] | None) -> dict[str, list[str]]:
    """Repair, and give the ids of each collection. No state is read or written.

    `config` has the target's settings, None for those of the environment. Raises SfsourceError, TapError.
    """
    done: dict[str, list[str]] = {}
    with tempfile.TemporaryFile() as lines:
        for collection in collections:
            found = [part for part in collection.outcome.differences if part.id]
            done[collection.outcome.collection] = [part.id for part in found]
            again = [part.id for part in found if part.kind.is_in_org and collection.may_be_id(part.id)]
            gone = [part.id for part in found if not part.kind.is_in_org]
            lines.write(collection.lines.schema())
            for page in collection.org.whole_pages(again) if again else ():
                lines.write(collection.lines.to_write(page))
            if gone and collection.marks_gone:
                lines.write(collection.lines.tombstones(gone))
        for collection in collections:
            # All is read by now: where the org fails, nothing is removed. The target needs each key once.
            while doubled := collection.table.doubled():
                if not collection.table.leave_one(doubled, collection.stamp):
                    raise SfsourceError(
                        f"Rows of {collection.outcome.collection} could not be removed: a trigger or a policy of the "
                        "table keeps them. Let the target's role delete rows there, and repair again."
                    )
        lines.seek(0)
        _load(lines, config)
    return done


def _load(lines: IO[bytes], config: dict[str, Any] | None) -> None:
    """Give lines to the target, a process as in a run."""
    with tempfile.TemporaryDirectory(prefix="sfsource-") as folder:
        path = Path(folder) / "target.json"
        # The folder is its owner's alone.
        path.write_text(json.dumps(config or {}), encoding="utf-8")
        done = subprocess.run(  # noqa: S603 - this environment's own target
            [sys.executable, "-m", "target_sfwarehouse", "--config", "ENV" if config is None else str(path)],
            stdin=lines,
            capture_output=True,
            check=False,
        )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise SfsourceError(
            f"The target did not take the repaired rows: {said[-1] if said else 'it said nothing'}"
        )
