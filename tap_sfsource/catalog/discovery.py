"""Which objects a run or a discovery reaches, and their plans.

Only what can be reached is described. A run with the 48 collections, or with a catalog that names its
objects, needs no describe global; patterns and streams of unknown origin do.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource.api.describe import (
    Field,
    SObject,
    describe,
    describe_global,
    describe_global_with,
    describes_at_once,
    open_cache,
)
from tap_sfsource.catalog.columns import mark_of
from tap_sfsource.catalog.given_columns import names_of
from tap_sfsource.catalog.mask_rules import MaskRules, masked_plan
from tap_sfsource.catalog.mask_warnings import warn_of_kept, warn_of_unmasked
from tap_sfsource.catalog.misspelt import check_names, nearest, warn_of_unknown, warn_of_unknown_fields
from tap_sfsource.catalog.naming import (
    API_NAMES,
    COLLECTIONS,
    column_names,
    kept_names,
    stream_names,
)
from tap_sfsource.catalog.new_fields import excluded
from tap_sfsource.catalog.patterns import is_pattern, matches
from tap_sfsource.catalog.plan import NAME, plan_of, why_unsupported
from tap_sfsource.catalog.selection import read_catalog
from tap_sfsource.catalog.sync_reports import is_reports
from tap_sfsource.catalog.types import property_schema
from tap_sfsource.errors import ConfigError, IncompleteError, TapError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.api.describe import DescribeCache
    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.catalog.given_columns import GivenColumns
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.catalog.selection import StreamSelection
    from tap_sfsource.config import Settings

logger = logging.getLogger("tap-sfsource.discovery")

_MISSING: Final = "the org lacks it or the user may not see it"


def discover(client: Client, settings: Settings) -> Iterator[SObjectPlan]:
    """Plan every stream that the settings reach, with all columns; what cannot be read is among them and says why.

    Plans come in the order of the streams' names, some at a time: those of a big org need not be in memory together.
    """
    listed = describe_global(client)
    names = stream_names((sobject.name for sobject in listed), naming=settings.naming)
    warn_of_unknown(names, settings)
    check_names(client, settings, names, everything=names)
    reached = sorted(
        (sobject for sobject in listed if _is_reached(sobject.name, names[sobject.name], settings)),
        key=lambda sobject: names[sobject.name],
    )
    by_default = True if settings.objects else None
    masks = MaskRules(settings)
    masks.check_salt()
    cache = open_cache(settings, client.instance_url)
    size = describes_at_once(settings)
    for some in (reached[at : at + size] for at in range(0, len(reached), size)):
        # The describe of an object that cannot be read would tell nothing; the 48 are shown whole.
        worth = [
            sobject.name for sobject in some if sobject.name in COLLECTIONS or not why_unsupported(sobject)
        ]
        described = describe(client, worth, cache).found
        masks.check_fields({name: (names[name], sobject) for name, sobject in described.items()})
        for sobject in some:
            if sobject.name in described or why_unsupported(sobject):
                found = described.get(sobject.name, sobject)
                plan = plan_of(found, names[sobject.name], settings, selected_by_default=by_default)
                yield dataclasses.replace(masked_plan(plan, masks), streams=names)


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """What a run reads, and what it does not although it is selected.

    Attributes:
        streams: Plans with their selected columns only, in the order of the streams' names.
        skipped: Stream name to the reason why it cannot be read, which is no fault of the run.
        failed: Stream name to the error that kept it from being planned.
        lost: Stream name to the properties that the catalog names and the user does not see.
    """

    streams: tuple[SObjectPlan, ...]
    skipped: Mapping[str, str]
    failed: Mapping[str, TapError]
    lost: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def check(self) -> None:
        """Make sure that there is something to do: to read nothing where something is selected is no success.

        Raises:
            IncompleteError: Nothing of what is selected can be read.
        """
        if self.skipped and not self.failed and all(plan.api_name == NAME for plan in self.streams):
            raise IncompleteError(
                f"Nothing of what is selected can be read ({'; '.join(sorted(set(self.skipped.values())))}): "
                f"{', '.join(sorted(self.skipped))}. Check the names, and the user's permissions with --test."
            )
        if not self.streams and not self.failed:
            logger.warning("Nothing is selected, so nothing is read. Select streams in the catalog.")


def plan_run(
    client: Client,
    settings: Settings,
    catalog: Mapping[str, Any] | None,
    emitted: Callable[[str], GivenColumns | None] | None = None,
    given: Mapping[str, str] | None = None,
) -> RunPlan:
    """Plan the streams that a run reads, described as they are today; what is skipped or failed is logged.

    `catalog` is the input catalog as it came; without one the settings select. `emitted` gives the columns that
    earlier runs have named, by stream; `given` are the names of streams, by API name.

    Raises:
        CatalogError: The catalog is no Singer catalog.
        ConfigError: Without a catalog, the setting `objects` leads to nothing.
    """
    selections: dict[str, StreamSelection] = {}
    known: Mapping[str, SObject] = {}
    cache = open_cache(settings, client.instance_url)
    given = given if given and settings.naming != "salesforce" else {}
    if catalog is None:
        wanted, known = _wanted_by_settings(client, settings, cache, given)
        if settings.objects and not wanted:
            raise ConfigError(
                "objects",
                f"{', '.join(settings.objects)} leads to no object that the user may see and query",
                "Correct the names, exclude_objects or the user's permissions; --discover without objects lists what "
                "there is.",
            )
        skipped: dict[str, str] = {}
    else:
        entries = [entry for entry in read_catalog(catalog) if not is_reports(entry)]
        check_names(client, settings, {entry.stream_name: entry.api_name for entry in entries})
        wanted, selections, skipped = _wanted_by_catalog(client, settings, entries)
        wanted = kept_names(wanted, given)
    reasons = {api_name: why_unsupported(SObject(name=api_name)) for api_name in wanted}
    readable = [api_name for api_name, reason in reasons.items() if not reason]
    described = describe(client, readable, cache, known)
    warn_of_unknown_fields(described.found, settings)
    masks = MaskRules(settings)
    masks.check_salt()
    found = {name: (wanted[name], sobject) for name, sobject in described.found.items()}
    masks.check_fields(found)
    masks.warn_of_patterns(found)
    lost: dict[str, tuple[str, ...]] = {}
    plans = [
        _plan(
            sobject,
            wanted[api_name],
            settings,
            selections.get(api_name),
            emitted(wanted[api_name]) if emitted is not None else None,
            masks,
            lost,
        )
        for api_name, sobject in described.found.items()
    ]
    reasons.update((plan.api_name, plan.unsupported) for plan in plans)
    for api_name, reason in reasons.items():
        if reason:
            logger.info("%s (%s) is skipped: %s.", wanted[api_name], api_name, reason)
            skipped[wanted[api_name]] = reason
    skipped.update((wanted[api_name], _MISSING) for api_name in described.missing)
    # The 48 have their names whether they are selected or not, so a run of a few says the same of its rows.
    streams = stream_names(COLLECTIONS, naming=settings.naming) | wanted
    supported = (
        dataclasses.replace(plan, org=client.org_id, streams=streams)
        for plan in plans
        if not plan.unsupported
    )
    return RunPlan(
        tuple(sorted(supported, key=lambda plan: plan.stream_name)),
        skipped,
        {wanted[api_name]: error for api_name, error in described.failed.items()},
        lost,
    )


def _plan(
    sobject: SObject,
    stream_name: str,
    settings: Settings,
    selection: StreamSelection | None,
    emitted: GivenColumns | None,
    masks: MaskRules,
    lost: dict[str, tuple[str, ...]],
) -> SObjectPlan:
    """Plan a stream; `lost` takes the properties that its selection names and the object does not have."""
    types = {field.name: field.type for field in sobject.fields}
    known = selection.known_names if selection else {}
    if emitted is None:
        names = column_names(types, known, settings.naming)
    else:
        names = names_of(types, known, emitted, settings.naming)
    plan = plan_of(sobject, stream_name, settings, names)
    if selection is not None:
        plan = _keyed(plan, selection)
        columns = tuple(_with_override(column, selection) for column in plan.columns)
        plan = dataclasses.replace(plan, columns=columns)
    plan = masked_plan(plan, masks)
    warn_of_kept(plan, emitted)
    selected = _selected(plan, selection, excluded(plan, selection, emitted))
    warn_of_unmasked(plan, selected, sobject, masks)
    if selection is not None and (unknown := selection.unknown(plan.columns)):
        lost[stream_name] = tuple(unknown)
    return dataclasses.replace(selected, absent=_absent(plan, selected, selection))


def _selected(plan: SObjectPlan, selection: StreamSelection | None, left_out: frozenset[str]) -> SObjectPlan:
    """The plan with its selected columns only, without those to leave out."""
    if selection is None:
        return plan.selecting(lambda column: column.selected_by_default and column.api_name not in left_out)
    for name, near in selection.unknown(plan.columns).items():
        hint = f" Is it {near}?" if near and not selection.is_full else ""
        logger.warning(
            "%s: the catalog names %s, which %s does not have today.%s",
            plan.stream_name,
            name,
            plan.api_name,
            hint,
        )
    plan = plan.selecting(lambda column: selection.is_selected(column) and column.api_name not in left_out)
    if plan.replication_key is not None and plan.replication_key.nillable:
        logger.warning(
            "%s: its replication key %s may be null; each run reads all rows without it. A change that does not move the key "
            "of a row is not seen.",
            plan.stream_name,
            plan.replication_key.api_name,
        )
    return dataclasses.replace(plan, own=dataclasses.replace(plan.own, part=selection.part))


def _absent(whole: SObjectPlan, plan: SObjectPlan, selection: StreamSelection | None) -> dict[str, str]:
    """The properties that a plan lacks, by the mark that they would have: deselected ones, and those of a catalog only."""
    read = {column.api_name for column in plan.columns}
    absent = {column.mark(): column.property for column in whole.columns if column.api_name not in read}
    described = {column.api_name for column in whole.columns}
    names, types = (selection.known_names, selection.types) if selection is not None else ({}, {})
    for api_name, name in names.items():
        if api_name not in described:
            absent[mark_of(name, api_name, types.get(name, ""))] = name
    return absent


def _keyed(plan: SObjectPlan, selection: StreamSelection) -> SObjectPlan:
    """Apply the replication method and key that the user's catalog asks for."""
    if selection.replication_method == "FULL_TABLE":
        return plan.as_full_table()
    key = plan.replication_key
    wanted = selection.replication_key
    if wanted and plan.parents is not None:
        logger.warning(
            "%s is read in full by each run: Salesforce gives its rows only by the ids of %s. The catalog's replication key "
            "%s is not used.",
            plan.stream_name,
            plan.parents.api_name,
            wanted,
        )
        return plan
    if wanted and (key is None or wanted not in {key.property, key.api_name}):
        column = next((part for part in plan.columns if wanted in {part.property, part.api_name}), None)
        if column is not None and column.sf_type == "datetime":
            return plan.keyed_by(column)
        logger.warning(
            "%s: the catalog's replication key %s is no date and time of %s; using %s.",
            plan.stream_name,
            wanted,
            plan.api_name,
            key.property if key else "none, which reads all rows",
        )
    return plan


