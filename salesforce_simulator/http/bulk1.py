"""Bulk API 1.0 query: `/services/async/{version}/job` and what is below it.

Guide: "Bulk API and Bulk API 2.0 Developer Guide", chapter "Bulk API". Only `query` and `queryAll`.
"""

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.bulk1_batches import DEFAULT_CHUNK, LARGEST_CHUNK, Batch, BatchJob, Chunking
from salesforce_simulator.http.bulk1_format import info, infos, result_list, speaks_json
from salesforce_simulator.http.bulk1_results import CONTENT_TYPES
from salesforce_simulator.http.messages import Call, Reply
from salesforce_simulator.http.moments import moment_text
from salesforce_simulator.http.routing import Route

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site
    from salesforce_simulator.schema import SObject

_CHUNK_SIZE = re.compile(r"chunkSize\s*=\s*(\d+)", re.IGNORECASE)
_PARENT = re.compile(r"\bparent\s*=\s*(\w+)", re.IGNORECASE)


def create(site: "Site", call: Call, *, version: str) -> Reply:
    """Open a job."""
    assert call.session
    wish = _body(call)
    operation, content_type = wish.get("operation"), wish.get("contentType") or "XML"
    if operation not in ("query", "queryAll"):
        raise ApiError("InvalidJob", f"Operation {operation} is not supported by the simulated org.")
    if content_type not in CONTENT_TYPES:
        raise ApiError("InvalidJob", f"Content type {content_type} is not supported by the simulated org.")
    name = str(wish.get("object"))
    sobject = site.org.schema_for(call.session.user).get(name)
    if sobject is None:
        raise ApiError("InvalidJob", f"Unable to find object: {name}")
    if not sobject.bulk:
        raise ApiError("InvalidEntity", f"Entity '{sobject.name}' is not supported by the Bulk API.")
    job = site.batch_jobs.open(
        operation=operation,
        sobject=sobject.name,
        content_type=content_type,
        version=version,
        user=call.session.user,
        chunking=_chunking(call, sobject),
    )
    return info("jobInfo", _job(site, job), as_json=speaks_json(call), status=201)


def status(site: "Site", call: Call, *, version: str, job_id: str) -> Reply:
    """Tell about one job."""
    return info("jobInfo", _job(site, site.batch_jobs.find(job_id)), as_json=speaks_json(call))


def change(site: "Site", call: Call, *, version: str, job_id: str) -> Reply:
    """Close or abort a job."""
    job = site.batch_jobs.find(job_id)
    state = _body(call).get("state")
    if state not in ("Closed", "Aborted") or job.state != "Open":
        raise ApiError(
            "InvalidJobState", f"Changing the state of a job from {job.state} to {state} is not allowed."
        )
    job.state = str(state)
    job.modified = site.org.clock.now()
    return info("jobInfo", _job(site, job), as_json=speaks_json(call))


def add_batch(site: "Site", call: Call, *, version: str, job_id: str) -> Reply:
    """Add a query."""
    job = site.batch_jobs.find(job_id)
    batch = site.batch_jobs.add(job, call.body.decode("utf-8", "replace").strip())
    return info("batchInfo", _batch(job, batch), as_json=job.content_type == "JSON", status=201)


def batches(site: "Site", call: Call, *, version: str, job_id: str) -> Reply:
    """List the batches."""
    job = site.batch_jobs.find(job_id)
    found = [site.batch_jobs.batch(job, batch_id) for batch_id in job.batches]
    return infos("batchInfo", [_batch(job, batch) for batch in found], as_json=job.content_type == "JSON")


def batch(site: "Site", call: Call, *, version: str, job_id: str, batch_id: str) -> Reply:
    """Tell about one batch."""
    job = site.batch_jobs.find(job_id)
    return info(
        "batchInfo", _batch(job, site.batch_jobs.batch(job, batch_id)), as_json=job.content_type == "JSON"
    )


