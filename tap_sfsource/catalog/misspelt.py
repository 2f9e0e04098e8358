"""Names in the settings that mean nothing in this org."""

from __future__ import annotations

import difflib
import logging
from typing import TYPE_CHECKING

from tap_sfsource.api.describe import describe_global
from tap_sfsource.catalog.naming import COLLECTIONS, stream_names
from tap_sfsource.catalog.patterns import is_pattern, matches
from tap_sfsource.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.api.describe import SObject
    from tap_sfsource.config import Settings

logger = logging.getLogger("tap-sfsource.discovery")


def warn_of_unknown(names: Mapping[str, str], settings: Settings) -> None:
    """Say which of the names and patterns of `objects` mean nothing in this org."""
    for pattern in _without_match(settings.objects, names):
        logger.warning(
            "Setting objects: %s matches no object that the user may see and query.%s",
            pattern,
            nearest(pattern, names),
        )


def check_names(
    client: Client,
    settings: Settings,
    names: Mapping[str, str],
    *,
    everything: Mapping[str, str] | None = None,
) -> None:
    """Make sure that each name to exclude, or with settings of its own, means an object: a misspelt one would let data out.

    `names` are known already, by either name; describe global is asked for others, unless `everything` is known.

    Raises:
        ConfigError: A name without wildcards means no object of the org.
    """
    known = {**COLLECTIONS, **names}
    patterns = {
        "exclude_objects": [*settings.exclude_objects],
        **{setting: [*settings.by_object(setting)] for setting in settings.names_by_object()},
        "mask": [name.partition(".")[0] for name in settings.mask],
    }
    unknown = {setting: _without_match(named, known) for setting, named in patterns.items()}
    if any(unknown.values()) and everything is None:
        listed = (sobject.name for sobject in describe_global(client))
        known |= stream_names(listed, naming=settings.naming)
    for setting, named in unknown.items():
        does = "exclude" if setting == "exclude_objects" else "change"
        for name in _without_match(named, known):
            if not is_pattern(name):
                raise ConfigError(
                    setting,
                    f"{name} matches no object that the user may see, so it would {does} nothing",
                    f"Correct or remove it.{nearest(name, known)}",
                )
            logger.warning("Setting %s: %s matches no object that the user may see.", setting, name)


def _without_match(patterns: Sequence[str], names: Mapping[str, str]) -> list[str]:
    return [
        pattern
        for pattern in patterns
        if not any(matches([pattern], api_name, name) for api_name, name in names.items())
    ]


def warn_of_unknown_fields(described: Mapping[str, SObject], settings: Settings) -> None:
    """Say which of `refresh_fields` mean no field of what the run reads."""
    known = {f"{name}.{field.name}" for name, sobject in described.items() for field in sobject.fields}
    lower = {name.lower() for name in known}
    for wanted in settings.refresh_fields:
        if wanted.lower() not in lower:
            logger.warning(
                "Setting refresh_fields: %s is no field of an object that the run reads.%s",
                wanted,
                nearest(wanted, {name: name for name in known}),
            )


def nearest(name: str, names: Mapping[str, str]) -> str:
    """Ask whether another object is meant, by either of its names."""
    known = {known.lower(): known for known in (*names.values(), *names)}
    found = difflib.get_close_matches(name.lower(), known, 1, 0.75)
    return f" Is it {known[found[0]]}?" if found and not is_pattern(name) else ""
