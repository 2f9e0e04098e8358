"""What getDeleted and getUpdated answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from salesforce_simulator.clock import from_ms, to_ms
from salesforce_simulator.errors import ApiError
from salesforce_simulator.store import quoted

if TYPE_CHECKING:
    from salesforce_simulator.schema import SObject
    from salesforce_simulator.store import Store

DELETED_SPAN = timedelta(days=15)
UPDATED_SPAN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ChangeWindow:
    """The answer for a window of time.

    Attributes:
        records: id and moment of each change, oldest first.
        earliest_available: the moment from which the delete log is complete.
        latest_covered: the start of the oldest open transaction, or the present less the lag.
    """

    records: list[tuple[str, datetime]]
    earliest_available: datetime
    latest_covered: datetime


class Replication:
    """The delete log and its limits.

    Attributes:
        id_limit: more ids than this in one answer are `EXCEEDED_ID_LIMIT`.
        log_from: the moment from which the log is complete; moves when entries are purged.
        lag: how far `latestDateCovered` stays behind the present at least. Salesforce's help says that it is not moved
            on regularly and may lie hours back.
    """

    def __init__(self, store: Store, born: datetime) -> None:
        self._store = store
        self.id_limit = 600_000
        self.log_from = born
        self.lag = timedelta()

    def deleted(
        self, sobject: SObject, start: datetime, end: datetime, now: datetime, covered: datetime
    ) -> ChangeWindow:
        """Ids of rows deleted in [start, end), whole minutes, soft or hard.

        Raises:
            ApiError: `INVALID_REPLICATION_DATE`, `EXCEEDED_ID_LIMIT`, `INVALID_TYPE`.
        """
        self.purge_log(now - DELETED_SPAN)
        start, end = self._window(sobject, start, end, now, DELETED_SPAN)
        if start < _minute(self.log_from):
            raise ApiError(
                "INVALID_REPLICATION_DATE",
                f"requested start date of replication is older than the delete log, which starts at "
                f"{self.log_from.isoformat(timespec='seconds')}",
            )
        rows = self._store.reader().execute(
            'SELECT RecordId, DeletedAt FROM "_Deletion" WHERE SObject = ? AND DeletedAt >= ? AND DeletedAt < ? '
            "ORDER BY DeletedAt, RecordId",
            (sobject.name, to_ms(start), to_ms(end)),
        )
        return self._answer(rows.fetchall(), covered)

    def updated(
        self, sobject: SObject, start: datetime, end: datetime, now: datetime, covered: datetime
    ) -> ChangeWindow:
        """Ids of living rows whose stamp is in [start, end), whole minutes; errors as for `deleted`."""
        start, end = self._window(sobject, start, end, now, UPDATED_SPAN)
        key = quoted(sobject.replication_key or "CreatedDate")
        living = ' AND "IsDeleted" = 0' if "IsDeleted" in sobject.fields else ""
        rows = self._store.reader().execute(
            f'SELECT "Id", {key} FROM {quoted(sobject.name)} WHERE {key} >= ? AND {key} < ?{living} ORDER BY 2, 1',
            (to_ms(start), to_ms(end)),
        )
        return self._answer(rows.fetchall(), covered)

    def purge_log(self, before: datetime) -> None:
        """Drop entries older than a moment; the log is complete only after the last of them."""
        with self._store.writing() as writer:
            (last,) = writer.execute(
                'SELECT max(DeletedAt) FROM "_Deletion" WHERE DeletedAt < ?', (to_ms(before),)
            ).fetchone()
            if last is not None:
                writer.execute('DELETE FROM "_Deletion" WHERE DeletedAt < ?', (to_ms(before),))
                self.log_from = max(self.log_from, from_ms(last) + timedelta(minutes=1))

    def _window(
        self, sobject: SObject, start: datetime, end: datetime, now: datetime, span: timedelta
    ) -> tuple[datetime, datetime]:
        if not sobject.replicateable:
            raise ApiError("INVALID_TYPE", f"sObject type {sobject.name} is not replicable")
        start, end = _minute(start), _minute(end)
        if end <= start:
            raise ApiError("INVALID_REPLICATION_DATE", "startDate must be at least one minute before endDate")
        if start < _minute(now - span):
            raise ApiError("INVALID_REPLICATION_DATE", f"startDate cannot be more than {span.days} days ago")
        return start, end

    def _answer(self, rows: list[tuple[str, int]], covered: datetime) -> ChangeWindow:
        if len(rows) > self.id_limit:
            raise ApiError(
                "EXCEEDED_ID_LIMIT", f"Too many ids ({len(rows)}) in the answer, ask for less time"
            )
        records = [(record_id, from_ms(stamp)) for record_id, stamp in rows]
        return ChangeWindow(records, self.log_from, covered)


def _minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
