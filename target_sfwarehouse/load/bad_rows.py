"""Bad records: what becomes of them, and how they are found among the good ones.

A row may be refused by COPY into a staging table, which names it; or by the table itself (a constraint, a unique index, a
trigger), which names the rule but not the row. Then the batch is merged in parts until the row stands alone.
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg import errors as pg

from target_sfwarehouse.errors import SAID, BadRecordError, MissingKeyError, WarehouseError, shortened, shown
from target_sfwarehouse.load.audit import Counts
from target_sfwarehouse.load.upsert import merge, merge_numbered
from target_sfwarehouse.postgres import sql
from target_sfwarehouse.postgres.connect import advice_on
from target_sfwarehouse.postgres.schema import VERSION, quoted
from target_sfwarehouse.postgres.waiting import run
from target_sfwarehouse.rows.decode import encode_rows
from target_sfwarehouse.rows.values import BadValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.load.tables import Load, Part, Segment
    from target_sfwarehouse.postgres.capabilities import Capabilities
    from target_sfwarehouse.rows.chunks import Chunk
    from target_sfwarehouse.rows.layout import Property

BAD_ROW = (pg.DataError, pg.NotNullViolation, pg.CheckViolation, pg.ProgramLimitExceeded)
"""What Postgres raises for a row that does not fit, as opposed to a failure of the load."""

REFUSED_ROW = (
    pg.DataError,
    pg.IntegrityError,
    pg.ProgramLimitExceeded,
    pg.RaiseException,
    pg.NoDataFound,
    pg.TooManyRows,
    pg.AssertFailure,
    pg.InternalError_,
)
"""What a table raises for a row, its constraints, indexes and triggers included.

