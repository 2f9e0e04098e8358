"""The events of an object's sync: rows to write, a table version to activate, and what is true once they are written."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_sfsource.rows.layout import Layout
    from tap_sfsource.rows.pages import Page


class Kind(enum.Enum):
    """What rows hold. All kinds but WHOLE are partial rows: they hold some of the stream's properties only."""

    WHOLE = "whole"
    TOMBSTONES = "tombstones"
    REFRESH = "refresh"
    IDS = "ids"

    @property
    def partial(self) -> bool:
        """Whether the rows hold some of the stream's properties only."""
        return self is not Kind.WHOLE


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that arrived together. Their layout names their table version."""

    kind: Kind
    page: Page
    layout: Layout


@dataclass(frozen=True, slots=True)
class Activate:
    """All rows of a table version have been yielded: rows of older versions are deleted."""

    version: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state may move: every event before is written when `apply` is called.

    Attributes:
        waits: Whether the next step takes long, such as waiting for a Bulk job: rows and a STATE are written before.
        resumes: Whether a restart goes on from here, as from the locator of a page: a STATE is written with its rows.
    """

    apply: Callable[[], None]
    waits: bool = False
    resumes: bool = False


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The columns, or the replication key, are others from here on: the org refuses one. Whole rows come again."""


Event = Rows | Activate | Checkpoint | Narrowed
