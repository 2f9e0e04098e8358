"""A session with the warehouse: it takes rows in, and brings a batch of them into their tables.

A session owns its connection, its thread, its staging tables, the open COPY and the open transaction. Its methods run on
its thread, in the order in which the loader hands them over (`thread.submit`).

Rows go to a temporary table, which no other session sees and which takes no lock. At the end of a batch `commit` takes one
table after the other: lock, merge, count, commit. So streams may come in any order, record by record, and two runs into one
schema never wait for each other in a circle.

Rows that may be copied straight into their table are (`direct`).
"""

from __future__ import annotations

import logging
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from target_sfwarehouse.errors import BadSchemaError, InputError
from target_sfwarehouse.load.bad_rows import (
    BAD_ROW,
    REFUSED_ROW,
    copy_row_by_row,
    is_trouble,
    judge,
    naming,
    plainly,
)
from target_sfwarehouse.load.copying import OpenCopy, copy_blocks
from target_sfwarehouse.load.direct import DirectCopy
from target_sfwarehouse.load.merger import Merger
from target_sfwarehouse.load.run import Thread
from target_sfwarehouse.load.tables import Load, Part, Segment, State
from target_sfwarehouse.postgres.ddl import ensure_table, make_stage, open_to_readers
from target_sfwarehouse.postgres.schema import quoted
from target_sfwarehouse.rows.decode import UncheckedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from concurrent.futures import Future

    from target_sfwarehouse.load.files import FileLoad
    from target_sfwarehouse.load.run import Run
    from target_sfwarehouse.postgres.schema import Table
    from target_sfwarehouse.rows.chunks import Chunk
    from target_sfwarehouse.rows.decode import RowShape
    from target_sfwarehouse.rows.layout import Layout

logger = logging.getLogger("target-sfwarehouse")


