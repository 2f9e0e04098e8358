"""The syntax tree of a query: what the parser makes and the compiler reads. Nothing here knows a schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Path:
    """A field or a relationship path, such as `Account.Owner.Name`."""

    parts: tuple[str, ...]
    position: int

    @property
    def text(self) -> str:
        """The path as it was written."""
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Call:
    """A function call: `COUNT(Id)`, `toLabel(Status)`, `FIELDS(ALL)`, `CALENDAR_YEAR(CreatedDate)`."""

    name: str
    arguments: tuple[Expression, ...]
    position: int


Expression = Path | Call


@dataclass(frozen=True, slots=True)
class Literal:
    """A value in a condition.

    `kind` is string, number, date, datetime, time, boolean, null or relative (a date literal such as TODAY or
    LAST_N_DAYS:3). `value` is str, Decimal, bool or None; date, datetime and time keep their text.
    """

    kind: str
    value: str | Decimal | bool | None
    position: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field expression. `operator` is = != < <= > >= like in not-in includes excludes, lower case."""

    left: Expression
    operator: str
    right: Literal | tuple[Literal, ...] | Query
    position: int


@dataclass(frozen=True, slots=True)
class And:
    """All of the conditions."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the conditions."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The condition's opposite."""

    term: Condition


Condition = Comparison | And | Or | Not


@dataclass(frozen=True, slots=True)
class Column:
    """An item of the SELECT list."""

    expression: Expression
    alias: str | None = None
    alias_position: int = 0


@dataclass(frozen=True, slots=True)
class TypeOf:
    """`TYPEOF What WHEN Account THEN Phone ELSE Name END`."""

    path: Path
    branches: tuple[tuple[Path, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Child:
    """A subquery in the SELECT list."""

    query: Query
    position: int


SelectItem = Column | TypeOf | Child


@dataclass(frozen=True, slots=True)
class Ordering:
    """An item of ORDER BY."""

    expression: Expression
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Table:
    """An item of FROM: an SObject (or, after the first, a relationship path) and its alias."""

    path: Path
    alias: str | None


@dataclass(slots=True)
class Query:
    """A whole SELECT."""

    select: tuple[SelectItem, ...]
    tables: tuple[Table, ...]
    scope: str | None = None
    where: Condition | None = None
    group_by: tuple[Expression, ...] = ()
    having: Condition | None = None
    order_by: tuple[Ordering, ...] = ()
    limit: int | None = None
    offset: int | None = None
    positions: dict[str, int] = field(default_factory=dict)
    """Where each of the clauses stands whose mere presence can be an error."""
