"""The org is quick and small enough not to be what a test or a benchmark measures.

Times are those of the processor, so that a busy machine fails nothing; `benchmarks/simulated_org.py` has the wall clock's.
"""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING

from salesforce_simulator import soql
from salesforce_simulator.http.results import write_results
from salesforce_simulator.org import ALL_FEATURES, Org
from salesforce_simulator.server import serve
from salesforce_simulator.volume import load_many

if TYPE_CHECKING:
    from pathlib import Path


def test_it_starts_within_a_second() -> None:
    begun = time.process_time()
    org = Org(features=ALL_FEATURES)
    try:
        with serve(org):
            assert len([each for each in org.schema if each.collection]) == 48
            assert time.process_time() - begun < 1
    finally:
        org.close()


def test_a_result_is_made_in_little_memory(frozen_org: Org, tmp_path: Path) -> None:
    load_many(frozen_org, "Contact", 20_000)
    names = [field.name for field in frozen_org.object("Contact").columns]
    result = soql.execute(
        f"SELECT {', '.join(names)} FROM Contact",
        schema=frozen_org.schema,
        connection=frozen_org.connection(),
        now=frozen_org.clock.now(),
        api="bulk",
    )
    tracemalloc.start()
    try:
        made = write_results(tmp_path / "result.csv", result.csv_header(), result.csv_lines(seed=1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.rows == 20_000
    assert made.size > 15_000_000
    assert peak < made.size / 4
