"""Bring what a session holds of a table into the table, in a transaction that holds the table's lock."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from target_sfwarehouse.errors import BadSchemaError, InputError
from target_sfwarehouse.load.audit import Counts
from target_sfwarehouse.load.bad_rows import REFUSED_ROW, is_trouble, judge, merge_accepted, plainly
from target_sfwarehouse.load.misfits import refuse_misfits
from target_sfwarehouse.load.tables import State
from target_sfwarehouse.load.upsert import activate, as_the_table_has_it, marks_of, remove_all
from target_sfwarehouse.postgres.casts import casts
from target_sfwarehouse.postgres.ddl import add_bookkeeping
from target_sfwarehouse.postgres.schema import DELETED_AT, VERSION
from target_sfwarehouse.postgres.waiting import run
from target_sfwarehouse.postgres.widening import misfits, widen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from target_sfwarehouse.load.run import Run
    from target_sfwarehouse.load.tables import Load, Part
    from target_sfwarehouse.postgres.casts import Cast

logger = logging.getLogger("target-sfwarehouse")


class Merger:
    """Merges the parts of a batch; `fail` ends the load of a table at a row that the table refuses."""

    def __init__(
        self, connection: psycopg.Connection[Any], run: Run, fail: Callable[[Part, InputError], None]
    ) -> None:
        self._connection = connection
        self._run = run
        self._fail = fail

    def direct(self, part: Part) -> None:
        """Commit the rows that were copied into the table itself, after merging what had to be staged beside them."""
        part.to(State.MERGING)
        counts = Counts(inserted=part.direct_rows) + self._merged(part)
        self._record(part, counts)
        run(self._connection, "COMMIT")
        self._committed(part, counts)

    def beside(self, part: Part) -> None:
        """Merge what is staged in the open transaction of the table, which goes on."""
        part.counts += self._merged(part)
        part.segment = None

    def alone(self, part: Part) -> None:
        """Merge what is staged in a transaction of its own."""
        if part.segment is None or not part.segment.rows:
            part.load.counts += part.counts
            part.counts, part.segment = Counts(), None
            return
        self._make_room(part)
        part.to(State.MERGING)
        emptied = part.load.emptied
        try:
            counts = self._in_transaction(part)
        except REFUSED_ROW:
            # Only a rule that waits for the COMMIT gets here; asked of each statement, it tells the row.
            logger.debug("%s refuses a batch at its end; asking it earlier", part.load.table.label)
            part.load.emptied = emptied
            self._run.quarantine.forget()
            counts = self._in_transaction(part, "SET CONSTRAINTS ALL IMMEDIATE")
        self._committed(part, counts)

    def activate(self, load: Load, version: int, line: int) -> None:
        """Mark or remove the rows that a version did not bring."""
        with self._keeping_what_is_refused(load, line):
            hard = self._run.settings.hard_delete
            marks = () if hard else {DELETED_AT}.intersection(marks_of(load))
            add_bookkeeping(self._connection, self._run.settings, load.table, VERSION, *marks)
            self._run.history.fit(self._connection, load)
            self._run.views.fit(self._connection, load)
            with self._connection.transaction():
                self._run.enter(self._connection, load)
                with self._run.history.kept(self._connection, load):
                    marked = activate(self._connection, load, version, hard_delete=hard)
                counts = load.counts + Counts(marked_deleted=marked)
                self._run.log.record(self._connection, load.table.stream, counts)
            load.counts = counts

    def empty(self, load: Load, line: int) -> None:
        """Remove every row."""
        with self._keeping_what_is_refused(load, line), self._connection.transaction():
            self._run.enter(self._connection, load)
            with self._run.history.kept(self._connection, load):
                remove_all(self._connection, load)
            load.emptied = True

    @contextmanager
    def _keeping_what_is_refused(self, load: Load, line: int) -> Iterator[None]:
        """If the warehouse refuses it all rows stay as they are, and the run goes on to its end, which is a failure."""
        try:
            yield
        except psycopg.Error as error:
            if is_trouble(error):
                raise
            reason = (
                f"the rows of {load.table.label} that are gone cannot be marked or removed: {plainly(error)}"
            )
            failure = InputError(reason, line=line, stream=load.table.stream)
            logger.warning("%s", failure)
            self._run.fail(failure)

    def _in_transaction(self, part: Part, *first: str) -> Counts:
        with self._connection.transaction():
            self._run.enter(self._connection, part.load)
            for statement in first:
                run(self._connection, statement)
            with self._run.history.kept(self._connection, part.load):
                counts = self._merged(part)
            self._record(part, counts)
        return counts

    def _merged(self, part: Part) -> Counts:
        """Merge what is staged for a table in the open transaction, which holds the table's lock."""
        load, segment = part.load, part.segment
        if segment is None or not segment.rows:
            return Counts()
        if self._run.settings.load_method == "overwrite" and not load.emptied:
            remove_all(self._connection, load)
            load.emptied = True
        refuse = partial(self._refused, part)
        merge = partial(merge_accepted, self._connection, self._run.able, load)
        name = as_the_table_has_it(self._connection, load.table, segment)
        if name == segment.name:
            return merge(segment, refuse)
        counts = merge(replace(segment, name=name), refuse)
        run(self._connection, f"DROP TABLE {name}")
        run(self._connection, f"TRUNCATE {segment.name}")
        return counts

    def _make_room(self, part: Part) -> None:
        """Widen the columns that a staged value does not fit; rows of a column that the warehouse keeps as it is are bad."""
        load, segment = part.load, part.segment
        assert segment is not None
        narrow = casts(load.table, segment.shape.all_columns)
        if not narrow or not (found := misfits(self._connection, segment.name, narrow)):
            return
        try:
            self._widen(load, found)
        except BadSchemaError:
            refusals = {}
            for cast in found:
                try:
                    self._widen(load, [cast])
                except BadSchemaError as error:
                    refusals[cast] = str(error)
            where = (self._connection, load, segment)
            part.counts.rejected += refuse_misfits(*where, refusals, partial(self._refused, part))

    def _widen(self, load: Load, found: Sequence[Cast]) -> None:
        needed = {cast.column: cast.room for cast in found}
        widen(self._connection, self._run.settings, load.table, needed, self._run.views.aside)
        self._run.history.fit(self._connection, load)

    def _committed(self, part: Part, counts: Counts) -> None:
        part.load.counts += counts + part.counts
        part.to(State.IDLE)

    def _record(self, part: Part, counts: Counts) -> None:
        counts = part.load.counts + counts + part.counts
        self._run.log.record(self._connection, part.load.table.stream, counts)

    def _refused(self, part: Part, error: InputError, text: bytes) -> bool:
        """Judge a row that its table refused, in the transaction that merges the others; true if the run goes on."""
        return judge(
            self._run.settings,
            keep=partial(self._run.quarantine.write, self._connection, error, text),
            end=partial(self._fail, part, error),
        )
