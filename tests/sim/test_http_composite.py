"""`composite` and `composite/batch` over real HTTP."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.sim.api import DATA, Api, error

if TYPE_CHECKING:
    from tests.fix_org import OrgServer


@pytest.fixture
def api(org_server: OrgServer) -> Api:
    return Api(org_server)


def test_25_describes_cost_one_call(org_server: OrgServer, api: Api) -> None:
    names = [sobject.name for sobject in org_server.org.schema][:25]
    answer = api.composite(*({"url": f"{DATA}/sobjects/{name}/describe"} for name in names)).json()
    parts = answer["compositeResponse"]
    assert [part["body"]["name"] for part in parts] == names
    assert org_server.ledger.api_calls == 1
    (entry,) = org_server.ledger.matching("/composite")
    assert [part.sobject for part in entry.parts] == names


def test_parts_carry_their_own_headers_and_status(api: Api) -> None:
    modified = api.get("sobjects/Account/describe").headers["Last-Modified"]
    parts = api.composite(
        {"url": f"{DATA}/sobjects/Account/describe", "httpHeaders": {"If-Modified-Since": modified}},
        {"url": f"{DATA}/sobjects/Nope__c/describe"},
        {"url": f"{DATA}/query?q=SELECT+Id+FROM+Account"},
    ).json()["compositeResponse"]
    assert [part["httpStatusCode"] for part in parts] == [304, 404, 200]
    assert parts[0]["body"] is None
    assert parts[1]["body"][0]["errorCode"] == "NOT_FOUND"
    assert parts[2]["body"]["totalSize"] == 0


def test_more_than_25_parts_or_5_queries_are_refused(api: Api) -> None:
    describe = {"url": f"{DATA}/sobjects/Account/describe"}
    query = {"url": f"{DATA}/query?q=SELECT+Id+FROM+Account"}
    assert api.composite(*[describe] * 26).status_code == 400
    assert api.composite(*[query] * 6).status_code == 400
    assert api.composite(*[query] * 5, *[describe] * 20).status_code == 200


def test_parts_refer_to_each_other(api: Api) -> None:
    parts = api.composite(
        {"method": "POST", "url": f"{DATA}/sobjects/Account", "body": {"Name": "Acme"}},
        {
            "method": "POST",
            "url": f"{DATA}/sobjects/Contact",
            "body": {"LastName": "Doe", "AccountId": "@{part0.id}"},
        },
        {"url": f"{DATA}/sobjects/Contact/@{{part1.id}}"},
    ).json()["compositeResponse"]
    assert [part["httpStatusCode"] for part in parts] == [201, 201, 200]
    assert parts[2]["body"]["AccountId"] == parts[0]["body"]["id"]


def test_all_or_none_keeps_nothing_when_one_part_fails(org_server: OrgServer, api: Api) -> None:
    parts = api.composite(
        {"method": "POST", "url": f"{DATA}/sobjects/Account", "body": {"Name": "Acme"}},
        {"method": "POST", "url": f"{DATA}/sobjects/Account", "body": {}},
        allOrNone=True,
    ).json()["compositeResponse"]
    assert [part["httpStatusCode"] for part in parts] == [400, 400]
    assert parts[0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert org_server.org.rows("Account") == []


def test_a_part_sees_what_the_parts_before_it_wrote(org_server: OrgServer, api: Api) -> None:
    kept = org_server.org.create("Account", {"Name": "before"})
    for wrong in (False, True):
        created, read, found, changed, again, counted, gone, _ = api.composite(
            {"method": "POST", "url": f"{DATA}/sobjects/Account", "body": {"Name": "Acme"}},
            {"url": f"{DATA}/sobjects/Account/@{{part0.id}}?fields=Name"},
            {"url": f"{DATA}/query?q=SELECT+Name+FROM+Account+WHERE+Id='@{{part0.id}}'"},
            {"method": "PATCH", "url": f"{DATA}/sobjects/Account/{kept}", "body": {"Name": "after"}},
            {"url": f"{DATA}/sobjects/Account/{kept}?fields=Name"},
            {"url": f"{DATA}/query?q=SELECT+COUNT()+FROM+Account"},
            {"method": "DELETE", "url": f"{DATA}/sobjects/Account/@{{part0.id}}"},
            {"url": f"{DATA}/sobjects/{'Nope' if wrong else 'Account'}/describe"},
            allOrNone=True,
        ).json()["compositeResponse"]
        if not wrong:
            assert created["httpStatusCode"] == 201
            assert read["body"]["Name"] == "Acme"
            assert found["body"]["records"][0]["Name"] == "Acme"
            assert again["body"]["Name"] == "after"
            assert counted["body"]["totalSize"] == 2
            assert (changed["httpStatusCode"], gone["httpStatusCode"]) == (204, 204)
            org_server.org.update(kept, {"Name": "before"})
    # The second time one part failed, and nothing is left of any.
    (name,) = [row["Name"] for row in org_server.org.rows("Account") if not row["IsDeleted"]]
    assert name == "before"


def test_a_part_for_a_blob_is_refused_alone(org_server: OrgServer, api: Api) -> None:
    org = org_server.org
    folder = org.create("Folder", {"Name": "Files", "Type": "Document", "AccessType": "Public"})
    body = base64.b64encode(b"hello").decode()
    blob = f"sobjects/Document/{org.create('Document', {'Name': 'a', 'FolderId': folder, 'Body': body})}/Body"
    parts = api.composite({"url": f"{DATA}/{blob}"}, {"url": f"{DATA}/sobjects/Case/describe"}).json()
    assert [part["httpStatusCode"] for part in parts["compositeResponse"]] == [400, 200]
    requests = [{"method": "GET", "url": f"v62.0/{url}"} for url in (blob, "sobjects/Case/describe")]
    answer = api.post("composite/batch", {"batchRequests": requests}).json()
    assert [result["statusCode"] for result in answer["results"]] == [400, 200]


def test_what_composite_does_not_take(api: Api) -> None:
    (part,) = api.composite({"url": f"{DATA}/limits"}).json()["compositeResponse"]
    assert part["httpStatusCode"] == 400
    assert error(api.post("composite", {"no": "parts"}))[0] == 400


def test_each_part_of_a_batch_counts(org_server: OrgServer, api: Api) -> None:
    answer = api.post(
        "composite/batch",
        {
            "batchRequests": [
                {"method": "GET", "url": f"v62.0/sobjects/{name}"} for name in ("Account", "Nope", "Case")
            ]
        },
    ).json()
    assert answer["hasErrors"] is True
    assert [result["statusCode"] for result in answer["results"]] == [200, 404, 200]
    assert org_server.ledger.api_calls == 3
