"""What a run costs, and what a day of runs does, collection by collection."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import math
from typing import TYPE_CHECKING, Any, Final

from sfsource.forecast.cost import CALL_SECONDS, Cost, calls, query_cost
from tap_sfsource.api.composite import pack
from tap_sfsource.api.record_counts import COUNTS_A_CALL
from tap_sfsource.catalog.plan import NAME
from tap_sfsource.errors import TapError
from tap_sfsource.sync.deletions import LOG_KEPT
from tap_sfsource.sync.lookahead import groups_of
from tap_sfsource.sync.refresh import Refresh
from tap_sfsource.sync.run import SelectedObject, SyncRun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sfsource.forecast.sizes import Size
    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.sync.object_sync import ObjectSync
    from tap_sfsource.sync.query_reader import QueryReader
    from tap_sfsource.sync.source import Source

_DAY: Final = datetime.timedelta(days=1)


@dataclasses.dataclass
class RunCost:
    """What one run costs, or several.

    Attributes:
        shared: Calls that belong to no single collection: describes, counts, first looks, limits.
        streams: What each collection costs by itself.
        notes: Remarks by collection.
        first: The collections whose rows are read for the first time.
    """

    shared: Cost = dataclasses.field(default_factory=Cost)
    streams: dict[str, Cost] = dataclasses.field(default_factory=dict)
    notes: dict[str, str] = dataclasses.field(default_factory=dict)
    first: set[str] = dataclasses.field(default_factory=set)

    @property
    def total(self) -> Cost:
        """All of it."""
        return sum(self.streams.values(), self.shared)


class Forecast:
    """Forecasts of runs over selected objects.

    Args:
        plans: As the run has planned them.
        planning: API calls that planning a run takes: describes.
        asks: Whether the org may be asked more, for exact numbers.
    """

    def __init__(
        self,
        client: Client,
        plans: Sequence[SObjectPlan],
        sizes: Mapping[str, Size],
        planning: int,
        *,
        asks: bool = True,
    ) -> None:
        self._client = client
        self._plans = [plan for plan in plans if plan.api_name != NAME]
        self._names = next((plan for plan in plans if plan.api_name == NAME), None)
        self._sizes = sizes
        self._planning = planning
        self._asks = asks

    def next_run(self, state: Mapping[str, Any] | None = None) -> RunCost:
        """The next run from a state, which stays as it is: a first sync of what has no bookmark."""
        bookmarks = (state or {}).get("bookmarks") or {}
        return self._cost(self._run({name: copy.deepcopy(part) for name, part in bookmarks.items()}))

    def tick(self, every: datetime.timedelta) -> RunCost:
        """A run so long after one that has read everything, with the changes of that time on average."""
        return self._cost(self._synced(every))

    def day(self, every: datetime.timedelta) -> RunCost:
        """A day of such runs, with the reads of what changes without a stamp (formulas, names)."""
        ticks = _DAY / every
        run = self._synced(every)
        tick = self._cost(run)
        day = RunCost(tick.shared.times(ticks))
        day.streams = {name: cost.times(ticks) for name, cost in tick.streams.items()}
        day.notes = tick.notes
        counted: set[float] = set()
        for name, sync in run.syncs.items():
            period = Refresh(sync.source, self._client.now()).period
            if not period:
                continue
            often = _DAY / (every * max(1, math.ceil(period / every)))
            due = Refresh(sync.source, self._client.now() + period)
            if due.minds_size:
                # Renewals that are due in one run share the call that counts rows.
                counted.add(often)
            due.check_size()
            for query in due.renewals():
                day.streams[name] += self._again(query, self._sizes[name].rows).times(often)
        day.shared += calls(sum(counted))
        return day

    def _run(self, bookmarks: dict[str, Any]) -> SyncRun:
        """The run, of which nothing is asked: it fetches nothing before its start."""
        whole = self._client.settings.partial_rows == "whole"
        selected = [
            SelectedObject(plan, bookmarks.setdefault(plan.stream_name, {}), whole=whole)
            for plan in self._plans
        ]
        run = SyncRun(self._client, selected, self._names)
        for name, sync in run.syncs.items():
            sync.source.count = self._sizes[name].counted if self._is_counted(sync.source) else None
        return run

    def _is_counted(self, source: Source) -> bool:
        return not source.conditions and (self._client.settings.reader != "rest" or not source.first_sync)

    def _synced(self, every: datetime.timedelta) -> SyncRun:
        """A run of which every object was read so long ago."""
        bookmarks: dict[str, Any] = {}
        now = self._client.now()
        for name, sync in self._run(bookmarks).syncs.items():
            state = sync.source.state
            state.know(sync.source.properties)
            state.refreshed_at = now
            Refresh(sync.source, now).note_formulas()
            if sync.source.key is not None:
                state.bookmark = now - every
                state.deleted_until = now - every
            bookmarks[name].setdefault("jobs", {})
        return self._run(bookmarks)

    def _cost(self, run: SyncRun) -> RunCost:
        now = self._client.now()
        cost = RunCost()
        shared = self._planning + math.ceil(
            len({part.plan.api_name for part in run.counted(now)}) / COUNTS_A_CALL
        )
        for group in groups_of(list(run.syncs.values())):
            looks = [part for sync in group for part in self._looks(sync, cost)]
            shared += len(pack(looks))
        for name, sync in run.syncs.items():
            if name not in cost.notes:
                cost.streams[name] = self._stream(sync, cost)
        if cost.total.jobs:
            shared += 1
        # First looks are made side by side.
        cost.shared = Cost(
            calls=shared, seconds=CALL_SECONDS * math.ceil(shared / self._client.settings.max_workers)
        )
        return cost

    def _looks(self, sync: ObjectSync, cost: RunCost) -> list[Any]:
        try:
            return sync.first_requests()
        except TapError as error:
            cost.notes[sync.source.plan.stream_name] = str(error)
            return []

    def _stream(self, sync: ObjectSync, cost: RunCost) -> Cost:
        """What an object costs beside its share of a first look."""
        source, name = sync.source, sync.source.plan.stream_name
        size, now = self._sizes[name], self._client.now()
        bookmark = source.state.bookmark
        if source.key is None or bookmark is None:
            rows = float(size.rows)
            if bookmark is None and source.key is not None:
                cost.first.add(name)
        else:
            rows = min(float(size.rows), size.daily * ((now - bookmark) / _DAY))
        spent = query_cost(sync.query, rows, size.parents, asks=self._asks)
        spent += calls(rows * len(source.files))
        refresh = Refresh(source, now)
        refresh.check_size()
        if bookmark is None and source.key is not None and refresh.hides_returns:
            spent += calls(1)
        if bookmark is not None:
            for query in refresh.renewals():
                spent += self._again(query, size.rows)
        if self._sweeps(source, now):
            spent += self._again(refresh.ids_query(), size.rows)
            cost.notes[name] = "compares all ids"
        if size.guessed and bookmark is not None:
            cost.notes.setdefault(name, "how much changes, the org did not count in time")
        return spent

    def _sweeps(self, source: Source, now: datetime.datetime) -> bool:
        if source.key is None or not source.may_sweep:
            return False
        since = source.state.log_since
        purged = source.has_log and since is not None and now - since >= LOG_KEPT
        return self._client.settings.deletes == "sweep" or source.state.sweep_due or purged

    def _again(self, query: QueryReader, rows: int) -> Cost:
        """What a read of some columns of every row costs: its look is a call of its own, and its rows are no new ones."""
        look = 0 if query.bulk_at_once() else 1
        return dataclasses.replace(query_cost(query, rows, asks=self._asks), rows=0.0) + calls(look)
