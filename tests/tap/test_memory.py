"""How much memory a run takes where rows are long."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_object
from salesforce_simulator.schema import Field
from tests.fix_process import SCRIPTS
from tests.levels import slow
from tests.tap.syncs import Syncs

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer

MOST_MEGABYTES = 150
LONGEST = 131_072


def texts(server: OrgServer, rows: int, columns: int, length: int, text: str = "") -> None:
    names = [f"Text{number}__c" for number in range(columns)]
    fields = [Field(name=name, type="textarea", length=LONGEST, custom=True) for name in names]
    server.org.add_object(custom_object("Story__c", fields))
    # Text that gzip makes half as long, as it does with people's.
    text = text or random.Random(1).randbytes(length // 2 + 1).hex()[:length]
    server.org.load("Story__c", ([f"{row}", *columns * [text]] for row in range(rows)), ["Name", *names])


# A process that is forked off this one is charged for this one's memory until it becomes another program.
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, file=sys.stderr)
"""


def peak(config: dict[str, Any], folder: Path) -> tuple[int, int]:
    """Rows written, and the most memory that the tap's process had, in megabytes."""
    (folder / "config.json").write_text(json.dumps(config))
    command = [
        sys.executable,
        "-c",
        MEASURED,
        str(SCRIPTS / "tap-sfsource"),
        "--config",
        str(folder / "config.json"),
    ]
    with (folder / "out").open("wb") as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=True)
    with (folder / "out").open("rb") as lines:
        rows = sum(line.startswith(b'{"type":"RECORD"') for line in lines)
    return rows, int(done.stderr.split()[-1])


@slow
@pytest.mark.parametrize("reader", ["rest", "bulk", "auto"])
@pytest.mark.parametrize(("rows", "columns", "length"), [(1200, 1, 100_000), (60, 20, LONGEST)], ids=str)
def test_long_texts_take_little_memory(
    org_server: OrgServer, tmp_path: Path, reader: str, rows: int, columns: int, length: int
) -> None:
    texts(org_server, rows, columns, length)
    read, megabytes = peak(
        org_server.config(objects=["Story__c"], reader=reader, sync_reports=False), tmp_path
    )
    assert read == rows
    assert megabytes <= MOST_MEGABYTES


def test_a_page_that_compresses_a_thousand_times_takes_little_memory(
    org_server: OrgServer, tmp_path: Path
) -> None:
    """300 MB of one letter are 300 KB on the wire. An object's long texts have 1.6 million characters at most."""
    texts(org_server, 200, 12, LONGEST, text="a" * LONGEST)
    read, megabytes = peak(
        org_server.config(objects=["Story__c"], reader="bulk", sync_reports=False), tmp_path
    )
    assert read == 200
    assert megabytes <= MOST_MEGABYTES


def test_long_columns_with_short_texts_cost_one_call_more(org_server: OrgServer, frozen: Clock) -> None:
    texts(org_server, 900, 3, 10)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Story__c", reader="rest")
    assert syncs.sync() == {"story_c": 900}
    assert len(org_server.ledger.matching("/composite")) == 3  # describe, the look, and all rows
    frozen.advance(hours=3)
    assert syncs.sync() == {}
    assert len(org_server.ledger.matching("/composite")) == 2


def test_long_rows_in_the_recycle_bin_are_read_few_at_a_time(org_server: OrgServer, frozen: Clock) -> None:
    texts(org_server, 12, 20, 1000)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Story__c", partial_rows="whole")
    syncs.sync()
    for record_id in list(syncs.target.tables["story_c"]):
        org_server.org.delete(record_id)
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.complete
    assert all(row["is_deleted"] for row in syncs.target.tables["story_c"].values())
