"""The plans of a run or a discovery. Only what they reach is described."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

from tap_sfsource.api.describe import (
    SObject,
    describe,
    describe_global,
    describes_at_once,
    open_cache,
)
from tap_sfsource.catalog.mask_rules import MaskRules, masked_plan
from tap_sfsource.catalog.misspelt import check_names, warn_of_unknown, warn_of_unknown_fields
from tap_sfsource.catalog.naming import COLLECTIONS, stream_names
from tap_sfsource.catalog.plan import NAME, plan_of, why_unsupported
from tap_sfsource.catalog.selected_plan import selected_plan
from tap_sfsource.catalog.wanted import MISSING, is_reached, wanted_by
from tap_sfsource.errors import IncompleteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.given_columns import GivenColumns
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.config import Settings
    from tap_sfsource.errors import TapError

logger = logging.getLogger("tap-sfsource.discovery")


def discover(client: Client, settings: Settings) -> Iterator[SObjectPlan]:
    """Plan every stream that the settings reach, with all columns; what cannot be read is among them and says why.

    Plans come in the order of the streams' names, some at a time: those of a big org need not be in memory together.
    """
    listed = describe_global(client)
    names = stream_names((sobject.name for sobject in listed), naming=settings.naming)
    warn_of_unknown(names, settings)
    check_names(client, settings, names, everything=names)
    reached = sorted(
        (sobject for sobject in listed if is_reached(sobject.name, names[sobject.name], settings)),
        key=lambda sobject: names[sobject.name],
    )
    by_default = True if settings.objects else None
    masks = MaskRules(settings)
    masks.check_salt()
    cache = open_cache(client)
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
    lost: Mapping[str, tuple[str, ...]]

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
    cache = open_cache(client)
    wanted = wanted_by(client, settings, catalog, cache, given or {})
    names = wanted.names
    reasons = {api_name: why_unsupported(SObject(name=api_name)) for api_name in names}
    readable = [api_name for api_name, reason in reasons.items() if not reason]
    described = describe(client, readable, cache, wanted.described)
    warn_of_unknown_fields(described.found, settings)
    masks = MaskRules(settings)
    masks.check_salt()
    found = {name: (names[name], sobject) for name, sobject in described.found.items()}
    masks.check_fields(found)
    masks.warn_of_patterns(found)
    lost: dict[str, tuple[str, ...]] = {}
    plans = []
    for api_name, (stream, sobject) in found.items():
        selection = wanted.selections.get(api_name)
        columns = emitted(stream) if emitted is not None else None
        plan, unknown = selected_plan(sobject, stream, settings, selection, columns, masks)
        plans.append(plan)
        if unknown:
            lost[stream] = unknown
    reasons.update((plan.api_name, plan.unsupported) for plan in plans)
    # The 48 have their names whether they are selected or not, so a run of a few says the same of its rows.
    streams = {**stream_names(COLLECTIONS, naming=settings.naming), **names}
    supported = (
        dataclasses.replace(plan, org=client.org_id, streams=streams)
        for plan in plans
        if not plan.unsupported
    )
    missing = dict.fromkeys((names[api_name] for api_name in described.missing), MISSING)
    return RunPlan(
        tuple(sorted(supported, key=lambda plan: plan.stream_name)),
        {**wanted.skipped, **_skipped(names, reasons), **missing},
        {names[api_name]: error for api_name, error in described.failed.items()},
        lost,
    )


def _skipped(names: Mapping[str, str], reasons: Mapping[str, str]) -> dict[str, str]:
    """Stream name to the reason why it cannot be read; it is logged. Both arguments are by API name."""
    skipped = {}
    for api_name, reason in reasons.items():
        if reason:
            logger.info("%s (%s) is skipped: %s.", names[api_name], api_name, reason)
            skipped[names[api_name]] = reason
    return skipped


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
