"""Every address that a describe names is one that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.sim.api import DATA, Api, error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fix_org import OrgServer

MASTER = "012000000000000AAA"


@pytest.fixture
def api(org_server: OrgServer) -> Api:
    return Api(org_server)


def urls_in(value: Any) -> Iterator[str]:
    """What is under `urls`, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from urls_in(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "urls":
                yield from item.values()
            else:
                yield from urls_in(item)


def test_all_of_them_answer(company_server: OrgServer) -> None:
    api = Api(company_server)
    org = company_server.org
    names = ("Account", "Opportunity", "Invoice__c", "TaskStatus", "CampaignShare", "User")
    asked = set()
    for name in names:
        record = str(next(iter(org.rows(name)))["Id"]) if org.rows(name) else None
        for url in urls_in(api.get(f"sobjects/{name}/describe").json()):
            path = url.removeprefix(org_url := api.url)
            if "{ID}" in path and record is None:
                continue
            answer = api.session.get(
                org_url + path.replace("{ID}", record or ""), allow_redirects=True, timeout=20
            )
            assert answer.status_code == 200, (url, answer.text)
            if path.startswith(DATA):
                asked.add(path.partition(name)[2])
                for inner in urls_in(answer.json()):
                    if "{ID}" not in inner and inner.startswith("/"):
                        assert api.get(inner).status_code == 200, inner
            else:
                assert answer.headers["Content-Type"].startswith("text/html")
    assert {"/describe/layouts", f"/describe/layouts/{MASTER}", "/describe/compactLayouts"} <= asked
    assert {"/describe/approvalLayouts", "/quickActions", "/listviews"} <= asked


def test_layouts_show_the_fields_and_record_types_of_the_describe(api: Api) -> None:
    described = api.get("sobjects/Account/describe").json()
    answer = api.get("sobjects/Account/describe/layouts").json()
    assert answer.keys() == {"layouts", "recordTypeMappings", "recordTypeSelectorRequired"}
    [layout], [mapping] = answer["layouts"], answer["recordTypeMappings"]
    assert api.get(mapping["urls"]["layout"]).json() == layout
    assert (mapping["layoutId"], mapping["recordTypeId"]) == (layout["id"], MASTER)
    assert len(layout["id"]) == 18
    shown = [
        component["details"]
        for section in layout["detailLayoutSections"]
        for row in section["layoutRows"]
        for item in row["layoutItems"]
        for component in item["layoutComponents"]
    ]
    assert shown == described["fields"]
    related = {(child["sobject"], child["field"]) for child in layout["relatedLists"]}
    assert ("Contact", "AccountId") in related
    picklists = {each["picklistName"] for each in mapping["picklistsForRecordType"]}
    assert picklists == {field["name"] for field in described["fields"] if field["picklistValues"]}
    compact = api.get("sobjects/Account/describe/compactLayouts").json()
    assert compact["defaultCompactLayoutId"] is None
    assert compact["recordTypeCompactLayoutMappings"][0]["compactLayoutName"] == "SYSTEM"
    assert compact["compactLayouts"][0]["fieldItems"][0]["layoutComponents"][0]["value"] == "Name"
    assert api.get("sobjects/Account/describe/approvalLayouts").json() == {"approvalLayouts": []}


def test_what_has_no_layout_or_is_not_there(api: Api) -> None:
    for path in (
        "sobjects/TaskStatus/describe/layouts",
        "sobjects/Nope/describe/layouts",
        "sobjects/Account/describe/layouts/012000000000001AAA",
        "sobjects/Account/describe/nonsense",
    ):
        assert error(api.get(path)) == (404, "NOT_FOUND"), path


def test_a_records_page_leads_to_the_login(org_server: OrgServer, api: Api) -> None:
    account = org_server.org.create("Account", {"Name": "x"})
    answer = requests.get(f"{org_server.url}/{account}", allow_redirects=False, timeout=20)
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith(f"startURL=%2F{account}")
