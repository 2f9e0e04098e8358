"""What the run knows about each table while it loads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_sfwarehouse.runs import Counts

if TYPE_CHECKING:
    from target_sfwarehouse.errors import InputError
    from target_sfwarehouse.table import Table

__all__ = ["Load", "Segment"]


@dataclass
class Segment:
    """Rows of one set of columns that wait in a temporary table.

    Attributes:
        name: The temporary table, quoted.
        columns: The columns that the rows set.
        rows: How many there are.
    """

    name: str
    columns: tuple[str, ...]
    rows: int = 0


@dataclass
class Load:
    """What the run knows about one table.

    Attributes:
        table: The table as it stands.
        counts: What was done to it, as committed.
        segment: Rows staged since the last merge.
        stages: Staging tables made so far, by the columns and types that they have.
        direct: Whether rows may still be copied straight into the table.
        direct_rows: Rows copied straight into it in the open transaction.
        first_line: Input line of the first row that is not committed yet.
        failure: What ended the load of this table; later rows are dropped.
        versioned: Whether any of its records carried a version.
        emptied: Whether `overwrite` has removed the rows of earlier runs.
    """

    table: Table
    counts: Counts = field(default_factory=Counts)
    segment: Segment | None = None
    stages: dict[tuple[str, ...], str] = field(default_factory=dict)
    direct: bool = False
    direct_rows: int = 0
    first_line: int = 0
    failure: InputError | None = None
    emptied: bool = False
    versioned: bool = False