def _with_override(column: Column, selection: StreamSelection) -> Column:
    recorded = selection.types.get(selection.name_of(column))
    if recorded is None:
        return column
    schema = selection.overridden_schema(column, property_schema(Field(name=column.api_name, type=recorded)))
    return dataclasses.replace(column, schema=schema) if schema else column


def _wanted_by_settings(
    client: Client, settings: Settings, cache: DescribeCache | None, given: Mapping[str, str]
) -> tuple[dict[str, str], Mapping[str, SObject]]:
    """API name to stream name of what a run without a catalog reads, and what has been described on the way."""
    known: Mapping[str, SObject] = {}
    if not settings.objects:
        names = stream_names(COLLECTIONS, naming=settings.naming)
    elif any(is_pattern(name) or _api_name(name) is None for name in settings.objects):
        # What looks like an API name most likely is one: its describe need not wait for the list.
        likely = [
            _api_name(name) or name
            for name in settings.objects
            if not is_pattern(name) and (_api_name(name) or "__" in name or name != name.lower())
        ]
        listed, known = describe_global_with(client, likely, cache)
        names = stream_names(
            (sobject.name for sobject in listed if sobject.queryable or sobject.name == NAME),
            given,
            settings.naming,
        )
    else:
        asked = [api_name for name in settings.objects if (api_name := _api_name(name))]
        names = stream_names(asked, given, settings.naming)
    warn_of_unknown(names, settings)
    check_names(client, settings, names)
    wanted = {api_name: name for api_name, name in names.items() if _is_reached(api_name, name, settings)}
    return wanted, known


