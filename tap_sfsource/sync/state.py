"""The bookmark of one stream in the Singer STATE: read and written here only.

Keys of a bookmark; other keys are kept as they are:

- ``replication_key``, ``replication_key_value``: every row stamped before the value has been emitted (the SDK's names). The
  value is null while a first sync has not come that far.
- ``deleted_until``: every deletion logged before it has been emitted, or is of no row that has been.
- ``jobs``: the Bulk jobs that are being read, by purpose, each with the locator of its next page.
- ``properties``: the properties that every row has been emitted with. Each is six characters of a digest of its name, field
  and type: an org has thousands of names. One hash of them all would be shorter, and could not say which of them is new;
  with shorter digests, a new property could pass for one that went.
- ``former``: those that were among them once, where there are some: a name once given stays. A masked column's mark tells
  of the mask, so its name is here.
- ``names``: the names of both, four characters of a digest each: no other field gets one of them. An older state lacks the
  key, and gains it with its next run.
- ``api_name``: the object, where the stream's name does not tell which it is. Names once given stay.
- ``key_prefix``: the first characters of the SObject's Ids. A custom object that is deleted and created again has another
  prefix, and then nothing of the bookmark is true any more.
- ``org``: the id of the org that the bookmark is of. A refreshed sandbox, or a production org in its place, has another one.
- ``sweep_due``: whether rows of the deleted object of the same name have still to be marked as deleted.
- ``refreshed_at``: when the fields that change without a stamp were last read for every row.
- ``begun_at``: while a first sync has no bookmark: every deletion before it is of no row that has been emitted.
- ``start_date``: the setting of that name in the first sync; null where it had none.
- ``formulas``: a digest of the formulas that are not read again on a schedule, where there are some.
- ``filter``: a digest of the condition of the setting `filters` that every row met, where there is one.
- ``maps``: a digest of the stream maps that every row went through, where there are some.
- ``bin_until``: when the last deleted row leaves the recycle bin, where the replication key does not move if one comes back.
- ``refused``, ``refused_since``, ``refused_until``: that Salesforce does not give all rows of the object, so
  that it is not asked in each run.
- ``reread``: the ids of rows that are read again by the next run, with a space between two.
- ``swept_until``: with whole rows only: every deletion before it has been marked by a sweep.

Meltano merges states deeply: a key that a new state lacks survives from an old one. So absence means nothing, and a job
counts only beside the bookmark that it names.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

import msgspec

from tap_sfsource import clock
from tap_sfsource.errors import TapError
from tap_sfsource.sync import identity, known_columns, refused
from tap_sfsource.sync.again import REREAD, full_id, ids_to_read
from tap_sfsource.sync.bookmark_keys import BookmarkKeys, Moment, Text
from tap_sfsource.sync.given_names import FORMER, NAMES, mark, marks_in
from tap_sfsource.sync.job_bookmark import JobBookmark
from tap_sfsource.sync.parts import parts_of
from tap_sfsource.sync.state_file import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

logger = logging.getLogger("tap-sfsource.sync")

_OWN_KEYS = frozenset(
    {
        "api_name",
        "begun_at",
        "deleted_until",
        "filter",
        "formulas",
        "jobs",
        "key_prefix",
        "maps",
        "names",
        "org",
        "properties",
        "start_date",
        "sweep_due",
    }
)
"""Keys that an unfinished first sync leaves without a bookmark."""

_SDK_KEYS = frozenset({"replication_key_signpost", "starting_replication_value"})

CLOCKS_DIFFER = datetime.timedelta(minutes=1)
"""By how much the clocks of Salesforce's servers may differ."""


