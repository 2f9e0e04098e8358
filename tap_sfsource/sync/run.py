"""One run over the selected objects: what their syncs share, and what is fetched ahead of their turns."""

from __future__ import annotations

import datetime
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_sfsource.api.bulk import BulkReader
from tap_sfsource.api.bulk_budget import BulkBudget
from tap_sfsource.api.record_counts import record_counts
from tap_sfsource.clock import isoformat
from tap_sfsource.errors import AuthError, ConfigError, TapError
from tap_sfsource.sync.deletions import to_minute
from tap_sfsource.sync.identity import other_org
from tap_sfsource.sync.lookahead import Lookahead
from tap_sfsource.sync.names import Names
from tap_sfsource.sync.object_sync import ObjectSync
from tap_sfsource.sync.readers import Readers
from tap_sfsource.sync.refresh import Refresh
from tap_sfsource.sync.source import Source
from tap_sfsource.sync.state import CLOCKS_DIFFER, StreamState

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.plan import SObjectPlan

logger = logging.getLogger("tap-sfsource")


@dataclass(frozen=True, slots=True)
class SelectedObject:
    """An object that the run syncs.

    Attributes:
        bookmark: The stream's bookmark in the STATE, which the run writes to.
        emitted: How its rows are emitted, as far as it changes their values; empty for the default way.
        whole: Whether only whole rows may be emitted.
    """

    plan: SObjectPlan
    bookmark: MutableMapping[str, Any]
    emitted: str = ""
    whole: bool = False


class SyncRun:
    """The run over objects, in the order in which they will be taken; Bulk pages wait in `spool_dir`.

    Attributes:
        begins: Whether first syncs begin with this run, which a STATE says before their first row.
    """

    begins = False

    def __init__(
        self,
        client: Client,
        selected: Sequence[SelectedObject],
        names_plan: SObjectPlan | None = None,
        spool_dir: str | None = None,
    ) -> None:
        settings = client.settings
        self._client = client
        self._stopped_by: AuthError | None = None
        bulk = BulkReader(
            client, settings.bulk_page_size, spool_dir, connections=settings.download_connections
        )
        readers = Readers(client, bulk, BulkBudget(client), settings)
        self.names = Names(names_plan) if names_plan is not None else None
        self._syncs: dict[str, ObjectSync] = {}
        check_starts(client, [part.plan for part in selected])
        _tell_of_another_org(selected, client)
        self._unusable: dict[str, TapError] = {}
        for part in selected:
            stream, key = part.plan.stream_name, part.plan.replication_key
            try:
                state = StreamState(stream, part.bookmark, key.property if key else None)
                state.begin_in(client.org_id)
                state.check_clock(client.now())
                source = Source(part.plan, state, readers, self.names, part.emitted, part.whole)
            except TapError as error:
                self._unusable[stream] = error
            else:
                self._syncs[stream] = ObjectSync(source)
        self._lookahead = Lookahead(client, list(self._syncs.values()), settings.max_workers)

    def start(self) -> None:
        """Begin to fetch ahead; where much may have to be read, after a count of it."""
        now = self._client.now()
        if counted := self.counted(now):
            self._count(counted)
        self._announce_first_syncs(now)
        self._lookahead.start()

    @property
    def syncs(self) -> Mapping[str, ObjectSync]:
        """The syncs of the streams whose bookmarks can be used, in their order."""
        return self._syncs

    def counted(self, now: datetime.datetime) -> list[Source]:
        """The objects whose rows a run counts before it fetches ahead."""
        reader = self._client.settings.reader
        return [
            source
            for source in (sync.source for sync in self._syncs.values())
            # A count of all rows says nothing of those that meet a filter.
            if not source.conditions
            # Bulk needs the count as well: it polls a job when the job is likely to be complete, and each poll is a call.
            and (reader != "rest" if source.first_sync else Refresh(source, now).minds_size)
        ]

    def _announce_first_syncs(self, now: datetime.datetime) -> None:
        """Note in the state that first syncs begin, before a row of them is written."""
        lookback = datetime.timedelta(seconds=self._client.settings.lookback_seconds)
        for sync in self._syncs.values():
            if sync.source.state.announce_first_sync(to_minute(now - lookback)):
                self.begins = True

    def take(self, stream: str) -> ObjectSync:
        """Give a stream's sync, once its first answers are there.

        A quota that is used up does not keep back what has been answered already: that takes no further call.

        Raises:
            AuthError: The run can read no further stream: its login is refused.
            TapError: The stream's bookmark cannot be used.
        """
        if self._stopped_by is not None:
            raise self._stopped_by
        if stream in self._unusable:
            raise self._unusable[stream]
        sync = self._syncs[stream]
        self._lookahead.wait(sync)
        return sync

    def source(self, stream: str) -> Source:
        """A stream's object, as the run would read it. Raises TapError where the stream's bookmark cannot be used."""
        if stream in self._unusable:
            raise self._unusable[stream]
        return self._syncs[stream].source

    def stop(self, error: AuthError) -> None:
        """Give no further stream: the login is refused."""
        self._stopped_by = self._stopped_by or error

    def close(self) -> None:
        """Fetch no more, and abort jobs that nobody will read."""
        self._lookahead.stop()
        for sync in self._syncs.values():
            sync.abandon()

    def _count(self, sources: Sequence[Source]) -> None:
        """Ask for approximate sizes, so that no first page of a large table is fetched for nothing."""
        counts = record_counts(self._client, (source.plan.api_name for source in sources))
        for source in sources:
            source.count = counts.get(source.plan.api_name, source.count)


def check_starts(client: Client, plans: Sequence[SObjectPlan]) -> None:
    """Make sure that there is something behind each start date; the bookmark would pass over rows before it.

    Raises:
        ConfigError: The org's clock is not there yet.
    """
    given = client.settings.start_date
    for plan in plans:
        start = plan.own.start
        if start is not None and start > client.now() + CLOCKS_DIFFER:
            told = given if isinstance(given, str) else f"{isoformat(start)} of {plan.stream_name}"
            raise ConfigError(
                "start_date",
                f"{told} is in the future, so nothing would be read",
                "Set it to a date in the past.",
            )


def _tell_of_another_org(selected: Sequence[SelectedObject], client: Client) -> None:
    """Say that bookmarks are of another org than the login's.

    Raises:
        TapError: The settings ask to stop then.
    """
    others = {
        part.plan.stream_name: org for part in selected if (org := other_org(part.bookmark, client.org_id))
    }
    if not others:
        return
    told = f"The state is of org {', '.join(sorted(set(others.values())))}, and the login leads to org {client.org_id}."
    if client.settings.on_other_org == "stop":
        raise TapError(
            f"{told} Correct the login, or use another state and schema. With on_other_org restart the tap reads all rows "
            "of the new org."
        )
    logger.warning(
        "%s Reading all rows of %s from the start; rows that the new org lacks are marked as deleted.",
        told,
        ", ".join(others),
    )