def _wanted_by_catalog(
    client: Client, settings: Settings, entries: Sequence[StreamSelection]
) -> tuple[dict[str, str], dict[str, StreamSelection], dict[str, str]]:
    """API name to stream name and to entry of what a catalog selects, and why some of it cannot be found."""
    selected = [entry for entry in entries if entry.selected]
    by_stream: Mapping[str, str] = {}
    names: Mapping[str, str] = {}
    if any(not entry.api_name for entry in selected):
        names = stream_names((sobject.name for sobject in describe_global(client)), naming=settings.naming)
        by_stream = {name: api_name for api_name, name in names.items()} | {
            api_name: api_name for api_name in names
        }
    wanted: dict[str, str] = {}
    chosen: dict[str, StreamSelection] = {}
    lost: list[str] = []
    for entry in selected:
        api_name = entry.api_name or by_stream.get(entry.stream_name)
        if api_name is None:
            lost.append(entry.stream_name)
        elif not matches(settings.exclude_objects, api_name, entry.stream_name):
            wanted[api_name] = _stream_name(entry, api_name, settings)
            chosen[api_name] = entry
    if lost:
        named = [f"{name}.{nearest(name, names)}" for name in lost]
        logger.warning("Skipped, because the org has no object of that name: %s", " ".join(named))
    return wanted, chosen, dict.fromkeys(lost, _MISSING)


