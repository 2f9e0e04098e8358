"""Shards that each read a window of one object into one table, through changes, deletions and kills."""

from __future__ import annotations

import contextlib
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.errors import ApiError
from tap_sfsource.shards.__main__ import main
from tests.levels import at_level, search
from tests.pair.both import Pair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

ROUNDS = 6


class Sharded:
    """An org of accounts of six months, and taps that divide them."""

    def __init__(self, server: OrgServer, warehouse: Warehouse, folder: Path, chance: random.Random) -> None:
        self.server, self.warehouse, self.chance = server, warehouse, chance
        self.folder = folder
        server.org.clock.freeze()
        for _ in range(6):
            self.create(8)
            server.org.clock.advance(days=30)

    def create(self, count: int) -> None:
        for _ in range(count):
            self.server.org.create("Account", {"Name": f"Account {self.chance.random()}"})

    def divide(self, shards: int, before: Sequence[Pair] = ()) -> list[Pair]:
        """Make the catalogs; each shard has a state of its own: that of the shard before it, if any."""
        config = self.folder / "tap.json"
        config.write_text(json.dumps(self.server.config(objects=["Account"])))
        folder = self.folder / f"shards-{shards}"
        assert not main(["--config", str(config), "--shards", str(shards), "--output", str(folder)])
        self.catalogs = [
            json.loads((folder / f"shard-{number}.json").read_text()) for number in range(shards)
        ]
        windows = [json.dumps(catalog).count("sfsource.created-") for catalog in self.catalogs]
        assert all(windows), "an object of all rows is cut"
        settings = {"objects": ["Account"], "page_size": 200, "bulk_page_size": 3, "state_seconds": 0}
        new = [Pair(self.server, self.warehouse, settings) for _ in range(shards)]
        return [*before, *new[len(before) :]][:shards]

    def change(self) -> None:
        org, chance = self.server.org, self.chance
        ids = sorted({row["Id"] for row in org.rows("Account")})
        living = sorted(set(ids) - org.deleted_ids("Account"))
        for record_id in chance.sample(living, 6):
            match chance.randrange(5):
                case 0 | 1:
                    org.update(record_id, {"Name": f"Renamed {chance.random()}"})
                case 2 | 3:
                    org.delete(record_id)
                case _:
                    org.hard_delete(record_id)
        deleted = sorted(org.deleted_ids("Account"))
        if deleted and chance.random() < 0.7:
            with contextlib.suppress(ApiError):  # its time in the bin may be over
                org.undelete(chance.choice(deleted))
        if chance.random() < 0.2:
            org.empty_recycle_bin()
        self.create(2)
        org.clock.advance(minutes=chance.choice([1, 20, 180, 3000]))

    def run(self, shards: list[Pair], *, troubles: bool = True) -> None:
        """All taps read at about the same time; their rows are loaded in any order.

        Troubles: some are killed, and people work in the org between one tap and the next.
        """
        settings: dict[str, Any] = {"reader": self.chance.choice(["rest", "bulk"])}
        settings["split_rows"] = self.chance.choice([5, 1_000_000])
        outputs = []
        for pair, catalog in zip(shards, self.catalogs, strict=True):
            run = pair.tap(catalog, **settings)
            assert run.error is None, run.said
            outputs.append((pair, run.output.splitlines(keepends=True)))
            if troubles and self.chance.random() < 0.5:
                self.change()
        self.chance.shuffle(outputs)
        for pair, lines in outputs:
            killed = troubles and self.chance.random() < 0.5
            stop = self.chance.randint(0, len(lines)) if killed else len(lines)
            pair.load(lines[:stop], torn=killed and self.chance.random() < 0.5)
            assert killed or pair.target_error is None, pair.target_error

    def compare(self) -> None:
        rows = {row["Id"]: (row["Name"], row["IsDeleted"]) for row in self.server.org.rows("Account")}
        table = self.warehouse.query("SELECT id, name, is_deleted FROM {schema}.accounts")
        found = {row["id"]: (row["name"], row["is_deleted"]) for row in table}
        assert {key: row for key, row in found.items() if key in rows} == rows
        assert all(deleted for key, (_, deleted) in found.items() if key not in rows)


@search
@pytest.mark.timeout(at_level(normal=200, wide=900, long=3600))
@pytest.mark.parametrize("seed", range(at_level(normal=1, wide=12, long=80)))
def test_shards_of_one_object_hold_what_the_org_holds(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    sharded = Sharded(org_server, warehouse, tmp_path, chance)
    shards = sharded.divide(chance.choice([2, 3]))
    for number in range(ROUNDS):
        sharded.run(shards)
        sharded.change()
        if number == chance.randrange(ROUNDS):
            # docs/scale.md: the new shards start directly after a run that has brought all.
            sharded.run(shards, troubles=False)
            shards = sharded.divide(chance.choice([2, 3]), shards)
            sharded.run(shards, troubles=False)
    for _ in range(2):
        org_server.org.clock.advance(hours=3)
        sharded.run(shards, troubles=False)
    sharded.compare()
