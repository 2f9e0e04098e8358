"""Bulk query jobs: their states on the org's clock, and the work that makes their results."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from salesforce_simulator import soql
from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.effort import (
    check_columns,
    check_effort,
    check_formulas,
    check_refused_columns,
)
from salesforce_simulator.http.faults import AbortJob, Action, FailJob, StallJob
from salesforce_simulator.http.results import DELIMITERS, LINE_ENDINGS, Results, write_results
from salesforce_simulator.ids import random_id, to_18
from salesforce_simulator.soql.parser import parse

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    from salesforce_simulator.http.settings import Settings
    from salesforce_simulator.org import Org
    from salesforce_simulator.users import User

# Guide, "Bulk API 2.0 Limits": results are kept for seven days.
_LIFE = timedelta(days=7)
ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
_MEGABYTE = 1_000_000
_log = logging.getLogger(__name__)


@dataclass
class Job:
    """A Bulk API 2.0 query job.

    Attributes:
        sobject: The object that the query is FROM.
        version: API version that made it, `66.0`; its results are handed out to this version only.
        faults: What the fault plan laid on it when it was created.
        error: Why it failed.
    """

    id: str
    operation: str
    query: str
    sobject: str
    user: "User"
    version: str
    delimiter: str
    line_ending: str
    created: datetime
    modified: datetime
    state: str = "UploadComplete"
    error: str | None = None
    results: Results | None = None
    faults: list[Action] = field(default_factory=list)
    begun: bool = False


class Jobs:
    """The jobs of an org; safe to use from any thread."""

    def __init__(self, org: "Org", settings: "Settings", directory: "Path") -> None:
        self._org = org
        self._settings = settings
        self._directory = directory
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._kept: dict[Hashable, Results] = {}
        self._workers = ThreadPoolExecutor(2, "bulk-job")

    def add(
        self,
        *,
        operation: str,
        query: str,
        sobject: str,
        user: "User",
        version: str,
        delimiter: str,
        line_ending: str,
        faults: list[Action],
    ) -> Job:
        """Take a job in; it is begun when the org's clock says so."""
        now = self._org.clock.now()
        job_id = random_id("750")
        job = Job(
            job_id,
            operation,
            query,
            sobject,
            user,
            version,
            delimiter,
            line_ending,
            now,
            now,
            faults=list(faults),
        )
        with self._lock:
            self._jobs[job_id] = job
        self.refresh(job)
        return job

    def all(self) -> list[Job]:
        """The jobs that are alive, newest first."""
        with self._lock:
            jobs = [job for job_id in list(self._jobs) if (job := self.find(job_id))]
        return sorted(jobs, key=lambda job: (job.created, job.id), reverse=True)

    def find(self, job_id: str) -> Job | None:
        """A live job by its id of 15 or 18 characters, with its state as of now."""
        with self._lock:
            job = self._jobs.get(to_18(job_id) if len(job_id) in (15, 18) else job_id)
            if job is None:
                return None
            if self._org.clock.now() >= job.created + _LIFE:
                self.remove(job)
                return None
        self.refresh(job)
        return job

    def sobject_of(self, job_id: str) -> str | None:
        """What a job is about."""
        with self._lock:
            job = self._jobs.get(to_18(job_id) if len(job_id) in (15, 18) else job_id)
        return job.sobject if job else None

    def abort(self, job: Job) -> None:
        """End it before it is done."""
        with self._lock:
            self._end(job, "Aborted")

    def remove(self, job: Job) -> None:
        """Delete it with its results."""
        with self._lock:
            self._jobs.pop(job.id, None)
            if job.results:
                for file in job.results.path.parent.glob(f"{job.results.path.name}*"):
                    file.unlink(missing_ok=True)

    def close(self) -> None:
        """Stop working."""
        self._workers.shutdown(wait=True, cancel_futures=True)

    def refresh(self, job: Job) -> None:
        """Let the clock move the job on."""
        settings, age = self._settings, self._org.clock.now() - job.created
        with self._lock:
            if job.state == "UploadComplete" and age >= settings.bulk_queued:
                job.state = "InProgress"
                job.modified = job.created + settings.bulk_queued
            due = job.state == "InProgress" and age >= settings.bulk_queued + settings.bulk_processing
            if not due or job.begun or any(isinstance(action, StallJob) for action in job.faults):
                return
            job.begun = True
        work = self._workers.submit(self._work, job)
        if settings.bulk_processing:
            # Its time was over before somebody looked, and so it is done by now unless it is large.
            wait([work], timeout=0.5)

    def _work(self, job: Job) -> None:
        try:
            if any(isinstance(action, AbortJob) for action in job.faults):
                self.abort(job)
            else:
                self._finish(job, self._results(job))
        except ApiError as error:
            self._fail(job, ": ".join(part for part in (error.error_code, error.message) if part))
        except Exception as error:  # noqa: BLE001 - the job tells
            _log.exception("Bulk job %s", job.id)
            self._fail(job, f"UNKNOWN_EXCEPTION: {error}")

    def _fail(self, job: Job, message: str) -> None:
        with self._lock:
            job.error = message
            self._end(job, "Failed")

    def _results(self, job: Job) -> Results:
        """Ask the query as of this moment and write down what it gives."""
        for action in job.faults:
            if isinstance(action, FailJob):
                raise ApiError(action.code, action.message)
        org = self._org
        check_formulas(self._settings, org.schema_for(job.user), job.query)
        check_refused_columns(self._settings, job.query, job.sobject)
        result = soql.execute(
            job.query,
            schema=org.schema_for(job.user),
            connection=org.connection(),
            now=org.clock.now(),
            all_rows=job.operation == "queryAll",
            api="bulk",
            asker=job.user.id,
        )
        separators = DELIMITERS[job.delimiter], LINE_ENDINGS[job.line_ending]
        check_columns(self._settings, job.query)
        ordered = bool(parse(job.query).order_by)
        if ordered:
            check_effort(self._settings, job.user, result.sobject, result.total_size)
        path = self._directory / f"{job.id}.csv"
        key = None
        state = org.state() if self._settings.bulk_results_kept and not ordered else None
        if state is not None and result.whole:
            key = (*state, result.sobject, result.columns, result.cells_sql, separators)
            if kept := self._kept.get(key):
                return kept.shared(path)
        lines = result.csv_lines(*separators, seed=None if ordered else org.seed)
        results = write_results(path, result.csv_header(*separators), lines)
        if key is not None:
            self._kept[key] = results.shared(self._directory / f"kept-{job.id}.csv")
        return results

    def _finish(self, job: Job, results: Results) -> None:
        storage = self._org.limits.daily_bulk_v2_query_storage_mb
        megabytes = -(-results.size // _MEGABYTE)
        if storage.remaining < megabytes:
            kilobytes = storage.maximum * 1000
            raise ApiError(
                "LIMIT_EXCEEDED",
                f"Max bulk v2 query result size stored ({kilobytes} kb) per 24 hrs has been exceeded",
            )
        storage.spend(megabytes)
        with self._lock:
            job.results = results
            self._end(job, "JobComplete")

    def _end(self, job: Job, state: str) -> None:
        if job.state not in ENDED:
            job.state = state
            job.modified = self._org.clock.now()
