"""What a run does with the deletions of Salesforce's log: it asks, marks the rows, and notes up to when all are marked."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_sfsource import clock
from tap_sfsource.errors import SalesforceError
from tap_sfsource.rows.pages import ValuesPage
from tap_sfsource.sync import shard
from tap_sfsource.sync.deletions import DeletionLog, Deletions
from tap_sfsource.sync.events import Kind, Rows

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.composite import Subrequest, Subresponse
    from tap_sfsource.sync.query_reader import QueryReader
    from tap_sfsource.sync.source import Source

logger = logging.getLogger("tap-sfsource.sync")


class LoggedDeletions:
    """The deletions of one SObject in one run.

    Attributes:
        found: What the log has told.
        refused: Whether Salesforce did not give the log.
        gone: Rows that are gone and that only a sweep can mark.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._log: DeletionLog | None = None
        self.found = Deletions()
        self.refused = False
        self.gone = 0

    @property
    def asked(self) -> bool:
        """Whether the log has been asked, and not refused."""
        return self._log is not None

    @property
    def unmarked(self) -> str:
        """Why the log's rows do not mark every deletion; empty if they do."""
        gone = f"{self.gone:,} deletions are not among its own rows" if self.gone else ""
        return self.found.incomplete or gone

    def requests(self) -> list[Subrequest]:
        """The call for the log, where it is wanted."""
        client, plan = self._source.readers.client, self._source.plan
        since, end = self._source.state.log_since, self._source.end
        done = self._source.ended and since is not None and end is not None and since >= end
        if not self._source.has_log or done:
            return []
        # Without the log in the first sync, or without the wish for it, nothing is known behind the bookmark.
        self._log = DeletionLog(client, plan.api_name, since)
        return [self._log.request(f"deleted_{plan.api_name}")]

    def take(self, answer: Subresponse) -> None:
        """Take the log's answer in."""
        source = self._source
        assert self._log is not None
        try:
            self.found = self._log.read(answer).between(source.state.log_since, source.end)
        except SalesforceError as error:
            # The next run asks for the same deletions again.
            self._log, self.refused = None, True
            source.notes.append(f"deletion log not readable ({error.error_code})")
            logger.warning("%s: hard deletes are not seen in this run. %s", source.plan.api_name, error)

    def tombstones(self, now: datetime.datetime) -> Iterator[Rows]:
        """Partial rows that mark the deleted ones, where such may be emitted."""
        source, incomplete = self._source, self.found.incomplete
        if incomplete:
            source.notes.append(f"{incomplete}{': swept all ids' if source.may_sweep else ''}")
        ids = [] if source.whole else self.found.ids
        if ids and source.plan.own.part:
            ids = shard.own_deletions(source.readers, source.plan, ids, source.layout([source.id]))
        if ids:
            yield self.marks(ids, now)

    def marks(self, ids: Sequence[str], now: datetime.datetime) -> Rows:
        """Tombstones of some ids."""
        layout = self._source.layout([self._source.id], {self._source.plan.is_deleted: True})
        told = clock.isoformat(now)
        page = ValuesPage([[record_id] for record_id in ids], len(ids), lambda: told)
        return self._source.partial_rows(Kind.TOMBSTONES, page, layout)

    def whole_rows(self, version: int | None) -> Iterator[Rows]:
        """The deleted rows as whole rows where they can still be read; a sweep marks the others."""
        source = self._source
        ids = self.found.since(source.state.swept_until)
        missing = set(ids)
        layout = source.whole_layout(version)
        for page, found in source.rows_by_id(ids):
            missing.difference_update(found)
            yield source.whole_rows(page, layout)
        self.gone = len(missing)
        if self.gone:
            swept = ": swept all rows" if source.may_sweep else ""
            source.notes.append(f"{self.gone:,} deleted for good{swept}")

    def emitted(self, query: QueryReader, *, swept: bool = False) -> None:
        """Note in the state that every deletion before the query's watermark has been emitted, if that is so."""
        if self._log is not None and (swept or not (self.found.incomplete or self.gone)):
            self._source.state.deleted_until = clock.parse(query.watermark)
