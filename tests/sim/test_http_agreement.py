"""REST, Bulk and the store tell the same rows, for every object of the example company, also when many ask at once."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator import company
from salesforce_simulator.http.faults import ShortPage
from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import add_demo_login
from tests.sim.agreement import Row, by_id, cell
from tests.sim.api import Api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from salesforce_simulator.schema import SObject
    from tests.fix_org import OrgServer


@pytest.fixture(scope="module")
def served() -> Iterator[OrgServer]:
    from tests.fix_org import OrgServer  # noqa: PLC0415 - a plugin; importing it early would keep its asserts plain

    org = Org(features=company.FEATURES)
    add_demo_login(org)
    company.populate(org)
    try:
        with serve(org) as server:
            yield OrgServer(server)
    finally:
        org.close()


@pytest.fixture
def api(served: OrgServer) -> Api:
    served.faults.clear()
    return Api(served)


def collections(served: OrgServer) -> list[SObject]:
    return [sobject for sobject in served.org.schema if sobject.queryable and not sobject.requires_filter]


def over_rest(api: Api, sobject: SObject) -> list[Row]:
    names = [field.name for field in sobject.columns if field.type != "base64"]
    page = api.query(f"SELECT {', '.join(names)} FROM {sobject.name}", "queryAll").json(parse_float=Decimal)
    rows: list[Row] = page["records"]
    while not page["done"]:
        page = api.get(page["nextRecordsUrl"]).json(parse_float=Decimal)
        rows += page["records"]
    for row in rows:
        assert row.pop("attributes")["type"] == sobject.name
    return rows


def over_bulk(api: Api, sobject: SObject) -> list[Row]:
    names = [field.name for field in sobject.columns if field.type != "base64"]
    job_id = api.job(f"SELECT {', '.join(names)} FROM {sobject.name}", "queryAll")
    assert api.finished(job_id)["state"] == "JobComplete"
    rows: list[Row] = []
    locator = "0"
    while locator != "null":
        page = api.results(job_id, maxRecords=100, **({"locator": locator} if rows else {}))
        rows += csv.DictReader(io.StringIO(page.content.decode(), newline=""))
        locator = page.headers["Sforce-Locator"]
    return rows


def test_rest_tells_what_the_store_holds(served: OrgServer, api: Api) -> None:
    served.faults.add(ShortPage(97), probability=0.7, seed=2)
    for sobject in collections(served):
        names = {field.name for field in sobject.columns if field.type != "base64"}
        truth = [{name: row[name] for name in names} for row in served.org.rows(sobject.name)]
        assert by_id(over_rest(api, sobject)) == by_id(truth), sobject.name


def test_bulk_tells_what_rest_tells(served: OrgServer, api: Api) -> None:
    for sobject in collections(served):
        if sobject.bulk:
            kinds = {field.name: field.type for field in sobject.columns}
            rest = [
                {name: cell(kinds[name], value) for name, value in row.items()}
                for row in over_rest(api, sobject)
            ]
            assert by_id(over_bulk(api, sobject)) == by_id(rest), sobject.name


def test_many_ask_and_write_at_once(served: OrgServer) -> None:
    def work(number: int) -> Counter[int]:
        api = Api(served)
        statuses: Counter[int] = Counter()
        for turn in range(12):
            created = api.post("sobjects/Account", {"Name": f"worker {number} turn {turn}"})
            job_id = api.job(f"SELECT Id FROM Account WHERE Name LIKE 'worker {number} %'")
            found = api.query(f"SELECT Id FROM Account WHERE Name LIKE 'worker {number} %'")
            assert found.json()["totalSize"] == turn + 1
            assert api.finished(job_id)["numberRecordsProcessed"] == turn + 1
            described = api.get("sobjects/Account/describe")
            statuses.update(answer.status_code for answer in (created, found, described))
        return statuses

    with ThreadPoolExecutor(8) as pool:
        total = sum(pool.map(work, range(8)), Counter())
    assert total == {201: 96, 200: 192}
    assert len(served.ledger.matching("/sobjects/Account", "POST")) == 96
    assert json.dumps(served.ledger.summary())
