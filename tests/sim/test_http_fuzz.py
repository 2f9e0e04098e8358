"""Whatever a client sends, the org answers in one of its APIs' own ways and not with a failure of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import add_demo_login
from tests.levels import at_level
from tests.sim.api import DATA, Api

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = at_level(normal=40, wide=150, long=400)
words = st.sampled_from(
    [
        "method", "url", "referenceId", "body", "compositeRequest", "batchRequests", "records", "attributes", "type",
        "operation", "query", "queryAll", "state", "Aborted", "columnDelimiter", "PIPE", "Account", "Contact", "Name",
        "Id", "id", "GET", "POST", "DELETE", "allOrNone", "httpHeaders", "richInput", "contentType", "CSV", "object",
        f"{DATA}/sobjects/Account", f"{DATA}/query?q=SELECT+Id+FROM+Account", "v62.0/sobjects/Account/describe",
        "SELECT Id FROM Account", "@{a.id}", "001000000000000AAA", "2026-01-01T00:00:00Z",
    ]
)  # fmt: skip
texts = words | st.text(max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=14,
)


def objects(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with these members: each may be missing, and may be anything else."""
    return st.fixed_dictionaries({}, optional={name: likely | values for name, likely in members.items()})


urls = st.sampled_from(
    [
        f"{DATA}/sobjects/Account", f"{DATA}/sobjects/@{{a.id}}", f"{DATA}/query?q=SELECT+Id+FROM+Account", f"{DATA}/limits",
        f"{DATA}/sobjects/Account/describe", "v62.0/sobjects/Account",
    ]
)  # fmt: skip
records = objects(attributes=objects(type=words), Id=words, Name=texts)
parts = objects(
    method=words,
    url=urls,
    referenceId=st.sampled_from("abc"),
    body=records,
    httpHeaders=values,
    richInput=records,
)
bodies = {
    "composite": objects(compositeRequest=st.lists(parts, max_size=3), allOrNone=st.booleans()),
    "composite/batch": objects(batchRequests=st.lists(parts, max_size=3), haltOnError=st.booleans()),
    "composite/sobjects": objects(records=st.lists(records, max_size=3), allOrNone=st.booleans()),
    "jobs/query": objects(
        operation=st.sampled_from(["query", "queryAll"]),
        query=st.just("SELECT Id FROM Account"),
        columnDelimiter=words,
        lineEnding=words,
        contentType=words,
    ),
    "sobjects/Account": records,
}
segments = st.sampled_from(
    [
        "sobjects", "Account", "describe", "deleted", "updated", "query", "queryAll", "jobs", "query", "limits",
        "recordCount", "composite", "batch", "results", "resultPages", "001000000000000AAA", "Body", "Name",
    ]
) | st.text("abz019/-_.%{}", min_size=1, max_size=6)  # fmt: skip
methods = st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD"])


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    from tests.fix_org import OrgServer  # noqa: PLC0415 - a plugin; importing it early would keep its asserts plain

    org = Org()
    add_demo_login(org)
    org.limits.daily_api_requests.maximum = 10**9
    try:
        with serve(org) as server:
            yield Api(OrgServer(server))
    finally:
        org.close()


@pytest.mark.parametrize("path", bodies)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_body(api: Api, path: str, data: st.DataObject) -> None:
    method = data.draw(st.sampled_from(["POST", "PATCH"]))
    answer = api.call(method, path, json=data.draw(values | bodies[path]))
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.json()[0]["errorCode"]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    method=methods,
    path=st.lists(segments, max_size=5).map("/".join),
    query=st.dictionaries(
        st.sampled_from(["q", "fields", "start", "end", "locator", "maxRecords", "ids"]), texts
    ),
)
def test_any_path(api: Api, method: str, path: str, query: dict[str, str]) -> None:
    answer = api.call(method, f"{DATA}/{path}", params=query)
    assert answer.status_code < 500, answer.text


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    path=st.sampled_from(["/services/oauth2/token", "/services/oauth2/revoke", "/services/async/62.0/job"]),
    body=st.binary(max_size=40)
    | st.dictionaries(st.sampled_from(["grant_type", "client_id", "assertion", "token"]), texts),
)
def test_any_login(api: Api, path: str, body: bytes | dict[str, str]) -> None:
    answer = api.session.request("POST", f"{api.url}{path}", data=body, timeout=20)
    assert answer.status_code < 500, answer.text
