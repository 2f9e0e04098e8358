"""What is not well after a tick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sfsource.reports.health import FAILED

if TYPE_CHECKING:
    from collections.abc import Collection

    from sfsource.alerts.memory import Memory
    from sfsource.reports.health import Health

FAILING: Final = "failing"
SKIPPED: Final = "skipped ticks"


def after_skip(memory: Memory, after: int) -> dict[str, str]:
    """Count a tick that was skipped, and give what is not well, by key; nothing else is known anew."""
    memory.skipped += 1
    troubles = {key: text for key, text in memory.told.items() if key != SKIPPED}
    if memory.skipped >= after:
        troubles[SKIPPED] = (
            f"{memory.skipped} ticks in a row were skipped, because a run is still going. A first sync of a large org may "
            "take that long. If it hangs, end it: the next tick goes on from its last commit."
        )
    return troubles


def after_run(
    memory: Memory, status: int, after: int, health: Health | None, may_be_quiet: Collection[str]
) -> dict[str, str]:
    """Count a tick that ran, and give what is not well, by key.

    A run that ended partial is no failure of the tick: its collections are told by name, and at once. Without `health`,
    where the warehouse cannot be asked, what it told before still holds.
    """
    memory.skipped = 0
    record = health.last if health is not None else None
    if record is not None and record.run_id == memory.run:
        record = None  # this run has left none
    memory.run = record.run_id if record is not None else memory.run
    is_partial = record is not None and record.status == "partial"
    memory.failures = memory.failures + 1 if status and not is_partial else 0
    troubles: dict[str, str] = {}
    if memory.failures >= after:
        ticks = "The last tick" if memory.failures == 1 else f"{memory.failures} ticks in a row"
        reason = record.error_message or record.error_code if record is not None else None
        reason = reason or "The warehouse has no record that says why: look into the log of the schedule."
        troubles[FAILING] = f"{ticks} failed, with exit status {status}. {reason}"
    if health is None:
        return troubles | {key: text for key, text in memory.told.items() if key not in {FAILING, SKIPPED}}
    for trouble in health.troubles(may_be_quiet=may_be_quiet):
        key = f"{trouble.kind}/{trouble.collection}"
        # Where the run failed as a whole, its collections tell the same.
        is_own = not memory.failures or trouble.kind not in FAILED or key in memory.told
        if trouble.collection is not None and is_own:
            troubles[key] = trouble.text
    return troubles