class StreamState(BookmarkKeys):
    """A view of one stream's bookmark, the SDK's writable dict of it; one of another replication key is not used.

    Raises:
        TapError: The bookmark is no object. Each property below raises it for a value that cannot be read.
    """

    start_date = Moment()
    """The setting `start_date` of the first sync: rows with an older stamp are not loaded."""
    deleted_until = Moment()
    """The time before which every logged deletion has been emitted."""
    refreshed_at = Moment()
    """When the fields that change without a stamp were last read for every row."""
    bin_until = Moment()
    """When the last deleted row leaves the recycle bin; kept where no stamp shows that a row comes back before."""
    swept_until = Moment()
    """The time before which every deletion has been marked by a sweep of whole rows."""
    maps = Text()
    """The signature of the stream maps that every row went through."""
    formulas = Text()
    """The digest of the formulas on their own row that every row was read with."""

    def __init__(self, stream: str, bookmark: MutableMapping[str, Any], replication_key: str | None) -> None:
        super().__init__(stream, bookmark)
        self._replication_key = replication_key
        self._asked_since: tuple[datetime.datetime | None] | tuple[()] = ()
        if UNREADABLE in bookmark:
            raise self.unreadable("the bookmark", bookmark[UNREADABLE], "is not a JSON object. Remove it.")
        keys = bookmark.keys() - _SDK_KEYS
        # A first sync that has not come to a bookmark writes null.
        given = bookmark.get("replication_key_value") is not None or (keys and not keys & _OWN_KEYS)
        if replication_key and given and self.bookmark is None:
            logger.warning("State of %s: it has no value of %s. Reading all rows.", stream, replication_key)

    def check(self) -> None:
        """Read every key once.

        Raises:
            TapError: One of them cannot be read; the message names it.
        """
        _ = self.bookmark, self.deleted_until, self.refreshed_at, self.swept_until
        _ = self.start_date, self.bin_until, self.reread
        self.unknown(())
        for key in (FORMER, NAMES):
            if not isinstance(given := self._bookmark.get(key, ""), str):
                raise self.unreadable(key, given, "is not text. Remove it.")
        for purpose in self.jobs:
            self.job(purpose)

    def check_clock(self, now: datetime.datetime) -> None:
        """Compare the moments with the org's clock: what happens until a later moment would be missed.

        Raises:
            TapError: One of them is later, or cannot be read; the message names it.
        """
        for key in ("replication_key_value", "deleted_until", "refreshed_at", "swept_until", "begun_at"):
            moment = self.moment(key)
            if moment is not None and moment > now + CLOCKS_DIFFER:
                raise TapError(
                    f"State of {self._stream}: {key} {self._bookmark[key]!r} is later than the org's clock "
                    f"({clock.isoformat(now)}). Correct it, or remove it to read the stream from the start."
                )

    @property
    def bookmark(self) -> datetime.datetime | None:
        """The stamp before which every row has been emitted, or None before the first sync."""
        if self._replication_key is None or self._bookmark.get("replication_key") != self._replication_key:
            return None
        return self.moment("replication_key_value")

    @bookmark.setter
    def bookmark(self, moment: datetime.datetime) -> None:
        if self._bookmark.get("replication_key_value") is None:
            # The keys stand where they would without the null, so that a complete state is the same bytes.
            self._bookmark.pop("begun_at", None)
            self._bookmark.pop("replication_key", None)
            self._bookmark.pop("replication_key_value", None)
        self._bookmark["replication_key"] = self._replication_key
        self._bookmark["replication_key_value"] = clock.isoformat(moment)

    def announce_first_sync(self, moment: datetime.datetime) -> bool:
        """Note, before a row is read, up to when no deletion matters to a first sync; false where it is noted or none begins.

        A run that is killed before its next STATE leaves rows whose deletions the next run asks for from then on. What
        this run asks the log for stays as it was.
        """
        if self._replication_key is None or self.bookmark is not None or self._bookmark.get("begun_at"):
            return False
        self._asked_since = (self.log_since,)
        self._bookmark["begun_at"] = clock.isoformat(moment)
        return True

    def keep_log_since(self) -> None:
        """Note from when the deletion log has to be read, before the bookmark moves, which alone may say so till then."""
        since = self.moment("begun_at") if self.bookmark is None else self.bookmark
        if self.deleted_until is None and since is not None:
            self.deleted_until = since

    def begin_first_sync(
        self, start_date: datetime.datetime | None, deleted_until: datetime.datetime | None
    ) -> None:
        """Write that there is no bookmark yet: one of an older state must not come back beside what this run writes.

        `deleted_until` is the moment up to which no deletion matters to rows of this sync.
        """
        if deleted_until is not None and (self._asked_since or not self._bookmark.get("begun_at")):
            self._bookmark["begun_at"] = clock.isoformat(deleted_until)
        if self._replication_key is not None:
            self._bookmark["replication_key"] = self._replication_key
            self._bookmark["replication_key_value"] = None
        # Null where there is none: the date of an older state must not come back either.
        self._bookmark["start_date"] = None if start_date is None else clock.isoformat(start_date)

    @property
    def bookmark_text(self) -> str:
        """The bookmark as a job names it, empty before the first sync."""
        bookmark = self.bookmark
        return "" if bookmark is None else clock.isoformat(bookmark)

    @property
    def log_since(self) -> datetime.datetime | None:
        """The time from which the deletion log has to be read; None where no row has been emitted."""
        if self.bookmark is not None or self._replication_key is None:
            return self.deleted_until or self.bookmark
        if self._asked_since:
            return self._asked_since[0]
        return min((part for part in (self.deleted_until, self.moment("begun_at")) if part), default=None)

    def refused(self, now: datetime.datetime) -> str:
        """Why Salesforce has refused to give all rows within the last days; empty if it has not."""
        return refused.reason(self._bookmark, now, self.moment("refused_until"))

    def refuse(self, now: datetime.datetime, reason: str, *, lasting: bool) -> bool:
        """Note a refusal, and tell whether it lasts: one that may pass does so once it has been met twice, hours apart."""
        return refused.note(self._bookmark, now, self.moment("refused_since"), reason, lasting=lasting)

    def answered(self) -> None:
        """Forget a refusal: the object has answered."""
        refused.forget(self._bookmark)

    def begin_in(self, org: str) -> None:
        """Compare the bookmark with the org's id, empty if unknown; forget a bookmark of another org."""
        named = self._bookmark.get("org")
        if org and named and not identity.is_org(str(named)):
            problem = "is not the id of an org, such as 00D5g000001abcd. Correct it, or remove the bookmark to read all rows."
            raise self.unreadable("org", named, problem)
        identity.begin_in(self._bookmark, org)

    def lose_key(self) -> None:
        """Use no bookmark in this run: its replication key cannot be used."""
        self._replication_key = None

    def begin(self, key_prefix: str | None) -> None:
        """Compare the bookmark with the SObject's Id prefix, None if unknown; forget a bookmark of another object."""
        identity.begin_as(self._bookmark, key_prefix)

    def begin_filtered(self, condition: str, *, sweeps: bool = True) -> bool:
        """Compare the bookmark with the condition of the rows; forget a bookmark of another one, and tell so."""
        return identity.begin_filtered(self._bookmark, condition, sweeps=sweeps)

    def belong_to(self, api_name: str) -> None:
        """Note the object that the stream's name is given to."""
        self._bookmark["api_name"] = api_name

    @property
    def sweep_due(self) -> bool:
        """Whether rows of a deleted object of the same name have still to be marked as deleted."""
        return bool(self._bookmark.get("sweep_due"))

    def swept(self) -> None:
        """Note that a sweep has been emitted."""
        if "sweep_due" in self._bookmark:
            self._bookmark["sweep_due"] = False

    def unknown(self, properties: Sequence[str]) -> list[str]:
        """Those of the selected properties that not every row has been emitted with; none where the state does not say."""
        given = self._bookmark.get("properties")
        if given is None:
            return []
        if not isinstance(given, str):
            raise self.unreadable("properties", given, "is not text. Remove it.")
        known = marks_in(given)
        return [name for name in properties if mark(name) not in known]

    def know(self, properties: Sequence[str]) -> None:
        """Note that every row has been, or is being, emitted with just these properties."""
        known_columns.know(self._bookmark, properties)

    def gain_names(self, properties: Iterable[str]) -> None:
        """Note which of the properties rows have or had, in a state from before it kept names."""
        known_columns.gain_names(self._bookmark, properties)

    @property
    def known(self) -> frozenset[str]:
        """The marks of the properties that every row has been emitted with."""
        return marks_in(self._bookmark.get("properties"))

    @property
    def reread(self) -> list[str]:
        """The ids of rows that this run reads again."""
        ids = ids_to_read(self._bookmark)
        given = self._bookmark.get(REREAD, "")
        if not isinstance(given, str) or not all(map(full_id, ids)):
            raise self.unreadable(REREAD, given, "is not a text of Ids. Remove it.")
        return ids

    def read_again(self) -> None:
        """Note that these rows have been emitted."""
        self._bookmark[REREAD] = ""

    @property
    def knows_properties(self) -> bool:
        """Whether the state says which properties have been emitted."""
        return "properties" in self._bookmark

    @property
    def jobs(self) -> frozenset[str]:
        """The purposes of the Bulk jobs that earlier runs did not finish."""
        return frozenset(self._jobs())

    def job(self, purpose: str = "rows") -> JobBookmark | None:
        """The unfinished Bulk job of a purpose: ``rows``, or a read of every row; None beside another bookmark."""
        raw = self._jobs().get(purpose)
        if raw is None:
            return None
        try:
            job = msgspec.convert(raw, JobBookmark)
            parts_of(job.parts)
        except (msgspec.ValidationError, ValueError):
            raise self.unreadable(
                f"job {purpose!r}", raw, "is not a Bulk job's bookmark. Remove it."
            ) from None
        return job if job.bookmark == self.bookmark_text else None

    def set_job(self, job: JobBookmark, purpose: str = "rows") -> None:
        """Remember how far a Bulk job has been read."""
        told = msgspec.structs.asdict(job)
        if job.parts:
            told["bookmark"] = self.bookmark_text
        else:
            del told["parts"]
        self._bookmark.setdefault("jobs", {})[purpose] = told

    def clear_jobs(self) -> None:
        """Forget all jobs."""
        self._bookmark.pop("jobs", None)

    def clear_job(self, purpose: str = "rows") -> None:
        """Forget a Bulk job: it is read to its end, or gone."""
        jobs = self._bookmark.get("jobs", {})
        jobs.pop(purpose, None)
        if not jobs:
            self._bookmark.pop("jobs", None)

    def _jobs(self) -> MutableMapping[str, Any]:
        jobs = self._bookmark.get("jobs", {})
        if not isinstance(jobs, MutableMapping):
            raise self.unreadable("jobs", jobs, "is not a JSON object. Remove it.")
        return jobs
