"""Reads a query through a Bulk API 2.0 query job.

A job's results are pages of CSV, each found by a locator that stays valid as long as the job lives (Bulk API 2.0 guide,
"Get Results for a Query Job"). A page is spooled to a file before a row of it is written, so that a slow target holds no
connection to Salesforce open.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import logging
import os
import time
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Final

import msgspec
import requests

from tap_sfsource.api import framing, result_pages
from tap_sfsource.api.downloads import several
from tap_sfsource.api.spool import nameless_file
from tap_sfsource.clock import isoformat
from tap_sfsource.errors import BrokenOffError, SalesforceError, TapError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_sfsource.api.client import Client

logger = logging.getLogger("tap-sfsource.bulk")

_BLOCK = 256 * 1024
"""What is read of a page at a time: small enough to stay in the processor's cache."""

_CHUNK = 1024 * 1024
_DOWNLOAD_ATTEMPTS = 5
_NO_LOCATOR = "null"
UNKNOWN_COUNT = -1
"""The count of a page whose answer does not tell it."""

_FIRST_POLL_SECONDS = 0.25
_LONGEST_POLL_SECONDS = 60.0
_WORTH_WAITING_SECONDS = 1.0
"""A job that is likely to take less is looked at as soon as it is made."""

_EARLY = 0.2
"""Part of its likely time after which a job is looked at first: it may find far fewer rows than its object has."""

_POLL_GROWTH = 1.5
"""So a job that takes up to twice its likely time is found complete by three calls, later ones a call at a time."""

_ROWS_A_SECOND = 100_000
"""Rows that a job finds in a second at best, from which its likely time follows."""


class Job(msgspec.Struct):
    """What Salesforce says of a query job."""

    id: str
    state: str
    numberRecordsProcessed: int | None = None  # noqa: N815 - Salesforce's name
    errorMessage: str | None = None  # noqa: N815


_JOB: Final = msgspec.json.Decoder(Job)


class JobFailedError(TapError):
    """A job ended as ``Failed`` or ``Aborted``."""

    def __init__(self, job: Job) -> None:
        reason = job.errorMessage or ""
        super().__init__(f"Bulk job {job.id} ended as {job.state}{f': {reason}' if reason else '.'}")
        self.state = job.state
        self.reason = reason


class JobGoneError(TapError):
    """A job is no longer there: deleted, or older than the seven days that Salesforce keeps one."""


@dataclass(frozen=True, slots=True)
class BulkPage:
    """One page of results, spooled to a file that whoever reads the page closes.

    Attributes:
        file: The CSV, behind its header line.
        count: Rows that Salesforce says the page has, -1 if it does not say.
        locator: Of the next page; empty after the last.
        extracted: When Salesforce answered, RFC 3339.
        block: Bytes of a block, about.
    """

    file: IO[bytes]
    count: int
    locator: str
    extracted: str
    block: int = _BLOCK

    def blocks(self) -> Iterator[bytes]:
        """Whole rows of the file, a block at a time, from where it is read on."""
        return framing.blocks(self.file, self.block)


