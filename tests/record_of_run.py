"""What the record of a run has to say, whatever happened in the run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.pair.both import TapRun


def assert_true_record(run: TapRun, *, plain: bool = True) -> None:
    """Compare the reports of a run with its messages and its end; `plain` where each row is a RECORD line as it was read."""
    reports = [message["record"] for message in run.of("RECORD", "sync_reports")]
    *collections, whole = reports
    assert whole["collection"] is None, reports
    assert {report["run_id"] for report in reports} == {whole["id"]}
    assert (whole["status"] == "success") == (run.error is None), (whole, run.error)
    assert (whole["error_message"] is None) == (run.error is None)
    failed = {report["collection"] for report in collections if report["status"] in {"partial", "failed"}}
    assert not failed or run.error is not None
    for name in ("rows", "deletions", "partial_rows"):
        assert whole[name] == sum(report[name] or 0 for report in collections)
    for report in reports:
        assert (report["lag_seconds"] is None) == (report["bookmark"] is None)
    if not plain:
        return
    written = Counter(message["stream"] for message in run.of("RECORD"))
    del written["sync_reports"]
    assert written.keys() <= {report["collection"] for report in collections}
    for report in collections:
        least = (report["rows"] or 0) + (report["partial_rows"] or 0)
        # Without a deletion log a deleted row is one of the rows.
        assert least <= written[report["collection"]] <= least + (report["deletions"] or 0), report
