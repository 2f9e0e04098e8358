"""Steps of an extraction: rows to write, and what is true once they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_sfsource.rows.pages import Page
    from tap_sfsource.rows.rows import Rows


@dataclass(frozen=True, slots=True)
class Step:
    """Rows to write, and what is true afterwards.

    Attributes:
        done: Moves the bookmark; called once the rows are written.
        page: The rows, or None where there are none.
        rows: How to write them.
        kind: What they are: ``rows``, ``tombstones``, ``contents``, ``backfill``, ``formulas``, ``names`` or ``ids``. All
            but ``rows`` hold some of the stream's properties only.
        activate: The table version to activate after the rows, or None.
        waits: Whether something that takes long comes next, such as a Bulk job: its id, or what was done before it, had
            better be in a STATE first.
    """

    done: Callable[[], None]
    page: Page | None = None
    rows: Rows | None = None
    kind: str = "rows"
    activate: int | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Tombstones:
    """A page of rows of which only the Id is known, and that they are deleted."""

    ids: Sequence[str]
    extracted: str

    def lines(self, rows: Rows) -> Iterator[tuple[bytes, int]]:
        """RECORD lines of the page."""
        yield b"".join(rows.message([record_id], self.extracted) for record_id in self.ids), len(self.ids)

    def records(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """The page's rows as dicts."""
        name = rows.columns[0].property
        for record_id in self.ids:
            yield {name: record_id, **rows.constants}
