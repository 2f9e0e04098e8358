"""Bulk API 2.0 query: `jobs/query` and what is below it.

Guide: "Bulk API 2.0 and Bulk API Developer Guide", chapter "Query".
"""

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from salesforce_simulator import soql
from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.bulk1_batches import BatchJob
from salesforce_simulator.http.effort import check_refused_columns
from salesforce_simulator.http.errors import HttpError
from salesforce_simulator.http.faults import AbortJob, FailJob, Locator, LostRows, ShortPage, StallJob
from salesforce_simulator.http.jobs import ENDED, Job
from salesforce_simulator.http.messages import Call, Reply, json_reply, no_content
from salesforce_simulator.http.moments import moment_text
from salesforce_simulator.http.query import check_length
from salesforce_simulator.http.results import DELIMITERS, LINE_ENDINGS, Results
from salesforce_simulator.http.routing import Route

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site

# `resultPages` came with v58.0 and names up to five pages at a time.
_RESULT_PAGES_SINCE, _RESULT_PAGES = 58, 5
_KIND, _CLASSIC = "V2Query", "Classic"
_CHOICES = ("isPkChunkingEnabled", "jobType", "concurrencyMode")


def create(site: "Site", call: Call, *, version: str) -> Reply:
    """Create a job; its query is checked before it is taken in."""
    assert call.session
    body = call.json()
    if not isinstance(body, dict):
        raise ApiError("INVALIDJOB", "The job must be a JSON object.")
    operation, text = body.get("operation"), body.get("query")
    if operation not in ("query", "queryAll"):
        raise ApiError("INVALIDJOB", f"Unsupported operation: {operation}")
    if not isinstance(text, str) or not text.strip():
        raise ApiError("INVALIDJOB", "Query must be specified.")
    delimiter = _choice(body, "columnDelimiter", DELIMITERS, "COMMA")
    line_ending = _choice(body, "lineEnding", LINE_ENDINGS, "LF")
    _choice(body, "contentType", {"CSV": ""}, "CSV")
    check_length(text)
    user = call.session.user
    try:
        # Rows are read when the job is worked on; this only finds out whether the query is a right one.
        query = soql.execute(
            text,
            schema=site.org.schema_for(user),
            connection=site.org.connection(),
            now=site.org.clock.now(),
            all_rows=operation == "queryAll",
            api="bulk",
            asker=user.id,
        )
        if not site.settings.refused_when_run:
            check_refused_columns(site.settings, text, query.sobject)
    except ApiError as error:
        raise _worded(error) from error
    sobject = site.org.schema.get(query.sobject)
    if sobject is None or not sobject.bulk:
        raise ApiError("INVALIDENTITY", f"Entity '{query.sobject}' is not supported by the Bulk API.")
    jobs = site.org.limits.daily_bulk_v2_query_jobs
    if not jobs.remaining:
        raise ApiError(
            "LIMIT_EXCEEDED",
            f"Max bulk v2 query jobs ({jobs.maximum}) per 24 hrs has been reached ({jobs.maximum + 1})",
        )
    jobs.spend()
    job = site.jobs.add(
        operation=operation,
        query=text,
        sobject=query.sobject,
        user=user,
        version=version,
        delimiter=delimiter,
        line_ending=line_ending,
        faults=[action for action in call.actions if isinstance(action, StallJob | FailJob | AbortJob)],
    )
    # A new job is never seen in a later state than its first.
    shown = _shown(job)
    shown["state"] = "UploadComplete"
    return json_reply(shown)


def index(site: "Site", call: Call, *, version: str) -> Reply:
    """List the jobs of Bulk API 2.0 and 1.0, newest first, a page at a time.

    Guide, "Get Information About All Query Jobs": `jobType`, `isPkChunkingEnabled` and `concurrencyMode` choose some.
    """
    wish = {name: call.query[name] for name in _CHOICES if name in call.query}
    jobs: list[Job | BatchJob] = [*site.jobs.all(), *site.batch_jobs.all()]
    found = sorted((job for job in jobs if _chosen(job, wish)), key=_place, reverse=True)
    after = _place_in_list(call.query.get("queryLocator"))
    if after is not None:
        found = [job for job in found if _place(job) < after]
    page, rest = found[: site.settings.listed_jobs], found[site.settings.listed_jobs :]
    body: dict[str, Any] = {
        "done": not rest,
        "records": [_shown(job) if isinstance(job, Job) else _shown_classic(job) for job in page],
        "nextRecordsUrl": None,
    }
    if rest:
        parameters = urlencode({"queryLocator": _opaque(" ".join(_place(page[-1])))} | wish)
        body["nextRecordsUrl"] = f"/services/data/v{version}/jobs/query?{parameters}"
    return json_reply(body)