def results(site: "Site", call: Call, *, version: str, job_id: str, batch_id: str) -> Reply:
    """The ids of a batch's results; there is one."""
    job = site.batch_jobs.find(job_id)
    found = site.batch_jobs.batch(job, batch_id)
    if found.result_id is None:
        raise ApiError("InvalidBatch", "Batch not completed")
    return result_list([found.result_id], as_json=job.content_type == "JSON")


def result(site: "Site", call: Call, *, version: str, job_id: str, batch_id: str, result_id: str) -> Reply:
    """The rows."""
    job = site.batch_jobs.find(job_id)
    found = site.batch_jobs.batch(job, batch_id)
    if found.result is None or found.result_id != result_id:
        raise ApiError("InvalidBatch", f"Unable to find result for id {result_id}")
    return Reply(200, b"", {}, CONTENT_TYPES[job.content_type], found.result)


def _body(call: Call) -> dict[str, Any]:
    if "json" in call.headers.get("Content-Type", "").lower():
        body = call.json()
        return body if isinstance(body, dict) else {}
    try:
        root = ET.fromstring(call.body)
    except ET.ParseError as error:
        raise ApiError("InvalidXml", f"The request is not XML: {error}") from None
    return {element.tag.rpartition("}")[2]: element.text for element in root}


def _chunking(call: Call, sobject: "SObject") -> Chunking | None:
    header = call.headers.get("Sforce-Enable-PKChunking", "")
    if not header or header.strip().lower() == "false":
        return None
    match = _CHUNK_SIZE.search(header)
    size = int(match[1]) if match else DEFAULT_CHUNK
    if not 0 < size <= LARGEST_CHUNK:
        raise ApiError("InvalidJob", f"Chunk size {size} is not between 1 and {LARGEST_CHUNK}.")
    parent = _PARENT.search(header)
    if parent is None:
        return Chunking(size, sobject.name, "Id")
    # Guide, "PK Chunking Header": of the queries on an object's shares, the chunks are its records.
    for field in sobject.fields.values():
        if field.type == "reference" and [each.lower() for each in field.reference_to] == [parent[1].lower()]:
            return Chunking(size, field.reference_to[0], field.name)
    raise ApiError("InvalidJob", f"{parent[1]} is no parent of {sobject.name}.")


def _job(site: "Site", job: BatchJob) -> dict[str, Any]:
    found = [site.batch_jobs.batch(job, batch_id) for batch_id in job.batches]
    states = [batch.state for batch in found]
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": job.user.id,
        "createdDate": moment_text(job.created, "Z"),
        "systemModstamp": moment_text(job.modified, "Z"),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": job.content_type,
        "numberBatchesQueued": states.count("Queued"),
        "numberBatchesInProgress": states.count("InProgress"),
        "numberBatchesCompleted": states.count("Completed"),
        "numberBatchesFailed": states.count("Failed"),
        "numberBatchesTotal": len(states),
        "numberRecordsProcessed": sum(batch.rows for batch in found),
        "numberRetries": 0,
        "apiVersion": float(job.version),
        "numberRecordsFailed": 0,
        "totalProcessingTime": 0,
        "apiActiveProcessingTime": 0,
        "apexProcessingTime": 0,
    }


def _batch(job: BatchJob, batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "jobId": job.id,
        "state": batch.state,
        "stateMessage": batch.message,
        "createdDate": moment_text(batch.created, "Z"),
        "systemModstamp": moment_text(batch.modified, "Z"),
        "numberRecordsProcessed": batch.rows,
        "numberRecordsFailed": 0,
        "totalProcessingTime": 0,
        "apiActiveProcessingTime": 0,
        "apexProcessingTime": 0,
    }


_JOB = r"/services/async/{version:\d+\.0}/job"
_BATCH = _JOB + "/{job_id}/batch"
ROUTES = [
    Route("POST", _JOB, create),
    Route("GET", _JOB + "/{job_id}", status),
    Route("POST", _JOB + "/{job_id}", change),
    Route("POST", _BATCH, add_batch),
    Route("GET", _BATCH, batches),
    Route("GET", _BATCH + "/{batch_id}", batch),
    Route("GET", _BATCH + "/{batch_id}/result", results),
    Route("GET", _BATCH + "/{batch_id}/result/{result_id}", result),
]
