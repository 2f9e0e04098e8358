"""About how many rows objects have, as ``/limits/recordCount`` tells for many objects in one call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from tap_sfsource.errors import AuthError, QuotaReachedError, TapError

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        asked = ",".join(names[at : at + COUNTS_A_CALL])
        try:
            answer = client.get(client.data("/limits/recordCount"), _decoder, params={"sObjects": asked})
        except (QuotaReachedError, AuthError):
            raise
        except TapError as error:
            logger.info("No record counts: %s", error)
            break
        found.update((count.name, count.count) for count in answer.sObjects)
    return found


def all_record_counts(client: Client) -> dict[str, int]:
    """The same of every object with rows, in one call; nothing where the org does not tell it."""
    try:
        answer = client.get(client.data("/limits/recordCount"), _decoder)
    except (QuotaReachedError, AuthError):
        raise
    except TapError as error:
        logger.info("No record counts: %s", error)
        return {}
    return {count.name: count.count for count in answer.sObjects}
