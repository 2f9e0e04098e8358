"""About how many rows objects have, as ``/limits/recordCount`` tells for many objects in one call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from tap_sfsource.errors import AuthError, QuotaReachedError, TapError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_sfsource.api.client import Client

logger = logging.getLogger("tap-sfsource")

COUNTS_A_CALL = 100


class _Count(msgspec.Struct):
    name: str
    count: int


class _Counts(msgspec.Struct):
    sObjects: list[_Count]  # noqa: N815 - Salesforce's name


_decoder = msgspec.json.Decoder(_Counts)


def record_counts(client: Client, api_names: Iterable[str]) -> dict[str, int]:
    """API name to the approximate number of rows, of those objects of which the org tells it.

    Raises:
        AuthError: The session ended and could not be renewed.
        QuotaReachedError: The question does not fit into the quota of API calls.
    """
    names = sorted(api_names)
    found: dict[str, int] = {}
    for at in range(0, len(names), COUNTS_A_CALL):
        counts = _counts(client, {"sObjects": ",".join(names[at : at + COUNTS_A_CALL])})
        if counts is None:
            break
        found |= counts
    return found


def all_record_counts(client: Client) -> dict[str, int]:
    """The same of every object with rows, in one call; nothing where the org does not tell it."""
    return _counts(client) or {}


def _counts(client: Client, params: Mapping[str, str] | None = None) -> dict[str, int] | None:
    """The counts of one answer, None where the org does not tell them."""
    try:
        answer = client.get(client.data("/limits/recordCount"), _decoder, params=params)
    except (QuotaReachedError, AuthError):
        raise
    except TapError as error:
        logger.info("No record counts: %s", error)
        return None
    return {count.name: count.count for count in answer.sObjects}
