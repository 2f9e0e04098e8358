"""Every kind of change can be made over HTTP, by a client or by a process beside the org."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.sim.api import Api, error

if TYPE_CHECKING:
    from tests.fix_org import OrgServer


@pytest.fixture
def api(org_server: OrgServer) -> Api:
    return Api(org_server)


def steer(served: OrgServer, path: str, wish: Any = None, method: str = "POST") -> requests.Response:
    return requests.request(method, f"{served.url}/_simulator/{path}", json=wish, timeout=20)


def created(api: Api, sobject: str, **values: Any) -> str:
    answer = api.post(f"sobjects/{sobject}", values)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def names(api: Api, soql: str, resource: str = "query") -> set[str]:
    return {row["Name"] for row in api.query(soql, resource).json()["records"]}


def test_records_come_back_vanish_and_merge(org_server: OrgServer, api: Api) -> None:
    ids = {name: created(api, "Account", Name=name) for name in ("back", "gone", "master", "loser", "late")}
    contact = created(api, "Contact", LastName="x", AccountId=ids["loser"])
    for name in ("back", "gone", "late"):
        assert api.call("DELETE", f"sobjects/Account/{ids[name]}").status_code == 204
    wish = {
        "undelete": [ids["back"]],
        "hardDelete": [ids["gone"]],
        "merge": {"master": ids["master"], "others": [ids["loser"]]},
        "emptyRecycleBin": [ids["late"]],
    }
    assert steer(org_server, "records", wish).status_code == 204
    soql = "SELECT Name FROM Account"
    assert names(api, soql) == {"back", "master"}
    assert names(api, soql, "queryAll") == {"back", "master", "loser", "late"}
    assert api.get(f"sobjects/Contact/{contact}").json()["AccountId"] == ids["master"]
    refused = steer(org_server, "records", {"undelete": [ids["late"]]})
    assert error(refused) == (400, "UNDELETE_FAILED")


def test_activities_are_archived_and_records_touched(org_server: OrgServer, api: Api) -> None:
    task, account = created(api, "Task", Subject="call"), created(api, "Account", Name="x")
    before = api.get(f"sobjects/Account/{account}").json()
    org_server.org.clock.advance(minutes=5)
    assert steer(org_server, "records", {"archive": [task], "touch": [account]}).status_code == 204
    assert api.query("SELECT Id FROM Task").json()["totalSize"] == 0
    assert api.query("SELECT Id FROM Task", "queryAll").json()["totalSize"] == 1
    after = api.get(f"sobjects/Account/{account}").json()
    assert after["LastModifiedDate"] == before["LastModifiedDate"]
    assert after["SystemModstamp"] > before["SystemModstamp"]


def test_fields_and_objects_come_and_go(org_server: OrgServer, api: Api) -> None:
    master = {
        "name": "Account__c",
        "type": "reference",
        "referenceTo": ["Account"],
        "nillable": False,
        "cascadeDelete": True,
    }
    assert steer(org_server, "objects", {"name": "Visit__c", "fields": [master]}).status_code == 204
    visits = {
        "sobject": "Account",
        "name": "Visits__c",
        "type": "double",
        "summary": {"function": "count", "child": "Visit__c", "reference": "Account__c"},
    }
    assert steer(org_server, "fields", visits).status_code == 204
    account = created(api, "Account", Name="x")
    created(api, "Visit__c", Name="first", Account__c=account)
    assert api.query("SELECT Visits__c FROM Account").json()["records"][0]["Visits__c"] == 1
    assert error(steer(org_server, "fields", visits)) == (400, "INVALID_FIELD")
    assert error(steer(org_server, "objects?name=Visit__c", method="DELETE")) == (400, "INVALID_FIELD")
    removed = steer(org_server, "fields?sobject=Account&name=Visits__c", method="DELETE")
    assert removed.status_code == 204
    assert steer(org_server, "objects?name=Visit__c", method="DELETE").status_code == 204
    assert error(api.get("sobjects/Visit__c/describe")) == (404, "NOT_FOUND")
    assert error(api.query("SELECT Visits__c FROM Account")) == (400, "INVALID_FIELD")


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("records", {"conjure": []}),
        ("records", {"merge": {}}),
        ("records", []),
        ("fields", {"sobject": "Account"}),
        ("fields", {"sobject": "Account", "name": "A__c", "type": "string", "flavour": "sweet"}),
        ("objects", {}),
    ],
)
def test_wishes_that_make_no_sense(org_server: OrgServer, path: str, wish: Any) -> None:
    assert steer(org_server, path, wish).status_code == 400
