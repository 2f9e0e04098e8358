"""The fault plan and the ledger, over real HTTP."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest
import requests

from salesforce_simulator.http.faults import (
    Action,
    CutBody,
    Drop,
    EndSession,
    ExpireCursors,
    HtmlPage,
    Latency,
    Locator,
    LostRows,
    Replace,
    ShortPage,
    Slow,
    Status,
    UseUp,
    WrongDate,
)
from tests.sim.api import DATA, Api, error

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

ALL = "SELECT Id, Name FROM Account"


@pytest.fixture
def api(org_server: OrgServer) -> Api:
    return Api(org_server)


def load(served: OrgServer, count: int) -> None:
    served.org.load("Account", ([f"Account {n:05}"] for n in range(count)), ["Name"])


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "UNKNOWN_EXCEPTION"),
        (503, "SERVER_UNAVAILABLE"),
        (429, "REQUEST_LIMIT_EXCEEDED"),
        (400, "QUERY_TIMEOUT"),
    ],
)
def test_statuses_have_salesforces_bodies(org_server: OrgServer, api: Api, status: int, code: str) -> None:
    rule = org_server.faults.add(Status(status), path="*/limits", times=1)
    assert error(api.get("limits")) == (status, code)
    assert api.get("limits").status_code == 200
    assert rule.fired == 1


@pytest.mark.parametrize("status", [406, 420, 502])
def test_the_edge_answers_in_html(org_server: OrgServer, api: Api, status: int) -> None:
    org_server.faults.add(Status(status, retry_after=7), times=1)
    answer = api.get("limits")
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "7")
    assert answer.headers["Content-Type"].startswith("text/html")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_rules_meet_what_they_name_and_nothing_else(org_server: OrgServer, api: Api) -> None:
    org_server.faults.add(Status(500), sobject="contact", method="GET", nth=[2, 3])
    assert [api.query("SELECT Id FROM Account").status_code for _ in range(3)] == [200] * 3
    assert [api.query("SELECT Id FROM Contact").status_code for _ in range(4)] == [200, 500, 500, 200]


def test_chance_is_the_same_for_a_seed(org_server: OrgServer, api: Api) -> None:
    runs = []
    for _ in range(2):
        org_server.faults.clear()
        org_server.faults.add(Status(503), probability=0.5, seed=4)
        runs.append([api.get("limits").status_code for _ in range(12)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 503}


@pytest.mark.parametrize("when", ["request", "response", "body"])
def test_connections_are_cut(org_server: OrgServer, api: Api, when: str) -> None:
    load(org_server, 200)
    org_server.faults.add(Drop(when), path="*/query", times=1)  # type: ignore[arg-type]
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        api.query(ALL)
    assert api.query(ALL).status_code == 200
    assert org_server.ledger.api_calls == (1 if when == "request" else 2)


def test_a_connection_is_cut_behind_a_whole_body(org_server: OrgServer, api: Api) -> None:
    load(org_server, 200)
    org_server.faults.add(Drop("end"), path="*/query", times=1)
    assert len(api.query(ALL).json()["records"]) == 200
    api.session.close()
    assert len(api.query(ALL).json()["records"]) == 200


def test_half_a_page_of_bulk_results(org_server: OrgServer, api: Api) -> None:
    load(org_server, 3000)
    job_id = api.job(ALL)
    api.finished(job_id)
    org_server.faults.add(Drop("body"), path="*/results", times=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        api.results(job_id)
    assert api.results(job_id).status_code == 200


def test_a_session_ends_between_two_pages(org_server: OrgServer, api: Api) -> None:
    load(org_server, 300)
    job_id = api.job(ALL)
    api.finished(job_id)
    org_server.faults.add(EndSession(), path="*/results", nth=2)
    locator = api.results(job_id, maxRecords=100).headers["Sforce-Locator"]
    assert error(api.results(job_id, maxRecords=100, locator=locator)) == (401, "INVALID_SESSION_ID")
    assert error(api.get("limits")) == (401, "INVALID_SESSION_ID")
    api.login(org_server)
    assert api.results(job_id, maxRecords=100, locator=locator).status_code == 200


def test_short_pages(org_server: OrgServer, api: Api) -> None:
    load(org_server, 50)
    org_server.faults.add(ShortPage(7))
    first = api.query(ALL).json()
    assert (len(first["records"]), first["totalSize"], first["done"]) == (7, 50, False)
    assert len(api.get(first["nextRecordsUrl"]).json()["records"]) == 7
    job_id = api.job(ALL)
    api.finished(job_id)
    assert api.results(job_id, maxRecords=40).headers["Sforce-NumberOfRecords"] == "7"


def test_locators_that_are_wrong_or_missing(org_server: OrgServer, api: Api) -> None:
    load(org_server, 10)
    job_id = api.job(ALL)
    api.finished(job_id)
    org_server.faults.add(Locator(), path="*/results", nth=1)
    org_server.faults.add(Locator("garbage"), path="*/results", nth=2)
    assert "Sforce-Locator" not in api.results(job_id).headers
    wrong = api.results(job_id).headers["Sforce-Locator"]
    assert error(api.results(job_id, locator=wrong))[0] == 400


def test_a_page_of_results_lacks_a_row_that_its_header_counts(org_server: OrgServer, api: Api) -> None:
    load(org_server, 10)
    job_id = api.job(ALL)
    api.finished(job_id)
    whole = api.results(job_id).content.splitlines()
    org_server.faults.add(LostRows(), path="*/results")
    short = api.results(job_id)
    assert short.headers["Sforce-NumberOfRecords"] == "10"
    assert short.content.splitlines() == whole[:-1]


@pytest.mark.parametrize("compressed", [True, False])
def test_bytes_of_a_page_of_results_are_others(org_server: OrgServer, api: Api, compressed: bool) -> None:
    load(org_server, 200)
    org_server.server.settings.compression = compressed
    job_id = api.job(ALL)
    api.finished(job_id)
    whole = api.results(job_id).content
    org_server.faults.add(CutBody(-3), path="*/results", nth=1)
    org_server.faults.add(CutBody(40), path="*/results", nth=2)
    org_server.faults.add(Replace("Account 00007", "\udcff"), path="*/results", nth=3)
    assert api.results(job_id).content == whole[:-3]
    assert api.results(job_id).content == whole[:40]
    assert api.results(job_id).content == whole.replace(b"Account 00007", b"\xff")
    assert api.results(job_id).content == whole


def test_a_page_in_html_that_calls_itself_a_success(org_server: OrgServer, api: Api) -> None:
    org_server.faults.add(HtmlPage(), path="*/limits", times=1)
    answer = api.get("limits")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html;charset=UTF-8")
    assert answer.text.startswith("<html>")
    assert api.get("limits").json()


def test_a_value_of_a_part_of_a_composite_is_another(org_server: OrgServer, api: Api) -> None:
    load(org_server, 1)
    org_server.faults.add(Replace("Account 00000", "Other"), path="*/query")
    (part,) = api.composite({"url": f"{DATA}/query?q=SELECT+Name+FROM+Account"}).json()["compositeResponse"]
    assert part["body"]["records"][0]["Name"] == "Other"


def test_a_date_header_is_off(org_server: OrgServer, api: Api) -> None:
    org_server.org.clock.freeze()
    org_server.faults.add(WrongDate(-3600), path="*/limits", times=1)
    wrong, right = (parsedate_to_datetime(api.get("limits").headers["Date"]) for _ in range(2))
    assert right - wrong == timedelta(hours=1)


def test_cursors_and_limits_can_be_gone(org_server: OrgServer, api: Api) -> None:
    load(org_server, 2500)
    org_server.faults.add(ExpireCursors(), path="*/query/*", times=1)
    url = api.query(ALL).json()["nextRecordsUrl"]
    assert error(api.get(url)) == (400, "INVALID_QUERY_LOCATOR")
    org_server.faults.add(UseUp("DailyBulkV2QueryJobs"), path="*/jobs/query", times=1)
    refused = api.post("jobs/query", {"operation": "query", "query": ALL})
    assert error(refused) == (400, "LIMIT_EXCEEDED")
    org_server.faults.add(UseUp(), path="*/limits", times=1)
    assert error(api.get("limits")) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_a_part_of_a_composite_can_fail_alone(org_server: OrgServer, api: Api) -> None:
    org_server.faults.add(Status(500), path="*/sobjects/Contact/describe")
    parts = api.composite(
        {"url": f"{DATA}/sobjects/Account/describe"}, {"url": f"{DATA}/sobjects/Contact/describe"}
    ).json()["compositeResponse"]
    assert [part["httpStatusCode"] for part in parts] == [200, 500]


@pytest.mark.parametrize(
    ("fault", "status"), [(HtmlPage(), 200), (Status(502), 502), (Status(503, html="<html/>"), 503)], ids=str
)
@pytest.mark.parametrize("resource", ["composite", "composite/batch"])
def test_a_page_of_an_edge_takes_the_place_of_a_whole_composite(
    org_server: OrgServer, api: Api, fault: Action, status: int, resource: str
) -> None:
    org_server.faults.add(fault, path="*/sobjects/Contact/describe", times=1)
    urls = ("sobjects/Account/describe", "sobjects/Contact/describe")
    if resource == "composite":
        parts = [
            {"url": f"{DATA}/{url}", "referenceId": f"r{n}", "method": "GET"} for n, url in enumerate(urls)
        ]
        body: dict[str, object] = {"compositeRequest": parts}
    else:
        body = {"batchRequests": [{"url": f"v66.0/{url}", "method": "GET"} for url in urls]}
    answer = api.post(resource, body)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<html")
    assert api.post(resource, body).status_code == 200


def test_a_session_ends_within_a_composite(org_server: OrgServer, api: Api) -> None:
    org_server.faults.add(EndSession(), path="*/sobjects/Contact/describe")
    names = ("Account", "Contact", "Case")
    answer = api.composite(*({"url": f"{DATA}/sobjects/{name}/describe"} for name in names))
    parts = answer.json()["compositeResponse"]
    assert [part["httpStatusCode"] for part in parts] == [200, 401, 401]


def test_slow_answers(org_server: OrgServer, api: Api) -> None:
    load(org_server, 100)
    plain = {"Accept-Encoding": "identity"}
    size = len(api.get("query", params={"q": ALL}, headers=plain).content)
    org_server.faults.add(Slow(bytes_per_second=size * 5), path="*/query")
    org_server.faults.add(Latency(0.1), path="*/limits")
    for path, least in (("query", 0.15), ("limits", 0.1)):
        begun = time.perf_counter()
        assert api.get(path, params={"q": ALL}, headers=plain).status_code == 200
        assert time.perf_counter() - begun >= least


def test_the_ledger_knows_every_call(org_server: OrgServer, api: Api) -> None:
    load(org_server, 1)
    api.query(ALL)
    api.get("sobjects/Contact/describe")
    login, query, describe = org_server.ledger.calls
    assert (login.path, login.cost, login.status) == ("/services/oauth2/token", 0, 200)
    assert (query.sobject, query.cost, query.method, query.user) == (
        "Account",
        1,
        "GET",
        org_server.user.username,
    )
    assert describe.sobject == "Contact"
    assert describe.sent > 1000
    shown = requests.get(f"{org_server.url}/_simulator/ledger", timeout=20).json()
    assert (shown["requests"], shown["apiCalls"]) == (3, 2)
    assert shown["calls"][1]["path"] == query.path


def test_the_org_can_be_steered_from_outside(org_server: OrgServer, api: Api) -> None:
    base = f"{org_server.url}/_simulator"
    before = org_server.org.clock.now()
    requests.post(f"{base}/clock", json={"advance": {"days": 3}}, timeout=20)
    assert (org_server.org.clock.now() - before).days == 3
    rule = {"action": "Status", "with": {"status": 503}, "path": "*/limits", "times": 1}
    assert requests.post(f"{base}/faults", json=rule, timeout=20).status_code == 204
    api.login(org_server)
    assert [api.get("limits").status_code for _ in range(2)] == [503, 200]
    assert requests.post(f"{base}/end-sessions", timeout=20).json()["ended"] >= 1
    assert error(api.get("limits")) == (401, "INVALID_SESSION_ID")
    assert requests.post(f"{base}/next-day", timeout=20).status_code == 404


def test_a_day_goes_by_in_the_example_company(company_server: OrgServer) -> None:
    before = {row["Id"]: row for row in company_server.org.rows("Case")}
    answer = requests.post(f"{company_server.url}/_simulator/next-day", timeout=60)
    assert answer.status_code == 200, answer.text
    after = {row["Id"]: row for row in company_server.org.rows("Case")}
    assert any(after[record_id] != row for record_id, row in before.items() if record_id in after)


def test_latency_of_every_call(org_server: OrgServer, api: Api) -> None:
    org_server.server.settings.latency = 80
    begun = time.perf_counter()
    api.get("limits")
    assert time.perf_counter() - begun >= 0.08


def test_the_bandwidth_is_each_connections_own(org_server: OrgServer, api: Api) -> None:
    load(org_server, 400)
    plain = {"Accept-Encoding": "identity"}
    size = len(api.get("query", params={"q": ALL}, headers=plain).content)
    org_server.server.settings.bandwidth = size

    def download(_: int) -> int:
        return len(Api(org_server).get("query", params={"q": ALL}, headers=plain).content)

    begun = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(download, range(4))) == {size}
    assert 1 <= time.perf_counter() - begun < 3.9  # one after the other they would take four seconds
