"""Which object a call is about: for the ledger and for fault rules."""

import re
from typing import TYPE_CHECKING

import msgspec

from salesforce_simulator.http.messages import Call

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site

_SOBJECT = re.compile(r"/sobjects/(\w+)")
_CURSOR = re.compile(r"/query(?:All)?/([^/]+)$")
_JOB = re.compile(r"/jobs?/(?:query/)?(750\w+)")
_FROM = re.compile(r"\bFROM\s+(\w+)", re.IGNORECASE)
_PARENTHESES = re.compile(r"\([^()]*\)")
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'")


def subject(site: "Site", call: Call) -> str | None:
    """The API name of the object, in the org's own spelling, or None if the call is about none or several."""
    if match := _SOBJECT.search(call.path):
        return _spelled(site, match[1])
    if match := _JOB.search(call.path):
        return site.jobs.sobject_of(match[1]) or site.batch_jobs.sobject_of(match[1])
    if match := _CURSOR.search(call.path):
        return site.cursors.sobject_of(match[1])
    if "q" in call.query:
        return from_object(site, call.query["q"])
    if call.method == "POST" and call.path.rstrip("/").endswith("/jobs/query"):
        return from_object(site, _query_in(call.body))
    return None


def from_object(site: "Site", soql: str) -> str | None:
    """The object that a query's own FROM names; subqueries do not count."""
    text = _QUOTED.sub("''", soql)
    while (shorter := _PARENTHESES.sub("", text)) != text:
        text = shorter
    match = _FROM.search(text)
    return _spelled(site, match[1]) if match else None


def _spelled(site: "Site", name: str) -> str:
    sobject = site.org.schema.get(name)
    return sobject.name if sobject else name


def _query_in(body: bytes) -> str:
    try:
        job = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    return str(job.get("query", "")) if isinstance(job, dict) else ""
