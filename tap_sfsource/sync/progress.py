"""What the reading of a query says beside its pages: how far it is, and that it cannot go on as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_sfsource.errors import TapError

if TYPE_CHECKING:
    import datetime

    from tap_sfsource.sync.job_bookmark import JobBookmark
    from tap_sfsource.sync.windows import Window


@dataclass(frozen=True, slots=True)
class Progress:
    """What a bookmark may say once a page has been written.

    Attributes:
        key: Every row of the window up to this stamp has been written (ordered reading), or None.
        job: The job and the locator of its next page, or None.
        waits: Whether what follows takes long: a STATE is written before.
    """

    key: datetime.datetime | None = None
    job: JobBookmark | None = None
    waits: bool = False


class TooLargeError(Exception):
    """A query has to be read as two: the halves of its window."""

    def __init__(self, halves: tuple[Window, Window]) -> None:
        super().__init__()
        self.halves = halves


class JobLostError(TapError):
    """An earlier run's job cannot be resumed: it is gone, it ended, or its locator is refused."""
