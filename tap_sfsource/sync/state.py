"""What the tap keeps of a stream between runs: one bookmark of the Singer STATE, read and written in one place.

Keys of a bookmark:

- ``replication_key``, ``replication_key_value``: every row stamped before the value has been emitted (the SDK's names).
- ``deleted_until``: every deletion logged before it has been emitted.
- ``jobs``: the Bulk jobs that are being read, by purpose, each with the locator of its next page.
- ``properties``: the properties whose values have been emitted for every row, each with its field and type, as six characters
  of a digest each: a STATE is written often, and an org has thousands of names.
- ``key_prefix``: with which the SObject's Ids begin. A custom object that is made anew under its old name gets another one,
  and then nothing of the bookmark is true any more.
- ``sweep_due``: whether rows of the SObject that was there before have still to be marked as deleted.
- ``refreshed_at``: when the fields that change behind the stamp were last read for every row.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from tap_sfsource.errors import TapError
from tap_sfsource.sync import windows

if TYPE_CHECKING:
    import datetime
    from collections.abc import MutableMapping, Sequence


_MARK_LENGTH = 6


@dataclass(frozen=True, slots=True)
class JobBookmark:
    """A Bulk job in the middle of being read.

    Attributes:
        id: The job's id.
        query: Hash of the SOQL that it runs and of its fields' types; a run that would ask something else does not
            resume it.
        locator: Of the page to read next; empty for the first.
        watermark: The moment up to which its rows tell all: what the stream's bookmark becomes behind the last page.
        rows: Rows emitted so far.
        version: The table version of its rows, 0 if they have none: what an earlier run emitted belongs to it too.
    """

    id: str
    query: str
    locator: str = ""
    watermark: str = ""
    rows: int = 0
    version: int = 0

    def of_version(self, version: int | None) -> JobBookmark:
        """The same with the table version of its rows."""
        return replace(self, version=version or 0)


class StreamState:
    """A view of one stream's bookmark.

    Args:
        stream: The stream's name, for errors.
        bookmark: The SDK's writable dict of the stream's state.
        replication_key: The property that the stream is bookmarked by, or None. A bookmark that was written for another
            one is not used.
    """

    def __init__(self, stream: str, bookmark: MutableMapping[str, Any], replication_key: str | None) -> None:
        self._stream = stream
        self._bookmark = bookmark
        self._replication_key = replication_key

    @property
    def bookmark(self) -> datetime.datetime | None:
        """The stamp before which every row has been emitted, or None before the first sync."""
        if self._replication_key is None or self._bookmark.get("replication_key") != self._replication_key:
            return None
        return self._moment("replication_key_value")

    @bookmark.setter
    def bookmark(self, moment: datetime.datetime) -> None:
        self._bookmark["replication_key"] = self._replication_key
        self._bookmark["replication_key_value"] = windows.isoformat(moment)

    @property
    def deleted_until(self) -> datetime.datetime | None:
        """The time before which every logged deletion has been emitted."""
        return self._moment("deleted_until")

    @deleted_until.setter
    def deleted_until(self, moment: datetime.datetime) -> None:
        self._bookmark["deleted_until"] = windows.isoformat(moment)

    @property
    def refreshed_at(self) -> datetime.datetime | None:
        """When the fields that change behind the stamp were last read for every row."""
        return self._moment("refreshed_at")

    @refreshed_at.setter
    def refreshed_at(self, moment: datetime.datetime) -> None:
        self._bookmark["refreshed_at"] = windows.isoformat(moment)

    def begin(self, key_prefix: str | None) -> None:
        """Hold the bookmark against the SObject that it is about, and forget it if that is another one.

        Args:
            key_prefix: With which the SObject's Ids begin, or None if Salesforce does not tell.
        """
        if not key_prefix:
            return
        if self._bookmark.get("key_prefix", key_prefix) != key_prefix:
            self._bookmark.clear()
            self._bookmark["sweep_due"] = True
        self._bookmark["key_prefix"] = key_prefix

    @property
    def sweep_due(self) -> bool:
        """Whether rows of an SObject of the same name have still to be marked as deleted."""
        return bool(self._bookmark.get("sweep_due"))

    def swept(self) -> None:
        """Note that a sweep has been emitted."""
        self._bookmark.pop("sweep_due", None)

    def unknown(self, properties: Sequence[str]) -> list[str]:
        """The properties that not every row has been emitted with; none where the state does not tell.

        Args:
            properties: The selected properties, as `know` had them.
        """
        marks = self._bookmark.get("properties")
        if marks is None:
            return []
        known = {marks[at : at + _MARK_LENGTH] for at in range(0, len(marks), _MARK_LENGTH)}
        return [name for name in properties if _mark(name) not in known]

    def know(self, properties: Sequence[str]) -> None:
        """Note that every row has been, or is being, emitted with just these properties."""
        self._bookmark["properties"] = "".join(sorted(map(_mark, properties)))

    @property
    def knows_properties(self) -> bool:
        """Whether the state tells which properties have been emitted."""
        return "properties" in self._bookmark

    def job(self, purpose: str = "rows") -> JobBookmark | None:
        """The Bulk job that an earlier run left in the middle.

        Args:
            purpose: What it was started for: ``rows``, or a pass over single columns.
        """
        raw = self._bookmark.get("jobs", {}).get(purpose)
        try:
            return None if raw is None else JobBookmark(**raw)
        except TypeError as error:
            raise TapError(
                f"State of {self._stream}: job {raw!r} is not a Bulk job's bookmark. Remove it."
            ) from error

    def set_job(self, job: JobBookmark, purpose: str = "rows") -> None:
        """Remember how far a Bulk job has been read."""
        self._bookmark.setdefault("jobs", {})[purpose] = asdict(job)

    @property
    def jobs(self) -> frozenset[str]:
        """The purposes of the Bulk jobs that earlier runs left in the middle."""
        return frozenset(self._bookmark.get("jobs", ()))

    def clear_jobs(self) -> None:
        """Forget all jobs."""
        self._bookmark.pop("jobs", None)

    def clear_job(self, purpose: str = "rows") -> None:
        """Forget a Bulk job: it is read to its end, or gone."""
        jobs = self._bookmark.get("jobs", {})
        jobs.pop(purpose, None)
        if not jobs:
            self._bookmark.pop("jobs", None)

    def _moment(self, key: str) -> datetime.datetime | None:
        text = self._bookmark.get(key)
        if text is None:
            return None
        try:
            return windows.parse(text)
        except (TypeError, ValueError):
            raise TapError(
                f"State of {self._stream}: {key} {text!r} is not a date. Write it like 2024-01-31T00:00:00Z, or remove it "
                "to read the stream from the start."
            ) from None


def _mark(name: str) -> str:
    digest = hashlib.sha256(name.encode()).digest()
    return base64.urlsafe_b64encode(digest)[:_MARK_LENGTH].decode()
