"""Several changes of which all are kept or none."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from salesforce_simulator.org import Org

Outcome = TypeVar("Outcome")


class _UndoError(Exception):
    """Takes the changes back on its way out of the org's atomic block."""


def all_or_none(
    org: "Org", work: Callable[[], list[Outcome]], failed: Callable[[Outcome], bool]
) -> tuple[list[Outcome], bool]:
    """Do the work, and take it back if any of its outcomes failed. Gives the outcomes, and whether they were kept."""
    outcomes: list[Outcome] = []
    try:
        with org.atomic():
            outcomes += work()
            _check(outcomes, failed)
    except _UndoError:
        return outcomes, False
    return outcomes, True


def _check(outcomes: list[Outcome], failed: Callable[[Outcome], bool]) -> None:
    if any(map(failed, outcomes)):
        raise _UndoError
