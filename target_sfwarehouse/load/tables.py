"""What a run knows about each table, and the states that a table's rows go through in a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from enum import Enum, auto
from typing import TYPE_CHECKING

from target_sfwarehouse.errors import BadRecordError, BadSchemaError
from target_sfwarehouse.load.audit import RECEIVED_AT, REJECTED, SOURCES, SYNC_RUNS, SYNC_STATUS, Counts
from target_sfwarehouse.postgres.casts import rooms
from target_sfwarehouse.postgres.schema import table_name
from target_sfwarehouse.postgres.versions import history_name, tracked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.errors import InputError
    from target_sfwarehouse.postgres.schema import Table, Wanted
    from target_sfwarehouse.postgres.types import SqlType
    from target_sfwarehouse.rows.decode import RowShape


class State(Enum):
    """What a session holds of a table."""

    IDLE = auto()
    """Nothing that is not committed."""

    COPYING = auto()
    """Rows in the table itself, in an open transaction; rows that it refused may be staged beside them."""

    STAGED = auto()
    """Rows in a staging table."""

    MERGING = auto()
    """A transaction brings the staged rows into the table."""

    FAILED = auto()
    """Nothing: its rows were dropped, and no more are taken."""


_NEXT = {
    State.IDLE: {State.COPYING, State.STAGED, State.FAILED},
    State.COPYING: {State.MERGING, State.FAILED},
    State.STAGED: {State.MERGING, State.FAILED},
    State.MERGING: {State.IDLE, State.FAILED},
    State.FAILED: {State.FAILED},
}


@dataclass
class Segment:
    """Rows of one set of columns that wait in a staging table.

    Attributes:
        name: The staging table, quoted.
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
        """Note rows that were staged behind the others: runs of them, with the line of each or one line for all."""
        for run in lines:
            self.lines.append(run)
            self.rows += run[0]

    def remove(self, gone: AbstractSet[int]) -> None:
        """Note that rows, counted from 1, were taken out of the staging table."""
        lines = (
            numbers[place if len(numbers) == count else 0]
            for count, numbers in self.lines
            for place in range(count)
        )
        kept = [line for number, line in enumerate(lines, start=1) if number not in gone]
        self.lines[:], self.rows = [(len(kept), kept)], len(kept)

    def line(self, position: int) -> int:
        """Return the input line of the row at a place, counted from 0."""
        for count, numbers in self.lines:
            if position < count:
                return numbers[position if len(numbers) == count else 0]
            position -= count
        raise IndexError(position)


@dataclass
class Load:
    """What the run knows about one table.

    Attributes:
        counts: What was done to it, as committed.
        read: Records handed over for it; those of CSV files are in `counts`.
        direct: Whether rows may still be copied straight into the table.
        failure: Why no more rows are taken.
        versioned: Whether any of its records carried a version.
        emptied: Whether `overwrite` has removed the rows of earlier runs.
        deletion: Columns that mark deleted rows, as the schema names them.
        rooms: Type that the values of each column are staged in.
        source: Whose rows they are (`x-source` of the schema); empty if it does not say.
        named: Columns that the schemas of the run named.
        stamps: Value in the open transaction of the columns that tell when a row was written, as SQL.
        moment: That value as SQL.
        has_history: Whether the settings ask for the table's history.
        history: The table that keeps it, once it is known.
    """

    table: Table
    counts: Counts = field(default_factory=Counts)
    read: int = 0
    direct: bool = False
    failure: InputError | None = None
    versioned: bool = False
    emptied: bool = False
    deletion: tuple[str, ...] = ()
    rooms: dict[str, SqlType] = field(default_factory=dict)
    source: str = ""
    named: set[str] = field(default_factory=set)
    stamps: dict[str, str] = field(default_factory=dict)
    moment: str = ""
    has_history: bool = False
    history: Table | None = None

    def stamp(self, moment: datetime, *, is_default: bool) -> None:
        """Set the time of the rows of the open transaction; it may be what the columns have by default."""
        text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
        self.moment = f"timestamp with time zone '{text}+00'"
        self.stamps = {
            column: f"{self.table.columns[column].name} '{text}+00'" for column in self.table.stamped
        }
        self.direct = self.direct and is_default

    def history_fits(self) -> bool:
        """Whether the history has the table's columns as they are now."""
        history = self.history
        return history is not None and tracked(self.table).items() <= history.columns.items()

    def stages_otherwise(self, wanted: Wanted) -> bool:
        """Whether rows of another schema are staged in other types than those before."""
        found = rooms(
            self.table, [column for column in wanted.columns if column.column in self.table.columns]
        )
        return any(self.rooms.get(column, kind) != kind for column, kind in found.items())

    def has_failed(self) -> bool:
        """Whether no more rows are taken."""
        return self.failure is not None

    @property
    def total(self) -> Counts:
        """What was done, records read included."""
        return self.counts + Counts(read=self.read)


@dataclass
class Part:
    """What a session holds of one table in a batch.

    Attributes:
        segment: Rows staged since the last merge.
        direct_rows: Rows copied straight into the table in the open transaction.
        counts: Records read from files and put into quarantine since the last commit.
        first_line: Input line of the first row that is not committed yet.
        failure: The failure of the table, if a row of this part caused it.
    """

    load: Load
    state: State = State.IDLE
    segment: Segment | None = None
    direct_rows: int = 0
    counts: Counts = field(default_factory=Counts)
    first_line: int = 0
    failure: InputError | None = None

    def to(self, state: State) -> None:
        """Go to another state; the one place where states change."""
        assert state in _NEXT[self.state], (self.state, state)
        self.state = state
        if state in {State.IDLE, State.FAILED}:
            self.segment, self.direct_rows, self.counts, self.first_line = None, 0, Counts(), 0

    @property
    def is_behind_a_failure(self) -> bool:
        """Whether an earlier batch ended the load of the table: these rows must not get in."""
        return self.load.failure is not None and self.load.failure is not self.failure

    def error(self, said: str) -> BadRecordError:
        """Return an error of all rows that are not committed yet; it names the first one's line."""
        reason = f"the warehouse refuses the rows for {self.load.table.label}: {said}"
        return BadRecordError(reason, line=self.first_line, stream=self.load.table.stream)


def check_name(loads: Mapping[str, Load], settings: Settings, stream: str) -> str:
    """Give the table name of a stream; raises BadSchemaError where it is the target's own, or another stream's."""
    name = table_name(stream, settings.conform_names)
    if name in {SYNC_RUNS, SYNC_STATUS, REJECTED, SOURCES, RECEIVED_AT}:
        raise BadSchemaError(
            f"table '{name}' is where the target keeps its own records; give the stream another name, e.g. by "
            "`stream_maps` with `__alias__`"
        )
    for other in loads.values():
        same_schema = other.table.schema == settings.schema_of(stream)
        same = same_schema and other.table.name == name
        if same and other.table.stream != stream:
            raise BadSchemaError(
                f"streams '{other.table.stream}' and '{stream}' both go to table '{name}'; give one of them another "
                "name, e.g. by `stream_maps` with `__alias__`"
            )
        if same_schema and other.has_history and name == history_name(other.table.name):
            raise BadSchemaError(
                f"table '{name}' is where the history of stream '{other.table.stream}' goes; give the stream another name, "
                "e.g. by `stream_maps` with `__alias__`, or take that one out of the setting `history`"
            )
    return name
