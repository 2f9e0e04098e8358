"""Empty text: some fields of real orgs say `""` over REST, where Bulk has an empty cell as for null."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import requests

from tests.sim.api import Api

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

# Recorded users of real orgs have them so.
SHOWN_EMPTY = ("BadgeText", "OutOfOfficeMessage")


def bulk(api: Api, soql: str) -> list[dict[str, str]]:
    job = api.job(soql)
    assert api.finished(job)["state"] == "JobComplete"
    return list(csv.DictReader(io.StringIO(api.results(job).text, newline="")))


def test_a_users_unset_texts_are_empty_over_rest_and_in_bulk(org_server: OrgServer) -> None:
    api = Api(org_server)
    soql = f"SELECT Id, {', '.join(SHOWN_EMPTY)}, AboutMe FROM User"
    rest = api.query(soql).json()["records"]
    assert {(row["BadgeText"], row["OutOfOfficeMessage"], row["AboutMe"]) for row in rest} == {("", "", None)}
    one = api.get(f"sobjects/User/{org_server.user.id}").json()
    assert [one[name] for name in SHOWN_EMPTY] == ["", ""]
    assert {(row["BadgeText"], row["OutOfOfficeMessage"], row["AboutMe"]) for row in bulk(api, soql)} == {
        ("", "", "")
    }


def test_a_test_can_have_any_text_empty(org_server: OrgServer) -> None:
    api = Api(org_server)
    empty = org_server.org.create("Account", {"Name": "Empty", "Description": "x"})
    null = org_server.org.create("Account", {"Name": "Null"})
    org_server.org.empty_texts(empty, "Description", "Phone")
    soql = "SELECT Id, Description, Phone FROM Account"
    rest = {row["Id"]: (row["Description"], row["Phone"]) for row in api.query(soql).json()["records"]}
    assert rest == {empty: ("", ""), null: (None, None)}
    assert {(row["Description"], row["Phone"]) for row in bulk(api, soql)} == {("", "")}
    wish = {"emptyTexts": {null: ["Phone"]}}
    steered = requests.post(f"{org_server.url}/_simulator/records", json=wish, timeout=60)
    assert steered.status_code == 204
    assert api.get(f"sobjects/Account/{null}").json()["Phone"] == ""


def test_empty_text_is_filtered_as_null_is(org_server: OrgServer) -> None:
    api = Api(org_server)
    account = org_server.org.create("Account", {"Name": "Empty"})
    org_server.org.empty_texts(account, "Phone")
    for condition, found in {
        "Phone = null": 1,
        "Phone = ''": 1,
        "Phone != null": 0,
        "Phone IN ('', 'x')": 1,
        "Phone LIKE '%'": 0,
        "Phone < 'a'": 0,
        "Phone != 'a'": 1,
    }.items():
        assert api.query(f"SELECT Id FROM Account WHERE {condition}").json()["totalSize"] == found, condition


def test_a_client_that_writes_empty_text_writes_null(org_server: OrgServer) -> None:
    api = Api(org_server)
    account = api.post("sobjects/Account", {"Name": "Acme", "Phone": ""}).json()["id"]
    assert api.get(f"sobjects/Account/{account}").json()["Phone"] is None
