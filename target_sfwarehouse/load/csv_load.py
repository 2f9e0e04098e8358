"""Load a CSV file of a BATCH message: whole if it fits, row by row if not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.errors import BadRecordError, InputError
from target_sfwarehouse.input.batch_files import open_batch_file
from target_sfwarehouse.load.copying import copy_blocks
from target_sfwarehouse.postgres.ddl import run
from target_sfwarehouse.postgres.identifiers import quoted
from target_sfwarehouse.rows.chunks import CHUNK_ROWS, Chunk, Span
from target_sfwarehouse.rows.layout import BadValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    import psycopg

    from target_sfwarehouse.input.batch_files import CsvFile
    from target_sfwarehouse.load.loads import Load
    from target_sfwarehouse.postgres.capabilities import Engine
    from target_sfwarehouse.rows.decode import RowShape

__all__ = ["CsvLoad"]

BLOCK = 1024 * 1024
"""Bytes of a file read at a time."""


@dataclass(frozen=True)
class CsvLoad:
    """A CSV file on its way to a table.

    Attributes:
        load: The table.
        shape: Its columns; those that the file lacks become NULL.
        file: The file.
        extras: Values of the shape's extra columns, the same for every row.
        declared: JSON types of the stream's properties, for rows that have to be looked at.
        line: Input line of the BATCH message.
    """

    load: Load
    shape: RowShape
    file: CsvFile
    extras: tuple[Any, ...]
    declared: Mapping[str, frozenset[str]]
    line: int

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
        self,
        connection: psycopg.Connection[Any],
        engine: Engine,
        stage: str,
        atomic: AbstractContextManager[Any],
    ) -> int:
        """Copy the file as it is into a staging table.

        Args:
            connection: Where to.
            engine: What tells the order of its rows.
            stage: Quoted name of the staging table.
            atomic: Makes all or none of the rows stay.

        Returns:
            How many rows there were.

        Raises:
            psycopg.Error: What the server says of them.
            InputError: The file cannot be read; likewise OSError and EOFError.
        """
        for statement in self._preparations(stage):
            run(connection, statement)
        with atomic:
            copied = self._copy(connection, stage)
        self._set_flags(connection, stage, engine)
        return copied

    def copy_to_table(self, connection: psycopg.Connection[Any]) -> int:
        """Copy the file as it is into the table itself; a row without a value for `is_deleted` is refused.

        Args:
            connection: Where to, in a transaction.

        Returns:
            How many rows there were.

        Raises:
            psycopg.Error: As for `copy_to_stage`.
            InputError: Likewise.
        """
        flags = [quoted(column.column) for column in self.shape.columns if column.default_false]
        # A division by zero ends the COPY.
        present = " AND ".join(f"1 / (CASE WHEN {flag} IS NULL THEN 0 ELSE 1 END) = 1" for flag in flags)
        return self._copy(connection, self.load.table.sql, f" WHERE {present}" if flags else "")

    def _copy(self, connection: psycopg.Connection[Any], into: str, condition: str = "") -> int:
        options = self.file.copy_options([quoted(name) for name in self.columns])
        with open_batch_file(self.file.url, self.file.storage) as source:
            blocks = iter(lambda: source.read(BLOCK), b"")
            return copy_blocks(connection, into, self.columns, blocks, options + condition)

    def _preparations(self, stage: str) -> list[str]:
        """Columns that the file cannot have get their value as a default."""
        columns = self.shape.all_columns[len(self.shape.columns) :]
        return [
            f"ALTER TABLE {stage} ALTER COLUMN {quoted(column.column)} SET DEFAULT {_literal(value)}"
            for column, value in zip(columns, self.extras, strict=True)
        ]

    def _set_flags(self, connection: psycopg.Connection[Any], stage: str, engine: Engine) -> None:
        """Make `is_deleted` false where the file does not say; the rows keep their order."""
        for column in self.shape.columns:
            if not column.default_false:
                continue
            flag = quoted(column.column)
            found = run(connection, f"SELECT EXISTS (SELECT 1 FROM {stage} WHERE {flag} IS NULL)").fetchone()  # noqa: S608
            if not found or not found[0]:
                continue
            if engine.row_order:
                # An UPDATE would put the rows that it changes behind the others; this writes all of them anew, in order.
                change = f"ALTER TABLE {stage} ALTER COLUMN {flag} TYPE {column.type} USING coalesce({flag}, false)"
            else:
                change = f"UPDATE {stage} SET {flag} = false WHERE {flag} IS NULL"  # noqa: S608
            run(connection, change)

    def error(self, reason: object) -> InputError:
        """Return an error of the whole file.

        Args:
            reason: What is wrong.

        Returns:
            The error, which names the file and the line of the message.
        """
        return InputError(f"{self.file.url}: {reason}", line=self.line, stream=self.load.table.stream)

    def chunks(self, refuse: Callable[[BadRecordError, bytes], bool]) -> Iterator[Chunk]:
        """Yield the rows as chunks.

        Args:
            refuse: Called with what is wrong with a row and its text; says whether to go on.

        Yields:
            Chunks of rows that could be converted.
        """
        rows = self.file.rows()
        while part := list(islice(rows, CHUNK_ROWS)):
            items: list[Any] = []
            spans: list[Span] = []
            going_on = True
            for number, text, fields in part:
                try:
                    items.append(self.shape.from_record(self.file.record(fields, self.declared)))
                except ValueError as error:
                    name = error.name if isinstance(error, BadValueError) else None
                    reason = f"{self.file.url}, line {number}: {error}"
                    bad = BadRecordError(reason, line=self.line, stream=self.load.table.stream, name=name)
                    going_on = refuse(bad, text)
                    if not going_on:
                        break
                else:
                    spans.append(Span(text, (self.line,)))
            if items:
                extras = [self.extras] * len(items) if self.extras else []
                yield Chunk(self.load, self.shape, len(items), items, extras, spans, None)
            if not going_on:
                return


def _literal(value: float | str | None) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