def _stream_name(entry: StreamSelection, api_name: str, settings: Settings) -> str:
    """A selection-only catalog may name a stream by its API name; the stream is named as always."""
    if entry.is_full or entry.stream_name != api_name:
        return entry.stream_name
    return stream_names([api_name], naming=settings.naming)[api_name]


def _is_reached(api_name: str, stream_name: str, settings: Settings) -> bool:
    wanted = not settings.objects or matches(settings.objects, api_name, stream_name)
    return wanted and not matches(settings.exclude_objects, api_name, stream_name)


def _api_name(name: str) -> str | None:
    """API name of one of the 48, by either of its names, or None."""
    by_lower = {known.lower(): known for known in COLLECTIONS}
    return API_NAMES.get(name.lower()) or by_lower.get(name.lower())


def selected_catalog(plans: Iterable[SObjectPlan]) -> dict[str, Any]:
    """A run's plans as the Singer catalog that the SDK works with: all of a stream is selected, its schema is the plan's."""
    root = {"breadcrumb": [], "metadata": {"selected": True}}
    return {
        "streams": [
            {
                "tap_stream_id": plan.stream_name,
                "stream": plan.stream_name,
                "key_properties": [plan.key],
                "schema": {},
                "metadata": [root],
            }
            for plan in plans
        ]
    }
