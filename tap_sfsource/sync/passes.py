"""Passes over a whole SObject, for what its stamps do not tell: new properties, formulas, files, rows that are gone.

A pass by Bulk tells of the moment at which its job was begun, which is behind the rows' bookmark of that time. So a run that
finds such a job of an earlier one reads it to its end before its rows: what has changed since comes with these.
"""

from __future__ import annotations

import datetime
import logging
from functools import partial
from typing import TYPE_CHECKING

from tap_sfsource.sync import windows
from tap_sfsource.sync.contents import ContentsPage, ContentsReader
from tap_sfsource.sync.scan import JobLostError, Scan
from tap_sfsource.sync.source import version_of
from tap_sfsource.sync.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.catalog.plan import Column
    from tap_sfsource.rows.rows import Rows
    from tap_sfsource.sync.source import Source
    from tap_sfsource.sync.state import JobBookmark
    from tap_sfsource.sync.windows import Window

logger = logging.getLogger("tap-sfsource.passes")


class Passes:
    """The passes of one SObject in one run.

    Args:
        source: The SObject.
        now: The org's clock when the run came to it.

    Attributes:
        now: The same; to be set again when the run looks at the SObject once more.
    """

    def __init__(self, source: Source, now: datetime.datetime) -> None:
        self._source = source
        self._state = source.state
        self._settings = source.readers.settings
        self.now = now
        self._finished: dict[str, datetime.datetime] = {}

    def left(self) -> list[tuple[str, Scan]]:
        """What an earlier run left in the middle: purposes and scans that go on, all before the run's rows."""
        if not self._state.jobs:
            return []
        scans = (
            ("backfill", self._scan("backfill", self._fresh())),
            ("formulas", self._scan("formulas", self._stale())),
            ("names", self._names_scan() if self._source.lookups else None),
            ("ids", self._ids_scan() if self._settings.deletes != "soft" or self._state.sweep_due else None),
        )
        return [(purpose, scan) for purpose, scan in scans if scan is not None and scan.resumed]

    def finish(self, purpose: str, scan: Scan) -> Iterator[Step]:
        """Read what an earlier run left to its end.

        Args:
            purpose: One that `left` told, with its scan.
            scan: The scan.
        """
        moment = scan.watermark
        try:
            if purpose == "ids":
                yield from self._sweep(scan)
            else:
                yield from self._steps(scan, self._rows(scan), purpose)
        except JobLostError as error:
            logger.info("%s Starting anew.", error)
            yield Step(partial(self._state.clear_job, purpose))
            return
        if moment:
            self._finished[purpose] = windows.parse(moment)
        if purpose in {"backfill", "names"}:
            read = {column.mark() for column in scan.columns} if purpose == "backfill" else set(scan.further)
            unknown = set(self._state.unknown(self._source.properties)) - read
            known = [name for name in self._source.properties if name not in unknown]
            yield Step(partial(self._state.know, known), waits=True)

    def news(self) -> Iterator[Step]:
        """Read what is new for every row, and what may have changed behind the stamp."""
        source = self._source
        unknown = self._state.unknown(source.properties)
        fresh = self._fresh()
        if fresh:
            names = ", ".join(column.api_name for column in fresh)
            logger.info("%s: reading %s for every row.", source.plan.api_name, names)
        yield from self._read("backfill", self._scan("backfill", fresh))
        if set(unknown).intersection(source.further):
            yield from self._read("names", self._names_scan())
        yield Step(partial(self._state.know, source.properties))
        if not self._is_due(self._state.refreshed_at):
            return
        moment = self.now
        for purpose, scan in (
            ("formulas", self._scan("formulas", self._stale())),
            ("names", self._names_scan() if source.lookups else None),
        ):
            finished = self._finished.get(purpose)
            if finished is not None and not self._is_due(finished):
                moment = min(moment, finished)
            else:
                yield from self._read(purpose, scan)
        yield Step(partial(setattr, self._state, "refreshed_at", moment))

    def contents(self, window: Window, version: int | None) -> Iterator[Step]:
        """Read base64 fields of a window's rows, which costs a call each.

        Args:
            window: Of the rows.
            version: The table version of the rows, if they have one.
        """
        source = self._source
        reader = ContentsReader(
            source.readers.client, source.plan.api_name, source.files, self._settings.base64_max_bytes
        )
        scan = Scan(
            source.readers,
            source.plan.api_name,
            [source.id],
            source.key,
            window,
            "contents",
            unsortable=source.unsortable,
        )
        ids = source.rows([source.id])
        rows = source.rows([source.id, *source.files], version=version)
        for page, _ in scan.pages():
            found = [record[source.id.property] for record in page.records(ids)]
            yield Step(_nothing, ContentsPage(found, reader), rows, "contents")
        if reader.too_large:
            source.notes.append(f"{reader.too_large} contents too large")

    def sweep(self, watermark: str) -> Iterator[Step]:
        """Read all ids under a new table version: what it does not bring is gone.

        Args:
            watermark: The moment from which the deletion log has to be read next; empty to leave it where it is.
        """
        scan = self._ids_scan()
        scan.watermark = watermark
        yield from self._sweep(scan)

    def _sweep(self, scan: Scan) -> Iterator[Step]:
        source = self._source
        rows = source.rows(scan.columns, source.constants, version_of(scan))
        yield from self._steps(scan, rows, "ids")
        yield Step(partial(self._swept, scan.watermark), activate=rows.version, waits=True)

    def _swept(self, watermark: str) -> None:
        self._state.swept()
        if watermark:
            self._state.deleted_until = windows.parse(watermark)

    def _fresh(self) -> list[Column]:
        """The columns that not every row has been written with."""
        unknown = self._state.unknown(self._source.properties)
        return [column for column in self._columns() if column.mark() in unknown]

    def _stale(self) -> list[Column]:
        """The columns whose values may change behind the stamp, if it is time to read them again."""
        due = self._is_due(self._state.refreshed_at)
        return [column for column in self._columns() if due and self._is_refreshed(column)]

    def _columns(self) -> list[Column]:
        return [column for column in self._source.columns if column is not self._source.id]

    def _scan(self, purpose: str, columns: Sequence[Column]) -> Scan | None:
        return self._source.whole_table(purpose, [self._source.id, *columns]) if columns else None

    def _names_scan(self) -> Scan:
        """The lookups of every row, for the names behind them: a new name does not move the row's stamp."""
        source = self._source
        columns = [source.id, *(lookup.column for lookup in source.lookups)]
        return source.whole_table("names", columns, source.further)

    def _ids_scan(self) -> Scan:
        source = self._source
        return source.whole_table("ids", [source.id, *([source.is_deleted] if source.is_deleted else [])])

    def _rows(self, scan: Scan) -> Rows:
        source = self._source
        return source.rows_with_names(scan.columns) if scan.further else source.rows(scan.columns)

    def _read(self, kind: str, scan: Scan | None) -> Iterator[Step]:
        if scan is not None:
            scan.watermark = windows.isoformat(self.now)
            yield from self._steps(scan, self._rows(scan), kind)

    def _steps(self, scan: Scan, rows: Rows, kind: str) -> Iterator[Step]:
        if scan.job is None:
            scan.prepare(scan.look())
        if scan.job is not None:
            # Its id goes into a STATE before it is waited for: a run that is killed meanwhile need not start it again.
            yield Step(partial(self._keep, scan.job, kind, rows.version), waits=True)
        for page, checkpoint in scan.pages():
            yield Step(partial(self._keep, checkpoint.job, kind, rows.version), page, rows, kind)
        yield Step(partial(self._state.clear_job, kind))

    def _keep(self, job: JobBookmark | None, kind: str, version: int | None) -> None:
        if job is not None:
            self._state.set_job(job.of_version(version), kind)

    def _is_due(self, last: datetime.datetime | None) -> bool:
        hours = self._settings.refresh_formulas_hours
        return bool(hours) and (last is None or self.now - last >= datetime.timedelta(hours=hours))

    def _is_refreshed(self, column: Column) -> bool:
        named = f"{self._source.plan.api_name}.{column.api_name}".lower()
        return column.calculated or named in {name.lower() for name in self._settings.refresh_fields}


def _nothing() -> None:
    """Rows that no bookmark stands behind."""
