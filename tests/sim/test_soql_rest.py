"""The records of a REST result: their shape, their order, their pages."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator import soql
from salesforce_simulator.errors import ApiError
from salesforce_simulator.schema import Field, Schema
from tests.sim.soql_things import MIDNIGHT, THING, World, things

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def test_a_record_has_attributes_and_values_in_the_order_asked_for(world: World) -> None:
    record_id = world.add(
        "Thing__c", Name="n", Money__c=1250, Count__c=3, Moment__c=MIDNIGHT, Day__c="2026-05-13"
    )
    [record] = world.run(
        "select MOMENT__C, id, Name, Money__c, Count__c, Flag__c, Day__c, Pick__c, Clock__c from thing__c",
        version="58.0",
    ).records()
    assert list(record.items()) == [
        (
            "attributes",
            {"type": "Thing__c", "url": f"/services/data/v58.0/sobjects/Thing__c/{record_id}"},
        ),
        ("Moment__c", "2026-05-13T00:00:00.000+0000"),
        ("Id", record_id),
        ("Name", "n"),
        ("Money__c", Decimal("12.5")),
        ("Count__c", 3),
        ("Flag__c", False),
        ("Day__c", "2026-05-13"),
        ("Pick__c", None),
        ("Clock__c", None),
    ]


def test_the_id_is_not_shown_unless_asked_for(world: World) -> None:
    world.add("Thing__c", Name="n")
    assert world.ask("SELECT Name FROM Thing__c") == [{"Name": "n"}]


def test_parents_are_nested_or_null(world: World) -> None:
    top = world.add("Thing__c", Name="top")
    middle = world.add("Thing__c", Name="middle", Parent__c=top)
    world.add("Thing__c", Name="low", Parent__c=middle)
    records = world.run(
        "SELECT Name, Parent__r.Name, Parent__r.Parent__r.Id FROM Thing__c ORDER BY Name"
    ).records()
    assert [
        (r["Name"], r["Parent__r"] and (r["Parent__r"]["Name"], r["Parent__r"]["Parent__r"])) for r in records
    ] == [
        (
            "low",
            (
                "middle",
                {
                    "attributes": {
                        "type": "Thing__c",
                        "url": f"/services/data/v62.0/sobjects/Thing__c/{top}",
                    },
                    "Id": top,
                },
            ),
        ),
        ("middle", ("top", None)),
        ("top", None),
    ]


def test_polymorphic_parents_are_names(world: World) -> None:
    user = world.add("User", Name="Ann", LastName="Ann", Email="ann@example.com", IsActive=1)
    group = world.add("Group", Name="Queue")
    world.add("Thing__c", Name="0", OwnerId=user)
    world.add("Thing__c", Name="1", OwnerId=group)
    world.add("Thing__c", Name="2")
    records = world.run("SELECT Owner.Name, Owner.Type, Owner.Email FROM Thing__c ORDER BY Name").records()
    assert [record["Owner"] for record in records] == [
        {
            "attributes": {"type": "Name", "url": f"/services/data/v62.0/sobjects/User/{user}"},
            "Name": "Ann",
            "Type": "User",
            "Email": "ann@example.com",
        },
        {
            "attributes": {"type": "Name", "url": f"/services/data/v62.0/sobjects/Group/{group}"},
            "Name": "Queue",
            "Type": "Group",
            "Email": None,
        },
        None,
    ]


def test_names_of_parents_whose_name_field_is_called_otherwise(world: World) -> None:
    account = world.add("Account", Name="Acme")
    case = world.add("Case", CaseNumber="00001000")
    contact = world.add("Contact", Name="Jo Doe", FirstName="Jo", LastName="Doe")
    world.add("Task", WhatId=case, WhoId=contact, IsArchived=0)
    world.add("Task", WhatId=account, IsArchived=0)
    assert world.ask("SELECT What.Name, What.Type, Who.FirstName FROM Task ORDER BY What.Name") == [
        {"What": {"Name": "00001000", "Type": "Case"}, "Who": {"FirstName": "Jo"}},
        {"What": {"Name": "Acme", "Type": "Account"}, "Who": None},
    ]


def test_type_of_gives_each_type_its_own_fields(world: World) -> None:
    account = world.add("Account", Name="Acme", Phone="1", BillingCity="Bern")
    opportunity = world.add("Opportunity", Name="Deal", Amount=100)
    case = world.add("Case", CaseNumber="7")
    for what in (account, opportunity, case, None):
        world.add("Task", WhatId=what, IsArchived=0)
    records = world.run(
        "SELECT Id, TYPEOF What WHEN Account THEN Phone, BillingCity WHEN Opportunity THEN Amount ELSE Name END "
        "FROM Task ORDER BY Id"
    ).records()
    shown = [
        record["What"] and {k: v for k, v in record["What"].items() if k != "attributes"}
        for record in records
    ]
    assert shown == [{"Phone": "1", "BillingCity": "Bern"}, {"Amount": Decimal("1.0")}, {"Name": "7"}, None]
    assert [record["What"]["attributes"]["type"] for record in records[:3]] == [
        "Account",
        "Opportunity",
        "Name",
    ]


def test_children_are_nested_with_their_count(world: World) -> None:
    first = world.add("Account", Name="first")
    second = world.add("Account", Name="second")
    for name in ("a", "b", "c"):
        world.add("Contact", LastName=name, AccountId=first)
    world.add("Contact", LastName="gone", AccountId=second, IsDeleted=1)
    records = world.ask(
        "SELECT Name, (SELECT LastName, Account.Name FROM Contacts WHERE LastName != 'b' ORDER BY LastName DESC LIMIT 1) "
        "FROM Account ORDER BY Name"
    )
    assert records == [
        {
            "Name": "first",
            "Contacts": {
                "totalSize": 1,
                "done": True,
                "records": [{"LastName": "c", "Account": {"Name": "first"}}],
            },
        },
        {"Name": "second", "Contacts": None},
    ]
    with_deleted = world.ask(
        "SELECT (SELECT LastName FROM Contacts) FROM Account WHERE Name = 'second'", all_rows=True
    )
    assert with_deleted[0]["Contacts"]["records"] == [{"LastName": "gone"}]


def test_children_of_children(world: World) -> None:
    account = world.add("Account", Name="a")
    contact = world.add("Contact", LastName="c", AccountId=account)
    world.add("Case", Subject="s", ContactId=contact, AccountId=account)
    [record] = world.ask(
        "SELECT (SELECT LastName, (SELECT Subject FROM Cases) FROM Contacts), (SELECT Id FROM Cases) FROM Account"
    )
    assert record["Contacts"]["records"][0]["Cases"]["records"] == [{"Subject": "s"}]
    assert record["Cases"]["totalSize"] == 1


def test_addresses_and_locations_are_objects(world: World) -> None:
    world.add("Account", Name="0", BillingCity="Bern", BillingLatitude=46_948_000_000_000_000)
    world.add("Account", Name="1")
    world.add("Thing__c", Place__Latitude__s=46_948_000, Place__Longitude__s=7_447_400)
    full, empty = world.ask("SELECT BillingAddress FROM Account ORDER BY Name")
    assert full["BillingAddress"] == {
        "city": "Bern",
        "country": None,
        "geocodeAccuracy": None,
        "latitude": Decimal("46.948"),
        "longitude": None,
        "postalCode": None,
        "state": None,
        "street": None,
    }
    assert empty["BillingAddress"] is None
    assert world.ask("SELECT Place__c FROM Thing__c") == [
        {"Place__c": {"latitude": Decimal("46.948"), "longitude": Decimal("7.4474")}}
    ]


def test_bytes_are_given_as_the_path_to_them(world: World) -> None:
    document = world.add("Document", Name="d", Body=b"xyz")
    assert world.ask("SELECT Body FROM Document") == [
        {"Body": f"/services/data/v62.0/sobjects/Document/{document}/Body"}
    ]


def test_fields_functions(world: World) -> None:
    world.add("Thing__c", Name="n")
    [every] = world.ask("SELECT FIELDS(ALL) FROM Thing__c LIMIT 200")
    thing = world.schema.get("Thing__c")
    assert thing is not None
    assert list(every) == list(thing.fields)
    [custom] = world.ask("SELECT FIELDS(CUSTOM), Name FROM Thing__c LIMIT 1")
    assert list(custom) == ["Parent__c", "Name"]
    [standard] = world.ask("SELECT FIELDS(STANDARD) FROM Account LIMIT 1") or [{}]
    assert standard == {}
    assert world.refusal("SELECT Id, FIELDS(ALL) FROM Thing__c LIMIT 1")[1] == "duplicate field selected: Id"


def test_pass_through_functions(world: World) -> None:
    world.add("Thing__c", Pick__c="x", Money__c=100)
    assert world.ask("SELECT toLabel(Pick__c), convertCurrency(Money__c) m FROM Thing__c") == [
        {"Pick__c": "x", "m": Decimal("1.0")}
    ]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("Pick__c", "3 10 2"),
        ("Pick__c ASC NULLS LAST", "10 2 3"),
        ("Pick__c DESC", "3 2 10"),
        ("Pick__c desc nulls last", "2 10 3"),
        ("Flag__c, Pick__c DESC NULLS LAST", "2 3 10"),
        ("Parent__r.Name, Id", "10 2 3"),
        ("Count__c DESC", "3 2 10"),
    ],
)
def test_order(world: World, order: str, expected: str) -> None:
    world.add("Thing__c", Name="10", Pick__c="A", Flag__c=1, Count__c=1)
    world.add("Thing__c", Name="2", Pick__c="b", Flag__c=0, Count__c=10)
    world.add("Thing__c", Name="3", Pick__c=None, Flag__c=None)
    found = world.ask(f"SELECT Name FROM Thing__c ORDER BY {order}")
    assert " ".join(row["Name"] for row in found) == expected


def test_limit_and_offset(world: World) -> None:
    things(world, "Count__c", range(5))
    ask = "SELECT Name FROM Thing__c ORDER BY Name"
    assert [row["Name"] for row in world.ask(f"{ask} LIMIT 2 OFFSET 1")] == ["1", "2"]
    assert [row["Name"] for row in world.ask(f"{ask} OFFSET 4")] == ["4"]
    assert world.run(f"{ask} LIMIT 0").total_size == 0
    assert world.run("SELECT COUNT() FROM Thing__c LIMIT 3").total_size == 3


def test_count_gives_a_number_and_no_records(world: World) -> None:
    things(world, "Count__c", range(5))
    result = world.run("SELECT count() FROM Thing__c WHERE Count__c > 1")
    assert (result.total_size, len(result), result.records()) == (3, 0, [])


def test_aggregates(world: World) -> None:
    parent = world.add("Thing__c", Name="p", Pick__c="z")
    for pick, money in (("x", 100), ("X", 201), (None, None)):
        world.add("Thing__c", Pick__c=pick, Money__c=money, Parent__c=parent, Moment__c=MIDNIGHT)
    [record] = world.run(
        "SELECT COUNT(Id), COUNT(Money__c) c, COUNT_DISTINCT(Pick__c), SUM(Money__c) s, AVG(Money__c), MIN(Money__c), "
        "MAX(Moment__c) FROM Thing__c WHERE Parent__r.Name = 'p'"
    ).records()
    assert record == {
        "attributes": {"type": "AggregateResult"},
        "expr0": 3,
        "c": 2,
        "expr1": 1,
        "s": Decimal("3.01"),
        "expr2": Decimal("1.505"),
        "expr3": Decimal("1.0"),
        "expr4": "2026-05-13T00:00:00.000+0000",
    }


def test_groups(world: World) -> None:
    parent = world.add("Thing__c", Name="p")
    for pick in ("x", "X", "y"):
        world.add("Thing__c", Pick__c=pick, Parent__c=parent, Moment__c=MIDNIGHT)
    assert world.ask(
        "SELECT Parent__r.Name, COUNT(Id) n FROM Thing__c GROUP BY Parent__r.Name ORDER BY COUNT(Id) DESC"
    ) == [{"Name": "p", "n": 3}, {"Name": None, "n": 1}]
    assert world.ask(
        "SELECT COUNT(Id) n FROM Thing__c WHERE Pick__c != null GROUP BY Pick__c HAVING COUNT(Id) > 1 ORDER BY n"
    ) == [{"n": 2}]
    assert world.ask(
        "SELECT CALENDAR_YEAR(Moment__c) y, COUNT(Id) FROM Thing__c GROUP BY CALENDAR_YEAR(Moment__c)"
    ) == [
        {"y": None, "expr0": 1},
        {"y": 2026, "expr0": 3},
    ]


def test_more_groups_than_one_page_are_refused(world: World) -> None:
    with world.store.writing():
        things(world, "Count__c", range(2001))
    assert world.refusal("SELECT Name, COUNT(Id) FROM Thing__c GROUP BY Name") == (
        "EXCEEDED_ID_LIMIT",
        "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
    )
    assert world.run("SELECT Name, COUNT(Id) FROM Thing__c GROUP BY Name LIMIT 2000").total_size == 2000


def test_pages_of_a_result_neither_skip_nor_repeat_when_rows_change(world: World) -> None:
    ids = things(world, "Count__c", range(10))
    result = world.run("SELECT Id, Count__c FROM Thing__c WHERE Count__c < 100 ORDER BY Count__c")
    assert [row["Count__c"] for row in result.records(0, 4)] == [0, 1, 2, 3]
    # One no longer meets the condition, one would sort elsewhere, one is gone for good, one is new.
    world.store.update("Thing__c", [ids[5]], {"Count__c": 500})
    world.store.update("Thing__c", [ids[6]], {"Count__c": -1})
    world.store.remove("Thing__c", [ids[7]])
    world.add("Thing__c", Name="new", Count__c=4)
    assert (result.total_size, len(result)) == (10, 10)
    assert [row["Count__c"] for row in result.records(4, 4)] == [4, 500, -1]
    assert [row["Id"] for row in result.records(8, 4)] == [ids[8], ids[9]]
    assert result.records(10, 4) == []


def test_a_page_of_a_field_that_is_gone(world: World) -> None:
    things(world, "Hidden__c", ["a", "b"])
    result = world.run("SELECT Hidden__c FROM Thing__c")
    assert len(result.records(0, 1)) == 1
    world.store.drop_column("Thing__c", THING.fields["Hidden__c"])
    with pytest.raises(soql.SoqlError) as refused:
        result.records(1, 1)
    assert refused.value.error_code == "INVALID_QUERY_LOCATOR"


def test_words_that_are_keywords_elsewhere_name_objects_and_fields(world: World) -> None:
    world.add("Group", Name="Queue", Type="Queue")
    assert world.ask("SELECT Group.Name, Type FROM Group g ORDER BY g.Type") == [
        {"Name": "Queue", "Type": "Queue"}
    ]
    assert world.ask("SELECT Id FROM Account FOR VIEW") == []
    assert world.ask("SELECT Id FROM Account USING SCOPE everything") == []


def test_a_changed_schema_is_another_schema(world: World) -> None:
    assert world.problem("SELECT New__c FROM Thing__c")[0] == "INVALID_FIELD"
    field = Field("New__c", "string", length=5)
    world.store.add_column("Thing__c", field)
    old = world.schema.get("Thing__c")
    assert old is not None
    others = [each for each in world.schema if each.name != "Thing__c"]
    world.schema = Schema([*others, old.with_fields([*old.fields.values(), field])])
    assert world.ask("SELECT New__c FROM Thing__c") == []


def test_a_result_can_be_read_through_another_threads_connection(world: World) -> None:
    things(world, "Pick__c", ["a"])
    result = world.run("SELECT Pick__c FROM Thing__c WHERE Pick__c LIKE 'A'")
    other = world.store._connect()
    try:
        assert [row["Pick__c"] for row in result.records(connection=other)] == ["a"]
    finally:
        other.close()


def test_soql_errors_are_api_errors() -> None:
    assert issubclass(soql.SoqlError, ApiError)