Citus gives every error of a COPY into a shard as an internal error, a key that comes twice included.
"""

LIMITS = (
    ". Postgres has room for about 440 long texts in a row, and for 2,700 bytes in an entry of an index. "
    "Leave properties of the stream out of the selection, or drop the index"
)

NUMBERED = quoted("_sfw_refused")

logger = logging.getLogger("target-sfwarehouse")


def judge(settings: Settings, *, keep: Callable[[], None], end: Callable[[], None]) -> bool:
    """Decide what becomes of a bad record: `keep` puts it into quarantine and the run goes on, or `end` ends the load.

    Every bad record comes here, whatever the message or file that brought it. True if the run goes on.
    """
    (keep if settings.on_bad_record == "quarantine" else end)()
    return settings.on_bad_record == "quarantine"


def plainly(error: psycopg.Error) -> str:
    """Give what the warehouse says, on one line, without its detail, which shows the values of a row."""
    said = shortened(" ".join((error.diag.message_primary or str(error)).split()), SAID)
    return said + LIMITS if isinstance(error, pg.ProgramLimitExceeded) else said


def is_trouble(error: Exception) -> bool:
    """Whether an error is one of the warehouse, and not of a table or its rows."""
    return isinstance(error, psycopg.OperationalError) and not isinstance(error, BAD_ROW)


@contextmanager
def naming(part: Part) -> Iterator[None]:
    """Name the table and the line in what the warehouse says of rows on their way into it."""
    try:
        yield
    except psycopg.Error as error:
        if is_trouble(error):
            raise
        advice = advice_on(error)
        raise WarehouseError(str(part.error(f"{plainly(error)}{f'. {advice}' if advice else ''}"))) from None


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


def copy_row_by_row(
    chunk: Chunk, copy: Callable[[bytes], None], *, replace_nul: bool
) -> Iterator[int | BadRow]:
    """Copy the rows of a chunk in order, each run of good ones by itself."""
    ready: list[tuple[int, bytes]] = []
    for position in range(len(chunk)):
        try:
            row = chunk.row(position)
            _check_numbers(chunk, row)
            chunk.shape.check_row(row)
            ready.append((position, encode_rows([row], replace_nul=replace_nul)))
        except (ValueError, OverflowError) as error:
            yield from _copy_ready(chunk, ready, copy)
            ready = []
            yield _bad(chunk, position, error)
    yield from _copy_ready(chunk, ready, copy)


def _check_numbers(chunk: Chunk, row: tuple[Any, ...]) -> None:
    """Refuse what passed the decoder as the bytes of a number and is none: it would shift the columns after it."""
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
        column = column_told(chunk.shape.all_columns, error)
        name, reason = column.name if column is not None else None, plainly(error)
        missing = isinstance(error, pg.NotNullViolation)
    elif isinstance(error, UnicodeEncodeError):
        reason = "it has half of a surrogate pair, which is no text"
    else:
        reason = str(error)
    kind = MissingKeyError if missing else BadRecordError
    line, text = chunk.origin(position)
    bad = kind(reason, line=line, stream=chunk.stream, name=name, key=_key_of(chunk, position))
    return BadRow(bad, text)


def column_told(columns: Iterable[Property], error: psycopg.Error) -> Property | None:
    """Return the column that the server complains about in a COPY, if it names one."""
    match = _PLACE.search(error.diag.context or "")
    told = (match[2] if match else None) or ""
    named = [
        column
        for column in columns
        if column.column in (error.diag.column_name, told) or told.startswith(column.column + ": ")
    ]
    return max(named, key=lambda column: len(column.column), default=None)


def _key_of(chunk: Chunk, position: int) -> str:
    """Return the key of a row for a message, as far as it can be told."""
    try:
        row = chunk.row(position)
    except ValueError:
        return ""
    pairs = zip(chunk.shape.all_columns, row, strict=False)
    values = [bytes(v).decode() if not isinstance(v, str | int | None) else v for c, v in pairs if c.key]
    return ", ".join(shown(value) for value in values)


def merge_accepted(
    connection: psycopg.Connection[Any],
    able: Capabilities,
    load: Load,
    segment: Segment,
    refuse: Callable[[BadRecordError, bytes], bool],
) -> Counts:
    """Merge the staged rows that the table accepts, and empty the staging table."""
    try:
        with connection.transaction():
            return merge(connection, able, load, segment)
    except REFUSED_ROW:
        logger.debug("%s refuses a row of a batch; looking for it", load.table.label)
    for statement in sql.number_rows(NUMBERED, segment.name, segment.columns):
        run(connection, statement)
    counts = _Search(connection, able, load, segment).merge(refuse)
    run(connection, f"DROP TABLE {NUMBERED}")
    run(connection, f"TRUNCATE {segment.name}")
    return counts


@dataclass(frozen=True)
class _Search:
    """Merges numbered rows in order, part by part."""

    connection: psycopg.Connection[Any]
    able: Capabilities
    load: Load
    segment: Segment

    def merge(self, refuse: Callable[[BadRecordError, bytes], bool]) -> Counts:
        counts = Counts()
        first, step = 1, 1
        suspect = self.segment.rows  # the last row of a part, beginning at `first`, that was refused
        while first <= self.segment.rows:
            size = max(1, (suspect - first + 1) // 2) if first <= suspect else step
            last = min(first + size - 1, self.segment.rows)
            try:
                with self.connection.transaction():
                    rows = range(first, last + 1)
                    where = (self.connection, self.able, self.load)
                    counts += merge_numbered(*where, self.segment, numbered=NUMBERED, rows=rows)
            except REFUSED_ROW as error:
                if first < last:
                    suspect = last
                    continue
                reason, column = plainly(error), error.diag.column_name
                if not refuse(*staged_row(self.connection, self.load, self.segment, first, reason, column)):
                    break
                counts.rejected += 1
                # Bad rows are often close together: after one the parts begin small.
                suspect, step = 0, 1
            else:
                step *= 2
            first = last + 1
        return counts


def staged_row(
    connection: psycopg.Connection[Any],
    load: Load,
    segment: Segment,
    number: int,
    reason: str,
    column: str | None,
) -> tuple[BadRecordError, bytes]:
    """Describe a numbered row: what is wrong with it, in which column, and a RECORD message with its values."""
    found = run(connection, sql.row_as_json(NUMBERED, segment.columns, number)).fetchone()
    assert found is not None
    values = msgspec.json.decode(found[0], type=dict[str, msgspec.Raw])
    shape, stream = segment.shape, load.table.stream
    record = {each.name: values[each.column] for each in shape.columns}
    message: dict[str, Any] = {"type": "RECORD", "stream": stream, "record": record}
    if VERSION in values:
        message["version"] = values[VERSION]
    properties = {each.column: each.name for each in shape.columns}
    keys = [values[each.column] for each in shape.columns if each.key]
    bad = BadRecordError(
        reason,
        line=segment.line(number - 1),
        stream=stream,
        name=properties.get(column or ""),
        key=", ".join(_shown_key(value) for value in keys),
    )
    return bad, msgspec.json.encode(message)


def _shown_key(value: msgspec.Raw) -> str:
    key = msgspec.json.decode(value)
    return shown(key if isinstance(key, str | int) else bytes(value).decode())
