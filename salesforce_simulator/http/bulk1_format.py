"""How Bulk API 1.0 words jobs, batches and errors.

Jobs and errors are worded as the request's Content-Type is, batches and lists of results as their job's is: XML for a CSV
job, JSON for a JSON job. (The guide is silent; clients in wide use rely on both.)
"""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.errors import HttpError
from salesforce_simulator.http.messages import Call, Reply, json_reply

_NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
_XML = "application/xml"
# Codes that it shares with REST are spelled in its own way.
_CODES = {
    "INVALID_SESSION_ID": ("InvalidSessionId", "Invalid session id"),
    "REQUEST_LIMIT_EXCEEDED": ("ExceededQuota", ""),
    "UNKNOWN_EXCEPTION": ("Unknown", ""),
    "NOT_FOUND": ("InvalidUrl", "Destination URL not reset. The URL returned from login must be set"),
    "API_CURRENTLY_DISABLED": ("FeatureNotEnabled", "API is disabled for this User"),
    "MALFORMED_QUERY": ("InvalidBatch", ""),
}


def speaks_json(call: Call) -> bool:
    """Whether the request is JSON, or asks for it."""
    return "json" in f"{call.headers.get('Content-Type', '')}{call.headers.get('Accept', '')}".lower()


def info(name: str, values: Mapping[str, Any], *, as_json: bool, status: int = 200) -> Reply:
    """One `jobInfo` or `batchInfo`."""
    if as_json:
        return _json(dict(values), status)
    return _xml(f'<{name} xmlns="{_NAMESPACE}">{_elements(values)}</{name}>', status)


def infos(name: str, items: Sequence[Mapping[str, Any]], *, as_json: bool) -> Reply:
    """A list of them."""
    if as_json:
        return _json({name: list(items)})
    body = "".join(f"<{name}>{_elements(item)}</{name}>" for item in items)
    return _xml(f'<{name}List xmlns="{_NAMESPACE}">{body}</{name}List>')


def result_list(ids: Sequence[str], *, as_json: bool) -> Reply:
    """The ids of a batch's results."""
    if as_json:
        return _json(list(ids))
    results = "".join(f"<result>{each}</result>" for each in ids)
    return _xml(f'<result-list xmlns="{_NAMESPACE}">{results}</result-list>')


def bulk1_error(call: Call, error: ApiError) -> Reply:
    """A refusal."""
    code, message = _CODES.get(error.error_code, (error.error_code, ""))
    values = {"exceptionCode": code, "exceptionMessage": message or error.message}
    status = error.status if isinstance(error, HttpError) else 400
    return info("error", values, as_json=speaks_json(call), status=status)


def _elements(values: Mapping[str, Any]) -> str:
    return "".join(f"<{name}>{_text(value)}</{name}>" for name, value in values.items() if value is not None)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else escape(str(value))


def _json(value: Any, status: int = 200) -> Reply:
    reply = json_reply(value, status)
    reply.content_type = "application/json"
    return reply


def _xml(body: str, status: int = 200) -> Reply:
    text = f'<?xml version="1.0" encoding="UTF-8"?>{body}'
    return Reply(status, text.encode("utf-8", "replace"), content_type=_XML)
