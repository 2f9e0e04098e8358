"""A query as a Bulk job: begun if the day's budget and Salesforce allow it, and read from a locator on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import msgspec

from tap_sfsource.api.bulk import JobGoneError
from tap_sfsource.errors import BulkFullError, SalesforceError, TapError
from tap_sfsource.sync.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_sfsource.api.bulk import BulkPage
    from tap_sfsource.sync.job_bookmark import JobBookmark
    from tap_sfsource.sync.readers import Readers

logger = logging.getLogger("tap-sfsource.scan")

_FULL: Final = frozenset({"LIMIT_EXCEEDED", "EXCEEDEDQUOTA", "TOOMANYREQUESTS"})


class MiscountedError(JobGoneError):
    """A job's pages have held more rows than it found: a state that counts them leads nowhere, as if the job were gone."""


def begin_job(readers: Readers, api_name: str, query: str, rows: int, columns: int) -> str | None:
    """Create a job for about so many rows, and give its id; None where REST has to read them.

    Raises:
        BulkFullError: No further job fits into the day.
    """
    readers.budget.take(rows, columns)
    try:
        return readers.bulk.create(query)
    except SalesforceError as error:
        # Whatever the reason is: REST may take the query, or has a better one.
        code = error.error_code.upper()
        if code in _FULL:
            reason = f"{api_name}'s job is refused ({code}: {error.message})"
            readers.budget.close(reason)
            raise BulkFullError(reason) from error
        logger.info("%s: Bulk does not take it (%s); staying on REST.", api_name, error)
        return None


def job_pages(
    readers: Readers, api_name: str, fields: Sequence[str], job: JobBookmark, expected: int
) -> Iterator[tuple[BulkPage, JobBookmark | None]]:
    """Yield the pages of a job that found so many rows, each with the bookmark of the next one.

    Raises:
        MiscountedError: Its pages have more rows.
        TapError: They have fewer: a later page is missing, and can be asked for again.
    """
    read, counted = job.rows, True
    if expected > read:
        for page in ahead(readers.bulk.pages(job.id, fields, job.locator, expected - read)):
            counted = counted and page.count >= 0
            read += max(page.count, 0)
            following = msgspec.structs.replace(job, locator=page.locator, rows=read)
            yield page, following if page.locator else None
    if counted and read != expected:
        told = f"{api_name}: Bulk job {job.id} found {expected} rows but its pages held {read}. Run again."
        raise MiscountedError(told) if read > expected else TapError(told)
