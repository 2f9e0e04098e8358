"""The parts of a query that is read as several: consecutive windows, each with the Bulk job that reads it, once it has one.

In a state they are one text. Meltano merges states key by key, so parts with keys of their own would survive the end of
their query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from tap_sfsource import clock
from tap_sfsource.sync.windows import Window

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Part:
    """One window.

    Attributes:
        job: The id of its Bulk job, empty if none is created.
        locator: Of the page to read next; empty for the first.
        rows: Rows of it that have been emitted.
        count: About how many rows it has, where known; a state does not keep it.
    """

    window: Window
    job: str = ""
    locator: str = ""
    rows: int = 0
    count: int | None = None


def text_of(parts: Iterable[Part]) -> str:
    """The parts as one text: ``START/END/JOB/LOCATOR/ROWS``, with spaces between them."""
    return " ".join(
        "/".join(
            (
                _moment_text(part.window.start),
                _moment_text(part.window.end),
                part.job,
                quote(part.locator, safe=""),
                str(part.rows),
            )
        )
        for part in parts
    )


def parts_of(text: str) -> list[Part]:
    """The parts of a text.

    Raises:
        ValueError: It is no such text.
    """
    parts = []
    for words in text.split():
        start, end, job, locator, rows = words.split("/")
        parts.append(Part(Window(_moment(start), _moment(end)), job, unquote(locator), int(rows)))
    return parts


def _moment_text(moment: datetime.datetime | None) -> str:
    return "" if moment is None else clock.isoformat(moment)


def _moment(text: str) -> datetime.datetime | None:
    return clock.parse(text) if text else None
