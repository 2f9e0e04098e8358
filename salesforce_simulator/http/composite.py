"""`composite` and `composite/batch`: several calls in one.

Guide: "Composite" (at most 25 subrequests, 5 of them queries, one API call) and "Batch" (at most 25, each counts).
"""

import re
from typing import TYPE_CHECKING, Any

import msgspec

from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.all_or_none import all_or_none
from salesforce_simulator.http.dispatch import answer_part, charge
from salesforce_simulator.http.errors import error_reply
from salesforce_simulator.http.messages import JSON, Call, Reply, encode, json_reply
from salesforce_simulator.http.routing import Route

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site

_MOST_PARTS, _MOST_QUERIES = 25, 5
_QUERY = re.compile(r"/services/data/v[\d.]+/query(?:All)?(?:[/?]|$)")
# "All resources below /sobjects/ except blobs, query, queryAll" and collections.
_SUPPORTED = re.compile(r"/services/data/v[\d.]+/(?:sobjects|query|queryAll|composite/sobjects)(?:[/?]|$)")
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_HALTED = "The transaction was rolled back since another operation in the same transaction failed."


def composite(site: "Site", call: Call, *, version: str) -> Reply:
    """Run subrequests in order; a later one can refer to an earlier one's answer as `@{id.field}`."""
    body = call.json()
    parts = body.get("compositeRequest") if isinstance(body, dict) else None
    _check(parts)
    assert isinstance(parts, list)
    if not body.get("allOrNone"):
        return json_reply({"compositeResponse": _run_all(site, call, parts)})
    outcome, kept = all_or_none(
        site.org, lambda: _run_all(site, call, parts), lambda item: item["httpStatusCode"] >= 400
    )
    for item in outcome:
        if not kept and item["httpStatusCode"] < 400:
            item["body"] = [{"errorCode": "PROCESSING_HALTED", "message": _HALTED}]
            item["httpStatusCode"] = 400
    return json_reply({"compositeResponse": outcome})


def batch(site: "Site", call: Call, *, version: str) -> Reply:
    """Run independent subrequests."""
    body = call.json()
    parts = body.get("batchRequests") if isinstance(body, dict) else None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise ApiError("INVALID_BATCH_REQUEST", "The batch request must have batchRequests.")
    if len(parts) > _MOST_PARTS:
        raise ApiError(
            "LIMIT_EXCEEDED", f"The batch request must have no more than {_MOST_PARTS} subrequests."
        )
    charge(site, call, len(parts) - 1)
    results: list[dict[str, Any]] = []
    halted = False
    for part in parts:
        if halted:
            content = [
                {"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}
            ]
            results.append({"statusCode": 412, "result": content})
            continue
        url = "/services/data/" + str(part.get("url", "")).lstrip("/").removeprefix("services/data/")
        rich = part.get("richInput")
        payload = b"" if rich is None else encode(rich)
        reply = _part(site, call.part(str(part.get("method", "GET")), url, {}, payload))
        results.append({"statusCode": reply.status, "result": _Answer(reply).shown})
        halted = bool(body.get("haltOnError")) and reply.status >= 400
    failed = any(result["statusCode"] >= 400 for result in results)
    return json_reply({"hasErrors": failed, "results": results})


def _check(parts: Any) -> None:
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise ApiError("JSON_PARSER_ERROR", "The compositeRequest must be an array of subrequests.")
    if len(parts) > _MOST_PARTS:
        raise ApiError("LIMIT_EXCEEDED", f"Composite request is limited to {_MOST_PARTS} operations")
    references = [part.get("referenceId") for part in parts]
    if not all(isinstance(name, str) and name for name in references):
        raise ApiError("JSON_PARSER_ERROR", "Each subrequest needs a referenceId.")
    if len(set(references)) < len(references):
        raise ApiError("JSON_PARSER_ERROR", "The referenceIds of a composite request must be unique.")
    queries = sum(bool(_QUERY.match(str(part.get("url", "")))) for part in parts)
    if queries > _MOST_QUERIES:
        raise ApiError("LIMIT_EXCEEDED", f"Composite request is limited to {_MOST_QUERIES} query operations")


class _Answer:
    """A part's answer, decoded only where another part refers to it: describes are long."""

    def __init__(self, reply: Reply, content: Any = None) -> None:
        self.reply = reply
        self._content = content

    @property
    def shown(self) -> Any:
        """The body, to be written into the whole answer."""
        return msgspec.Raw(self.reply.body) if self.reply.body else self._content

    @property
    def content(self) -> Any:
        """The body, to be referred to."""
        return self.reply.json() if self.reply.body else self._content


def _run_all(site: "Site", call: Call, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answers: dict[str, _Answer] = {}
    outcome = []
    for part in parts:
        try:
            answer = _Answer(_run(site, call, part, answers))
        except ApiError as error:
            answer = _Answer(Reply(400), [{"message": error.message, "errorCode": error.error_code}])
        answers[part["referenceId"]] = answer
        outcome.append(_shown(part, answer))
    return outcome


def _run(site: "Site", call: Call, part: dict[str, Any], answers: dict[str, _Answer]) -> Reply:
    url = _filled(str(part.get("url", "")), answers)
    if not _SUPPORTED.match(url):
        raise _unsupported(url.partition("?")[0])
    given = part.get("httpHeaders") or {}
    if not isinstance(given, dict):
        raise ApiError("JSON_PARSER_ERROR", "httpHeaders must be an object.")
    headers = {str(name).title(): str(value) for name, value in given.items()}
    payload = b"" if part.get("body") is None else _filled(encode(part["body"]).decode(), answers).encode()
    return _part(site, call.part(str(part.get("method", "GET")).upper(), url, headers, payload))


def _part(site: "Site", call: Call) -> Reply:
    reply = answer_part(site, call)
    if reply.content_type != JSON:
        return error_reply(_unsupported(call.path))  # a blob
    return reply


def _unsupported(path: str) -> ApiError:
    return ApiError("PROCESSING_HALTED", f"The resource {path} is not supported in composite.")


def _shown(part: dict[str, Any], answer: _Answer) -> dict[str, Any]:
    headers = answer.reply.headers.items()
    return {
        "body": answer.shown,
        "httpHeaders": {name: value for name, value in headers if name != "Sforce-Limit-Info"},
        "httpStatusCode": answer.reply.status,
        "referenceId": part["referenceId"],
    }


def _filled(text: str, answers: dict[str, _Answer]) -> str:
    def value(match: re.Match[str]) -> str:
        try:
            found: Any = answers[match[1]].content if match[1] in answers else None
            for name, place in _STEP.findall(match[2]):
                found = found[name] if name else found[int(place)]
        except (KeyError, IndexError, TypeError, ValueError):
            raise ApiError(
                "PROCESSING_HALTED", f"Invalid reference specified. No value for {match[0][2:-1]} found"
            ) from None
        return str(found)

    return _REFERENCE.sub(value, text)


ROUTES = [
    Route("POST", r"/services/data/v{version:\d+\.0}/composite", composite),
    Route("POST", r"/services/data/v{version:\d+\.0}/composite/batch", batch),
]
