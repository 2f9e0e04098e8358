"""Find the rows of a chunk that do not fit, and load the others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from psycopg import errors as pg

from target_sfwarehouse.errors import BadRecordError, MissingKeyError, shown
from target_sfwarehouse.rows.decode import encode_rows
from target_sfwarehouse.rows.layout import BadValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from target_sfwarehouse.rows.chunks import Chunk

__all__ = ["BAD_ROW", "BadRow", "copy_carefully"]

BAD_ROW = (pg.DataError, pg.NotNullViolation, pg.CheckViolation, pg.ProgramLimitExceeded)
"""What Postgres raises for a row that does not fit, as opposed to a failure of the load."""

_PLACE = re.compile(r"COPY \S+, \D*(\d+)(?:, \S+ (.*))?", re.DOTALL)
"""`COPY accounts, line 3, column amount: "abc"`; a server that speaks another language keeps the order."""

_NO_NUMBER = b"{[tf"
"""First bytes of JSON that is neither a number nor a string nor null."""


@dataclass(frozen=True)
class BadRow:
    """A row that does not fit.

    Attributes:
        error: What is wrong with it.
        text: Its input line.
    """

    error: BadRecordError
    text: bytes


def copy_carefully(
    chunk: Chunk, copy: Callable[[bytes], None], *, replace_nul: bool
) -> Iterator[int | BadRow]:
    """Copy the rows of a chunk in order, each run of good ones by itself.

    Args:
        chunk: The chunk; loading it at once has failed.
        copy: Loads encoded rows, all or none.
        replace_nul: As for `encode_rows`.

    Yields:
        How many rows were copied, or a row that was not, in the order of the rows.
    """
    ready: list[tuple[int, bytes]] = []
    for position in range(len(chunk)):
        try:
            row = chunk.row(position)
            _check_numbers(chunk, row)
            ready.append((position, encode_rows([row], replace_nul=replace_nul)))
        except (ValueError, OverflowError) as error:
            yield from _copy_ready(chunk, ready, copy)
            ready = []
            yield _bad(chunk, position, error)
    yield from _copy_ready(chunk, ready, copy)


def _check_numbers(chunk: Chunk, row: tuple[Any, ...]) -> None:
    """Refuse what passed the decoder as the bytes of a number and is none: it would shift the columns after it.

    Raises:
        BadValueError: Names the property.
    """
    for column, value in zip(chunk.shape.all_columns, row, strict=True):
        if isinstance(value, msgspec.Raw) and bytes(value)[:1] in _NO_NUMBER:
            reason = (
                f"{bytes(value).decode('utf-8', 'replace')[:80]} does not fit a column of type {column.type}"
            )
            raise BadValueError(column.name, reason)


def _copy_ready(
    chunk: Chunk, ready: list[tuple[int, bytes]], copy: Callable[[bytes], None]
) -> Iterator[int | BadRow]:
    """Copy encoded rows; the server names the first bad one, so each good row is sent about twice at most."""
    step = len(ready)
    while ready:
        part = ready[:step]
        try:
            copy(b"".join(data for _, data in part))
        except BAD_ROW as error:
            failed = _failed_row(part, error)
            if failed is None and len(part) > 1:
                step = max(1, len(part) // 2)
                continue
            failed = failed or 0
            if failed:
                copy(b"".join(data for _, data in part[:failed]))
                yield failed
            yield _bad(chunk, part[failed][0], error)
            ready = ready[failed + 1 :]
            step = len(ready)
        else:
            yield len(part)
            ready = ready[step:]


def _failed_row(part: list[tuple[int, bytes]], error: psycopg.Error) -> int | None:
    """Find which row the server means; it counts lines, and text may have newlines."""
    match = _PLACE.search(error.diag.context or "")
    if match is None:
        return None
    line = int(match[1])
    for position, (_, data) in enumerate(part):
        # Newlines inside quotes count, but not those of the first row, before whose end the server does not
        # know yet what a newline is.
        line -= data.count(b"\n") if position else 1 + data.count(b"\r")
        if line <= 0:
            return position
    return None


def _bad(chunk: Chunk, position: int, error: Exception) -> BadRow:
    name, missing = None, False
    if isinstance(error, BadValueError):
        name, missing, reason = error.name, error.missing, str(error)
    elif isinstance(error, pg.Error):
        name, reason = _said(chunk, error)
        missing = isinstance(error, pg.NotNullViolation)
    elif isinstance(error, UnicodeEncodeError):
        reason = "it has half of a surrogate pair, which is no text"
    else:
        reason = str(error)
    kind = MissingKeyError if missing else BadRecordError
    line, text = chunk.origin(position)
    bad = kind(
        reason,
        line=line,
        stream=chunk.load.table.stream,
        name=name,
        key=_key_of(chunk, position),
    )
    return BadRow(bad, text)


def _said(chunk: Chunk, error: psycopg.Error) -> tuple[str | None, str]:
    """Return the property that the server complains about, if it names one, and what it says."""
    match = _PLACE.search(error.diag.context or "")
    told = (match[2] if match else None) or ""
    named = [
        column.name
        for column in chunk.shape.all_columns
        if column.column in (error.diag.column_name, told) or told.startswith(column.column + ": ")
    ]
    name = max(named, key=len, default=None)
    return name, error.diag.message_primary or str(error)


def _key_of(chunk: Chunk, position: int) -> str:
    """Return the key of a row for a message, as far as it can be told."""
    try:
        row = chunk.row(position)
    except ValueError:
        return ""
    pairs = zip(chunk.shape.all_columns, row, strict=False)
    values = [bytes(v).decode() if not isinstance(v, str | int | None) else v for c, v in pairs if c.key]
    return ", ".join(shown(value) for value in values)
