"""Load rows: COPY into staging, and per batch and table one transaction that brings them into the table.

Everything here runs on the worker's thread. Rows come as chunks, each with one COPY. They go to a temporary table, which
no other session sees and which takes no lock; a flush then takes one table after the other: lock, merge, count, commit.
So streams may come in any order, record by record, and two runs into one schema never wait for each other in a circle.

A flush closes a batch, which is merged by the session that has its rows, on another thread, while the next rows go to a
second session. Whatever is not plain staging waits for it first (`settle`): batches are merged in order, no table is changed
under a merge, and a run holds one lock at a time.

A table that this run made, or one without a key whose rules do not wait for the commit, is copied into directly, in a
transaction of its own, as long as no other stream comes in between and no key is repeated.
"""

from __future__ import annotations

import csv
import logging
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from target_sfwarehouse.errors import InputError
from target_sfwarehouse.load.audit import Counts, RunLog
from target_sfwarehouse.load.bad_rows import BAD_ROW, copy_carefully
from target_sfwarehouse.load.copying import OpenCopy, copy_blocks
from target_sfwarehouse.load.direct import Direct
from target_sfwarehouse.load.flush import Flush, is_trouble
from target_sfwarehouse.load.loads import Load, Segment, load_of
from target_sfwarehouse.load.merging import Merger
from target_sfwarehouse.load.refused import REFUSED_ROW
from target_sfwarehouse.load.rejected import Rejected
from target_sfwarehouse.load.stages import Stages
from target_sfwarehouse.load.versions import activate
from target_sfwarehouse.postgres.ddl import ensure_schema, ensure_table, lock
from target_sfwarehouse.postgres.identifiers import table_name
from target_sfwarehouse.postgres.schema import Wanted, changes

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from target_sfwarehouse.config import Settings
    from target_sfwarehouse.load.csv_load import CsvLoad
    from target_sfwarehouse.load.session import Lanes
    from target_sfwarehouse.postgres.capabilities import Engine
    from target_sfwarehouse.rows.chunks import Chunk

__all__ = ["Loader"]

logger = logging.getLogger("target-sfwarehouse")


