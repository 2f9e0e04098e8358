"""COPY into a table: blocks of one source at once, or chunk after chunk as they come."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.copy import LibpqWriter
from psycopg.generators import copy_to

from target_sfwarehouse.postgres.schema import quoted
from target_sfwarehouse.rows.decode import COPY_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from psycopg.abc import Buffer

    from target_sfwarehouse.load.tables import Part, Segment
    from target_sfwarehouse.rows.chunks import Chunk

GROUP_BYTES = 4 * 1024 * 1024
"""Encoded rows that one COPY takes at most, since they are kept until the server has accepted them."""

_SENT_BYTES = 256 * 1024


class _Sender(LibpqWriter):
    """Has the server take each block before the next one is given to libpq.

    psycopg's own writer gives libpq all it gets, which keeps what the server has not taken yet, and moves all of that
    to the front of its buffer each time some of it has gone out.
    """

    def write(self, data: Buffer) -> None:
        """Send data."""
        whole = memoryview(data)
        for start in range(0, len(whole), _SENT_BYTES):
            block = whole[start : start + _SENT_BYTES]
            self.connection.wait(copy_to(self.connection.pgconn, block, flush=True))


def _copy(
    connection: psycopg.Connection[Any], into: str, columns: Iterable[str], options: str
) -> AbstractContextManager[psycopg.Copy]:
    names = ", ".join(quoted(column) for column in columns)
    cursor = connection.cursor()
    return cursor.copy(f"COPY {into} ({names}) FROM STDIN {options}".encode(), writer=_Sender(cursor))


def copy_blocks(
    connection: psycopg.Connection[Any],
    into: str,
    columns: Iterable[str],
    blocks: Iterable[bytes],
    options: str = COPY_OPTIONS,
) -> int:
    """Copy CSV into a table, all rows or none; `into` is quoted. Return how many rows there were."""
    with _copy(connection, into, columns, options) as copy:
        for block in blocks:
            copy.write(block)
    return copy.cursor.rowcount


class OpenCopy:
    """One COPY for several chunks: the server need not wait for the client between two of them.

    Attributes:
        part: The table that the rows are for.
        segment: Its staging table; None if they go into the table itself.
        chunks: What was written.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        part: Part,
        segment: Segment | None,
        columns: tuple[str, ...],
        atomic: AbstractContextManager[Any],
    ) -> None:
        """Begin; `atomic` makes all or none of the rows stay. Until `end` the connection serves for nothing else."""
        self.part = part
        self.segment = segment
        self.chunks: list[Chunk] = []
        self._columns = columns
        self._bytes = 0
        self._stack = ExitStack()
        into = segment.name if segment is not None else part.load.table.sql
        with ExitStack() as stack:
            stack.enter_context(atomic)
            self._copy = stack.enter_context(_copy(connection, into, columns, COPY_OPTIONS))
            self._stack = stack.pop_all()

    @property
    def rows(self) -> int:
        """How many rows were written."""
        return sum(map(len, self.chunks))

    def takes(self, part: Part, chunk: Chunk) -> bool:
        """Whether a chunk belongs into this COPY."""
        return part is self.part and chunk.columns == self._columns and self._bytes < GROUP_BYTES

    def write(self, chunk: Chunk) -> None:
        """Send an encoded chunk. Raises what the server says of it, or of an earlier one: then nothing stays."""
        assert chunk.data is not None
        self.chunks.append(chunk)
        self._bytes += len(chunk.data)
        try:
            self._copy.write(chunk.data)
        except BaseException:
            # What the server has said already is raised here in place of what the client noticed.
            if not self._stack.__exit__(*sys.exc_info()):
                raise

    def abandon(self) -> None:
        """Let go of it after its connection was closed: none of its rows stay."""
        with suppress(psycopg.Error):
            self._stack.close()

    def end(self) -> None:
        """Have the server accept what was written. Raises what it says of a row: then nothing stays."""
        self._stack.close()
