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
from sfsource.verify.target_maps import changed_by
from tap_sfsource.api.query import select
from tap_sfsource.catalog.naming import API_NAMES
from tap_sfsource.catalog.patterns import matches
from tap_sfsource.errors import SalesforceError, TapError
from tap_sfsource.singer.stream import NamesStream, SalesforceStream
from tap_sfsource.sync.readers import rows_at_once
from target_sfwarehouse.errors import TargetError
from target_sfwarehouse.postgres.connect import advice_on

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Sequence

    from sfsource.given.pair import Pair
    from sfsource.verify.counts import Grouping
    from tap_sfsource.api.composite import Subresponse
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
        selected = [
            stream
            for stream in tap.streams.values()
            if isinstance(stream, SalesforceStream)
            and stream.selected
            and not isinstance(stream, NamesStream)
        ]
        streams = [stream for stream in selected if self._is_meant(stream.plan.api_name, stream.name)]
        self.outcomes += [
            Outcome(name, api_name, unchecked=str(error))
            for name, error in tap.run_plan.failed.items()
            if self._is_meant(api_name := API_NAMES.get(name, name), name)
        ]
        if not streams and not self.outcomes:
            raise SfsourceError(f"None of the selected collections is {', '.join(self.names) or 'there'}.")
        run = tap.run_at_rest()
        self._collections: list[Collection] = []
        self._aside: dict[str, frozenset[str]] = {}
        # No bookmark tells when an object without a key was read: those of the same run do, also where they are not meant.
        moments = (_bookmark(run, stream.name) for stream in selected)
        oldest = min((moment for moment in moments if moment is not None), default=None)
        for stream in sorted(streams, key=lambda stream: stream.name):
            self._collect(stream, run, oldest)

    def _is_meant(self, api_name: str, stream: str) -> bool:
        return not self.names or matches(self.names, api_name, stream)

    def _collect(self, stream: SalesforceStream, run: SyncRun, oldest: datetime.datetime | None) -> None:
        """Take a collection in, or say why it cannot be checked."""
        outcome = Outcome(stream.name, stream.plan.api_name)
        self.outcomes.append(outcome)
        try:
            source = run.source(stream.name)
            lines = Lines(stream, source, self._output)
            outcome.unchecked = self._obstacle(stream, source, lines)
            if outcome.unchecked:
                return
            org = OrgObject(source, source.state.bookmark if source.key else oldest)
            outcome.as_of = org.as_of
            table = self._table(source, lines)
            if not table.exists:
                outcome.unchecked = f"{table.label} is no table of the warehouse: run a sync first"
            elif not table.has_key:
                outcome.unchecked = f"{table.label} has no column for the ids"
            else:
                collection = self._collection(org, table, lines, outcome)
                outcome.unchecked = collection.confine()
                if not outcome.unchecked:
                    self._collections.append(collection)
        except (TapError, TargetError) as error:
            outcome.unchecked = str(error)

    def _table(self, source: Source, lines: Lines) -> Table:
        unknown = set(source.state.unknown(source.properties))
        aside = {column.property for column in source.plan.columns if column.mark() in unknown}
        aside |= {column.property for column in source.files} | self._aside[source.plan.stream_name]
        key = source.plan.replication_key
        stamp = key.property if key is not None and lines.keeps(key) else ""
        return Table(self._connection, self._settings, lines.schema_message(), aside, stamp)

    def _collection(self, org: OrgObject, table: Table, lines: Lines, outcome: Outcome) -> Collection:
        source = org.source
        if table.lacking:
            outcome.notes.append(f"{table.label} has no column for {', '.join(table.lacking)}")
        if source.files:
            outcome.notes.append("contents of files are not compared")
        if aside := self._aside[source.plan.stream_name]:
            outcome.notes.append(
                f"not compared, as the target's settings change them: {', '.join(sorted(aside))}"
            )
        named = {name.lower() for name in source.readers.settings.refresh_fields}
        moving = frozenset(
            column.property
            for column in source.plan.columns
            if column.calculated or f"{source.plan.api_name}.{column.api_name}".lower() in named
        )
        masked = frozenset(column.property for column in source.plan.columns if column.mask is not None)
        return Collection(
            org, table, lines, outcome, lambda: self._views_all, moving, masked, self.show_values
        )

    def _obstacle(self, stream: SalesforceStream, source: Source, lines: Lines) -> str:
        """Why a collection cannot be checked; empty if it can."""
        if problem := lines.obstacle:
            return problem
        if source.key is not None and source.state.bookmark is None:
            return "its first sync is not complete"
        if source.state.maps != source.emitted and source.state.knows_properties:
            return "its stream maps have changed since the last run: run a sync first"
        aside = changed_by(self.pair.target.config, stream.name, lines.schema_message())
        if aside is None:
            return "stream_maps of the target filter, rename or split it: move them to the tap's stream_maps"
        self._aside[stream.name] = aside
        return ""

    @functools.cached_property
    def _views_all(self) -> bool:
        client = self._tap.client
        query = select("UserPermissionAccess", ["PermissionsViewAllData"], limit=1)
        try:
            records = client.get(client.data("/query", {"q": query}), _PERMISSIONS).records
        except SalesforceError:
            return False
        return bool(records and records[0].get("PermissionsViewAllData") is True)

    def _check(self, collections: Sequence[Collection]) -> None:
        """Compare. Where the org fails half-way, what has been found stands, and the rest is unchecked."""
        try:
            self._compare(collections)
        except TapError as error:
            for collection in collections:
                collection.outcome.unchecked = collection.outcome.unchecked or str(error)

    def _compare(self, collections: Sequence[Collection]) -> None:
        self.said(f"Counting {len(collections)} collections")
        for collection in collections:
            with _told(collection):
                collection.look_at_keys()
                collection.outcome.warehouse_rows = collection.count_here()
        if self.full:
            # The counts are for people; each row is compared.
            self._count(
                [part for part in collections if part.org.source.plan.parents is None and part.has_all_rows]
            )
        for collection in collections:
            if self.full or collection.org.source.plan.parents is not None:
                self.said(f"Comparing {collection.outcome.collection}")
                with _told(collection):
                    collection.by_value()
        if self.full:
            return
        asked = [part for part in collections if part.org.source.plan.parents is None]
        counted = [part for part in asked if part.has_all_rows]
        many = self._compare_few([part for part in counted if part.is_small])
        many += [part for part in counted if not part.is_small]
        self._count(many)
        for collection in many:
            if collection.suspected:
                self.said(f"Looking for the rows of {collection.outcome.collection}")
                with _told(collection):
                    collection.by_count()
        self._sample(asked)
        for collection in asked:
            if not collection.has_all_rows:
                collection.outcome.unchecked = (
                    "a stream map of the tap filters its rows, so only a sample was compared: give --full"
                )

    def _compare_few(self, collections: Sequence[Collection]) -> list[Collection]:
        """Compare the ids and stamps of small collections, whose rows are one page; gives those with more rows in the org."""
        requests = [
            collection.org.rows_request(f"rows_{place}") for place, collection in enumerate(collections)
        ]
        larger = []
        for collection, answer in zip(collections, self._tap.client.composite(requests), strict=True):
            with _told(collection):
                rows = collection.org.rows_of_page(answer)
                if rows is None:
                    larger.append(collection)
                else:
                    collection.by_id(rows)
        return larger

    def _count(self, collections: Sequence[Collection], *, before: bool = False) -> None:
        """Count rows of the org: five queries to a call. Where some have changed since the bookmark, they are counted again.

        Then rows that have changed are taken out of both counts.
        """
        groupings: dict[int, list[Grouping | None]] = {}
        for place, collection in enumerate(collections):
            with _told(collection):
                groupings[place] = [*([] if self.full else collection.groupings())] or [None]
        requests = [
            collection.org.request(
                collection.org.count_query(grouping, before=before), f"count_{place}_{number}"
            )
            for place, collection in enumerate(collections)
            for number, grouping in enumerate(groupings.get(place, ()))
        ]
        answers = iter(self._tap.client.composite(requests))
        again = []
        for place, collection in enumerate(collections):
            found = [(grouping, next(answers)) for grouping in groupings.get(place, ())]
            with _told(collection):
                if found and self._counted(collection, found, before=before):
                    again.append(collection)
        for collection in again:
            with _told(collection):
                collection.count_again()
        if again:
            self._count(again, before=True)

    @staticmethod
    def _counted(
        collection: Collection, answers: Sequence[tuple[Grouping | None, Subresponse]], *, before: bool
    ) -> bool:
        """Take counts in; tells whether rows have to be counted again."""
        org = collection.org
        try:
            counted = [(grouping, org.counted(answer, grouping)) for grouping, answer in answers]
        except SalesforceError:
            # Not every object groups its rows.
            if before and not collection.can_group:
                raise
            collection.can_group = False
            return True
        latest = [found.latest for _, found in counted if found.latest is not None]
        if not before and org.as_of is not None and latest and max(latest) >= org.as_of:
            return True
        collection.compare_counts(counted)
        return False

    def _sample(self, collections: Sequence[Collection]) -> None:
        if not self.sample:
            return
        self.said("Comparing a sample of rows")
        for at in range(0, len(collections), _TOGETHER):
            self._sample_of(collections[at : at + _TOGETHER])

    def _sample_of(self, collections: Sequence[Collection]) -> None:
        """Compare rows of several collections; the warehouse's are held before the org is asked."""
        held = []
        for place, collection in enumerate(collections):
            size = rows_at_once(collection.org.source.columns, self.sample)
            with _told(collection):
                ids = collection.table.sample(size, collection.stamp, collection.org.as_of)
                if ids:
                    held.append((collection, ids, collection.table.hold(ids, f"{place}")))
        requests = [
            collection.org.whole_request(ids, f"sample_{place}")
            for place, (collection, ids, _) in enumerate(held)
        ]
        answers = self._tap.client.composite(requests)
        for (collection, ids, rows), answer in zip(held, answers, strict=True):
            with _told(collection):
                collection.judge(ids, rows, answer, counted=True)

    def _mend(self) -> None:
        """Read again what differs, and verify again."""
        wrong = [collection for collection in self._collections if collection.outcome.differences]
        try:
            for _ in range(_REPAIRS):
                left = [
                    collection
                    for collection in wrong
                    if any(part.id for part in collection.outcome.differences)
                ]
                if not left:
                    break
                self._repair(left)
        except (SfsourceError, TapError, TargetError, psycopg.Error) as error:
            # What was found stands.
            for collection in wrong:
                collection.outcome.unchecked = f"the repair failed: {_said(error)}"
            return
        for collection in wrong:
            # What is left has changed since each repair: the next run brings it.
            collection.begin_again()
        self._check(wrong)

    def _repair(self, collections: Sequence[Collection]) -> None:
        for collection in collections:
            self.said(f"Repairing {collection.outcome.collection}")
        ids = repair(collections, self._target_config)
        for collection in collections:
            outcome = collection.outcome
            outcome.differences.clear()
            with _told(collection):
                collection.look_at(ids[outcome.collection], strict=True)
            outcome.repaired = max(outcome.repaired, len(ids[outcome.collection]))


@contextlib.contextmanager
def _told(collection: Collection) -> Iterator[None]:
    """An error of one collection is its own: the others are checked."""
    outcome = collection.outcome
    try:
        yield
    except (TapError, TargetError, psycopg.Error) as error:
        outcome.unchecked = _said(error)
    if misfits := collection.table.misfits:
        outcome.unchecked = (
            f"{', '.join(misfits)} of {collection.table.label} cannot hold the org's values, and the rest was compared "
            "without: change the column back, then give --repair"
        )


def _said(error: Exception) -> str:
    """An error in one line; of the warehouse's without values of rows."""
    said = " ".join(str(error).split())
    if not isinstance(error, psycopg.Error):
        return said
    told = f"the warehouse refuses a statement ({type(error).__name__})"
    if isinstance(error, psycopg.DataError):
        return told
    said = " ".join((error.diag.message_primary or said).split())
    return f"{told}: {said}. {advice_on(error)}".removesuffix(". ")


def _bookmark(run: SyncRun, stream: str) -> datetime.datetime | None:
    try:
        return run.source(stream).state.bookmark
    except TapError:
        return None
