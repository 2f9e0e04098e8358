"""Rows with a value that a column has no room for, where the warehouse does not let the column become wider.

Each is a bad record; the rows before it, and in quarantine those behind it, go into the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_sfwarehouse.load.bad_rows import NUMBERED, staged_row
from target_sfwarehouse.postgres import sql
from target_sfwarehouse.postgres.waiting import run
from target_sfwarehouse.postgres.widening import misfits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import psycopg

    from target_sfwarehouse.errors import BadRecordError
    from target_sfwarehouse.load.tables import Load, Segment
    from target_sfwarehouse.postgres.casts import Cast


def refuse_misfits(
    connection: psycopg.Connection[Any],
    load: Load,
    segment: Segment,
    refusals: Mapping[Cast, str],
    refuse: Callable[[BadRecordError, bytes], bool],
) -> int:
    """Take the rows that do not fit out of the staging table; `refusals` say why their columns stay as they are.

    `refuse` says of each whether the run goes on: gives how many went into quarantine. If it does not, the rows behind are
    taken out too.
    """
    out: set[int] = set()
    quarantined = 0
    with connection.transaction():
        for statement in sql.number_rows(NUMBERED, segment.name, segment.columns):
            run(connection, statement)
        for number, cast in _found(connection, list(refusals), 1, segment.rows):
            out.add(number)
            if not refuse(*staged_row(connection, load, segment, number, refusals[cast], cast.column)):
                out.update(range(number, segment.rows + 1))
                break
            quarantined += 1
        connection.execute(sql.remove_rows(segment.name).encode(), (sorted(out),))
        run(connection, f"DROP TABLE {NUMBERED}")
    segment.remove(out)
    return quarantined


def _found(
    connection: psycopg.Connection[Any], casts: Sequence[Cast], first: int, last: int
) -> Iterator[tuple[int, Cast]]:
    """Yield the numbers of the rows that do not fit, in order, with the first column that they do not fit."""
    bad = misfits(connection, f"{sql.part(NUMBERED, first, last, ())} AS s", casts)
    if bad and first == last:
        yield first, bad[0]
    elif bad:
        middle = (first + last) // 2
        yield from _found(connection, bad, first, middle)
        yield from _found(connection, bad, middle + 1, last)
