"""Which objects a run wants, and the names of their streams: by the settings, or by a catalog.

A run with the 48 collections, or with a catalog that names its objects, needs no describe global; patterns and streams of
unknown origin do.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource.api.describe import describe_global, describe_global_with
from tap_sfsource.catalog.misspelt import check_names, nearest, warn_of_unknown
from tap_sfsource.catalog.naming import API_NAMES, COLLECTIONS, kept_names, stream_names
from tap_sfsource.catalog.patterns import is_pattern, matches
from tap_sfsource.catalog.plan import NAME
from tap_sfsource.catalog.selection import read_catalog
from tap_sfsource.catalog.sync_reports import is_reports
from tap_sfsource.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.api.describe import DescribeCache, SObject
    from tap_sfsource.catalog.selection import StreamSelection
    from tap_sfsource.config import Settings

logger = logging.getLogger("tap-sfsource.discovery")

MISSING: Final = "the org lacks it or the user may not see it"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a run wants.

    Attributes:
        names: API name to stream name.
        selections: API name to the catalog's entry.
        skipped: Stream name to the reason why no object of the org is meant by it.
        described: Objects that have been described on the way.
    """

    names: Mapping[str, str]
    selections: Mapping[str, StreamSelection] = dataclasses.field(default_factory=dict)
    skipped: Mapping[str, str] = dataclasses.field(default_factory=dict)
    described: Mapping[str, SObject] = dataclasses.field(default_factory=dict)


def wanted_by(
    client: Client,
    settings: Settings,
    catalog: Mapping[str, Any] | None,
    cache: DescribeCache | None,
    given: Mapping[str, str],
) -> Wanted:
    """What a catalog wants; without one, what the settings want. `given` are stream names of a state, by API name.

    Raises:
        CatalogError: The catalog is no Singer catalog.
        ConfigError: Without a catalog, the setting `objects` leads to nothing.
    """
    given = given if settings.naming != "salesforce" else {}
    if catalog is not None:
        entries = [entry for entry in read_catalog(catalog) if not is_reports(entry)]
        check_names(client, settings, {entry.stream_name: entry.api_name for entry in entries})
        names, selections, skipped = _wanted_by_catalog(client, settings, entries)
        return Wanted(kept_names(names, given), selections, skipped)
    names, described = _wanted_by_settings(client, settings, cache, given)
    if settings.objects and not names:
        raise ConfigError(
            "objects",
            f"{', '.join(settings.objects)} leads to no object that the user may see and query",
            "Correct the names, exclude_objects or the user's permissions; --discover without objects lists what "
            "there is.",
        )
    return Wanted(names, described=described)


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
    wanted = {api_name: name for api_name, name in names.items() if is_reached(api_name, name, settings)}
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
    return wanted, chosen, dict.fromkeys(lost, MISSING)


def _stream_name(entry: StreamSelection, api_name: str, settings: Settings) -> str:
    """A selection-only catalog may name a stream by its API name; the stream is named as always."""
    if entry.is_full or entry.stream_name != api_name:
        return entry.stream_name
    return stream_names([api_name], naming=settings.naming)[api_name]


def is_reached(api_name: str, stream_name: str, settings: Settings) -> bool:
    """Whether the settings lead to an object."""
    wanted = not settings.objects or matches(settings.objects, api_name, stream_name)
    return wanted and not matches(settings.exclude_objects, api_name, stream_name)


def _api_name(name: str) -> str | None:
    """API name of one of the 48, by either of its names, or None."""
    by_lower = {known.lower(): known for known in COLLECTIONS}
    return API_NAMES.get(name.lower()) or by_lower.get(name.lower())
