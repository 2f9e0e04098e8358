"""Salesforce's deletion log (getDeleted): the only witness of rows that left without the recycle bin.

Rules of the call (SOAP API guide, "Data Replication API"): it exists where describe says ``replicateable``; it knows the last
15 days; it reads times to the minute; it refuses dates whose log is purged, and more than 600,000 ids.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from tap_sfsource import clock
from tap_sfsource.api.composite import Subrequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.api.composite import Subresponse

_MINUTE = datetime.timedelta(minutes=1)
LOG_KEPT = datetime.timedelta(days=15)
_PURGED = frozenset({"INVALID_REPLICATION_DATE"})
_TOO_MANY = frozenset({"EXCEEDED_ID_LIMIT"})


class _Deleted(msgspec.Struct):
    id: str
    deletedDate: str  # noqa: N815 - Salesforce's name


class _Answer(msgspec.Struct):
    deletedRecords: list[_Deleted]  # noqa: N815
    latestDateCovered: str | None = None  # noqa: N815


# Made here: msgspec crashes where several threads meet a type that holds others for the first time.
_ANSWER = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True, slots=True)
class Deletions:
    """What the log told.

    Attributes:
        ids: 18-character Ids of the rows deleted in the window.
        dates: When each was deleted, as Salesforce writes it.
        latest_date_covered: Salesforce's watermark, or None if it gave none.
        incomplete: Why the log does not cover the whole window, empty if it does.
    """

    ids: Sequence[str] = ()
    dates: Sequence[str] = ()
    latest_date_covered: datetime.datetime | None = None
    incomplete: str = ""

    def between(self, start: datetime.datetime | None, end: datetime.datetime | None) -> Deletions:
        """Those of a half-open span: the log is asked by the minute."""
        kept = [
            (record_id, date)
            for record_id, date in zip(self.ids, self.dates, strict=True)
            if (start is None or clock.parse(date) >= start) and (end is None or clock.parse(date) < end)
        ]
        return replace(self, ids=[record_id for record_id, _ in kept], dates=[date for _, date in kept])

    def since(self, moment: datetime.datetime | None) -> list[str]:
        """The ids of rows deleted at a moment or later; all without one."""
        if moment is None:
            return list(self.ids)
        return [
            record_id
            for record_id, date in zip(self.ids, self.dates, strict=True)
            if clock.parse(date) >= moment
        ]


def to_minute(moment: datetime.datetime) -> datetime.datetime:
    """The moment with its seconds cut off, as the call reads it."""
    return clock.to_second(moment).replace(second=0)


class DeletionLog:
    """Asks for one SObject's deletions since a time; None in a first sync, which only wants the watermark."""

    def __init__(self, client: Client, api_name: str, since: datetime.datetime | None) -> None:
        self._client = client
        self._api_name = api_name
        self._since = since
        self._now = client.now()

    def request(self, reference_id: str) -> Subrequest:
        """The call, to ride in a composite; it covers the minute that has begun."""
        return self._request_until(to_minute(self._now) + _MINUTE, reference_id)

    def _request_until(self, end: datetime.datetime, reference_id: str) -> Subrequest:
        oldest = to_minute(self._now) - LOG_KEPT + _MINUTE
        start = end - 2 * _MINUTE
        if self._since is not None:
            start = min(start, max(to_minute(self._since), oldest))
        params = {"start": clock.isoformat(start), "end": clock.isoformat(end)}
        return Subrequest(
            "GET", self._client.data(f"/sobjects/{self._api_name}/deleted/", params), reference_id
        )

    def read(self, answer: Subresponse) -> Deletions:
        """Take the answer in.

        Raises:
            SalesforceError: The call is refused for a reason that is not the log's.
        """
        outage = self._since is not None and to_minute(self._now) - self._since >= LOG_KEPT
        if not answer.ok and answer.error_code in _PURGED:
            # An end that this minute still has to reach may be refused as well: ask for whole minutes only.
            answer = self._client.composite([self._request_until(to_minute(self._now), "deleted")])[0]
        if not answer.ok:
            code = answer.error_code
            if code in _PURGED and self._since is not None:
                return Deletions(incomplete="its deletion log is purged")
            if code in _PURGED:
                return Deletions()
            if code in _TOO_MANY:
                return Deletions(incomplete="more than 600,000 deletions are logged")
            raise answer.error(f"{self._api_name} /deleted")
        body = answer.decode(_ANSWER)
        covered = clock.parse(body.latestDateCovered) if body.latestDateCovered else None
        deleted = body.deletedRecords if self._since is not None else []
        return Deletions(
            ids=[row.id for row in deleted],
            dates=[row.deletedDate for row in deleted],
            latest_date_covered=covered,
            incomplete="the log was last read more than 15 days ago" if outage else "",
        )
