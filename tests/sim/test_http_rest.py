"""REST over real HTTP: describes, records, queries, limits, replication."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from salesforce_simulator.simulation import DEMO_USER
from salesforce_simulator.users import READ_ONLY, Permissions
from tests.sim.api import DATA, Api, error

if TYPE_CHECKING:
    from tests.fix_org import OrgServer


@pytest.fixture
def api(org_server: OrgServer) -> Api:
    return Api(org_server)


def test_versions_need_no_session(org_server: OrgServer) -> None:
    versions = requests.get(f"{org_server.url}/services/data/", timeout=20).json()
    assert {"label": "Summer '24", "url": "/services/data/v61.0", "version": "61.0"} in versions


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/services/data/v99.0/sobjects", (404, "NOT_FOUND")),
        ("/services/data/v20.0/sobjects", (410, "UNSUPPORTED_API_VERSION")),
        ("nothing/here", (404, "NOT_FOUND")),
        ("sobjects/Nothing__c/describe", (404, "NOT_FOUND")),
        ("sobjects/Account/001000000000000AAA", (404, "NOT_FOUND")),
    ],
)
def test_what_is_not_there(api: Api, path: str, expected: tuple[int, str]) -> None:
    assert error(api.get(path)) == expected


def test_method_not_allowed(api: Api) -> None:
    assert error(api.call("DELETE", "limits")) == (405, "METHOD_NOT_ALLOWED")


def test_without_or_with_a_wrong_token(org_server: OrgServer) -> None:
    for headers in ({}, {"Authorization": "Bearer 00D!wrong"}):
        answer = requests.get(f"{org_server.url}{DATA}/sobjects", headers=headers, timeout=20)
        assert error(answer) == (401, "INVALID_SESSION_ID")


def test_describe_global_and_describe_agree(api: Api) -> None:
    lines = {line["name"]: line for line in api.get("sobjects").json()["sobjects"]}
    for name in ("Account", "Name", "OpportunityFieldHistory"):
        described = api.get(f"sobjects/{name.lower()}/describe").json()
        assert described["fields"]
        for key in lines[name].keys() - {"urls"}:
            assert described[key] == lines[name][key]
        assert api.get(f"sobjects/{name}").json()["objectDescribe"]["name"] == name


def test_describes_are_not_sent_again_until_they_change(org_server: OrgServer, api: Api) -> None:
    from salesforce_simulator.schema import Field  # noqa: PLC0415 - only here

    for path in ("sobjects", "sobjects/Account/describe"):
        modified = api.get(path).headers["Last-Modified"]
        again = api.get(path, headers={"If-Modified-Since": modified})
        assert (again.status_code, again.content) == (304, b"")
    modified = api.get("sobjects/Account/describe").headers["Last-Modified"]
    org_server.org.clock.advance(seconds=2)
    org_server.org.add_field("Account", Field("Tier__c", "string", length=20, custom=True))
    changed = api.get("sobjects/Account/describe", headers={"If-Modified-Since": modified})
    assert "Tier__c" in {field["name"] for field in changed.json()["fields"]}


def test_records_are_created_read_changed_and_deleted(api: Api) -> None:
    created = api.post("sobjects/Account", {"Name": "Acme", "BillingCity": "Kyiv"})
    assert created.status_code == 201
    record_id = created.json()["id"]
    record = api.get(f"sobjects/Account/{record_id}").json()
    assert (record["Name"], record["BillingAddress"]["city"]) == ("Acme", "Kyiv")
    assert record["attributes"] == {"type": "Account", "url": f"{DATA}/sobjects/Account/{record_id}"}
    assert api.call("PATCH", f"sobjects/Account/{record_id}", json={"Name": "Äcme"}).status_code == 204
    some = api.get(f"sobjects/account/{record_id[:15]}", params={"fields": "name,Industry"}).json()
    assert (some["Name"], some["Industry"]) == ("Äcme", None)
    assert api.call("DELETE", f"sobjects/Account/{record_id}").status_code == 204
    assert error(api.get(f"sobjects/Account/{record_id}")) == (404, "ENTITY_IS_DELETED")


def test_a_record_that_lacks_what_it_needs(api: Api) -> None:
    answer = api.post("sobjects/Account", {"Industry": "Energy"})
    assert error(answer) == (400, "REQUIRED_FIELD_MISSING")
    assert answer.json()[0]["fields"] == ["Name"]


def test_upsert_by_external_id(org_server: OrgServer, api: Api) -> None:
    from salesforce_simulator.schema import Field  # noqa: PLC0415 - only here

    key = Field("Key__c", "string", length=20, custom=True, external_id=True, unique=True)
    org_server.org.add_field("Account", key)
    path = "sobjects/Account/Key__c/K-1"
    created = api.call("PATCH", path, json={"Name": "First"})
    assert (created.status_code, created.json()["created"]) == (201, True)
    changed = api.call("PATCH", path, json={"Name": "Second"})
    assert (changed.status_code, changed.json()["created"]) == (200, False)
    assert api.get(path).json()["Name"] == "Second"


def test_collections_of_records(api: Api) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": f"A{n}"} for n in range(3)]
    bad = {"attributes": {"type": "Account"}}
    outcome = api.post("composite/sobjects", {"allOrNone": False, "records": [*records, bad]}).json()
    assert [item["success"] for item in outcome] == [True, True, True, False]
    assert outcome[3]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    ids = ",".join(item["id"] for item in outcome[:3])
    deleted = api.call("DELETE", "composite/sobjects", params={"ids": ids}).json()
    assert [item["success"] for item in deleted] == [True, True, True]


def test_collections_can_be_all_or_none(org_server: OrgServer, api: Api) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": "good"}, {"attributes": {"type": "Account"}}]
    outcome = api.post("composite/sobjects", {"allOrNone": True, "records": records}).json()
    assert [item["errors"][0]["statusCode"] for item in outcome] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert org_server.org.rows("Account") == []


def load(served: OrgServer, count: int) -> None:
    served.org.load("Account", ([f"Account {n:05}"] for n in range(count)), ["Name"])


def pages(api: Api, first: requests.Response) -> list[dict[str, Any]]:
    found = [first.json()]
    while not found[-1]["done"]:
        found.append(api.get(found[-1]["nextRecordsUrl"]).json())
    return found


@pytest.mark.parametrize(("asked", "rows"), [(None, 2000), ("200", 200), ("1", 200), ("9999", 2000)])
def test_pages(org_server: OrgServer, api: Api, asked: str | None, rows: int) -> None:
    load(org_server, 2101)
    options = {"Sforce-Query-Options": f"batchSize={asked}"} if asked else {}
    found = pages(api, api.query("SELECT Id, Name FROM Account ORDER BY Name", **options))
    assert {page["totalSize"] for page in found} == {2101}
    assert [len(page["records"]) for page in found[:-1]] == [rows] * (2101 // rows)
    names = [record["Name"] for page in found for record in page["records"]]
    assert names == [f"Account {n:05}" for n in range(2101)]


def test_a_page_can_be_read_again_and_shows_the_result_of_the_first_moment(
    org_server: OrgServer, api: Api
) -> None:
    load(org_server, 2500)
    url = api.query("SELECT Id FROM Account").json()["nextRecordsUrl"]
    api.post("sobjects/Account", {"Name": "late"})
    assert api.get(url).json()["records"] == api.get(url).json()["records"]
    assert len(api.get(url).json()["records"]) == 500


def test_a_cursor_lives_two_days_and_belongs_to_its_user(org_server: OrgServer, api: Api) -> None:
    load(org_server, 2001)
    url = api.query("SELECT Id FROM Account").json()["nextRecordsUrl"]
    org_server.org.clock.advance(hours=47)
    api.login(org_server)
    assert api.get(url).status_code == 200
    org_server.org.apps[org_server.config()["client_id"]].run_as = org_server.org.admin.username
    api.login(org_server)
    assert error(api.get(url)) == (400, "INVALID_QUERY_LOCATOR")
    org_server.org.apps[org_server.config()["client_id"]].run_as = DEMO_USER
    org_server.org.clock.advance(hours=1)
    api.login(org_server)
    assert error(api.get(url)) == (400, "INVALID_QUERY_LOCATOR")
    assert error(api.get(f"{DATA}/query/nonsense")) == (400, "INVALID_QUERY_LOCATOR")


def test_query_all_sees_the_recycle_bin(org_server: OrgServer, api: Api) -> None:
    record_id = org_server.org.create("Account", {"Name": "gone"})
    org_server.org.delete(record_id)
    assert api.query("SELECT Id FROM Account").json()["totalSize"] == 0
    assert (
        api.query("SELECT Id, IsDeleted FROM Account", "queryAll").json()["records"][0]["IsDeleted"] is True
    )


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FROM", "MALFORMED_QUERY"),
    ],
)
def test_wrong_queries_show_where(api: Api, soql: str, code: str) -> None:
    answer = api.query(soql)
    assert error(answer) == (400, code)
    if code != "MALFORMED_QUERY":
        assert "ERROR at Row:1:Column:" in answer.json()[0]["message"]


def test_exact_decimals(org_server: OrgServer, api: Api) -> None:
    api.post("sobjects/Account", {"Name": "rich", "AnnualRevenue": 1234567890123456})
    assert b'"AnnualRevenue":1.234567890123456E15' in api.query("SELECT AnnualRevenue FROM Account").content


def test_a_long_uri_and_long_headers_are_refused(api: Api) -> None:
    fields = ",".join(["Name"] * 5000)
    assert api.query(f"SELECT {fields} FROM Account").status_code == 414
    assert api.get("limits", headers={"X-Long": "x" * 17_000}).status_code == 431
    assert api.get("limits", headers={"X-Long": "x" * 12_000}).status_code == 200


def test_usage_is_counted_and_limited(org_server: OrgServer, api: Api) -> None:
    org_server.org.limits.daily_api_requests.maximum = 3
    usages = [api.get("sobjects").headers["Sforce-Limit-Info"] for _ in range(2)]
    assert usages == ["api-usage=1/3", "api-usage=2/3"]
    shown = api.get("limits").json()["DailyApiRequests"]
    assert shown == {"Max": 3, "Remaining": 0}
    refused = api.get("limits")
    assert error(refused) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert refused.json()[0]["message"] == "TotalRequests Limit exceeded."
    org_server.org.clock.advance(hours=25)
    api.login(org_server)
    assert api.get("limits").status_code == 200


def test_record_count(org_server: OrgServer, api: Api) -> None:
    load(org_server, 7)
    counts = api.get("limits/recordCount", params={"sObjects": "Account,Contact,Nope"}).json()["sObjects"]
    assert counts == [{"count": 7, "name": "Account"}, {"count": 0, "name": "Contact"}]


def test_what_a_user_may_not_see_is_not_there(org_server: OrgServer, api: Api) -> None:
    org_server.org.create("Account", {"Name": "Acme"})
    hidden = Permissions().without_object("Contact").without_field("Account.AnnualRevenue")
    org_server.org.set_permissions(DEMO_USER, hidden)
    assert "Contact" not in {line["name"] for line in api.get("sobjects").json()["sobjects"]}
    assert error(api.get("sobjects/Contact/describe")) == (404, "NOT_FOUND")
    assert error(api.query("SELECT Id FROM Contact")) == (400, "INVALID_TYPE")
    fields = {field["name"] for field in api.get("sobjects/Account/describe").json()["fields"]}
    assert "AnnualRevenue" not in fields
    assert error(api.query("SELECT AnnualRevenue FROM Account")) == (400, "INVALID_FIELD")
    record_id = api.query("SELECT Id FROM Account").json()["records"][0]["Id"]
    assert "AnnualRevenue" not in api.get(f"sobjects/Account/{record_id}").json()


def test_what_a_user_may_not_write(org_server: OrgServer, api: Api) -> None:
    record_id = org_server.org.create("Account", {"Name": "Acme"})
    org_server.org.set_permissions(DEMO_USER, Permissions(objects={"Account": READ_ONLY}))
    assert api.get(f"sobjects/Account/{record_id}").status_code == 200
    for answer in (
        api.post("sobjects/Account", {"Name": "x"}),
        api.call("PATCH", f"sobjects/Account/{record_id}", json={"Name": "x"}),
        api.call("DELETE", f"sobjects/Account/{record_id}"),
    ):
        assert answer.status_code >= 400
    assert org_server.org.rows("Account")[0]["Name"] == "Acme"


def span(served: OrgServer, *, back: timedelta = timedelta(hours=1)) -> dict[str, str]:
    now = served.org.clock.now()
    return {
        "start": (now - back).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "end": (now + timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%S+00:00"),
    }


def test_deleted_and_updated(org_server: OrgServer, api: Api) -> None:
    org_server.org.clock.advance(hours=2)
    kept, soft, hard = (org_server.org.create("Account", {"Name": name}) for name in ("kept", "soft", "hard"))
    org_server.org.delete(soft)
    org_server.org.hard_delete(hard)
    api.login(org_server)
    answer = api.get("sobjects/Account/deleted/", params=span(org_server)).json()
    assert {record["id"] for record in answer["deletedRecords"]} == {soft, hard}
    assert answer["latestDateCovered"].endswith("+0000")
    assert api.get("sobjects/Account/updated/", params=span(org_server)).json()["ids"] == [kept]


def test_spans_that_replication_refuses(org_server: OrgServer, api: Api) -> None:
    far = span(org_server, back=timedelta(days=40))
    assert error(api.get("sobjects/Account/deleted/", params=far)) == (400, "INVALID_REPLICATION_DATE")
    assert error(api.get("sobjects/Account/updated/", params=far)) == (400, "INVALID_REPLICATION_DATE")
    assert api.get("sobjects/Account/deleted/").status_code == 400
    first_day = {"start": "0001-01-01T00:00:00+14:00", "end": "9999-12-31T23:59:59-14:00"}
    assert error(api.get("sobjects/Account/deleted/", params=first_day)) == (400, "INVALID_REPLICATION_DATE")
    backwards = dict(zip(("end", "start"), span(org_server).values(), strict=True))
    assert error(api.get("sobjects/Account/deleted/", params=backwards)) == (400, "INVALID_REPLICATION_DATE")
    assert api.get("sobjects/UserLogin/deleted/", params=span(org_server)).status_code == 400


def test_a_purged_delete_log_and_too_many_ids(org_server: OrgServer, api: Api) -> None:
    org = org_server.org
    for number in range(3):
        org.delete(org.create("Account", {"Name": f"gone {number}"}))
    org.replication.id_limit = 2
    assert error(api.get("sobjects/Account/deleted/", params=span(org_server))) == (400, "EXCEEDED_ID_LIMIT")
    org.clock.advance(hours=2)
    org.purge_delete_log()
    api.login(org_server)
    long = span(org_server, back=timedelta(hours=3))
    assert error(api.get("sobjects/Account/deleted/", params=long)) == (400, "INVALID_REPLICATION_DATE")


def test_blobs(org_server: OrgServer, api: Api) -> None:
    user_id = org_server.user.id
    body = base64.b64encode(b"\x00\xffblob").decode()
    document = {"Name": "d", "DeveloperName": "d", "FolderId": user_id, "AuthorId": user_id, "Body": body}
    created = api.post("sobjects/Document", document)
    assert created.status_code == 201, created.text
    record_id = created.json()["id"]
    link = api.get(f"sobjects/Document/{record_id}").json()["Body"]
    assert link == f"{DATA}/sobjects/Document/{record_id}/Body"
    assert api.get(link).content == b"\x00\xffblob"


def test_answers_are_zipped_for_those_who_ask(api: Api) -> None:
    zipped = api.get("sobjects/Account/describe")
    plain = api.get("sobjects/Account/describe", headers={"Accept-Encoding": "identity"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert zipped.json() == plain.json()
