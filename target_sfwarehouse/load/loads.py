"""What the run knows about each table while it loads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_sfwarehouse.errors import BadRecordError, BadSchemaError, without_secrets
from target_sfwarehouse.load.audit import SYNC_RUNS, Counts
from target_sfwarehouse.load.rejected import REJECTED
from target_sfwarehouse.postgres.identifiers import table_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from target_sfwarehouse.errors import InputError
    from target_sfwarehouse.postgres.schema import Table
    from target_sfwarehouse.rows.decode import RowShape

__all__ = ["Load", "Segment", "load_of"]


@dataclass
class Segment:
    """Rows of one set of columns that wait in a temporary table.

    Attributes:
        name: The temporary table, quoted.
        shape: The columns that the rows set, and the properties that these stand for.
        rows: How many there are.
        lines: Where they came from, as `Chunk.lines` has it.
    """

    name: str
    shape: RowShape
    rows: int = 0
    lines: list[tuple[int, Sequence[int]]] = field(default_factory=list)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the rows set."""
        return self.shape.column_names

    def add(self, lines: Iterable[tuple[int, Sequence[int]]]) -> None:
        """Take note of rows that were staged behind the others.

        Args:
            lines: Runs of them: how many, and the input line of each or one for all.
        """
        for run in lines:
            self.lines.append(run)
            self.rows += run[0]

    def line(self, position: int) -> int:
        """Return the number of a row's input line.

        Args:
            position: Its place among the staged rows, counted from 0.
        """
        for count, numbers in self.lines:
            if position < count:
                return numbers[position if len(numbers) == count else 0]
            position -= count
        raise IndexError(position)


@dataclass
class Load:
    """What the run knows about one table.

    Attributes:
        table: The table as it stands.
        counts: What was done to it, as committed.
        segment: Rows staged since the last merge.
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
    direct: bool = False
    direct_rows: int = 0
    first_line: int = 0
    failure: InputError | None = None
    emptied: bool = False
    versioned: bool = False

    def error(self, error: Exception) -> BadRecordError:
        """Return an error of all rows that are not committed yet.

        Args:
            error: What the warehouse says of them.

        Returns:
            The error, which names the first one's line.
        """
        said = without_secrets(" ".join(str(error).split()))
        reason = f"the warehouse refuses the rows for {self.table.label}: {said}"
        return BadRecordError(reason, line=self.first_line, stream=self.table.stream)


def load_of(loads: Mapping[str, Load], stream: str) -> tuple[str, Load | None]:
    """Find the table of a stream.

    Args:
        loads: The loads so far, by table.
        stream: The stream.

    Returns:
        The table's name, and its load if there is one.

    Raises:
        BadSchemaError: The table is one of the target's own, or another stream's.
    """
    name = table_name(stream)
    if name in {SYNC_RUNS, REJECTED}:
        raise BadSchemaError(
            f"table '{name}' is where the target keeps its own records; give the stream another name, e.g. by "
            "`stream_maps` with `__alias__`"
        )
    load = loads.get(name)
    if load is not None and load.table.stream != stream:
        raise BadSchemaError(
            f"streams '{load.table.stream}' and '{stream}' both go to table '{name}'; give one of them another "
            "name, e.g. by `stream_maps` with `__alias__`"
        )
    return name, load