def _chosen(job: Job | BatchJob, wish: dict[str, str]) -> bool:
    kind = _KIND if isinstance(job, Job) else _CLASSIC
    if wish.get("jobType", kind) != kind or wish.get("concurrencyMode", "parallel").lower() != "parallel":
        return False
    chunked = isinstance(job, BatchJob) and job.chunking is not None
    return chunked or wish.get("isPkChunkingEnabled", "").lower() != "true"


def _place(job: Job | BatchJob) -> tuple[str, str]:
    """Where a job stands in the list; it stays right when jobs come and go."""
    return job.created.isoformat(timespec="microseconds"), job.id


def status(site: "Site", call: Call, *, version: str, job_id: str) -> Reply:
    """Tell about one job."""
    job = _job(site, job_id)
    shown = _shown(job)
    if job.results:
        shown["numberRecordsProcessed"] = job.results.rows
    elif job.state in ENDED:
        shown["numberRecordsProcessed"] = 0
    if job.error:
        shown["errorMessage"] = job.error
    if job.state in ENDED:
        shown["retries"] = 0
        shown["totalProcessingTime"] = int((job.modified - job.created).total_seconds() * 1000)
        shown["isPkChunkingSupported"] = " order by " not in job.query.lower()
    return json_reply(shown)


def abort(site: "Site", call: Call, *, version: str, job_id: str) -> Reply:
    """Abort one job, which is the only change that can be made to it."""
    job = _job(site, job_id)
    body = call.json()
    state = body.get("state") if isinstance(body, dict) else None
    if state != "Aborted":
        raise ApiError("INVALIDJOBSTATE", f"Invalid job state: {state}")
    if job.state in ENDED:
        raise ApiError("INVALIDJOBSTATE", f"Aborting already {job.state} Job not allowed")
    site.jobs.abort(job)
    return json_reply(_shown(job))


def remove(site: "Site", call: Call, *, version: str, job_id: str) -> Reply:
    """Delete one job that has ended."""
    job = _job(site, job_id)
    if job.state not in ENDED:
        raise ApiError("INVALIDJOBSTATE", f"Deleting {job.state} Job not allowed")
    site.jobs.remove(job)
    return no_content()


def results(site: "Site", call: Call, *, version: str, job_id: str) -> Reply:
    """A page of rows."""
    found = _results(_job(site, job_id), version)
    start = _position(call.query.get("locator"), found)
    end = min(found.rows, start + _page_rows(site, call))
    headers = {
        "Sforce-Locator": _locator(end) if end < found.rows else "null",
        "Sforce-NumberOfRecords": str(end - start),
    }
    wrong = call.action(Locator)
    if wrong:
        del headers["Sforce-Locator"]
        if wrong.value is not None:
            headers["Sforce-Locator"] = wrong.value
    lost = call.action(LostRows)
    sent = max(start, end - lost.rows) if lost else end
    return Reply(200, found.header, headers, "text/csv;charset=UTF-8", found.part(start, sent))


def result_pages(site: "Site", call: Call, *, version: str, job_id: str) -> Reply:
    """Where the pages are, five at a time, so that they can be fetched side by side."""
    if int(version.partition(".")[0]) < _RESULT_PAGES_SINCE:
        raise HttpError(404, "NOT_FOUND", "The requested resource does not exist")
    job = _job(site, job_id)
    found = _results(job, version)
    page = site.settings.bulk_page_rows
    starts = range(_position(call.query.get("locator"), found), max(found.rows, 1), page)
    path = f"/jobs/query/{job.id}"
    base = f"/services/data/v{version}"
    # msrivastav13/node-sf-bulk2, pull request 35, has the other names from a live org.
    pages, link, start_of = (
        ("resultChunks", "resultLink", path)
        if site.settings.result_chunks
        else ("resultPages", "resultUrl", f"{base}{path}")
    )
    body: dict[str, Any] = {
        pages: [{link: f"{start_of}/results?locator={_locator(start)}"} for start in starts[:_RESULT_PAGES]],
        "nextRecordsUrl": None,
        "done": len(starts) <= _RESULT_PAGES,
    }
    if not body["done"]:
        body["nextRecordsUrl"] = f"{base}{path}/resultPages?locator={_locator(starts[_RESULT_PAGES])}"
    return json_reply(body)


