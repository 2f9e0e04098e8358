"""What clients meet when the machines that serve the org are down, moving or busy."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from salesforce_simulator.http.faults import Latency, Slow
from salesforce_simulator.http.settings import Settings
from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, add_demo_login
from tests.sim.api import DATA, Api, error, token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from salesforce_simulator.http.instance import Instance
    from tests.fix_org import OrgServer

ALL = "SELECT Id, Name FROM Account"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def api(org_server: OrgServer) -> Api:
    org_server.org.clock.freeze()
    return Api(org_server)


@pytest.fixture
def instance(org_server: OrgServer) -> Instance:
    return org_server.server.instance


def load(served: OrgServer, count: int) -> None:
    served.org.load("Account", ([f"Account {n:05} {'x' * 70}"] for n in range(count)), ["Name"])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


@contextmanager
def meanwhile(ask: Callable[[], object]) -> Iterator[list[object]]:
    """Ask in a thread of its own; what comes of it is in the list at the end, an answer or an error."""
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(ask())
        except requests.RequestException as problem:
            outcome.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield outcome
    finally:
        thread.join(20)
        assert not thread.is_alive()


def test_maintenance_ends_every_call_until_it_is_over(
    org_server: OrgServer, api: Api, instance: Instance
) -> None:
    instance.maintain(timedelta(hours=1), begins_in=MINUTE)
    assert api.query(ALL).status_code == 200
    org_server.org.clock.advance(minutes=1)
    used = org_server.org.limits.daily_api_requests.used
    assert error(api.query(ALL)) == error(api.get("limits")) == (503, "SERVER_UNAVAILABLE")
    assert error(api.composite({"url": f"{DATA}/limits"})) == (503, "SERVER_UNAVAILABLE")
    assert "<exceptionCode>SERVER_UNAVAILABLE<" in api.get("/services/async/62.0/job/x").text
    login = token(org_server)
    assert (login.status_code, login.headers["Content-Type"]) == (503, "text/html;charset=UTF-8")
    assert org_server.org.limits.daily_api_requests.used == used
    org_server.org.clock.advance(hours=1)
    api.login(org_server)
    assert api.query(ALL).status_code == 200


def test_a_read_only_org_can_be_read_but_not_in_bulk(
    org_server: OrgServer, api: Api, instance: Instance
) -> None:
    load(org_server, 1)
    account = api.query(ALL).json()["records"][0]["Id"]
    instance.maintain(timedelta(hours=1), read_only=True)
    refusal = (400, "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE")
    assert api.query(ALL).json()["totalSize"] == 1
    assert error(api.post("sobjects/Account", {"Name": "new"})) == refusal
    assert error(api.call("PATCH", f"sobjects/Account/{account}", json={"Name": "new"})) == refusal
    assert error(api.call("DELETE", f"sobjects/Account/{account}")) == refusal
    assert error(api.post("jobs/query", {"operation": "query", "query": ALL})) == refusal
    new = {"method": "POST", "url": f"{DATA}/sobjects/Account", "body": {"Name": "new"}}
    answer = api.composite(new, {"url": f"{DATA}/sobjects/Account/{account}"}).json()
    assert [part["httpStatusCode"] for part in answer["compositeResponse"]] == [400, 200]
    org_server.org.clock.advance(hours=1)
    assert api.post("sobjects/Account", {"Name": "new"}).status_code == 201


def test_a_restart_cuts_what_is_under_way_and_then_the_edge_answers(
    org_server: OrgServer, api: Api, instance: Instance
) -> None:
    load(org_server, 2000)
    org_server.faults.add(Slow(bytes_per_second=2000), path="*/query", times=1)
    with meanwhile(lambda: api.query(ALL)) as outcome:
        until(lambda: bool(org_server.ledger.matching("/query")))
        instance.restart(timedelta(seconds=30))
    assert isinstance(outcome[0], requests.RequestException)
    answer = Api.get(api, "limits")
    assert (answer.status_code, answer.headers["Server"]) == (502, "sfdcedge")
    assert answer.headers["Content-Type"] == "text/html;charset=UTF-8"
    assert token(org_server).status_code == 502
    org_server.org.clock.advance(seconds=30)
    assert api.query(ALL).status_code == 200


def test_a_restart_cuts_a_download_of_bulk_results(
    org_server: OrgServer, api: Api, instance: Instance
) -> None:
    # More than what the sockets of both sides hold.
    rows = ([f"Account {n}", "x" * 30_000] for n in range(1500))
    org_server.org.load("Account", rows, ["Name", "Description"])
    job_id = api.job("SELECT Id, Description FROM Account")
    api.finished(job_id)
    url = f"{api.url}{DATA}/jobs/query/{job_id}/results"
    answer = api.session.get(url, stream=True, headers={"Accept-Encoding": "identity"}, timeout=20)
    next(answer.iter_content(1000))
    instance.restart()
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        # What had left the server before may still arrive.
        for _ in answer.iter_content(1 << 16):
            pass
    assert api.results(job_id).status_code == 200


def test_a_restart_cuts_connections_over_tls_too() -> None:
    org = Org()
    try:
        add_demo_login(org)
        org.load("Account", ([f"Account {n}", "x" * 30_000] for n in range(1500)), ["Name", "Description"])
        with (
            serve(org, tls=True, settings=Settings(compression=False)) as server,
            requests.Session() as session,
        ):
            session.verify, session.trust_env = str(server.ca_file), False
            form = {
                "grant_type": "client_credentials",
                "client_id": DEMO_CLIENT_ID,
                "client_secret": DEMO_CLIENT_SECRET,
            }
            answer = session.post(f"{server.url}/services/oauth2/token", data=form, timeout=60)
            session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            url = f"{server.url}{DATA}/query"
            parameters = {"q": "SELECT Id, Description FROM Account"}
            answer = session.get(url, params=parameters, stream=True, timeout=60)
            next(answer.iter_content(1000))
            server.instance.restart()
            with pytest.raises(requests.RequestException):
                for _ in answer.iter_content(1 << 16):
                    pass
            assert session.get(url, params={"q": ALL}, timeout=60).status_code == 200
    finally:
        org.close()


def test_an_org_that_moves_is_set_up_and_old_connections_lead_nowhere(
    org_server: OrgServer, api: Api, instance: Instance
) -> None:
    assert api.get("limits").status_code == 200
    instance.move(2 * MINUTE)
    answer = api.get("limits")
    assert (answer.status_code, answer.headers["Server"]) == (420, "sfdcedge")
    assert "We are setting things up." in answer.text
    org_server.org.clock.advance(minutes=2)
    answer = api.get("limits")
    assert (answer.status_code, answer.content, answer.headers["Server"]) == (406, b"", "sfdcedge")
    assert api.get("limits").status_code == 200


def test_a_client_that_asks_too_often(org_server: OrgServer, api: Api, instance: Instance) -> None:
    instance.requests_per_minute = 3
    assert [api.get("limits").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = api.get("limits")
    assert refused.headers["Content-Type"] == "text/html;charset=UTF-8"
    org_server.org.clock.advance(seconds=int(refused.headers["Retry-After"]))
    assert api.get("limits").status_code == 200


def test_beside_too_many_long_requests_there_is_no_place(
    org_server: OrgServer, api: Api, instance: Instance
) -> None:
    assert instance.long_requests == 25
    instance.long_requests = 1
    load(org_server, 300)
    org_server.faults.add(Slow(bytes_per_second=1000), path="*/query", times=1)
    other = Api(org_server)
    plain = {"Accept-Encoding": "identity"}
    with meanwhile(lambda: api.query(ALL, **plain)) as outcome:
        until(lambda: bool(org_server.ledger.matching("/query")))
        assert other.get("limits").status_code == 200
        org_server.org.clock.advance(seconds=20)
        refused = other.get("limits")
        assert error(refused) == (403, "REQUEST_LIMIT_EXCEEDED")
        assert refused.json()[0]["message"].startswith("ConcurrentRequests (Concurrent API Requests)")
        instance.restart()
    assert isinstance(outcome[0], requests.RequestException)
    until(lambda: Api(org_server).get("limits").status_code == 200)


def test_a_database_that_fails_is_an_unexpected_error_with_an_id(
    org_server: OrgServer, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    org_server.org.fail_database(MINUTE)
    answer = api.query(ALL)
    assert error(answer) == (500, "UNKNOWN_EXCEPTION")
    message, _, error_id = answer.json()[0]["message"].rpartition(": ")
    assert message == "An unexpected error occurred. Please include this ErrorId if you contact support"
    assert error_id in caplog.text
    assert error(api.post("sobjects/Account", {"Name": "new"})) == (500, "UNKNOWN_EXCEPTION")
    org_server.org.clock.advance(minutes=1)
    assert api.query(ALL).json()["totalSize"] == 0


def test_a_job_that_meets_a_failing_database_fails(org_server: OrgServer, api: Api) -> None:
    org_server.server.settings.bulk_processing = MINUTE
    job_id = api.job(ALL)
    org_server.org.clock.advance(minutes=1)
    org_server.org.fail_database(MINUTE)
    job = api.finished(job_id)
    assert job["state"] == "Failed"
    assert job["errorMessage"].startswith("UNKNOWN_EXCEPTION")


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"maintain": {"minutes": 5}}, 503),
        ({"restart": {"seconds": 5}}, 502),
        ({"move": {"minutes": 5}}, 420),
        ({"failDatabase": {"minutes": 5}}, 500),
        ({"requestsPerMinute": 0}, 429),
        ({"longRequests": 0}, 403),
        ({"maintain": {"minutes": 5, "beginsIn": {"minutes": 1}}}, 200),
        ({"maintain": {"minutes": 5, "readOnly": True}}, 200),
    ],
)
def test_all_of_it_can_be_had_from_outside(org_server: OrgServer, wish: Any, status: int) -> None:
    org_server.org.clock.freeze()
    api = Api(org_server)
    url = f"{org_server.url}/_simulator/instance"
    assert requests.post(url, json=wish, timeout=20).status_code == 204
    assert api.query(ALL).status_code == status
    assert requests.delete(url, timeout=20).status_code == 204
    assert api.query(ALL).status_code == 200


@pytest.mark.parametrize("wish", [{"explode": {}}, {"restart": {"moons": 1}}, {"maintain": 5}, []])
def test_events_that_make_no_sense(org_server: OrgServer, wish: Any) -> None:
    assert requests.post(f"{org_server.url}/_simulator/instance", json=wish, timeout=20).status_code == 400


def test_a_slow_request_ends_its_count(org_server: OrgServer, api: Api, instance: Instance) -> None:
    org_server.faults.add(Latency(0.05), path="*/limits", times=1)
    instance.long_requests = 1
    assert api.get("limits").status_code == 200
    org_server.org.clock.advance(minutes=5)
    assert api.get("limits").status_code == 200
