"""Queries that the org refuses for a part of them: a column, the names behind lookups, or the user's condition."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from tap_sfsource.api.describe import describe, open_cache
from tap_sfsource.api.query import select
from tap_sfsource.catalog.plan import NAME
from tap_sfsource.errors import FilterError, SalesforceError, TransientError
from tap_sfsource.sync.refused_columns import INVALID_FIELD, refused_column

if TYPE_CHECKING:
    from tap_sfsource.errors import TapError
    from tap_sfsource.sync.source import Source

logger = logging.getLogger("tap-sfsource.sync")

MOST_MENDS: Final = 20
"""Refusals of single columns in one run, after which the object fails."""


def mend(source: Source, error: SalesforceError) -> bool:
    """Ask for less, where a query is refused for a column; false if the error is about something else.

    The object is described again, so that a column that is gone by now is not found by one more refusal.
    """
    blame_filter(source, error)
    refused, plan = refused_column(error), source.plan
    names = {column.api_name for column in plan.columns}
    if refused is None or refused.entity == NAME or refused.name not in names - {"Id"}:
        if error.error_code != INVALID_FIELD or not source.lookups:
            return False
        # Rows matter more than the names behind their lookups.
        logger.warning("%s: its lookups lead to no names. %s", plan.api_name, error)
        source.lookups = []
        return True
    told = f"{plan.api_name}.{refused.name}"
    if refused.use == "sort":
        if refused.name in source.unsortable:
            return False
        plan = plan.unsorted(refused.name)
    elif refused.use == "filter":
        if source.key != refused.name:
            return False
        logger.warning("%s cannot be filtered: every row is read. %s", told, error)
        source.notes.append(f"{refused.name} cannot be filtered: read in full")
        plan = plan.as_full_table()
    else:
        lost = (names - _described_again(source)) | {refused.name}
        logger.warning("%s cannot be read although describe lists it: left out. %s", told, error)
        source.notes.append(f"left out {', '.join(sorted(lost))}")
        plan = plan.without(frozenset(lost))
    source.go_on_by(plan)
    return True


def blame_filter(source: Source, error: TapError) -> None:
    """Find out whether a query is refused for the condition of the setting `filters`, which the user has to correct.

    Raises:
        FilterError: It is.
    """
    if not source.conditions or isinstance(error, TransientError):
        return
    api_name, told = source.plan.api_name, error
    if source.plan.parents is None:
        queries = [select(api_name, ["Id"], conditions=which, limit=1) for which in (source.conditions, ())]
        requests = [source.readers.request(query, f"filter_{at}") for at, query in enumerate(queries)]
        filtered, plain = source.readers.client.composite(requests)
        if filtered.ok or not plain.ok:
            return
        told = filtered.error()
    if isinstance(told, SalesforceError) and told.status == HTTPStatus.BAD_REQUEST:
        raise FilterError(api_name, told) from error


def _described_again(source: Source) -> set[str]:
    """The fields that the org lists now; also in the cache, which does not notice a change of permissions."""
    client, name = source.readers.client, source.plan.api_name
    cache = open_cache(client)
    if cache is not None:
        cache.forget(name)
    found = describe(client, [name], cache).found.get(name)
    fields = found.fields if found is not None else ()
    return {field.name for field in fields} or {column.api_name for column in source.plan.columns}
