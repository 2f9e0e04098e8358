"""Bulk API 2.0 query over real HTTP."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from salesforce_simulator.http.faults import AbortJob, FailJob, StallJob
from salesforce_simulator.simulation import DEMO_USER
from salesforce_simulator.users import Permissions
from tests.sim.api import DATA, Api, error

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

QUERY = "SELECT Id, Name FROM Account"


@pytest.fixture
def api(org_server: OrgServer) -> Api:
    return Api(org_server)


def load(served: OrgServer, count: int) -> set[str]:
    names = [f"Account {n:05}" for n in range(count)]
    served.org.load("Account", ([name] for name in names), ["Name"])
    return set(names)


def rows(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_a_job_from_creation_to_the_last_page(org_server: OrgServer, api: Api) -> None:
    names = load(org_server, 1050)
    created = api.post("jobs/query", {"operation": "query", "query": QUERY})
    assert created.json()["state"] == "UploadComplete"
    assert b'"apiVersion":62.0' in created.content
    job_id = created.json()["id"]
    job = api.finished(job_id)
    assert (job["state"], job["numberRecordsProcessed"], job["object"]) == ("JobComplete", 1050, "Account")
    found, locator = [], None
    while locator != "null":
        page = api.results(job_id, maxRecords=500, **({"locator": locator} if locator else {}))
        assert page.text.startswith('"Id","Name"\n"001')
        found += rows(page.text)
        assert int(page.headers["Sforce-NumberOfRecords"]) in (500, 50)
        locator = page.headers["Sforce-Locator"]
    assert {row["Name"] for row in found} == names
    assert len(found) == 1050


def test_locators_stay_good_while_rows_change(org_server: OrgServer, api: Api) -> None:
    load(org_server, 100)
    job_id = api.job(QUERY)
    api.finished(job_id)
    locator = api.results(job_id, maxRecords=50).headers["Sforce-Locator"]
    first = api.results(job_id, maxRecords=50, locator=locator)
    for row in org_server.org.rows("Account"):
        org_server.org.delete(row["Id"])
    assert api.results(job_id, maxRecords=50, locator=locator).content == first.content
    assert error(api.results(job_id, locator="nonsense"))[0] == 400


def test_rows_come_in_no_order_unless_asked_for(org_server: OrgServer, api: Api) -> None:
    load(org_server, 300)
    plain, ordered = api.job(QUERY), api.job(f"{QUERY} ORDER BY Name")
    names = {}
    for job_id in (plain, ordered):
        api.finished(job_id)
        names[job_id] = [row["Name"] for row in rows(api.results(job_id).text)]
    assert names[ordered] == sorted(names[ordered])
    assert names[plain] != names[ordered]
    assert sorted(names[plain]) == names[ordered]


@pytest.mark.parametrize(
    ("delimiter", "character"),
    [("COMMA", ","), ("TAB", "\t"), ("PIPE", "|"), ("SEMICOLON", ";"), ("CARET", "^"), ("BACKQUOTE", "`")],
)
@pytest.mark.parametrize(("ending", "characters"), [("LF", "\n"), ("CRLF", "\r\n")])
def test_delimiters_and_line_endings(
    org_server: OrgServer, api: Api, *, delimiter: str, character: str, ending: str, characters: str
) -> None:
    name = f'a{character}b "c"\r\nd\ne'
    org_server.org.create("Account", {"Name": name})
    job_id = api.job("SELECT Name, Industry FROM Account", columnDelimiter=delimiter, lineEnding=ending)
    api.finished(job_id)
    text = api.results(job_id).content.decode()
    assert text.startswith(f'"Name"{character}"Industry"{characters}')
    assert text.endswith(f'{character}""{characters}')
    assert rows(text, character) == [{"Name": name, "Industry": ""}]


def test_result_pages_name_five_pages_at_a_time(org_server: OrgServer, api: Api) -> None:
    names = load(org_server, 130)
    org_server.server.settings.bulk_page_rows = 20
    job_id = api.job(QUERY)
    api.finished(job_id)
    url, found, links = f"jobs/query/{job_id}/resultPages", [], []
    while url:
        body = api.get(url).json()
        assert len(body["resultPages"]) <= 5
        links += [page["resultUrl"] for page in body["resultPages"]]
        url = body["nextRecordsUrl"]
        assert body["done"] is (url is None)
    assert len(links) == 7
    for link in links:
        found += rows(api.get(link).text)
    assert {row["Name"] for row in found} == names
    assert api.get(f"/services/data/v57.0/jobs/query/{job_id}/resultPages").status_code == 404


def test_result_pages_as_clients_have_met_them(org_server: OrgServer, api: Api) -> None:
    load(org_server, 50)
    org_server.server.settings.bulk_page_rows = 20
    org_server.server.settings.result_chunks = True
    job_id = api.job(QUERY)
    api.finished(job_id)
    body = api.get(f"jobs/query/{job_id}/resultPages").json()
    links = [chunk["resultLink"] for chunk in body["resultChunks"]]
    assert [link.partition("?")[0] for link in links] == [f"/jobs/query/{job_id}/results"] * 3
    assert sum(len(rows(api.get(f"{DATA}{link}").text)) for link in links) == 50


def test_results_are_for_the_version_that_made_the_job(api: Api) -> None:
    job_id = api.job(QUERY)
    api.finished(job_id)
    assert api.get(f"/services/data/v63.0/jobs/query/{job_id}/results").status_code == 409
    assert api.get(f"/services/data/v63.0/jobs/query/{job_id}").status_code == 200


@pytest.mark.parametrize(
    ("soql", "code", "message"),
    [
        (
            "SELECT Id, BillingAddress FROM Account",
            "API_ERROR",
            "Selecting compound data not supported in Bulk Query",
        ),
        ("SELECT COUNT(Id) FROM Account", "API_ERROR", ""),
        ("SELECT FIELDS(STANDARD) FROM Account", "API_ERROR", ""),
        ("SELECT Id FROM Account OFFSET 5", "API_ERROR", ""),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "API_ERROR", ""),
        ("SELECT Nope FROM Account", "API_ERROR", "INVALID_FIELD"),
        (
            "SELECT Id FROM CaseStatus",
            "INVALIDENTITY",
            "Entity 'CaseStatus' is not supported by the Bulk API.",
        ),
    ],
)
def test_queries_that_bulk_refuses(api: Api, soql: str, code: str, message: str) -> None:
    answer = api.post("jobs/query", {"operation": "query", "query": soql})
    assert error(answer) == (400, code)
    assert message in answer.json()[0]["message"]


def test_states_follow_the_orgs_clock(org_server: OrgServer, api: Api) -> None:
    org_server.org.clock.freeze()
    org_server.server.settings.bulk_queued = timedelta(minutes=1)
    org_server.server.settings.bulk_processing = timedelta(minutes=5)
    job_id = api.job(QUERY)
    path = f"jobs/query/{job_id}"
    assert api.get(path).json()["state"] == "UploadComplete"
    assert error(api.results(job_id)) == (412, "JOB_NOT_COMPLETE")
    org_server.org.clock.advance(minutes=2)
    assert api.get(path).json()["state"] == "InProgress"
    org_server.org.create("Account", {"Name": "made while the job waits"})
    org_server.org.clock.advance(minutes=4)
    assert api.finished(job_id)["numberRecordsProcessed"] == 1


def test_abort_delete_and_seven_days(org_server: OrgServer, api: Api) -> None:
    org_server.server.settings.bulk_processing = timedelta(hours=1)
    aborted, kept = api.job(QUERY), api.job(QUERY)
    assert error(api.call("DELETE", f"jobs/query/{kept}"))[0] == 400
    assert api.call("PATCH", f"jobs/query/{aborted}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert error(api.call("PATCH", f"jobs/query/{aborted}", json={"state": "Aborted"})) == (
        400,
        "INVALIDJOBSTATE",
    )
    assert error(api.results(aborted)) == (412, "JOB_NOT_COMPLETE")
    assert {job["id"] for job in api.get("jobs/query").json()["records"]} == {aborted, kept}
    assert api.call("DELETE", f"jobs/query/{aborted}").status_code == 204
    assert error(api.get(f"jobs/query/{aborted}")) == (404, "NOT_FOUND")
    org_server.org.clock.advance(hours=2)
    api.login(org_server)
    assert api.finished(kept)["state"] == "JobComplete"
    org_server.org.clock.advance(days=7)
    api.login(org_server)
    assert error(api.get(f"jobs/query/{kept}")) == (404, "NOT_FOUND")
    assert list(org_server.server.site.directory.glob(f"{kept}*")) == []


def test_the_list_of_jobs_comes_in_pages(org_server: OrgServer, api: Api) -> None:
    org_server.server.settings.listed_jobs = 3
    jobs = [api.job(QUERY) for _ in range(7)]
    for extra in ("", "?jobType=V2Query"):
        url, listed, sizes = f"jobs/query{extra}", [], []
        while url:
            page = api.get(url).json()
            assert page["done"] is (page["nextRecordsUrl"] is None)
            listed += [job["id"] for job in page["records"]]
            sizes.append(len(page["records"]))
            url = page["nextRecordsUrl"]
        assert sorted(listed) == sorted(jobs)
        assert sizes == [3, 3, 1]
    # What goes meanwhile makes no other job be missed.
    first = api.get("jobs/query").json()
    for job in first["records"]:
        api.finished(job["id"])
        api.call("DELETE", f"jobs/query/{job['id']}")
    assert len(api.get(first["nextRecordsUrl"]).json()["records"]) == 3
    assert error(api.get("jobs/query?queryLocator=nonsense")) == (400, "INVALIDLOCATOR")


def test_the_list_has_the_jobs_of_bulk_1_too(org_server: OrgServer, api: Api) -> None:
    org_server.server.settings.listed_jobs = 2

    def classic(**headers: str) -> str:
        wish = {"operation": "queryAll", "object": "Contact", "contentType": "CSV"}
        return str(api.post("/services/async/62.0/job", wish, headers=headers).json()["id"])

    def listed(**filters: str) -> list[str]:
        url, found = f"jobs/query?{urlencode(filters)}", []
        while url:
            page = api.get(url).json()
            found += [job["id"] for job in page["records"]]
            url = page["nextRecordsUrl"]
        return found

    plain, second, chunked = classic(), api.job(QUERY), classic(**{"Sforce-Enable-PKChunking": "true"})
    last = classic()
    assert listed() == [last, chunked, second, plain]
    assert listed(jobType="Classic") == [last, chunked, plain]
    assert listed(jobType="V2Query") == listed(jobType="V2Query", concurrencyMode="parallel") == [second]
    assert listed(jobType="V2Ingest") == listed(concurrencyMode="serial") == []
    assert listed(isPkChunkingEnabled="true") == [chunked]
    assert listed(isPkChunkingEnabled="true", jobType="V2Query") == []
    shown = api.get("jobs/query?jobType=Classic").json()["records"][0]
    assert (shown["jobType"], shown["object"], shown["operation"]) == ("Classic", "Contact", "queryAll")
    assert (shown["state"], shown["apiVersion"], shown["concurrencyMode"]) == ("Open", 62.0, "Parallel")
    org_server.org.clock.advance(days=7)
    api.login(org_server)
    assert listed() == []


def test_daily_limits(org_server: OrgServer, api: Api) -> None:
    load(org_server, 1000)
    org_server.org.limits.daily_bulk_v2_query_jobs.maximum = 2
    api.finished(api.job(QUERY))
    org_server.org.limits.daily_bulk_v2_query_storage_mb.maximum = 0
    failed = api.finished(api.job(QUERY))
    assert failed["state"] == "Failed"
    assert "LIMIT_EXCEEDED" in failed["errorMessage"]
    refused = api.post("jobs/query", {"operation": "query", "query": QUERY})
    assert error(refused) == (400, "LIMIT_EXCEEDED")
    assert refused.json()[0]["message"] == "Max bulk v2 query jobs (2) per 24 hrs has been reached (3)"
    org_server.org.clock.advance(hours=25)
    api.login(org_server)
    assert api.post("jobs/query", {"operation": "query", "query": QUERY}).status_code == 200


def test_jobs_that_go_wrong(org_server: OrgServer, api: Api) -> None:
    org_server.faults.add(FailJob(), sobject="Account", nth=1)
    org_server.faults.add(AbortJob(), sobject="Account", nth=2)
    org_server.faults.add(StallJob(), sobject="Account", path="*/jobs/query", nth=3)
    failed = api.finished(api.job(QUERY))
    assert failed["errorMessage"] == "QUERY_TIMEOUT: Your query request was running for too long."
    org_server.faults.clear()
    org_server.faults.add(AbortJob(), path="*/jobs/query", nth=1)
    org_server.faults.add(StallJob(), path="*/jobs/query", nth=2)
    assert api.finished(api.job(QUERY))["state"] == "Aborted"
    stalled = api.job(QUERY)
    org_server.org.clock.advance(hours=1)
    assert api.get(f"jobs/query/{stalled}").json()["state"] == "InProgress"
    assert api.call("PATCH", f"jobs/query/{stalled}", json={"state": "Aborted"}).status_code == 200


def test_field_level_security_holds_for_bulk(org_server: OrgServer, api: Api) -> None:
    org_server.org.set_permissions(DEMO_USER, Permissions().without_field("Account.Name"))
    answer = api.post("jobs/query", {"operation": "query", "query": QUERY})
    assert error(answer)[0] == 400
    assert "INVALID_FIELD" in answer.json()[0]["message"]


def test_an_empty_result_is_a_header(api: Api) -> None:
    job_id = api.job(QUERY)
    assert api.finished(job_id)["numberRecordsProcessed"] == 0
    page = api.results(job_id)
    assert page.text == '"Id","Name"\n'
    assert (page.headers["Sforce-Locator"], page.headers["Sforce-NumberOfRecords"]) == ("null", "0")


def test_a_client_that_goes_away_in_the_middle_is_no_error(
    org_server: OrgServer, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    load(org_server, 60_000)
    job_id = api.job("SELECT Id, Name, CreatedDate, LastModifiedDate, SystemModstamp, OwnerId FROM Account")
    assert api.finished(job_id)["state"] == "JobComplete"
    path = f"jobs/query/{job_id}/results"
    with api.get(path, stream=True, headers={"Accept-Encoding": "identity"}) as answer:
        assert answer.raw.read(10)
    assert len(rows(api.results(job_id, maxRecords=100).text)) == 100
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_results_are_zipped_for_those_who_ask(org_server: OrgServer, api: Api) -> None:
    load(org_server, 500)
    job_id = api.job(QUERY)
    api.finished(job_id)
    zipped = api.results(job_id)
    plain = api.get(f"{DATA}/jobs/query/{job_id}/results", headers={"Accept-Encoding": "identity"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.text == plain.text


def test_an_unchanged_result_is_made_once_where_that_is_wanted(org_server: OrgServer, api: Api) -> None:
    site = org_server.server.site
    site.settings.bulk_results_kept = True
    load(org_server, 100)

    def made(soql: str) -> str:
        job_id = api.job(soql)
        assert api.finished(job_id)["state"] == "JobComplete"
        return job_id

    def inode(job_id: str) -> int:
        job = site.jobs.find(job_id)
        assert job is not None
        assert job.results is not None
        return job.results.path.stat().st_ino

    first, again = made(QUERY), made(QUERY)
    page = api.results(first).text
    assert api.results(again).text == page
    assert len(rows(page)) == 100
    assert inode(first) == inode(again)
    some = made(f"{QUERY} WHERE Name < 'Account 00050'")
    assert len(rows(api.results(some).text)) == 50
    assert rows(api.results(made("SELECT Id FROM Account")).text)[0].keys() == {"Id"}
    assert rows(api.results(made(f"{QUERY} ORDER BY Name")).text)[0]["Name"] == "Account 00000"
    account = rows(page)[0]["Id"]
    org_server.org.update(account, {"Name": "Another"})
    changed = {row["Id"]: row["Name"] for row in rows(api.results(made(QUERY)).text)}
    assert changed[account] == "Another"
    assert api.call("DELETE", f"jobs/query/{first}").ok
    assert api.results(again).text == page


def test_jobs_of_one_moment_keep_their_results_apart(org_server: OrgServer, api: Api) -> None:
    site = org_server.server.site
    site.settings.bulk_results_kept = True
    site.settings.bulk_queued = timedelta(hours=1)
    for number in range(20):
        org_server.org.create("Account", {"Name": f"Account {number}"})
    names = [field["name"] for field in api.get("sobjects/Account/describe").json()["fields"]]
    plain = [name for name in names if not name.endswith("Address")]
    for _ in range(5):
        org_server.org.create("Account", {"Name": "So that nothing is kept from the round before"})
        jobs = [api.job(f"SELECT Id, {name} FROM Account") for name in plain if name != "Id"]
        org_server.org.clock.advance(hours=2)
        api.login(org_server)
        api.get("jobs/query")
        assert {api.finished(job)["state"] for job in jobs} == {"JobComplete"}


def test_no_two_jobs_get_one_id(api: Api) -> None:
    ids = [api.job("SELECT Id FROM Account") for _ in range(2500)]
    assert len(set(ids)) == len(ids)
