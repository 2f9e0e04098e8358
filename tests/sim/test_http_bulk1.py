"""Bulk API 1.0 query over real HTTP: XML and CSV, PK chunking."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.sim.api import Api

if TYPE_CHECKING:
    import requests

    from tests.fix_org import OrgServer

BASE = "/services/async/62.0/job"
NAMESPACE = "{http://www.force.com/2009/06/asyncapi/dataload}"
JOB = (
    '<?xml version="1.0" encoding="UTF-8"?><jobInfo xmlns="http://www.force.com/2009/06/asyncapi/dataload">'
    "<operation>{operation}</operation><object>{name}</object><contentType>CSV</contentType></jobInfo>"
)


@pytest.fixture
def api(org_server: OrgServer) -> Api:
    """A client that sends its token as Bulk API 1.0 clients do."""
    api = Api(org_server)
    token = str(api.session.headers.pop("Authorization")).removeprefix("Bearer ")
    api.session.headers["X-SFDC-Session"] = token
    return api


def xml(answer: requests.Response) -> dict[str, str | None]:
    return {element.tag.removeprefix(NAMESPACE): element.text for element in ET.fromstring(answer.content)}


def opened(api: Api, name: str = "Account", operation: str = "query", **headers: str) -> str:
    answer = api.call(
        "POST",
        BASE,
        data=JOB.format(name=name, operation=operation),
        headers={"Content-Type": "application/xml", **headers},
    )
    assert answer.status_code == 201, answer.text
    return f"{BASE}/{xml(answer)['id']}"


def added(api: Api, job: str, soql: str) -> dict[str, str | None]:
    return xml(api.call("POST", f"{job}/batch", data=soql, headers={"Content-Type": "text/csv"}))


def rows(api: Api, job: str, batch: str | None) -> list[dict[str, str]]:
    (result,) = ET.fromstring(api.get(f"{job}/batch/{batch}/result").content)
    text = api.get(f"{job}/batch/{batch}/result/{result.text}").content.decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_job_with_one_batch(org_server: OrgServer, api: Api) -> None:
    kept, gone = (org_server.org.create("Account", {"Name": name}) for name in ("kept", "gone"))
    org_server.org.delete(gone)
    for operation, ids in (("query", {kept}), ("queryAll", {kept, gone})):
        job = opened(api, operation=operation)
        batch = added(api, job, "SELECT Id, Name FROM Account")
        assert batch["state"] == "Queued"
        done = xml(api.get(f"{job}/batch/{batch['id']}"))
        assert (done["state"], done["numberRecordsProcessed"]) == ("Completed", str(len(ids)))
        assert {row["Id"] for row in rows(api, job, batch["id"])} == ids
    closing = JOB.split("<operation>", maxsplit=1)[0] + "<state>Closed</state></jobInfo>"
    assert xml(api.call("POST", job, data=closing))["state"] == "Closed"
    assert xml(api.get(job))["numberBatchesCompleted"] == "1"


def test_batches_are_worded_as_their_job_is(org_server: OrgServer, api: Api) -> None:
    says_json = {"Content-Type": "application/json"}
    for content_type, form in (("CSV", "application/xml"), ("JSON", "application/json")):
        wish = {"operation": "query", "object": "Account", "contentType": content_type}
        created = api.call("POST", BASE, json=wish)
        assert created.headers["Content-Type"] == "application/json"
        job = f"{BASE}/{created.json()['id']}"
        batch = api.call(
            "POST", f"{job}/batch", data="SELECT Id FROM Account", headers={"Content-Type": "text/csv"}
        )
        batch_id = batch.json()["id"] if content_type == "JSON" else xml(batch)["id"]
        for path in ("batch", f"batch/{batch_id}", f"batch/{batch_id}/result"):
            assert api.get(f"{job}/{path}", headers=says_json).headers["Content-Type"] == form
    missing = api.get(f"{BASE}/750000000000000AAA", headers=says_json)
    assert (missing.headers["Content-Type"], missing.json()["exceptionCode"]) == (
        "application/json",
        "InvalidJob",
    )


@pytest.mark.parametrize("where", ["", " WHERE Name LIKE 'Account %' OR Name = 'where'"])
def test_pk_chunking_splits_by_id(org_server: OrgServer, api: Api, where: str) -> None:
    names = {f"Account {n:04}" for n in range(1050)}
    org_server.org.load("Account", ([name] for name in sorted(names)), ["Name"])
    org_server.org.create("Contact", {"LastName": "not asked for"})
    job = opened(api, **{"Sforce-Enable-PKChunking": "chunkSize=500"})
    first = added(api, job, f"SELECT Id, Name FROM Account{where}")
    listed = [
        {element.tag.removeprefix(NAMESPACE): element.text for element in item}
        for item in ET.fromstring(api.get(f"{job}/batch").content)
    ]
    assert [item["state"] for item in listed] == ["NotProcessed", "Completed", "Completed", "Completed"]
    assert listed[0]["id"] == first["id"]
    found = [row["Name"] for item in listed[1:] for row in rows(api, job, item["id"])]
    assert sorted(found) == sorted(names)


def test_pk_chunking_of_shares_goes_by_their_parent(org_server: OrgServer, api: Api) -> None:
    campaigns = [org_server.org.create("Campaign", {"Name": f"c{n}"}) for n in range(5)]
    user = org_server.org.add_user("reader@acme.example").id
    shares = {
        org_server.org.create(
            "CampaignShare", {"CampaignId": campaign, "UserOrGroupId": user, "CampaignAccessLevel": "Read"}
        )
        for campaign in campaigns
    }
    job = opened(api, "CampaignShare", **{"Sforce-Enable-PKChunking": "chunkSize=2; parent=Campaign"})
    added(api, job, "SELECT Id, CampaignId FROM CampaignShare")
    listed = [item.findtext(f"{NAMESPACE}id") for item in ET.fromstring(api.get(f"{job}/batch").content)]
    found = [rows(api, job, batch) for batch in listed[1:]]
    assert [sorted(row["CampaignId"] for row in chunk) for chunk in found] == [
        campaigns[:2],
        campaigns[2:4],
        campaigns[4:],
    ]
    assert {row["Id"] for chunk in found for row in chunk} == shares
    wrong = api.call(
        "POST",
        BASE,
        json={"operation": "query", "object": "CampaignShare", "contentType": "CSV"},
        headers={"Sforce-Enable-PKChunking": "parent=Account"},
    )
    assert (wrong.status_code, wrong.json()["exceptionCode"]) == (400, "InvalidJob")


def test_rows_as_xml(org_server: OrgServer, api: Api) -> None:
    text = "a<b>&\r\nc \x01 👩"
    parent = org_server.org.create("Account", {"Name": "Acme & Co"})
    org_server.org.create("Contact", {"LastName": text, "AccountId": parent, "Birthdate": "2000-02-29"})
    created = api.call("POST", BASE, data=JOB.replace("CSV", "XML").format(operation="query", name="Contact"))
    assert xml(created)["contentType"] == "XML"
    job = f"{BASE}/{xml(created)['id']}"
    soql = "SELECT LastName, Birthdate, Phone, IsDeleted, Account.Name FROM Contact"
    batch = added(api, job, soql)["id"]
    assert xml(api.get(f"{job}/batch/{batch}"))["state"] == "Completed"
    (result,) = ET.fromstring(api.get(f"{job}/batch/{batch}/result").content)
    answer = api.get(f"{job}/batch/{batch}/result/{result.text}")
    assert answer.headers["Content-Type"].startswith("application/xml")
    (record,) = ET.fromstring(answer.content)
    assert record.tag == f"{NAMESPACE}records"
    values = {element.tag.removeprefix(NAMESPACE): element.text for element in record}
    assert (values["type"], values["LastName"]) == ("Contact", text.replace("\x01", ""))
    assert (values["Birthdate"], values["IsDeleted"], values["Phone"]) == ("2000-02-29", "false", None)
    assert record.findtext(f"{NAMESPACE}Account/{NAMESPACE}Name") == "Acme & Co"
    phone = record.find(f"{NAMESPACE}Phone")
    assert phone is not None
    assert phone.attrib == {"{http://www.w3.org/2001/XMLSchema-instance}nil": "true"}


def test_rows_as_json(org_server: OrgServer, api: Api) -> None:
    parent = org_server.org.create("Account", {"Name": "Acme"})
    child = org_server.org.create(
        "Contact", {"LastName": "x", "AccountId": parent, "Birthdate": "2000-02-29"}
    )
    alone = org_server.org.create("Contact", {"LastName": "y"})
    wish = {"operation": "query", "object": "Contact", "contentType": "JSON"}
    job = f"{BASE}/{api.call('POST', BASE, json=wish).json()['id']}"
    soql = "SELECT LastName, Birthdate, CreatedDate, Account.Name FROM Contact ORDER BY LastName"
    batch = api.call("POST", f"{job}/batch", data=soql, headers={"Content-Type": "application/json"}).json()
    assert api.get(f"{job}/batch/{batch['id']}", headers={"Accept": "application/json"}).json()["state"] == (
        "Completed"
    )
    (result,) = api.get(f"{job}/batch/{batch['id']}/result").json()
    first, second = api.get(f"{job}/batch/{batch['id']}/result/{result}").json()
    base = "/services/data/v62.0/sobjects"
    assert first["attributes"] == {"type": "Contact", "url": f"{base}/Contact/{child}"}
    assert first["Account"] == {
        "attributes": {"type": "Account", "url": f"{base}/Account/{parent}"},
        "Name": "Acme",
    }
    assert first["Birthdate"] == "2000-02-29"
    assert first["CreatedDate"].endswith("+0000")
    assert (second["attributes"]["url"], second["Account"]) == (f"{base}/Contact/{alone}", None)


def test_what_fails(org_server: OrgServer, api: Api) -> None:
    job = opened(api)
    for soql, message in (
        ("SELECT Nope FROM Account", "InvalidBatch : Failed to process query: INVALID_FIELD"),
        ("SELECT Id FROM Contact", "INVALID_TYPE_FOR_OPERATION"),
        (
            "SELECT BillingAddress FROM Account",
            "FUNCTIONALITY_NOT_ENABLED: Selecting compound data not supported",
        ),
        ("SELECT Body FROM Document", "FeatureNotEnabled : Binary field not supported"),
    ):
        batch = xml(api.get(f"{job}/batch/{added(api, job, soql)['id']}"))
        assert batch["state"] == "Failed"
        assert message in str(batch["stateMessage"])


def test_errors_have_their_own_words(api: Api) -> None:
    missing = api.get(f"{BASE}/750000000000000AAA")
    assert (missing.status_code, xml(missing)["exceptionCode"]) == (400, "InvalidJob")
    refused = api.call(
        "POST", BASE, json={"operation": "query", "object": "CaseStatus", "contentType": "CSV"}
    )
    assert refused.json()["exceptionCode"] == "InvalidEntity"
    api.session.headers["X-SFDC-Session"] = "nonsense"
    assert xml(api.get(f"{BASE}/750000000000000AAA"))["exceptionCode"] == "InvalidSessionId"


def test_batches_wait_for_the_orgs_clock(org_server: OrgServer, api: Api) -> None:
    org_server.server.settings.bulk_processing = timedelta(minutes=5)
    job = opened(api)
    batch = added(api, job, "SELECT Id FROM Account")["id"]
    assert xml(api.get(f"{job}/batch/{batch}"))["state"] == "InProgress"
    assert xml(api.get(f"{job}/batch/{batch}/result"))["exceptionCode"] == "InvalidBatch"
    org_server.org.clock.advance(minutes=6)
    assert xml(api.get(f"{job}/batch/{batch}"))["state"] == "Completed"
