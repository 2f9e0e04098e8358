"""What an org does not get done in time, and what it keeps count of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_USER
from salesforce_simulator.users import ObjectPermission, Permissions
from tests.sim.api import Api, error, token

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

ALL = "SELECT Id, Name FROM Account"


@pytest.fixture
def api(org_server: OrgServer) -> Api:
    return Api(org_server)


def test_a_query_for_too_much_runs_into_the_timeout(org_server: OrgServer, api: Api) -> None:
    org_server.org.load("Account", ([f"Account {n:03}"] for n in range(300)), ["Name"])
    org_server.server.settings.timeout_rows = 200
    assert error(api.query(ALL)) == (400, "QUERY_TIMEOUT")
    assert api.query(f"{ALL} WHERE Name < 'Account 150'").json()["totalSize"] == 150
    ordered = api.finished(api.job(f"{ALL} ORDER BY Name"))
    assert (ordered["state"], ordered["errorMessage"].partition(":")[0]) == ("Failed", "QUERY_TIMEOUT")
    assert api.finished(api.job(ALL))["numberRecordsProcessed"] == 300


def test_a_query_for_too_many_columns_is_too_complicated(org_server: OrgServer, api: Api) -> None:
    org_server.server.settings.most_columns = 2
    assert error(api.query("SELECT Id, Name, Industry FROM Account")) == (400, "QUERY_TOO_COMPLICATED")
    assert api.query(ALL).status_code == 200
    job = api.finished(api.job("SELECT Id, Name, Industry FROM Account"))
    assert (job["state"], job["errorMessage"].partition(":")[0]) == ("Failed", "QUERY_TOO_COMPLICATED")


@pytest.mark.parametrize(
    ("use", "text"),
    [("read", "SELECT Id, Industry FROM Account"), ("filter", f"{ALL} WHERE Industry = 'x'")],
)
def test_a_column_that_the_org_refuses_although_describe_lists_it(
    org_server: OrgServer, api: Api, use: str, text: str
) -> None:
    org_server.server.settings.refused_columns["Account.Industry"] = use
    assert error(api.query(text)) == (400, "INVALID_FIELD")
    assert error(api.post("jobs/query", {"operation": "query", "query": text})) == (400, "API_ERROR")
    assert api.query(ALL).status_code == 200


def test_too_many_activities_for_a_user_who_may_not_view_all(org_server: OrgServer, api: Api) -> None:
    for number in range(3):
        org_server.org.create("Task", {"Subject": f"call {number}"})
    org_server.server.settings.most_activities = 2
    assert api.query("SELECT Id FROM Task").status_code == 200
    own = replace(ObjectPermission(), view_all=False)
    org_server.org.set_permissions(DEMO_USER, Permissions(objects={"Task": own}))
    assert error(api.query("SELECT Id FROM Task")) == (400, "OPERATION_TOO_LARGE")
    assert api.query("SELECT Id FROM Task LIMIT 2").status_code == 200


def test_an_app_with_a_quota_sees_the_long_limit_header(org_server: OrgServer, api: Api) -> None:
    org_server.server.settings.app_quotas[DEMO_CLIENT_ID] = 250
    assert api.get("limits").headers["Sforce-Limit-Info"] == (
        "api-usage=1/100000; per-app-api-usage=1/250(appName=Demo)"
    )


def test_cursors_can_end_with_their_session(org_server: OrgServer, api: Api) -> None:
    org_server.org.load("Account", ([f"Account {n:04}"] for n in range(2100)), ["Name"])
    app = org_server.org.apps[DEMO_CLIENT_ID]
    app.rotate_refresh_tokens = True
    app.refresh_tokens["first"] = DEMO_USER
    org_server.server.settings.cursors_end_with_session = True
    first = token(org_server, grant_type="refresh_token", refresh_token="first").json()
    api.session.headers["Authorization"] = f"Bearer {first['access_token']}"
    url = api.query(ALL).json()["nextRecordsUrl"]
    second = token(org_server, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    api.session.headers["Authorization"] = f"Bearer {second['access_token']}"
    assert error(api.get(url)) == (401, "INVALID_SESSION_ID")
    assert api.query(ALL).status_code == 200