class BulkReader:
    """Creates, follows and reads query jobs, of which so many pages are downloaded at the same time."""

    def __init__(
        self,
        client: Client,
        page_size: int,
        spool_dir: str | None,
        wait: Callable[[float], None] = time.sleep,
        connections: int = 1,
    ) -> None:
        self._client = client
        self._connections = connections
        self._lists_pages = connections > 1
        self._page_size = page_size
        self._spool_dir = spool_dir
        self._wait = wait
        self._jobs = client.data("/jobs/query")
        self._created: dict[str, float] = {}

    def create(self, query: str) -> str:
        """Start a job that also reads soft-deleted and archived rows, and give its id.

        Raises:
            SalesforceError: Salesforce refuses the query or the entity, or its limit of jobs is reached.
        """
        body = {
            "operation": "queryAll",
            "query": query,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        job_id = self._client.post(self._jobs, _JOB, json=body).id
        self._created[job_id] = time.monotonic()
        return job_id

    def wait(self, job_id: str, expected: int = 0) -> int:
        """Wait until a job is complete, and give the number of its rows.

        Each poll is an API call, so polls become rarer. `expected` is about how many rows the job will find, 0 if unknown.

        Raises:
            JobFailedError: It failed or was aborted.
            JobGoneError: There is no such job.
        """
        created = self._created.get(job_id)
        begun = time.monotonic() if created is None else created
        for moment in poll_moments(expected, resumed=created is None):
            self._wait(max(0.0, begun + moment - time.monotonic()))
            job = self.look(job_id)
            if job.state == "JobComplete":
                if job.numberRecordsProcessed is None:
                    raise TapError(
                        f"Bulk job {job_id} is complete and does not say how many rows it found. Run again."
                    )
                return job.numberRecordsProcessed
            if job.state in {"Failed", "Aborted"}:
                raise JobFailedError(job)
        raise AssertionError

    def look(self, job_id: str) -> Job:
        """Ask for a job's state.

        Raises:
            JobGoneError: There is no such job.
        """
        try:
            return self._client.get(f"{self._jobs}/{job_id}", _JOB)
        except SalesforceError as error:
            if error.status == 404:  # noqa: PLR2004 - HTTP
                raise JobGoneError(f"Bulk job {job_id} is gone.") from error
            raise

    def pages(
        self, job_id: str, columns: Sequence[str], locator: str = "", rows: int = 0
    ) -> Iterator[BulkPage]:
        """Yield a complete job's pages from a locator on (empty for the first), each to be consumed once.

        The header of each must have these columns, which are those of the query. `rows` are left to read, 0 if unknown.
        Where they are more than a page, pages that Salesforce lists are downloaded several at a time. Each page says
        where the next one begins: as soon as that is not what was listed, pages are downloaded one by one.
        """
        following, read = locator, {locator}
        if self._lists_pages and rows > self._page_size:
            for at, page in self._listed(job_id, columns, locator):
                if following and at != following:
                    page.file.close()
                    break
                read.add(at)
                yield _onward(job_id, page, read)
                following = page.locator
                if not following:
                    return
        while True:
            read.add(following)
            page = self._download(job_id, columns, following, most=self._page_size)
            yield _onward(job_id, page, read)
            following = page.locator
            if not following:
                return

    def _listed(self, job_id: str, columns: Sequence[str], locator: str) -> Iterator[tuple[str, BulkPage]]:
        """Yield the pages that Salesforce lists, from a locator on; nothing where it lists less than two."""
        listed = self._locators(job_id)
        listed = itertools.dropwhile(lambda at: at != locator, listed) if locator else listed
        first = list(itertools.islice(listed, 2))
        if len(first) > 1:
            # As they are listed: nobody says what a number of rows would do to the list.
            download = partial(self._download, job_id, columns, most=None)
            yield from several(download, itertools.chain(first, listed), self._connections, self._spool_dir)

    def _locators(self, job_id: str) -> Iterator[str]:
        try:
            yield from result_pages.locators(self._client, f"{self._jobs}/{job_id}")
        except SalesforceError as error:
            logger.info("The org lists no pages of Bulk jobs (%s); downloading one after the other.", error)
            self._lists_pages = False

    def abort(self, job_id: str) -> None:
        """Tell Salesforce that nobody waits for a job; a failure does not matter."""
        with contextlib.suppress(TapError):
            self._client.request("PATCH", f"{self._jobs}/{job_id}", json={"state": "Aborted"})

    def _download(self, job_id: str, columns: Sequence[str], locator: str, *, most: int | None) -> BulkPage:
        """Fetch one page into a file, of so many rows at most; one that breaks off is fetched again by its locator."""
        for attempt in range(1, _DOWNLOAD_ATTEMPTS + 1):
            try:
                return self._fetch(job_id, columns, locator, most)
            except (BrokenOffError, UnreadableError) as error:
                if attempt == _DOWNLOAD_ATTEMPTS:
                    raise
                logger.info("Bulk job %s: a page broke off (%s); fetching it again.", job_id, error)
                self._wait(0.25 * 2**attempt)
        raise AssertionError

    def _fetch(self, job_id: str, columns: Sequence[str], locator: str, most: int | None) -> BulkPage:
        params = {} if most is None else {"maxRecords": str(most)}
        if locator:
            params["locator"] = locator
        path = f"{self._jobs}/{job_id}/results"
        with contextlib.ExitStack() as stack:
            with self._client.stream(path, params=params, headers={"Accept": "text/csv"}) as response:
                file = stack.enter_context(self._spool_file())
                _spool(response, file)
                headers = response.headers
            extracted = isoformat(self._client.now())
            header = _read_header(file, headers.get("Content-Type", ""), path)
            if [name.lower() for name in header] != [name.lower() for name in columns]:
                raise TapError(
                    f"Bulk job {job_id}: the results have columns {list(header)}, the query asked for {list(columns)}. "
                    "Run again."
                )
            following = headers.get("Sforce-Locator", "")
            page = BulkPage(
                file,
                _count(headers.get("Sforce-NumberOfRecords"), path),
                "" if following == _NO_LOCATOR else following,
                extracted,
            )
            stack.pop_all()
        return page

    def _spool_file(self) -> IO[bytes]:
        try:
            return nameless_file(self._spool_dir)
        except OSError as error:
            raise _not_spooled(error) from error


def _onward(job_id: str, page: BulkPage, read: set[str]) -> BulkPage:
    """The page, if it does not lead back to one that has been read.

    Raises:
        TapError: It does.
    """
    if page.locator and page.locator in read:
        page.file.close()
        raise TapError(f"Bulk job {job_id}: a page names itself, or one before, as the next one. Run again.")
    return page


def _spool(response: requests.Response, file: IO[bytes]) -> None:
    try:
        for chunk in response.iter_content(_CHUNK):
            file.write(chunk)
        file.seek(0)
    except OSError as error:
        # On a full disk closing fails as writing did, which must not hide the reason.
        with contextlib.suppress(OSError):
            file.close()
        if isinstance(error, requests.RequestException):
            raise
        raise _not_spooled(error) from error


def likely_seconds(rows: int) -> float:
    """How long a job of so many rows, 0 if unknown, takes at best."""
    return min(max(_FIRST_POLL_SECONDS, rows / _ROWS_A_SECOND), _LONGEST_POLL_SECONDS)


def poll_moments(rows: int, *, resumed: bool = False) -> Iterator[float]:
    """Yield when to poll a job of so many rows, in seconds since its creation, or since now if an earlier run created it.

    First early, then when it is likely complete, then ever less often.
    """
    likely = likely_seconds(rows)
    wise = not resumed and likely >= _WORTH_WAITING_SECONDS
    yield _EARLY * likely if wise else 0.0
    moment = pause = likely
    while True:
        yield moment
        moment += pause
        pause = min(_POLL_GROWTH * pause, _LONGEST_POLL_SECONDS)


def _not_spooled(error: OSError) -> TapError:
    return TapError(
        f"A Bulk page cannot be spooled ({os.strerror(error.errno or 0)}). Free space, or set spool_dir to a folder "
        "that the tap may write to."
    )


def _read_header(file: IO[bytes], content_type: str, path: str) -> tuple[str, ...]:
    """Read the header line off the file.

    Raises:
        UnreadableError: The file is no CSV, but a page of something between here and Salesforce.
    """
    line = file.readline()
    if "html" in content_type or line.lstrip().startswith(b"<"):
        raise UnreadableError(200, "", "it is HTML", path)
    try:
        return tuple(next(csv.reader([line.decode()]), ()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableError(200, "", f"its header is no CSV: {error}", path) from None


def _count(told: str | None, path: str) -> int:
    try:
        return UNKNOWN_COUNT if told is None else int(told)
    except ValueError:
        raise UnreadableError(200, "", f"its Sforce-NumberOfRecords is {told!r}", path) from None
