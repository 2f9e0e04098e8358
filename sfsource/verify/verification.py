"""A verification: the collections of the selection, in as few calls as they take."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
import psycopg

from sfsource.errors import SfsourceError
from sfsource.verify.collection import Collection
from sfsource.verify.findings import Outcome
from sfsource.verify.lines import Lines, captured
from sfsource.verify.org import OrgObject
from sfsource.verify.repair import repair
from sfsource.verify.table import Table
from tap_sfsource.api.query import select
from tap_sfsource.catalog.patterns import matches
from tap_sfsource.errors import SalesforceError, TapError
from tap_sfsource.singer.stream import NamesStream, SalesforceStream
from tap_sfsource.sync.readers import rows_at_once
from target_sfwarehouse.errors import TargetError

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Sequence

    from sfsource.given.pair import Pair
    from tap_sfsource.sync.run import SyncRun
    from tap_sfsource.sync.source import Source

_TOGETHER: Final = 25
"""Collections whose samples are looked at together: their queries are five calls."""

_REPAIRS: Final = 3
"""A sync that runs beside may write an older state of a row behind a repair."""


class _Permissions(msgspec.Struct):
    records: list[dict[str, object]]


_PERMISSIONS: Final = msgspec.json.Decoder(_Permissions)


@dataclass
class Verification:
    """A verification.

    Attributes:
        names: Collections, objects or patterns; all of the selection if empty.
        sample: Rows of a collection whose values are compared.
        full: Whether the values of all rows are.
        said: Told what is being done.
        calls: What it took of the org.
    """

    pair: Pair
    names: Sequence[str] = ()
    sample: int = 200
    full: bool = False
    show_values: bool = False
    said: Callable[[str], object] = lambda _: None
    outcomes: list[Outcome] = field(default_factory=list)
    calls: int = 0

    def run(self, *, mend: bool = False) -> list[Outcome]:
        """Verify, and with `mend` read again what differs and verify again. Raises SfsourceError, TapError, TargetError."""
        state = self.pair.state.read()
        if state is None:
            raise SfsourceError(f"{self.pair.state.name} holds no state: run a sync first.")
        with self.pair.connect() as connection:
            self._begin(state, connection)
            self._check(self._collections)
            if mend:
                self._mend()
        self.calls = self._tap.client.limits.calls
        return self.outcomes

    def _begin(self, state: dict[str, object], connection: psycopg.Connection[object]) -> None:
        self._connection = connection
        self._settings = self.pair.target_settings
        self._target_config = self.pair.target_config()
        self._tap = tap = self.pair.tap_in(state)
        self._output = captured(tap)
        # With the state's names, and as the org is now.
        tap.setup_mapper()
        tap.run_plan.check()
        streams = [
            stream
            for stream in tap.streams.values()
            if isinstance(stream, SalesforceStream)
            and stream.selected
            and not isinstance(stream, NamesStream)
        ]
        streams = [stream for stream in streams if self._is_meant(stream)]
        if not streams:
            raise SfsourceError(f"None of the selected collections is {', '.join(self.names) or 'there'}.")
        run = tap.run_at_rest()
        self._collections: list[Collection] = []
        moments = [moment for stream in streams if (moment := _bookmark(run, stream.name)) is not None]
        oldest = min(moments, default=None)
        for stream in sorted(streams, key=lambda stream: stream.name):
            self._collect(stream, run, oldest)
        for name, error in tap.run_plan.failed.items():
            self.outcomes.append(Outcome(name, name, unchecked=str(error)))

    def _is_meant(self, stream: SalesforceStream) -> bool:
        return not self.names or matches(self.names, stream.plan.api_name, stream.name)

    def _collect(self, stream: SalesforceStream, run: SyncRun, oldest: datetime.datetime | None) -> None:
        """Take a collection in, or say why it cannot be checked."""
        outcome = Outcome(stream.name, stream.plan.api_name)
        self.outcomes.append(outcome)
        try:
            source = run.source(stream.name)
            outcome.unchecked = self._obstacle(stream, source)
            if outcome.unchecked:
                return
            org = OrgObject(source, source.state.bookmark if source.key else oldest)
            outcome.as_of = org.as_of
            lines = Lines(stream, source, self._output)
            unknown = set(source.state.unknown(source.properties))
            fresh = {column.property for column in source.plan.columns if column.mark() in unknown}
            fresh |= {column.property for column in source.files}
            table = Table(self._connection, self._settings, lines.schema_message(), fresh)
            if not table.exists:
                outcome.unchecked = f"{table.label} is no table of the warehouse: run a sync first"
            elif not table.has_key:
                outcome.unchecked = f"{table.label} has no column for the ids"
            else:
                self._collections.append(self._collection(org, table, lines, outcome))
        except (TapError, TargetError) as error:
            outcome.unchecked = str(error)

    def _collection(self, org: OrgObject, table: Table, lines: Lines, outcome: Outcome) -> Collection:
        source = org.source
        if table.lacking:
            outcome.notes.append(f"{table.label} has no column for {', '.join(table.lacking)}")
        if source.files:
            outcome.notes.append("contents of files are not compared")
        named = {name.lower() for name in source.readers.settings.refresh_fields}
        moving = frozenset(
            column.property
            for column in source.plan.columns
            if column.calculated or f"{source.plan.api_name}.{column.api_name}".lower() in named
        )
        return Collection(org, table, lines, outcome, self._views_all, moving, self.show_values)

    def _obstacle(self, stream: SalesforceStream, source: Source) -> str:
        """Why a collection cannot be checked; empty if it can."""
        if not stream.maps.partial_rows or len(stream.maps.aliases) != 1:
            return "a stream map of the tap filters or computes its rows"
        config = self.pair.target.config
        if config.get("stream_maps") or config.get("flattening_enabled"):
            return "stream_maps or flattening of the target change its rows: have the tap map them"
        if self._settings.load_method == "append-only":
            return "load_method append-only keeps each version of a row"
        if source.key is not None and source.state.bookmark is None:
            return "its first sync is not complete"
        return ""

    @functools.cached_property
    def _view_all_data(self) -> bool:
        client = self._tap.client
        query = select("UserPermissionAccess", ["PermissionsViewAllData"], limit=1)
        try:
            records = client.get(client.data("/query", {"q": query}), _PERMISSIONS).records
        except SalesforceError:
            return False
        return bool(records and records[0].get("PermissionsViewAllData") is True)

    def _views_all(self) -> bool:
        return self._view_all_data

    def _check(self, collections: Sequence[Collection]) -> None:
        self.said(f"Counting {len(collections)} collections")
        for collection in collections:
            with _told(collection.outcome):
                collection.look_at_keys()
                collection.outcome.warehouse_rows = collection.count_here()
        if self.full:
            # The counts are for people; each row is compared.
            self._count([part for part in collections if not part.org.source.plan.parents])
            for collection in collections:
                self.said(f"Comparing {collection.outcome.collection}")
                with _told(collection.outcome):
                    collection.by_value()
            return
        for collection in collections:
            if collection.org.source.plan.parents:
                with _told(collection.outcome):
                    collection.by_value()
        asked = [part for part in collections if not part.org.source.plan.parents]
        many = self._compare_few([part for part in asked if part.is_small])
        many += [part for part in asked if not part.is_small]
        self._count(many)
        for collection in many:
            if collection.outcome.org_rows != collection.outcome.warehouse_rows:
                self.said(f"Looking for the rows of {collection.outcome.collection}")
                with _told(collection.outcome):
                    collection.by_count()
        self._sample(asked)

    def _compare_few(self, collections: Sequence[Collection]) -> list[Collection]:
        """Compare the ids and stamps of small collections, whose rows are one page; gives those with more rows in the org."""
        requests = [
            collection.org.rows_request(f"rows_{place}") for place, collection in enumerate(collections)
        ]
        larger = []
        for collection, answer in zip(collections, self._tap.client.composite(requests), strict=True):
            with _told(collection.outcome):
                rows = collection.org.rows_of_page(answer)
                if rows is None:
                    larger.append(collection)
                else:
                    collection.by_id(rows)
        return larger

    def _count(self, collections: Sequence[Collection]) -> None:
        """Count rows of the org: five objects to a call."""
        requests = [
            collection.org.request(collection.org.count_query(), f"count_{place}")
            for place, collection in enumerate(collections)
        ]
        later = []
        for collection, answer in zip(collections, self._tap.client.composite(requests), strict=True):
            org = collection.org
            try:
                found = org.counted(answer)
            except SalesforceError:
                # Not every object groups its rows.
                later.append(collection)
                continue
            collection.outcome.org_rows = found.rows
            if org.as_of is not None and found.latest is not None and found.latest >= org.as_of:
                later.append(collection)
        self._count_before(later)

    def _count_before(self, collections: Sequence[Collection]) -> None:
        """Count the rows of objects of which some have changed since the bookmark, without these on either side."""
        requests = [
            collection.org.request(collection.org.count_before(), f"before_{place}")
            for place, collection in enumerate(collections)
        ]
        for collection, answer in zip(collections, self._tap.client.composite(requests), strict=True):
            with _told(collection.outcome):
                collection.outcome.org_rows = collection.org.total(answer)
                collection.changed = collection.org.changed()
                collection.outcome.warehouse_rows = collection.count_here()

    def _sample(self, collections: Sequence[Collection]) -> None:
        if not self.sample:
            return
        self.said("Comparing a sample of rows")
        for at in range(0, len(collections), _TOGETHER):
            self._sample_of(collections[at : at + _TOGETHER])

    def _sample_of(self, collections: Sequence[Collection]) -> None:
        """Compare rows of several collections; the warehouse's are held before the org is asked."""
        with self._connection.transaction():
            held = []
            for place, collection in enumerate(collections):
                size = rows_at_once(collection.org.source.columns, self.sample)
                with _told(collection.outcome), self._connection.transaction():
                    ids = collection.table.sample(size, collection.stamp, collection.org.as_of)
                    if ids:
                        held.append((collection, ids, collection.table.hold(ids, f"{place}")))
            requests = [
                collection.org.whole_request(ids, f"sample_{place}")
                for place, (collection, ids, _) in enumerate(held)
            ]
            answers = self._tap.client.composite(requests)
            for (collection, ids, rows), answer in zip(held, answers, strict=True):
                with _told(collection.outcome), self._connection.transaction():
                    collection.judge(ids, rows, answer, counted=True)

    def _mend(self) -> None:
        """Read again what differs, and verify again."""
        wrong = [collection for collection in self._collections if collection.outcome.differences]
        for _ in range(_REPAIRS):
            left = [collection for collection in wrong if collection.outcome.differences]
            if not left:
                break
            for collection in left:
                self.said(f"Repairing {collection.outcome.collection}")
            ids = repair(left, self._target_config)
            for collection in left:
                collection.outcome.differences.clear()
                with _told(collection.outcome):
                    collection.look_at(ids[collection.outcome.collection], strict=True)
                collection.outcome.repaired = max(
                    collection.outcome.repaired, len(ids[collection.outcome.collection])
                )
        for collection in wrong:
            # What is left has changed since each repair: the next run brings it.
            collection.outcome.differences.clear()
            collection.outcome.compared = 0
        self._check(wrong)


@contextlib.contextmanager
def _told(outcome: Outcome) -> Iterator[None]:
    """An error of one collection is its own: the others are checked."""
    try:
        yield
    except (TapError, TargetError, psycopg.Error) as error:
        outcome.unchecked = " ".join(str(error).split())


def _bookmark(run: SyncRun, stream: str) -> datetime.datetime | None:
    try:
        return run.source(stream).state.bookmark
    except TapError:
        return None
