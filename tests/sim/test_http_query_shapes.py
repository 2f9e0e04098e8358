"""What else the query resource answers: the columns of a query, its plan, and rows by scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sim.api import Api, error

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

COLUMN_KEYS = {
    "aggregate", "apexType", "booleanType", "columnName", "custom", "displayName", "foreignKeyName", "insertable",
    "joinColumns", "numberType", "textType", "updatable",
}  # fmt: skip


def columns(api: Api, soql: str) -> dict[str, Any]:
    answer = api.get("query", params={"q": soql, "columns": "true"})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body.keys() == {"columnMetadata", "entityName", "groupBy", "idSelected", "keyPrefix"}
    return body


def test_columns_of_a_query(org_server: OrgServer) -> None:
    api = Api(org_server)
    body = columns(
        api,
        "SELECT Id, Name, NumberOfEmployees, Owner.Name, Owner.Profile.Name, Owner.Email, "
        "(SELECT LastName, IsDeleted FROM Contacts) FROM Account",
    )
    assert (body["entityName"], body["groupBy"], body["idSelected"], body["keyPrefix"]) == (
        "Account", False, True, "001",
    )  # fmt: skip
    told = body["columnMetadata"]
    assert [column["columnName"] for column in told] == [
        "Id", "Name", "NumberOfEmployees", "Owner", "Contacts",
    ]  # fmt: skip
    assert all(column.keys() == COLUMN_KEYS for column in told)
    name, number, owner, contacts = told[1:]
    assert (name["displayName"], name["apexType"], name["textType"]) == ("Name", "String", True)
    assert (number["apexType"], number["numberType"], number["updatable"]) == ("Integer", True, True)
    assert (owner["foreignKeyName"], owner["aggregate"]) == ("User", False)
    assert [column["columnName"] for column in owner["joinColumns"]] == ["Name", "Profile", "Email"]
    assert [c["columnName"] for c in owner["joinColumns"][1]["joinColumns"]] == ["Name"]
    assert contacts["aggregate"] is True
    assert [(c["columnName"], c["booleanType"]) for c in contacts["joinColumns"]] == [
        ("LastName", False),
        ("IsDeleted", True),
    ]


def test_columns_of_aggregates(org_server: OrgServer) -> None:
    api = Api(org_server)
    body = columns(api, "SELECT Industry, COUNT(Id), MAX(AnnualRevenue) most FROM Account GROUP BY Industry")
    assert (body["groupBy"], body["idSelected"]) == (True, False)
    assert [(c["columnName"], c["aggregate"]) for c in body["columnMetadata"]] == [
        ("Industry", True),
        ("expr0", True),
        ("most", True),
    ]
    assert columns(api, "SELECT COUNT() FROM Account")["columnMetadata"] == []


def test_columns_of_a_wrong_query(org_server: OrgServer) -> None:
    answer = Api(org_server).get("query", params={"q": "SELECT Nope FROM Account", "columns": "true"})
    assert error(answer) == (400, "INVALID_FIELD")


def test_explain(org_server: OrgServer) -> None:
    api = Api(org_server)
    for name in "abc":
        org_server.org.create("Account", {"Name": name})
    soql = "SELECT Id FROM Account WHERE Name = 'a'"
    body = api.get("query", params={"explain": soql}).json()
    assert body["sourceQuery"] == soql
    (plan,) = body["plans"]
    assert plan.keys() == {
        "cardinality", "fields", "leadingOperationType", "notes", "relativeCost", "sobjectCardinality", "sobjectType",
    }  # fmt: skip
    assert (plan["cardinality"], plan["sobjectCardinality"], plan["sobjectType"]) == (1, 3, "Account")
    assert plan["leadingOperationType"] == "TableScan"
    assert {tuple(note["fields"]) for note in plan["notes"]} == {("IsDeleted",)}
    assert error(api.get("query", params={"explain": "SELECT Nope FROM Account"})) == (400, "INVALID_FIELD")


def test_scopes(org_server: OrgServer) -> None:
    org, api = org_server.org, Api(org_server)
    mine = org.create("Account", {"Name": "mine"}, user=org_server.user)
    other = org.create("Account", {"Name": "other"})
    for scope, ids in (("mine", {mine}), ("MINE", {mine}), ("everything", {mine, other})):
        found = api.query(f"SELECT Id FROM Account USING SCOPE {scope} ORDER BY Name").json()["records"]
        assert {row["Id"] for row in found} == ids
    job = api.job("SELECT Id FROM Account USING SCOPE mine")
    assert api.finished(job)["numberRecordsProcessed"] == 1
    assert api.results(job).text.split('"')[3] == mine
    reader = org.add_user("reader@acme.example")
    org.apps[org_server.config()["client_id"]].run_as = reader.username
    api.login(org_server)
    assert api.query("SELECT Id FROM Account USING SCOPE mine").json()["totalSize"] == 0
    assert error(api.query("SELECT Id FROM Organization USING SCOPE mine"))[0] == 400
    assert error(api.query("SELECT Id FROM Account USING SCOPE sideways"))[0] == 400