class Session:
    """One connection with the warehouse, and what is on its way through it."""

    def __init__(self, connection: psycopg.Connection[Any], run: Run, number: int) -> None:
        self.thread = Thread(f"warehouse {number}")
        self._connection = connection
        self._run = run
        self._stages: dict[tuple[Any, ...], str] = {}
        # Should a pooler ever change the session under the run, a staging table of another run has another name.
        self._id = uuid.uuid4().hex[:12]
        self._parts: dict[str, Part] = {}
        self._copying: OpenCopy | None = None
        self._direct = DirectCopy(connection, run, self.wait)
        self._before: Future[Any] | None = None
        self._merger = Merger(connection, run, self._fail)

    def close(self) -> None:
        """End the thread and the connection, whose open transaction is rolled back."""
        self.thread.close()
        self._connection.close()
        if self._copying is not None:
            self._copying.abandon()

    def follow(self, batch: Future[Any]) -> None:
        """Take the rows that come after a batch which another session commits."""
        self._before = batch

    def wait(self) -> None:
        """Wait until the batch before is committed: batches are merged in order, and a run holds one lock at a time."""
        before, self._before = self._before, None
        if before is not None:
            before.result()

    def _rest(self) -> None:
        """Have the connection free, and the batch before committed."""
        self.end_copy()
        self.wait()

    # Tables

    def prepare(self, stream: str, name: str, layout: Layout, source: str) -> Table:
        """Make a stream's table fit its schema; rows that are staged for it are merged before."""
        self._rest()
        self._end_direct()
        if stream in self._parts:
            self._commit_part(self._parts[stream])
        schema = self._run.settings.schema_of(stream)
        self._run.make_schema(self._connection, schema)
        if source:
            self._run.sources.check(self._connection, schema, source)
        load = self._run.loads.get(stream)
        known = load.table if load is not None else None
        where = (self._connection, self._run.settings)
        table = ensure_table(*where, known=known, stream=stream, name=name, wanted=layout)
        open_to_readers(*where, table)
        return table

    def accompany(self, load: Load) -> None:
        """Make a table's history and views, or make them fit."""
        self._rest()
        self._end_direct()
        self._run.history.fit(self._connection, load)
        self._run.views.fit(self._connection, load)

    def rejected(self, streams: AbstractSet[str], version: int) -> int:
        """Count the records in quarantine that a version of some streams lacks."""
        self._rest()
        return self._run.quarantine.count(self._connection, streams, version)

    def activate(self, load: Load, version: int, line: int) -> None:
        """Mark or remove the rows that a version did not bring; everything read for the table is committed."""
        self._rest()
        self._merger.activate(load, version, line)

    def empty(self, line: int) -> None:
        """Empty the tables that the run was to overwrite and that it brought no record for."""
        self._rest()
        for load in self._run.loads.values():
            if not (load.emptied or load.failure or load.counts.rejected):
                self._merger.empty(load, line)

    def finish(self) -> None:
        """Write the end of the run into `_sync_runs`."""
        if self._run.ready:
            counted = {stream: load.counts for stream, load in self._run.loads.items()}
            self._run.log.finish(self._connection, counted)
            self._run.fit_status(self._connection)

    # Rows

    def take(self, chunk: Chunk) -> None:
        """Take rows in. Those of a table whose load has failed are dropped."""
        part = self._part(chunk.stream)
        if part.load.has_failed():
            return
        if self._copying is not None and (chunk.data is None or not self._copying.takes(part, chunk)):
            self.end_copy()
        self._merge_other_columns(part, chunk.columns)
        if part.load.has_failed():
            return  # the bad row was among those that the COPY held, or that were staged
        part.first_line = part.first_line or chunk.first_line
        with naming(part):
            (self._append if chunk.data is not None else self._stage_rows)(part, chunk)

    def _part(self, stream: str) -> Part:
        if stream not in self._parts:
            self._parts[stream] = Part(self._run.loads[stream])
        return self._parts[stream]

    def _segment(self, part: Part, shape: RowShape) -> Segment:
        """Give the staging table for rows that come next: that of the rows that wait, or an empty one."""
        if part.segment is None:
            table = part.load.table
            types = tuple((column.column, column.type) for column in shape.all_columns)
            made_for = (table.label, table.keys, types)
            if made_for not in self._stages:
                name = self._stages[made_for] = quoted(f"_sfw_stage_{self._id}_{len(self._stages) + 1}")
                make_stage(self._connection, name, table, shape.all_columns)
            part.segment = Segment(self._stages[made_for], shape)
            if part.state is State.IDLE:
                part.to(State.STAGED)
        return part.segment

    def _append(self, part: Part, chunk: Chunk) -> None:
        """Write a chunk into the open COPY, which is begun if there is none."""
        if self._copying is None:
            segment = None
            if self._direct.takes(part):
                self._direct.begin(part)
            if not self._direct.takes(part):
                segment = self._segment(part, chunk.shape)
            self._copying = OpenCopy(self._connection, part, segment, chunk.columns, self._direct.savepoint())
        copying = self._copying
        try:
            copying.write(chunk)
        except REFUSED_ROW:
            self._copying = None
            self._copy_each(copying)

    def end_copy(self) -> None:
        """End the open COPY, so that the connection serves for something else."""
        copying, self._copying = self._copying, None
        if copying is None:
            return
        with naming(copying.part):
            try:
                copying.end()
            except REFUSED_ROW:
                self._copy_each(copying)
                return
        if copying.segment is not None:
            for chunk in copying.chunks:
                copying.segment.add(chunk.lines())
        else:
            copying.part.direct_rows += copying.rows

    def _copy_each(self, copying: OpenCopy) -> None:
        """Bring chunks in by a COPY each, after one COPY for all of them has failed."""
        for chunk in copying.chunks:
            if not copying.part.load.has_failed():
                self._copy_alone(copying.part, chunk)

    def _copy_alone(self, part: Part, chunk: Chunk) -> None:
        assert chunk.data is not None
        copy = partial(copy_blocks, self._connection, columns=chunk.columns, blocks=(chunk.data,))
        if self._direct.takes(part) and self._direct.copy(part, partial(copy, part.load.table.sql)):
            return
        segment = self._segment(part, chunk.shape)
        try:
            with self._direct.savepoint():
                copy(segment.name)
        except BAD_ROW:
            logger.debug("A chunk of '%s' does not fit; looking for the row", chunk.stream)
            self._stage_rows(part, chunk)
        else:
            segment.add(chunk.lines())

    def _stage_rows(self, part: Part, chunk: Chunk) -> None:
        """Stage the rows of a chunk one run of good ones after the other."""
        segment = self._segment(part, chunk.shape)

        def copy(data: bytes) -> None:
            with self._direct.savepoint():
                copy_blocks(self._connection, segment.name, chunk.columns, (data,))

        position = 0
        replace_nul = self._run.settings.sanitize_null_text_characters
        for result in copy_row_by_row(chunk, copy, replace_nul=replace_nul):
            if isinstance(result, int):
                segment.add(chunk.lines(position, position + result))
                position += result
                continue
            position += 1
            if not self._refused(part, result.error, result.text):
                return

    def copy_file(self, file: FileLoad) -> None:
        """Copy a CSV file without looking at its rows; row by row if one of them does not fit."""
        self.end_copy()
        part = self._part(file.shape.stream)
        self._merge_other_columns(part, file.shape.column_names)
        if part.load.has_failed():
            return
        part.first_line = part.first_line or file.line
        try:
            with naming(part):
                if self._copied_whole(part, file):
                    return
                for chunk in file.chunks(lambda error, text: self._refused(part, error, text)):
                    part.counts.read += len(chunk)
                    self._stage_rows(part, chunk)
        except (InputError, OSError, EOFError) as error:
            self._fail(part, file.error(error))

    def _copied_whole(self, part: Part, file: FileLoad) -> bool:
        if file.direct and self._direct.takes(part):
            table = part.load.table.sql
            rows = self._direct.copy(part, partial(file.copy_to_table, self._connection, table))
            if rows is not None:
                part.counts.read += rows
                return True
            # A key came twice, a deletion mark is null, or a row is bad: staging can tell, and sets right what it can.
            part.load.direct = False
        segment = self._segment(part, file.shape)
        try:
            copied = file.copy_to_stage(self._connection, segment.name, self._direct.savepoint())
        except (*BAD_ROW, UncheckedError):
            logger.debug("A row of %s does not fit; looking for it", file.file.url)
            return False
        segment.add([(copied, (file.line,))])
        part.counts.read += copied
        return True

    # Bad records

    def _refused(self, part: Part, error: InputError, text: bytes) -> bool:
        """Judge a row that could not be staged; true if the run goes on."""
        return judge(
            self._run.settings, keep=partial(self.reject, error, text), end=partial(self._fail, part, error)
        )

    def reject(self, error: InputError, text: bytes) -> None:
        """Put a record into quarantine."""
        self._rest()
        self._run.make_schema(self._connection)
        if error.stream is not None and error.stream in self._run.loads:
            self._part(error.stream).counts.rejected += 1
        self._run.quarantine.write(self._connection, error, text)

    def _fail(self, part: Part, error: InputError) -> None:
        """End the load of a table: rows that it has before the bad one are merged, later ones are dropped."""
        self.wait()  # the batch before may have failed at an earlier line
        if part.load.failure is None:
            part.load.failure = part.failure = error
        self._run.fail(error)
        self._run.stops = True

    # Batches

    def commit(self) -> None:
        """Commit the rows of each table.

        Raises what the server says of anything but a table or a row, and TableLockedError.
        """
        self.end_copy()
        self._end_direct()
        self.wait()
        parts, self._parts = self._parts, {}
        for part in parts.values():
            self._commit_part(part)

    def _end_direct(self) -> None:
        """Commit the open transaction, if there is one, after merging what had to be staged beside it."""
        if self._direct.part is not None:
            self._guarded(self._direct.part, self._merger.direct)
            self._direct.part = None

    def _commit_part(self, part: Part) -> None:
        if part.is_behind_a_failure:
            part.to(State.FAILED)
        else:
            self._guarded(part, self._merger.alone)

    def _merge_other_columns(self, part: Part, columns: tuple[str, ...]) -> None:
        """Merge what is staged with other columns than those of the rows that come next."""
        if part.segment is None or part.segment.columns == columns:
            return
        self.wait()
        # A run never holds the locks of two tables, and each fails by itself.
        if self._direct.part is not part:
            self._end_direct()
            self._commit_part(part)
        else:
            self._guarded(part, self._merger.beside)

    def _guarded(self, part: Part, work: Callable[[Part], None]) -> None:
        """Merge or commit a table's rows; what the warehouse refuses ends that table's load only."""
        try:
            work(part)
        except (psycopg.Error, BadSchemaError) as error:
            if is_trouble(error):
                raise
            self._direct.roll_back(part)
            self._run.quarantine.forget()
            failure = part.error(plainly(error) if isinstance(error, psycopg.Error) else str(error))
            part.to(State.FAILED)
            self._fail(part, failure)
