"""How values get into a column whose type is narrower than the schema asks for, as in tables that others made.

Such a column keeps its type. Its values are staged in a type that has room for whatever the schema allows. They go in by
the server's own cast as long as each comes out as it went in; the first one that does not widens the column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_sfwarehouse.postgres.iso_8601 import MOMENT
from target_sfwarehouse.postgres.rooms import room
from target_sfwarehouse.postgres.schema import quoted
from target_sfwarehouse.postgres.types import TIMESTAMP, TIMESTAMPTZ

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_sfwarehouse.postgres.schema import Column, Table
    from target_sfwarehouse.postgres.types import SqlType

FLOATS = frozenset({"real", "double precision"})


def rooms(table: Table, columns: Sequence[Column]) -> dict[str, SqlType]:
    """Give the type that the values of each column are staged in."""
    found = {}
    for column in columns:
        current = table.columns[column.column]
        own = column.type if column.column in table.computed else room(current, column.type)
        found[column.column] = own or current
    return found


@dataclass(frozen=True)
class Cast:
    """The way from a staging table's column into the table's.

    Attributes:
        room: Type that the value is staged in.
        kind: Type of the table's column.
    """

    column: str
    room: SqlType
    kind: SqlType

    @property
    def by_assignment(self) -> bool:
        """Whether the staged value can be inserted and compared as it is."""
        return self.room.family == "text" and self.kind.name == "character varying"

    @property
    def _is_spelled_moment(self) -> bool:
        return self.room.family == "text" and self.kind.name in {TIMESTAMP.name, TIMESTAMPTZ.name}

    @property
    def value(self) -> str:
        """The staged value in the column's type."""
        name = quoted(self.column)
        if self.kind.family == "json":
            return f"to_jsonb({name})::{self.kind}"
        if self.room.family == "json" and self.kind.name.endswith("[]"):
            return f"(SELECT v FROM jsonb_to_record(jsonb_build_object('v', {name})) AS given(v {self.kind}))"  # noqa: S608 - quoted
        if self.room.family == "json":
            return f"({name} #>> '{{}}')::{self.kind}"
        if self.room.name in FLOATS:
            return f"{name}::text::{self.kind}"
        if self._is_spelled_moment and self.kind.name == TIMESTAMP.name:
            return f"{name}::timestamptz::{self.kind}"  # by itself it would lose an offset
        return f"{name}::{self.kind}"

    @property
    def misfit(self) -> str:
        """Condition that a staged value does not come out of the column as it went in."""
        name = quoted(self.column)
        if self.room.family == "json":
            foreign = self.kind.family == "other" and not self.kind.name.endswith("[]")
            return (
                f"({self.value} IS NULL) <> ({name} IS NULL)"
                if foreign
                else f"to_jsonb({self.value}) IS DISTINCT FROM {name}"
            )
        if self._is_spelled_moment:
            return f"({self.value} IS NULL) <> ({name} IS NULL) OR {name} !~* '^{MOMENT}$'"
        if self.kind.name == "uuid":
            return f"{self.value}::text IS DISTINCT FROM lower({name})"
        if self.kind.name == "numeric" and self.room.family == "text":
            # A scale adds zeros to 1.5; a code such as 007 is no number.
            spelled = f"{self.value}::text, trim_scale({self.value})::text"
            return f"({name} = ANY (ARRAY[{spelled}])) IS NOT TRUE AND {name} IS NOT NULL"
        back = f"::text::{self.room}" if self.kind.name in FLOATS else f"::{self.room}"
        return f"{self.value}{back} IS DISTINCT FROM {name}"


def casts(table: Table, columns: Sequence[Column]) -> list[Cast]:
    """List what is staged in another type than the table has."""
    return [
        Cast(column.column, column.type, table.columns[column.column])
        for column in columns
        if column.column not in table.unwritten and column.type != table.columns[column.column]
    ]