def _choice(body: dict[str, Any], name: str, choices: dict[str, str], default: str) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or value not in choices:
        raise ApiError("INVALIDJOB", f"Invalid {name}: {value}")
    return value


def _worded(error: ApiError) -> ApiError:
    """An error in a job's query as the Bulk API words it: its own code in front of the message."""
    if error.error_code in ("INVALIDENTITY", "API_ERROR", "LIMIT_EXCEEDED"):
        return error
    return ApiError(
        "API_ERROR", f"{error.error_code}: {error.message}" if "\n" in error.message else error.message
    )


def _job(site: "Site", job_id: str) -> Job:
    job = site.jobs.find(job_id)
    if job is None:
        raise HttpError(404, "NOT_FOUND", "The requested resource does not exist")
    return job


def _results(job: Job, version: str) -> Results:
    if job.version != version:
        raise HttpError(
            409,
            "API_VERSION_MISMATCH",
            f"Use the API version that created the job ({job.version}) to get its results, not {version}.",
        )
    if job.results is None:
        raise HttpError(
            412,
            "JOB_NOT_COMPLETE",
            "can only download query results of successfully completed bulk job with status: JobComplete. "
            f"Current status: {job.state}",
        )
    return job.results


def _page_rows(site: "Site", call: Call) -> int:
    text = call.query.get("maxRecords")
    rows = site.settings.bulk_page_rows
    if text is not None:
        if not text.isdigit() or not int(text):
            raise ApiError("INVALID_QUERY_PARAMETER", f"Invalid value for maxRecords: {text}")
        rows = min(rows, int(text))
    short = call.action(ShortPage)
    return min(rows, short.rows) if short else rows


def _place_in_list(locator: str | None) -> tuple[str, str] | None:
    if locator is None:
        return None
    created, _, job_id = _clear(locator).partition(" ")
    if not job_id:
        raise ApiError("INVALIDLOCATOR", f"Invalid locator: {locator}")
    return created, job_id


def _locator(row: int) -> str:
    return _opaque(str(row))


def _opaque(text: str) -> str:
    """A place as text that says nothing to whoever does not know."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _clear(locator: str) -> str:
    try:
        return base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)).decode()
    except ValueError:
        return ""


def _position(locator: str | None, found: Results) -> int:
    if locator is None:
        return 0
    try:
        row = int(_clear(locator))
    except ValueError:
        row = -1
    if not 0 <= row < max(found.rows, 1):
        raise ApiError("INVALIDLOCATOR", f"Invalid locator: {locator}")
    return row


def _shown_of_any(job: Job | BatchJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": job.user.id,
        "createdDate": moment_text(job.created),
        "systemModstamp": moment_text(job.modified),
        "state": job.state,
        "concurrencyMode": "Parallel",
    }


def _shown(job: Job) -> dict[str, Any]:
    return {
        **_shown_of_any(job),
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "jobType": _KIND,
        "lineEnding": job.line_ending,
        "columnDelimiter": job.delimiter,
    }


def _shown_classic(job: BatchJob) -> dict[str, Any]:
    return {
        **_shown_of_any(job),
        "contentType": job.content_type,
        "apiVersion": float(job.version),
        "jobType": _CLASSIC,
    }


ROUTES = [
    Route("POST", r"/services/data/v{version:\d+\.0}/jobs/query", create),
    Route("GET", r"/services/data/v{version:\d+\.0}/jobs/query", index),
    Route("GET", r"/services/data/v{version:\d+\.0}/jobs/query/{job_id}", status),
    Route("PATCH", r"/services/data/v{version:\d+\.0}/jobs/query/{job_id}", abort),
    Route("DELETE", r"/services/data/v{version:\d+\.0}/jobs/query/{job_id}", remove),
    Route("GET", r"/services/data/v{version:\d+\.0}/jobs/query/{job_id}/results", results),
    Route("GET", r"/services/data/v{version:\d+\.0}/jobs/query/{job_id}/resultPages", result_pages),
]
