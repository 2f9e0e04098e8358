"""Passes over a whole SObject, for what its stamps do not tell: new properties, formulas, files, rows that are gone."""

from __future__ import annotations

import datetime
import logging
from functools import partial
from typing import TYPE_CHECKING

from tap_sfsource.contents import ContentsPage, ContentsReader
from tap_sfsource.scan import Scan
from tap_sfsource.source import version_of
from tap_sfsource.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.catalog import Column
    from tap_sfsource.rows import Rows
    from tap_sfsource.source import Source
    from tap_sfsource.state import JobBookmark
    from tap_sfsource.windows import Window

logger = logging.getLogger("tap-sfsource.passes")


class Passes:
    """The passes of one SObject in one run.

    Args:
        source: The SObject.
        now: The org's clock when the run came to it.
    """

    def __init__(self, source: Source, now: datetime.datetime) -> None:
        self._source = source
        self._state = source.state
        self._settings = source.readers.settings
        self._now = now

    def news(self, unknown: frozenset[str]) -> Iterator[Step]:
        """Read what is new for every row, and what may have changed behind the stamp.

        Args:
            unknown: What of `Source.properties` not every row has been written with.
        """
        source = self._source
        columns = [column for column in source.columns if column is not source.id]
        fresh = [column for column in columns if column.mark() in unknown]
        if fresh:
            names = ", ".join(column.api_name for column in fresh)
            logger.info("%s: reading %s for every row.", source.plan.api_name, names)
            yield from self._columns("backfill", fresh)
        if unknown.intersection(source.further):
            yield from self._names()
        yield Step(partial(self._state.know, source.properties))
        if self._is_due():
            stale = [column for column in columns if self._is_refreshed(column)]
            if stale:
                yield from self._columns("formulas", stale)
            if source.lookups:
                yield from self._names()
            yield Step(partial(setattr, self._state, "refreshed_at", self._now))

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

    def sweep(self) -> Iterator[Step]:
        """Read all ids under a new table version: what it does not bring is gone."""
        source = self._source
        columns = [source.id, *([source.is_deleted] if source.is_deleted else [])]
        scan = source.whole_table("ids", columns)
        rows = source.rows(columns, source.constants, version_of(scan))
        yield from self._steps(scan, rows, "ids")
        yield Step(_nothing, activate=rows.version)

    def _columns(self, kind: str, columns: Sequence[Column]) -> Iterator[Step]:
        scan = self._source.whole_table(kind, [self._source.id, *columns])
        yield from self._steps(scan, self._source.rows(scan.columns), kind)

    def _names(self) -> Iterator[Step]:
        """Read the lookups of every row, for the names behind them: a new name does not move the row's stamp."""
        source = self._source
        columns = [source.id, *(lookup.column for lookup in source.lookups)]
        scan = source.whole_table("names", columns, source.further)
        yield from self._steps(scan, source.rows_with_names(columns), "names")

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

    def _is_due(self) -> bool:
        hours = self._settings.refresh_formulas_hours
        last = self._state.refreshed_at
        return bool(hours) and (last is None or self._now - last >= datetime.timedelta(hours=hours))

    def _is_refreshed(self, column: Column) -> bool:
        named = f"{self._source.plan.api_name}.{column.api_name}".lower()
        return column.calculated or named in {name.lower() for name in self._settings.refresh_fields}


def _nothing() -> None:
    """Rows that no bookmark stands behind."""
