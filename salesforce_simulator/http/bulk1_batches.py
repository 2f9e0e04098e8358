"""The jobs and batches of Bulk API 1.0 queries, PK chunking among them."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from salesforce_simulator import soql
from salesforce_simulator.errors import ApiError
from salesforce_simulator.http import bulk1_results
from salesforce_simulator.http.messages import FilePart
from salesforce_simulator.ids import random_id, to_18

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.http.settings import Settings
    from salesforce_simulator.org import Org
    from salesforce_simulator.users import User

# Guide, "PK Chunking": 100,000 rows a chunk unless the header says otherwise, at most 250,000.
DEFAULT_CHUNK, LARGEST_CHUNK = 100_000, 250_000
# Guide, "Bulk API Limits": what is older is removed.
_LIFE = timedelta(days=7)
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'")
_WHERE = re.compile(r"\bWHERE\b", re.IGNORECASE)
_UNCHUNKABLE = re.compile(r"\b(?:ORDER\s+BY|GROUP\s+BY|LIMIT|OFFSET|HAVING)\b", re.IGNORECASE)


@dataclass
class Batch:
    """One query of a job; `result` is its rows as a file once it was worked on."""

    id: str
    query: str
    created: datetime
    modified: datetime
    state: str = "Queued"
    message: str | None = None
    rows: int = 0
    result_id: str | None = None
    result: FilePart | None = None


@dataclass
class Chunking:
    """How a job's queries are split: every `size` ids of the object `parent`, to which `field` of its rows points."""

    size: int
    parent: str
    field: str


@dataclass
class BatchJob:
    """A Bulk API 1.0 job."""

    id: str
    operation: str
    sobject: str
    content_type: str
    version: str
    user: "User"
    chunking: Chunking | None
    created: datetime
    modified: datetime
    state: str = "Open"
    batches: dict[str, Batch] = field(default_factory=dict)


class BatchJobs:
    """The Bulk API 1.0 jobs of an org; safe to use from any thread."""

    def __init__(self, org: "Org", settings: "Settings", directory: "Path") -> None:
        self._org = org
        self._settings = settings
        self._directory = directory
        self._lock = threading.RLock()
        self._jobs: dict[str, BatchJob] = {}

    def open(
        self,
        *,
        operation: str,
        sobject: str,
        content_type: str,
        version: str,
        user: "User",
        chunking: Chunking | None,
    ) -> BatchJob:
        """A new job."""
        now = self._org.clock.now()
        job_id = random_id("750")
        job = BatchJob(job_id, operation, sobject, content_type, version, user, chunking, now, now)
        with self._lock:
            self._jobs[job.id] = job
        return job

    def all(self) -> list[BatchJob]:
        """The jobs of the last seven days."""
        with self._lock:
            return [job for job in self._jobs.values() if self._alive(job)]

    def _alive(self, job: BatchJob) -> bool:
        return self._org.clock.now() < job.created + _LIFE

    def find(self, job_id: str) -> BatchJob:
        """A job by its id.

        Raises:
            ApiError: `InvalidJob`.
        """
        with self._lock:
            job = self._jobs.get(to_18(job_id) if len(job_id) == 15 else job_id)
        if job is None or not self._alive(job):
            raise ApiError("InvalidJob", f"Unable to find job for id {job_id}")
        return job

    def sobject_of(self, job_id: str) -> str | None:
        """What a job is about."""
        with self._lock:
            job = self._jobs.get(to_18(job_id) if len(job_id) == 15 else job_id)
        return job.sobject if job else None

    def add(self, job: BatchJob, query: str) -> Batch:
        """Take a query in; with PK chunking, one more batch a range of ids is made of it."""
        if job.state != "Open":
            raise ApiError("InvalidJobState", f"Job is not open, it is {job.state}")
        with self._lock:
            first = self._new_batch(job, query)
            if job.chunking is not None:
                first.state = "NotProcessed"
                for part in self._chunks(job, query):
                    self._new_batch(job, part)
        return first

    def batch(self, job: BatchJob, batch_id: str) -> Batch:
        """A batch by its id, worked on if its time has come.

        Raises:
            ApiError: `InvalidBatch`.
        """
        batch = job.batches.get(to_18(batch_id) if len(batch_id) == 15 else batch_id)
        if batch is None:
            raise ApiError("InvalidBatch", f"Unable to find batch for id {batch_id}")
        settings, age = self._settings, self._org.clock.now() - batch.created
        with self._lock:
            if batch.state == "Queued" and age >= settings.bulk_queued:
                batch.state = "InProgress"
            if batch.state == "InProgress" and age >= settings.bulk_queued + settings.bulk_processing:
                self._work(job, batch)
        return batch

    def _new_batch(self, job: BatchJob, query: str) -> Batch:
        limit = self._org.limits.daily_bulk_batches
        if not limit.remaining:
            raise ApiError("ExceededQuota", "ApiBatchItems Limit exceeded.")
        limit.spend()
        now = self._org.clock.now()
        batch = Batch(random_id("751"), query, now, now)
        job.batches[batch.id] = batch
        return batch

    def _chunks(self, job: BatchJob, query: str) -> Iterator[str]:
        masked = _QUOTED.sub(lambda match: "x" * len(match[0]), query)
        if _UNCHUNKABLE.search(masked) or job.chunking is None:
            raise ApiError(
                "InvalidBatch", "Failed to process query: PK chunking needs a plain query of one object."
            )
        size, name = job.chunking.size, job.chunking.field
        found = self._org.connection().execute(f'SELECT "Id" FROM "{job.chunking.parent}" ORDER BY "Id"')
        ids = [row[0] for row in found]
        where = _WHERE.search(masked)
        head = f"{query[: where.end()]} ({query[where.end() :].strip()}) AND " if where else f"{query} WHERE "
        for start in range(0, len(ids), size):
            end = start + size
            upper = f" AND {name} < '{ids[end]}'" if end < len(ids) else ""
            yield f"{head}{name} >= '{ids[start]}'{upper}"

    def _work(self, job: BatchJob, batch: Batch) -> None:
        org = self._org
        try:
            options: dict[str, Any] = {
                "schema": org.schema_for(job.user),
                "connection": org.connection(),
                "now": org.clock.now(),
                "all_rows": job.operation == "queryAll",
                "version": job.version,
                "asker": job.user.id,
            }
            result = soql.execute(batch.query, api="bulk", **options)
            _check_root(job, result.sobject)
            path = self._directory / f"{batch.id}.{job.content_type.lower()}"
            if job.content_type == "JSON":
                batch.rows = bulk1_results.write_json(path, soql.execute(batch.query, **options))
            else:
                batch.rows = bulk1_results.write(path, result, job.content_type, org.seed)
            batch.result_id = random_id("752")[:15]
            batch.result = FilePart(path, 0, path.stat().st_size)
            batch.state = "Completed"
        except ApiError as error:
            batch.state = "Failed"
            # Compound fields are refused with a code of their own here.
            code = "FUNCTIONALITY_NOT_ENABLED" if error.error_code == "API_ERROR" else error.error_code
            if "base64" in error.message:
                batch.message = "FeatureNotEnabled : Binary field not supported"
            else:
                batch.message = f"InvalidBatch : Failed to process query: {code}: {error.message}"
        batch.modified = org.clock.now()


def _check_root(job: BatchJob, sobject: str) -> None:
    if sobject != job.sobject:
        raise ApiError(
            "INVALID_TYPE_FOR_OPERATION",
            f"The root entity of the requested query ({sobject}) does not match the entity of the requested Bulk API "
            f"Job ({job.sobject}).",
        )
