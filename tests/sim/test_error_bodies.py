"""Every refusal that clients of Salesforce must know, each from a cause that a real org has.

`test_http_instance` has the machines in front of an org and around it at more length.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests

from salesforce_simulator.simulation import DEMO_PASSWORD, DEMO_SECURITY_TOKEN, DEMO_USER
from salesforce_simulator.users import ObjectPermission, Permissions
from tests.sim.api import token
from tests.sim.refusals import ALL, REFUSALS, Refusal, Scene, answered

if TYPE_CHECKING:
    from tests.fix_org import OrgServer


# logging in


@answered(400, "invalid_grant", "authentication failure")
def a_wrong_password(scene: Scene) -> requests.Response:
    scene.org.login.password_grant = True
    return token(scene.served, grant_type="password", username=DEMO_USER, password="wrong")


@answered(400, "invalid_grant", "authentication failure")
def the_password_grant_of_a_new_org(scene: Scene) -> requests.Response:
    scene.org.login.password_grant = False
    right = DEMO_PASSWORD + DEMO_SECURITY_TOKEN
    return token(scene.served, grant_type="password", username=DEMO_USER, password=right)


@answered(400, "invalid_grant", "expired access/refresh token")
def a_refresh_token_used_before_it_was_rotated(scene: Scene) -> requests.Response:
    scene.app.rotate_refresh_tokens = True
    scene.app.refresh_tokens["first"] = DEMO_USER
    assert scene.refresh("first").status_code == 200
    return scene.refresh("first")


@answered(400, "invalid_grant", "user hasn't approved this consumer")
def a_user_whom_the_app_does_not_know(scene: Scene) -> requests.Response:
    return scene.bearer(sub="nobody@acme.example")


@answered(400, "invalid_grant", "Audience validation failed")
def a_token_for_another_login_host(scene: Scene) -> requests.Response:
    return scene.bearer(aud="https://test.salesforce.com")


@answered(400, "invalid_client_id", "client identifier invalid")
def an_app_that_is_not_there(scene: Scene) -> requests.Response:
    return token(scene.served, client_id="nobody")


@answered(400, "invalid_client_id", "client identifier invalid")
def a_sandbox_at_the_production_login(scene: Scene) -> requests.Response:
    scene.org.login.sandbox = True
    scene.app.refresh_tokens["kept"] = DEMO_USER
    return scene.refresh("kept", scene.served.server.login_url)


@answered(400, "invalid_client", "invalid client credentials")
def a_wrong_client_secret(scene: Scene) -> requests.Response:
    return token(scene.served, client_secret="wrong")


@answered(400, "invalid_app_access", "user is not admin approved to access this app")
def an_app_that_an_admin_gave_to_others(scene: Scene) -> requests.Response:
    scene.app.approved_users = frozenset({"somebody@else"})
    return token(scene.served)


@answered(500, "INVALID_LOGIN")
def soap_with_a_wrong_password(scene: Scene) -> requests.Response:
    scene.org.login.soap_login = True
    return scene.soap("wrong")


@answered(500, "INVALID_OPERATION", "SOAP API login() is disabled by default in this org.")
def soap_at_a_new_org(scene: Scene) -> requests.Response:
    scene.org.login.soap_login = False
    return scene.soap(DEMO_PASSWORD + DEMO_SECURITY_TOKEN)


@answered(500, "INVALID_OPERATION")
def soap_of_a_version_without_it(scene: Scene) -> requests.Response:
    scene.org.login.soap_login = True
    return scene.soap(DEMO_PASSWORD + DEMO_SECURITY_TOKEN, "65.0")


# sessions, permissions, limits


@answered(401, "INVALID_SESSION_ID", "Session expired or invalid")
def a_session_that_was_not_used_for_long(scene: Scene) -> requests.Response:
    scene.org.clock.advance(minutes=scene.org.login.session_minutes + 1)
    return scene.api.get("sobjects")


@answered(401, "INVALID_SESSION_ID", "Session expired or invalid")
def a_session_that_ends_between_two_pages_of_a_job(scene: Scene) -> requests.Response:
    scene.load(10)
    job = scene.api.job(ALL)
    scene.api.finished(job)
    locator = scene.api.results(job, maxRecords=5).headers["Sforce-Locator"]
    scene.served.server.site.sessions.end_all(DEMO_USER)
    return scene.api.results(job, maxRecords=5, locator=locator)


@answered(403, "API_CURRENTLY_DISABLED")
def a_user_without_the_api(scene: Scene) -> requests.Response:
    scene.org.set_permissions(DEMO_USER, Permissions(api_enabled=False))
    return scene.api.get("sobjects")


@answered(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
def too_many_calls_a_day(scene: Scene) -> requests.Response:
    scene.org.limits.daily_api_requests.maximum = 2
    for _ in range(2):
        assert scene.api.get("limits").status_code == 200
    return scene.api.get("limits")


@answered(500, "UNKNOWN_EXCEPTION")
def an_org_whose_store_is_gone(scene: Scene) -> requests.Response:
    scene.org.close()
    return scene.api.query(ALL)


# the machines that serve an org; those in front of it do not answer in JSON


@answered(503, "SERVER_UNAVAILABLE")
def an_instance_under_maintenance(scene: Scene) -> requests.Response:
    scene.instance.maintain(timedelta(hours=1))
    return scene.api.query(ALL)


@answered(
    400, "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", "Updates can't be made during maintenance."
)
def a_change_in_an_org_that_is_read_only(scene: Scene) -> requests.Response:
    scene.instance.maintain(timedelta(hours=1), read_only=True)
    return scene.api.post("sobjects/Account", {"Name": "new"})


@answered(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.")
def too_many_requests_that_run_for_long(scene: Scene) -> requests.Response:
    scene.instance.long_requests = 1
    scene.instance.begin(-1)
    scene.org.clock.advance(seconds=20)
    return scene.api.query(ALL)


@answered(500, "UNKNOWN_EXCEPTION", "Please include this ErrorId if you contact support: ")
def a_database_out_of_order(scene: Scene) -> requests.Response:
    scene.org.fail_database(timedelta(minutes=1))
    return scene.api.query(ALL)


@answered(502, "")
def an_application_server_that_restarts(scene: Scene) -> requests.Response:
    scene.instance.restart(timedelta(minutes=1))
    return scene.api.query(ALL)


@answered(420, "")
def an_org_on_its_way_to_another_instance(scene: Scene) -> requests.Response:
    scene.instance.move(timedelta(minutes=1))
    return scene.api.query(ALL)


@answered(406, "")
def a_connection_to_the_instance_where_an_org_was(scene: Scene) -> requests.Response:
    assert scene.api.query(ALL).status_code == 200
    scene.instance.move(timedelta(minutes=1))
    scene.org.clock.advance(minutes=1)
    return scene.api.query(ALL)


@answered(429, "")
def a_client_that_asks_too_often(scene: Scene) -> requests.Response:
    scene.instance.requests_per_minute = 1
    assert scene.api.query(ALL).status_code == 200
    return scene.api.query(ALL)


# queries


@answered(400, "MALFORMED_QUERY", "SELECT Id FROM")
def a_query_that_is_none(scene: Scene) -> requests.Response:
    return scene.api.query("SELECT Id FROM")


@answered(400, "MALFORMED_QUERY", "100000")
def a_query_that_is_too_long(scene: Scene) -> requests.Response:
    soql = f"{ALL} WHERE Name = '{'x' * 100_000}'"
    (part,) = scene.api.composite({"url": f"/services/data/v62.0/query?q={soql}"}).json()["compositeResponse"]
    answer = requests.Response()
    answer.status_code, answer._content = part["httpStatusCode"], json.dumps(part["body"]).encode()
    return answer


@answered(400, "INVALID_TYPE", "\nSELECT Id FROM Nope\n               ^\nERROR at Row:1:Column:16")
def an_object_that_is_not_there(scene: Scene) -> requests.Response:
    return scene.api.query("SELECT Id FROM Nope")


@answered(400, "INVALID_TYPE")
def an_object_that_the_user_may_not_see(scene: Scene) -> requests.Response:
    scene.org.set_permissions(DEMO_USER, Permissions().without_object("Account"))
    assert "Account" not in {line["name"] for line in scene.api.get("sobjects").json()["sobjects"]}
    return scene.api.query(ALL)


@answered(400, "INVALID_FIELD", "\nSELECT Nope FROM Account\n       ^\nERROR at Row:1:Column:8")
def a_field_that_is_not_there(scene: Scene) -> requests.Response:
    return scene.api.query("SELECT Nope FROM Account")


@answered(400, "INVALID_FIELD", "ERROR at Row:1:Column:")
def a_field_that_the_user_may_not_see(scene: Scene) -> requests.Response:
    scene.org.set_permissions(DEMO_USER, Permissions().without_field("Account.Name"))
    return scene.api.query(ALL)


@answered(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
def a_cursor_of_the_day_before_yesterday(scene: Scene) -> requests.Response:
    scene.load(2001)
    url = scene.api.query(ALL).json()["nextRecordsUrl"]
    scene.org.clock.advance(days=2)
    scene.api.login(scene.served)
    return scene.api.get(url)


@answered(400, "QUERY_TIMEOUT", "Your query request was running for too long.")
def a_query_that_takes_too_long(scene: Scene) -> requests.Response:
    scene.load(300)
    scene.served.server.settings.timeout_rows = 200
    return scene.api.query(ALL)


@answered(400, "OPERATION_TOO_LARGE")
def more_activities_than_a_user_may_search(scene: Scene) -> requests.Response:
    for _ in range(3):
        scene.org.create("Task", {"Subject": "call"})
    scene.served.server.settings.most_activities = 2
    own = replace(ObjectPermission(), view_all=False)
    scene.org.set_permissions(DEMO_USER, Permissions(objects={"Task": own}))
    return scene.api.query("SELECT Id FROM Task")


@answered(404, "NOT_FOUND", "The requested resource does not exist")
def the_describe_of_no_object(scene: Scene) -> requests.Response:
    return scene.api.get("sobjects/AccountTag/describe")


# replication


@answered(400, "INVALID_REPLICATION_DATE")
def deletes_of_more_than_15_days_ago(scene: Scene) -> requests.Response:
    return scene.changed("deleted", timedelta(days=15, minutes=2))


@answered(400, "INVALID_REPLICATION_DATE")
def updates_of_more_than_30_days_ago(scene: Scene) -> requests.Response:
    return scene.changed("updated", timedelta(days=30, minutes=2))


@answered(400, "INVALID_REPLICATION_DATE")
def a_span_of_less_than_a_minute(scene: Scene) -> requests.Response:
    return scene.changed("deleted", timedelta(minutes=-2))


@answered(400, "INVALID_REPLICATION_DATE")
def a_delete_log_that_was_purged(scene: Scene) -> requests.Response:
    scene.org.delete(scene.org.create("Account", {"Name": "gone"}))
    scene.org.purge_delete_log()
    return scene.changed("deleted", timedelta(hours=1))


@answered(400, "EXCEEDED_ID_LIMIT")
def more_deletes_than_one_answer_holds(scene: Scene) -> requests.Response:
    assert scene.org.replication.id_limit == 600_000
    scene.org.replication.id_limit = 2
    for number in range(3):
        scene.org.delete(scene.org.create("Account", {"Name": f"gone {number}"}))
    return scene.changed("deleted", timedelta(hours=1))


# Bulk


@answered(400, "API_ERROR", "Selecting compound data not supported in Bulk Query")
def a_compound_field_in_a_job(scene: Scene) -> requests.Response:
    return scene.job("SELECT BillingAddress FROM Account")


@answered(400, "INVALIDENTITY", "Entity 'TaskStatus' is not supported by the Bulk API.")
def an_object_that_bulk_does_not_take(scene: Scene) -> requests.Response:
    return scene.job("SELECT Id FROM TaskStatus")


@answered(400, "LIMIT_EXCEEDED", "Max bulk v2 query jobs (2) per 24 hrs has been reached (3)")
def too_many_jobs_a_day(scene: Scene) -> requests.Response:
    assert scene.org.limits.daily_bulk_v2_query_jobs.maximum == 10_000
    scene.org.limits.daily_bulk_v2_query_jobs.maximum = 2
    for _ in range(2):
        assert scene.job(ALL).status_code == 200
    return scene.job(ALL)


@answered(409, "")
def results_asked_for_by_another_version(scene: Scene) -> requests.Response:
    job = scene.api.job(ALL)
    scene.api.finished(job)
    return scene.api.get(f"/services/data/v63.0/jobs/query/{job}/results")


# heads that are too long; no JSON comes back


@answered(414, "")
def a_uri_that_is_too_long(scene: Scene) -> requests.Response:
    return scene.api.query(f"SELECT {', '.join(['Name'] * 5000)} FROM Account")


@answered(431, "")
def headers_that_are_too_long(scene: Scene) -> requests.Response:
    return scene.api.get("limits", headers={"X-Long": "x" * 17_000})


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.cause.__name__)
def test_refusals_have_their_causes(org_server: OrgServer, refusal: Refusal) -> None:
    answer = refusal.cause(Scene(org_server))
    assert answer.status_code == refusal.status, answer.text
    if "xml" in answer.headers.get("Content-Type", ""):
        assert f"<sf:exceptionCode>{refusal.code}<" in answer.text
        assert refusal.message in answer.text
        return
    if not refusal.code:
        return
    body = answer.json()
    if isinstance(body, dict):
        assert (body["error"], body["error_description"]) == (refusal.code, refusal.message)
        return
    (error,) = body
    assert error.keys() >= {"message", "errorCode"}
    assert error["errorCode"] == refusal.code
    assert refusal.message in error["message"]
