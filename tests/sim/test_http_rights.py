"""What describe says may be created, changed and deleted is what the org lets a client do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sim.api import Api, error

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

REFUSED = (400, "INVALID_TYPE_FOR_OPERATION")


@pytest.fixture
def api(company_server: OrgServer) -> Api:
    return Api(company_server)


def described(api: Api) -> list[dict[str, Any]]:
    names = [line["name"] for line in api.get("sobjects").json()["sobjects"]]
    return [api.get(f"sobjects/{name}/describe").json() for name in names]


def test_objects_take_what_they_say_they_take(company_server: OrgServer, api: Api) -> None:
    wanting = set()
    for sobject in described(api):
        name = sobject["name"]
        if not sobject["createable"]:
            assert error(api.post(f"sobjects/{name}", {})) == REFUSED, name
            wanting.add(name)
        if not sobject["queryable"]:
            continue
        rows = [row for row in company_server.org.rows(name) if not row.get("IsDeleted")]
        for row in rows[:1]:
            path = f"sobjects/{name}/{row['Id']}"
            if not sobject["updateable"]:
                assert error(api.call("PATCH", path, json={})) == REFUSED, name
            if not sobject["deletable"]:
                assert error(api.call("DELETE", path)) == REFUSED, name
    assert {"Name", "Dashboard", "OpportunityFieldHistory", "OpportunityStage", "Period"} <= wanting


def test_fields_take_what_they_say_they_take(company_server: OrgServer, api: Api) -> None:
    for sobject in described(api):
        name = sobject["name"]
        if not sobject["queryable"]:
            continue
        kinds = {field["name"]: field for field in sobject["fields"]}
        locked = {field for field in kinds if not kinds[field]["createable"]} - {"Id"}
        if sobject["createable"]:
            refused = api.post(f"sobjects/{name}", dict.fromkeys(locked, None) | {"Id": None})
            assert error(refused) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE"), name
            assert set(refused.json()[0]["fields"]) == locked | {"Id"}, name
        rows = [row for row in company_server.org.rows(name) if not row.get("IsDeleted")]
        if sobject["updateable"] and rows:
            locked = {field for field in kinds if not kinds[field]["updateable"]} - {"Id"}
            refused = api.call(
                "PATCH", f"sobjects/{name}/{rows[0]['Id']}", json=dict.fromkeys(locked, None) | {"Id": None}
            )
            assert error(refused) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE"), name
            assert set(refused.json()[0]["fields"]) == locked | {"Id"}, name


def test_required_fields_are_those_that_describe_calls_so(api: Api) -> None:
    for sobject in described(api):
        required = {
            field["name"]
            for field in sobject["fields"]
            if field["createable"] and not field["nillable"] and not field["defaultedOnCreate"]
        }
        if not sobject["createable"] or not required:
            continue
        refused = api.post(f"sobjects/{sobject['name']}", {})
        assert error(refused) == (400, "REQUIRED_FIELD_MISSING"), sobject["name"]
        assert set(refused.json()[0]["fields"]) == required, sobject["name"]
