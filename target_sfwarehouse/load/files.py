"""Load a CSV file of a BATCH message: as it is if it fits, row by row if not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from target_sfwarehouse.errors import BadRecordError, InputError
from target_sfwarehouse.load.copying import copy_blocks
from target_sfwarehouse.postgres.schema import quoted
from target_sfwarehouse.postgres.waiting import run
from target_sfwarehouse.rows.chunks import CHUNK_ROWS, Chunk, Span
from target_sfwarehouse.rows.csv_cells import CellCheck
from target_sfwarehouse.rows.values import BadValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import psycopg

    from target_sfwarehouse.rows.decode import RowShape


class Source(Protocol):
    """A CSV file. Reading it raises InputError, OSError and EOFError."""

    @property
    def url(self) -> str:
        """Where it is."""

    @property
    def names(self) -> tuple[str, ...]:
        """Property of each of its columns."""

    @property
    def header(self) -> bool:
        """Whether its first line is a header."""

    def copy_options(self, columns: Sequence[str]) -> str:
        """Options of the COPY that reads it, given its columns' quoted names."""

    def blocks(self) -> Iterator[bytes]:
        """Its bytes."""

    def records(self, declared: Mapping[str, frozenset[str]]) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
        """Line number, text and record of each row, after the whole file was found to be well-formed."""


@dataclass(frozen=True)
class FileLoad:
    """A CSV file on its way to a table.

    Attributes:
        shape: The table's columns; those that the file lacks become NULL.
        extras: Values of the shape's extra columns, the same for every row.
        declared: JSON types of the stream's properties, for rows that have to be looked at.
        line: Input line of the BATCH message.
        iso_dates: Whether its writer says that its dates are of ISO 8601, so that none has to be looked at.
    """

    shape: RowShape
    file: Source
    extras: tuple[Any, ...]
    declared: Mapping[str, frozenset[str]]
    line: int
    iso_dates: bool = False

    @property
    def columns(self) -> list[str]:
        """Names of the columns that the file has, in its order."""
        columns = {column.name: column.column for column in self.shape.columns}
        return [columns[name] for name in self.file.names]

    @property
    def direct(self) -> bool:
        """Whether the file has all that a row of the table needs, so that it can be copied into the table itself."""
        flags = {column.column for column in self.shape.columns if column.default_false}
        return not self.extras and flags <= set(self.columns)

    def copy_to_stage(
        self, connection: psycopg.Connection[Any], stage: str, atomic: AbstractContextManager[Any]
    ) -> int:
        """Copy the file as it is into a staging table; give how many rows there were."""
        # Columns that the file cannot have get their value as a default.
        for column, value in zip(self.shape.all_columns[len(self.shape.columns) :], self.extras, strict=True):
            default = f"ALTER COLUMN {quoted(column.column)} SET DEFAULT {_literal(value)}"
            run(connection, f"ALTER TABLE {stage} {default}")
        with atomic:
            copied = self._copy(connection, stage)
        self._set_flags(connection, stage)
        return copied

    def copy_to_table(self, connection: psycopg.Connection[Any], table: str) -> int:
        """Copy the file as it is into the table itself; a row without a value for a deletion mark is refused."""
        flags = [quoted(column.column) for column in self.shape.columns if column.default_false]
        # A division by zero ends the COPY.
        present = " AND ".join(f"1 / (CASE WHEN {flag} IS NULL THEN 0 ELSE 1 END) = 1" for flag in flags)
        return self._copy(connection, table, f" WHERE {present}" if flags else "")

    def _copy(self, connection: psycopg.Connection[Any], into: str, condition: str = "") -> int:
        options = self.file.copy_options([quoted(name) for name in self.columns])
        cells = CellCheck(self.shape, self.file.names, header=self.file.header, dates=not self.iso_dates)
        blocks = cells.checked(self.file.blocks())
        return copy_blocks(connection, into, self.columns, blocks, options + condition)

    def _set_flags(self, connection: psycopg.Connection[Any], stage: str) -> None:
        """Make deletion marks false where the file does not say; the rows keep their order."""
        for column in self.shape.columns:
            if not column.default_false:
                continue
            flag = quoted(column.column)
            found = run(connection, f"SELECT EXISTS (SELECT 1 FROM {stage} WHERE {flag} IS NULL)").fetchone()  # noqa: S608
            if found and found[0]:
                # An UPDATE would put the rows that it changes behind the others; this rewrites all of them in order.
                change = f"ALTER COLUMN {flag} TYPE {column.type} USING coalesce({flag}, false)"
                run(connection, f"ALTER TABLE {stage} {change}")

    def error(self, error: Exception) -> InputError:
        """Return an error of the whole file, which names the file and the line of the message."""
        reason = error.reason if isinstance(error, InputError) else f"batch file {self.file.url}: {error}"
        return InputError(reason, line=self.line, stream=self.shape.stream)

    def chunks(self, refuse: Callable[[BadRecordError, bytes], bool]) -> Iterator[Chunk]:
        """Yield the rows that could be converted; `refuse` gets each other row and says whether to go on."""
        rows = self.file.records(self.declared)
        while part := list(islice(rows, CHUNK_ROWS)):
            items: list[Any] = []
            spans: list[Span] = []
            going_on = True
            for number, text, record in part:
                try:
                    items.append(self.shape.from_record(record))
                except BadValueError as error:
                    reason = f"{self.file.url}, line {number}: {error}"
                    bad = BadRecordError(reason, line=self.line, stream=self.shape.stream, name=error.name)
                    going_on = refuse(bad, text)
                    if not going_on:
                        break
                else:
                    spans.append(Span(text, (self.line,)))
            if items:
                extras = [self.extras] * len(items) if self.extras else []
                yield Chunk(self.shape, len(items), items, extras, spans, None)
            if not going_on:
                return


def _literal(value: float | str | None) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
