"""What strangers' orgs show: objects that refuse, big objects, columns that are not what describe says, failed jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator import strangers
from salesforce_simulator.custom import custom_field
from salesforce_simulator.http.faults import JOB_FAILURES, EndSession, FailJob
from tests.sim.api import Api, error

if TYPE_CHECKING:
    from tests.fix_org import OrgServer


@pytest.fixture
def api(org_server: OrgServer) -> Api:
    org_server.org.add_objects(strangers.objects())
    return Api(org_server)


def test_objects_that_refuse_are_queryable_by_describe(api: Api) -> None:
    lines = {line["name"]: line for line in api.get("sobjects").json()["sobjects"]}
    for name, (code, message) in strangers.REFUSING.items():
        assert lines[name]["queryable"]
        answer = api.query(f"SELECT Id, DurableId FROM {name}")
        assert answer.status_code == (500 if code == "UNKNOWN_EXCEPTION" else 400)
        assert answer.json() == [{"message": message, "errorCode": code}]
        assert api.query(f"SELECT Id FROM {name}", "queryAll").status_code == answer.status_code
        job = api.post("jobs/query", {"operation": "query", "query": f"SELECT Id FROM {name}"})
        assert job.status_code in (400, 500)
    assert len({line["keyPrefix"] for line in lines.values() if line["keyPrefix"]}) == len(lines) - 1


def test_objects_that_want_a_filter(api: Api) -> None:
    for name, columns in strangers.REIFIED.items():
        answer = api.query(f"SELECT Id FROM {name}")
        assert error(answer) == (400, "MALFORMED_QUERY")
        assert (
            answer.json()[0]["message"]
            == f"{name}: a filter on a reified column is required [{','.join(columns)}]"
        )
        assert api.query(f"SELECT Id FROM {name} WHERE {columns[-1]} = 'x'").status_code == 200


def test_children_that_want_the_ids_of_their_parents(api: Api) -> None:
    for name, (columns, message) in strangers.CHILDREN.items():
        for refused in "", f" WHERE {columns[0]} != null", " WHERE Title = 'x'":
            assert api.query(f"SELECT Id FROM {name}{refused}").json()[0]["message"] == message
        assert api.query(f"SELECT Id FROM {name} WHERE {columns[0]} = '001000000000001'").status_code == 200
        several = api.query(f"SELECT Id FROM {name} WHERE {columns[0]} IN ('001000000000001')")
        one_only = name in {"CollaborationGroupRecord", "ContentFolderMember", "Vote"}
        assert several.status_code == (400 if one_only else 200)


def test_links_of_files_take_no_other_filter_beside_the_ids(api: Api) -> None:
    link = "SELECT Id FROM ContentDocumentLink WHERE"
    ids = "('069000000000001')"
    assert api.query(f"{link} ContentDocumentId IN {ids}").status_code == 200
    answer = api.query(f"{link} ContentDocumentId IN {ids} AND SystemModstamp > 2026-01-02T00:00:00Z")
    assert error(answer) == (400, "MALFORMED_QUERY")
    assert "filtering on non-id fields is only permitted" in answer.text
    entity = f"{link} LinkedEntityId = '001000000000001' AND ShareType = 'V'"
    assert api.query(entity).status_code == 200


def test_entity_definition_has_no_second_page(org_server: OrgServer, api: Api) -> None:
    rows = ([f"d{n}", f"Thing{n}__c", f"Thing {n}"] for n in range(2001))
    org_server.org.load("EntityDefinition", rows, ["DurableId", "QualifiedApiName", "Label"])
    answer = api.query("SELECT DurableId FROM EntityDefinition")
    assert error(answer) == (400, "EXCEEDED_ID_LIMIT")
    assert "does not support queryMore()" in answer.text
    assert api.query("SELECT DurableId FROM EntityDefinition LIMIT 2000").status_code == 200


def test_standard_big_objects(org_server: OrgServer, api: Api) -> None:
    org = org_server.org
    stamp = datetime(2026, 1, 2, tzinfo=UTC)
    millis = int(stamp.timestamp() * 1000)
    org.load("LoginEvent", [["e1", millis], ["e2", millis + 1000]], ["EventIdentifier", "EventDate"])
    described = {f["name"]: f for f in api.get("sobjects/LoginEvent/describe").json()["fields"]}
    assert (described["Id"]["filterable"], described["Id"]["sortable"]) == (False, False)
    assert "SystemModstamp" not in described
    found = api.query("SELECT EventIdentifier FROM LoginEvent WHERE EventDate > 2026-01-02T00:00:00Z").json()
    assert [row["EventIdentifier"] for row in found["records"]] == ["e2"]
    for refused, code in (
        ("SELECT Id FROM LoginEvent WHERE Id > '000000000000000AAA'", "INVALID_FIELD"),
        ("SELECT Id FROM LoginEvent ORDER BY Id", "INVALID_FIELD"),
        ("SELECT Id FROM LoginEvent WHERE CreatedDate > 2026-01-02T00:00:00Z", "INVALID_FIELD"),
        ("SELECT COUNT() FROM LoginEvent", "BIG_OBJECT_UNSUPPORTED_OPERATION"),
    ):
        assert error(api.query(refused)) == (400, code)


def test_columns_that_are_not_what_describe_says(org_server: OrgServer, api: Api) -> None:
    org_server.org.change_field("Account", "Phone", unreadable=True)
    org_server.org.change_field("Account", "SystemModstamp", unfilterable=True)
    described = {f["name"]: f for f in api.get("sobjects/Account/describe").json()["fields"]}
    assert "Phone" in described
    assert described["SystemModstamp"]["filterable"]
    answer = api.query("SELECT Id, Phone FROM Account")
    assert error(answer) == (400, "INVALID_FIELD")
    assert "No such column 'Phone' on entity 'Account'" in answer.text
    answer = api.query("SELECT Id FROM Account WHERE SystemModstamp > 2026-01-02T00:00:00Z")
    assert error(answer) == (400, "INVALID_FIELD")
    assert "field 'SystemModstamp' can not be filtered in a query call" in answer.text
    assert api.query("SELECT Id, SystemModstamp FROM Account").status_code == 200


@pytest.mark.parametrize("message", JOB_FAILURES)
def test_jobs_that_fail(org_server: OrgServer, api: Api, message: str) -> None:
    org_server.faults.add(FailJob("", message), path="*/jobs/query", sobject="Account")
    job = api.finished(api.job("SELECT Id FROM Account"))
    assert (job["state"], job["errorMessage"]) == ("Failed", message)
    assert api.query("SELECT Id FROM Account").status_code == 200
    assert api.finished(api.job("SELECT Id FROM Contact"))["state"] == "JobComplete"


def test_too_many_formulas_are_too_complicated(org_server: OrgServer, api: Api) -> None:
    for number in range(3):
        org_server.org.add_field("Account", custom_field(f"Formula_{number}__c", "string", formula="{Name}"))
    org_server.server.settings.most_formulas = 2
    wide = "SELECT Id, Formula_0__c, Formula_1__c, Formula_2__c FROM Account"
    assert error(api.query(wide)) == (400, "QUERY_TOO_COMPLICATED")
    assert error(api.query(f"{wide} WHERE Id = null")) == (400, "QUERY_TOO_COMPLICATED")
    job = api.finished(api.job(wide))
    assert job["state"] == "Failed"
    assert job["errorMessage"].startswith("QUERY_TOO_COMPLICATED")
    assert api.query("SELECT Id, Formula_0__c, Formula_1__c FROM Account").status_code == 200


@pytest.mark.parametrize("code", ["INVALID_AUTH_HEADER", "INVALID_JWT_FORMAT"])
def test_other_words_for_a_session_that_ended(org_server: OrgServer, api: Api, code: str) -> None:
    org_server.faults.add(EndSession(code), path="*/limits", times=1)
    assert error(api.get("limits")) == (401, code)
    assert error(api.get("limits")) == (401, "INVALID_SESSION_ID")
    api.login(org_server)
    assert api.get("limits").status_code == 200
