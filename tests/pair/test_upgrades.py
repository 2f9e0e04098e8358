"""A state and tables that a released version left are gone on with: nothing is read or written anew, and nothing is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.pair.store import differences
from tests.pair.upgrades import FOLDER, OBJECTS, PIPE, a_day_later, small_org

if TYPE_CHECKING:
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

RELEASES = sorted(path.name for path in FOLDER.iterdir())
TABLES = [name for name in OBJECTS if name != "Name"]


@pytest.mark.parametrize("release", RELEASES)
def test_a_release_is_gone_on_with(release: str, processes: Processes, warehouse: Warehouse) -> None:
    folder = FOLDER / release
    warehouse.execute((folder / "schema.sql").read_text())
    places = "SELECT id, xmin::text AS place FROM {schema}.accounts ORDER BY id"
    before = warehouse.query(places)
    # The run's record has news of its own.
    read = (
        "SELECT collection, rows_inserted + rows_updated + rows_unchanged AS rows FROM {schema}._sync_runs"
        " WHERE collection <> 'sync_reports' AND rows_inserted + rows_updated + rows_unchanged > 0 ORDER BY 1, 2"
    )
    earlier = warehouse.query(read)
    processes.write("target.json", warehouse.config())
    processes.write("state.json", json.loads((folder / "state.json").read_text()))
    with small_org() as served:
        processes.write("tap.json", served.config(objects=OBJECTS))
        processes.shell(PIPE).expect()
        assert differences(warehouse, served.org, TABLES) == []
        assert warehouse.query(places) == before
        assert warehouse.query(read) == earlier, "nothing is read again"
        a_day_later(served.org)
        processes.shell(PIPE).expect()
        gone = served.org.deleted_ids("Contact")
        assert gone
        marked = warehouse.query("SELECT id FROM {schema}.contacts WHERE is_deleted")
        assert gone <= {row["id"] for row in marked}
        erased = {row["id"] for row in marked} - {row["Id"] for row in served.org.rows("Contact")}
        assert len(erased) == 1
        warehouse.execute(f"DELETE FROM {{schema}}.contacts WHERE id = '{erased.pop()}'")
        assert differences(warehouse, served.org, TABLES) == []