class Loader:
    """Brings chunks of rows into tables."""

    def __init__(
        self, lanes: Lanes[Flush], engine: Engine, settings: Settings, emit: Callable[[bytes], None]
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.runs = RunLog(settings)
        self.rejected = Rejected(settings, self.runs.run_id)
        self.loads: dict[str, Load] = {}
        self.failure: InputError | None = None
        self._lanes = lanes
        self._emit = emit
        self._direct = Direct()
        self._copying: OpenCopy | None = None
        self._stages = Stages(lanes, engine)
        self._ready = False

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The session at hand."""
        return self._lanes.connection

    @property
    def _merger(self) -> Merger:
        return Merger(self.connection, self.engine, self.settings, self.runs, self.rejected, self._fail)

    def settle(self) -> None:
        """Wait for the batch that is being merged, and take note of what became of it.

        Raises:
            psycopg.Error: What the server said of anything but a table or a row.
            TableLockedError: Another run holds a table and the settings say not to wait.
        """
        flush = self._lanes.wait()
        for part in flush.parts if flush is not None else ():
            part.load.counts += part.counts
            part.load.emptied |= part.staged.emptied
            if part.staged.failure is not None:
                part.load.segment = None
                self._fail(part.load, part.staged.failure)

    def prepare(self, stream: str, wanted: Wanted) -> Load:
        """Make a stream's table fit its schema; rows staged before are merged first if it has to change.

        Args:
            stream: The stream.
            wanted: What its SCHEMA asks.

        Returns:
            The table's load.

        Raises:
            BadSchemaError: The table cannot follow the schema.
            WarehouseError: The role may not make or change it.
        """
        name, load = load_of(self.loads, stream)
        known = load.table if load is not None else None
        if known is None or known.keys != wanted.keys or changes(known, wanted):
            self.end_copy()
            self.settle()
            self._end_direct()
            if load is not None:
                self._guarded(load, partial(self._merge_alone, load))
            self._make_schema()
            where = (self.connection, self.engine, self.settings)
            known = ensure_table(*where, known=known, stream=stream, name=name, wanted=wanted)
        if load is None:
            load = self.loads[name] = Load(known)
            self.runs.started[stream] = datetime.now(UTC)
            load.direct = self.settings.load_method != "overwrite" and (
                known.created or not (wanted.keys or known.deferred)
            )
        load.table = known
        known.keys = wanted.keys
        return load

    def _make_schema(self) -> None:
        if not self._ready:
            ensure_schema(self.connection, self.engine, self.settings)
            self.runs.prepare(self.connection, self.engine)
            self._ready = True

    def stage(self, chunk: Chunk) -> None:
        """Take rows in.

        Args:
            chunk: Rows of one stream. Those of a table whose load has failed are dropped.
        """
        load = chunk.load
        if load.failure is not None:
            return
        if self._direct.takes(load) or not self._lanes.free():
            self.settle()
        load.first_line = load.first_line or chunk.first_line
        load.counts.read += len(chunk)
        if self._copying is not None and (chunk.data is None or not self._copying.takes(chunk)):
            self.end_copy()
        self._merge_others(load, chunk.columns)
        if chunk.load.failure is not None:
            return  # it was among what the COPY held, or what was staged
        if chunk.data is None:
            self._stage_carefully(load, self._stages.segment(load, chunk.shape), chunk)
        else:
            self._append(chunk)

    def _append(self, chunk: Chunk) -> None:
        """Write a chunk into the open COPY, which is begun if there is none."""
        load = chunk.load
        if self._copying is None:
            segment = None
            if self._direct.takes(load):
                self._begin_direct(load)
            else:
                segment = self._stages.segment(load, chunk.shape)
            self._copying = OpenCopy(self.connection, load, segment, chunk.columns, self._atomic())
        copying = self._copying
        try:
            copying.write(chunk)
        except REFUSED_ROW:
            self._copying = None
            self._stage_each(copying)

    def end_copy(self) -> None:
        """End the open COPY, so that the connection serves for something else."""
        copying, self._copying = self._copying, None
        if copying is None:
            return
        try:
            copying.end()
        except REFUSED_ROW:
            self._stage_each(copying)
            return
        if copying.segment is not None:
            for chunk in copying.chunks:
                copying.segment.add(chunk.lines())
        else:
            copying.load.direct_rows += copying.rows

    def _stage_each(self, copying: OpenCopy) -> None:
        """Bring chunks in by a COPY each, after one COPY for all of them has failed."""
        for chunk in copying.chunks:
            if copying.load.failure is None:
                self._stage_alone(chunk)

    def _stage_alone(self, chunk: Chunk) -> None:
        load, data = chunk.load, chunk.data
        assert data is not None
        copy = partial(copy_blocks, self.connection, columns=chunk.columns, blocks=(data,))
        if self._direct.takes(load) and self._copied_directly(load, partial(copy, into=load.table.sql)):
            return
        segment = self._stages.segment(load, chunk.shape)
        try:
            with self._atomic():
                copy(into=segment.name)
        except BAD_ROW:
            logger.debug("A chunk of '%s' does not fit; looking for the row", load.table.stream)
            self._stage_carefully(load, segment, chunk)
        else:
            segment.add(chunk.lines())

    def _stage_carefully(self, load: Load, segment: Segment, chunk: Chunk) -> None:
        def copy(data: bytes) -> None:
            with self._atomic():
                copy_blocks(self.connection, segment.name, chunk.columns, (data,))

        position = 0
        for result in copy_carefully(chunk, copy, replace_nul=self.settings.sanitize_null_text_characters):
            if isinstance(result, int):
                segment.add(chunk.lines(position, position + result))
                position += result
                continue
            position += 1
            if not self._refused(load, result.error, result.text):
                return

    def copy_file(self, batch: CsvLoad) -> None:
        """Copy a CSV file without looking at its rows; row by row if one of them does not fit.

        Args:
            batch: The file and where it goes.
        """
        self.end_copy()
        load = batch.load
        if self._direct.takes(load) or not self._lanes.free():
            self.settle()
        self._merge_others(load, batch.shape.column_names)
        if load.failure is not None:
            return
        load.first_line = load.first_line or batch.line
        try:
            if self._copied_whole(batch):
                return
            for chunk in batch.chunks(lambda error, text: self._refused(load, error, text)):
                load.counts.read += len(chunk)
                self._stage_carefully(load, self._stages.segment(load, chunk.shape), chunk)
        except (InputError, OSError, EOFError, csv.Error) as error:
            self._fail(load, batch.error(error))

    def _copied_whole(self, batch: CsvLoad) -> bool:
        load = batch.load
        if batch.direct and self.engine.row_order and self._direct.takes(load):
            rows = self._copied_directly(load, partial(batch.copy_to_table, self.connection))
            if rows is not None:
                load.counts.read += rows
                return True
            # A key came twice, `is_deleted` is null, or a row is bad: staging can tell, and sets right what it can.
            load.direct = False
        segment = self._stages.segment(load, batch.shape)
        try:
            copied = batch.copy_to_stage(self.connection, self.engine, segment.name, self._atomic())
        except BAD_ROW:
            logger.debug("A row of %s does not fit; looking for it", batch.file.url)
            return False
        segment.add([(copied, (batch.line,))])
        load.counts.read += copied
        return True

    def _refused(self, load: Load, error: InputError, text: bytes) -> bool:
        """Put a bad row into quarantine and go on (true), or end the load of its table (false)."""
        if self.settings.on_bad_record == "quarantine":
            self.reject(error, text)
            return True
        self._fail(load, error)
        return False

    def reject(self, error: InputError, text: bytes) -> None:
        """Put a line of the input into quarantine.

        Args:
            error: What is wrong with it.
            text: The line.
        """
        self.end_copy()
        self.settle()
        self._make_schema()
        load = self.loads.get(table_name(error.stream)) if error.stream else None
        if load is not None:
            load.counts.rejected += 1
        self.rejected.write(self.connection, self.engine, error, text)

    def _fail(self, load: Load, error: InputError) -> None:
        self.settle()  # the batch before may have failed at an earlier line
        load.failure = error
        if self.failure is None or error.line < self.failure.line:
            self.failure = error

    def _atomic(self) -> AbstractContextManager[Any]:
        return self._direct.atomic(self._merger)

    def _begin_direct(self, load: Load) -> None:
        if self._direct.load is None:
            self.settle()
            self._direct.begin(self._merger, load)

    def _end_direct(self) -> None:
        self._guarded(self._direct.load, partial(self._direct.commit, self._merger))

    def _copied_directly(self, load: Load, copy: Callable[[], int]) -> int | None:
        self._begin_direct(load)
        return self._direct.copied(self._merger, load, copy)

    def _merge_others(self, load: Load, columns: tuple[str, ...]) -> None:
        """Merge what is staged with other columns than those of the rows that come next."""
        if load.segment is None or load.segment.columns == columns:
            return
        self.settle()
        # A run never holds the locks of two tables, and each fails by itself.
        if self._direct.load is not load:
            self._end_direct()
        self._guarded(load, partial(self._merge_alone, load))

    def _merge_alone(self, load: Load) -> None:
        """Merge what is staged, in a transaction of its own unless the table's is open."""
        merge = self._merger.merge if self._direct.load is load else self._merger.commit
        load.counts += merge(load)
        load.segment = None

    def flush(self, states: list[tuple[int, bytes]]) -> None:
        """Have everything taken in committed, and then the last state emitted that it vouches for; `settle` waits for it.

        Args:
            states: Line number and text of the STATE messages since the last flush, in order.
        """
        self.end_copy()
        self._end_direct()
        self.settle()
        staged = []
        for load in self.loads.values():
            if load.segment is not None:
                staged.append(load)
            elif load.failure is None:
                load.first_line = 0
        flush = Flush(self._merger, staged, states, self.failure)
        if staged:
            self._lanes.start(partial(flush.merge, self._emit))
        else:
            flush.merge(self._emit)

    def _guarded(self, load: Load | None, work: Callable[[], None]) -> None:
        """Merge or commit a table's rows; what the warehouse refuses ends that table's load only."""
        try:
            work()
        except psycopg.Error as error:
            if load is None or is_trouble(error):
                raise
            if self._direct.load is load:
                self._direct.roll_back(self._merger)
            load.segment = None
            self.rejected.forget()
            self._fail(load, load.error(error))

    def activate_version(self, load: Load, version: int) -> None:
        """Mark or remove the rows that a version did not bring.

        Args:
            load: The table, everything read for it flushed.
            version: The version that is complete.
        """
        self.end_copy()
        self.settle()
        with self.connection.transaction():
            lock(self.connection, self.engine, self.settings, load.table.label)
            marked = activate(self.connection, load.table, version, hard_delete=self.settings.hard_delete)
            counts = load.counts + Counts(marked_deleted=marked)
            self.runs.record(self.connection, load.table.stream, counts)
        load.counts = counts

    def finish(self) -> None:
        """Write the end of the run into `_sync_runs`."""
        self.end_copy()
        self.settle()
        if self._ready:
            counted = {load.table.stream: load.counts for load in self.loads.values()}
            self.runs.finish(self.connection, counted)

    def close(self) -> None:
        """End the sessions."""
        self._lanes.close()
