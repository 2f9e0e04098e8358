"""Queries that are refused, with the codes and messages of the real thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from salesforce_simulator import soql
from salesforce_simulator.schema import Field
from salesforce_simulator.users import Permissions
from tests.sim.soql_things import NOW, World, sobject

if TYPE_CHECKING:
    from collections.abc import Iterator

ADVICE = "Please reference your WSDL or the describe call for the appropriate names."
OBJECT_ID = "a00Hs0000000001IAA"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def test_an_unknown_field_is_shown_in_its_place(world: World) -> None:
    assert world.refusal("SELECT Id, Foo FROM Account") == (
        "INVALID_FIELD",
        "\nSELECT Id, Foo FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Foo' on entity 'Account'. "
        "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
        + ADVICE,
    )


def test_the_row_is_counted_and_only_its_line_is_shown(world: World) -> None:
    _, message = world.refusal("SELECT Id\nFROM Account\nWHERE  Foo = 1")
    assert message.startswith("\nWHERE  Foo = 1\n       ^\nERROR at Row:3:Column:8\nNo such column")


def test_of_a_long_line_some_words_around_the_place_are_shown(world: World) -> None:
    text = (
        "SELECT Id, Name, Phone, Fax, Website, Industry, AnnualRevenue, Rating, Oops__c, OwnerId, CreatedById, "
        "Site FROM Account"
    )
    _, message = world.refusal(text)
    excerpt, caret, place, _ = message.split("\n")[1:]
    assert excerpt == "Industry, AnnualRevenue, Rating, Oops__c, OwnerId, CreatedById, Site FROM"
    assert excerpt[len(caret) - 1 :].startswith("Oops__c")
    assert place == f"ERROR at Row:1:Column:{text.index('Oops') + 1}"


SYNTAX = {
    "SELECT Id FROM": "unexpected token: '<EOF>'",
    "SELECT Id FROM Account LIMIT": "unexpected token: '<EOF>'",
    "SELECT Id FROM Account LIMIT 1.5": "unexpected token: '1.5'",
    "SELECT Id, FROM Account": "unexpected token: 'FROM'",
    "q=SELECT Id FROM Account": "unexpected token: 'q'",
    "SELECT Id FROM Account WHERE Name = 'a' AND Fax = 'b' OR Site = 'c'": "unexpected token: 'OR'",
    "SELECT Id FROM Account WHERE Name = 'a' AND NOT Fax = 'b'": "unexpected token: 'NOT'",
    "SELECT Id FROM Account WHERE Name IS NULL": "unexpected token: 'IS'",
    "SELECT Id FROM Account WHERE Name = foo": "unexpected token: 'foo'",
    "SELECT Id FROM Account WHERE Name = :foo": "Bind variables only allowed in Apex code",
    "SELECT Id FROM Account WHERE Name = foo:3": "Bind variables only allowed in Apex code",
    "SELECT Id FROM Account WHERE Name == 'x'": "unexpected token: '='",
    "SELECT Id FROM Account WHERE Name IN ()": "unexpected token: ')'",
    "SELECT Id FROM Account ORDER Name": "unexpected token: 'Name'",
    "SELECT Id FROM Account;": "line 1:22 no viable alternative at character ';'",
    "SELECT * FROM Account": "line 1:7 no viable alternative at character '*'",
    'SELECT Id FROM Account WHERE Name = "x"': "line 1:36 no viable alternative at character '\"'",
    "SELECT Id FROM Account WHERE Name = 'x": "line 1:38 mismatched character '<EOF>' expecting '''",
    "SELECT Id FROM Account WHERE CreatedDate > 2020-01-01T00:00:00 00:00": (
        "line 1:62 no viable alternative at character ' '"
    ),
    "SELECT Id FROM Account WHERE CreatedDate > 2020-01-01T00:00:00": (
        "line 1:62 no viable alternative at character '<EOF>'"
    ),
    r"SELECT Id FROM Account WHERE Name = 'a\qb'": r"Illegal escape sequence '\q'",
    "SELECT Id FROM Account USING SCOPE sideways": "Invalid scope: sideways",
    "SELECT Id Name FROM Account": "only aggregate expressions use field aliasing",
    "SELECT Id FROM Account ALL ROWS": "ALL ROWS not allowed in this context",
    "SELECT Id FROM Account WHERE CreatedDate > 2020-02-30T00:00:00Z": "invalid dateTime: 2020-02-30T00:00:00Z",
    "SELECT foo(Id) FROM Account": "unexpected token: 'foo'",
    "SELECT FIELDS(SOME) FROM Account": "The SOQL FIELDS function must be called with ALL, STANDARD or CUSTOM",
    "SELECT COUNT(), Id FROM Account": "COUNT() must be the only element in the SELECT list",
    "SELECT COUNT(Id) FROM Account LIMIT 3": (
        "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"
    ),
    "SELECT SUM(Name) FROM Account": "field Name does not support aggregate operator SUM",
    "SELECT Id FROM Account HAVING COUNT(Id) > 1": "HAVING is only allowed with GROUP BY",
    "SELECT Id FROM Contact WHERE AccountId IN (SELECT Name FROM Account)": (
        "semi join sub-selects can only query id fields, cannot use: 'Name'"
    ),
    "SELECT Id FROM Account WHERE Id IN (SELECT Id FROM Account)": (
        "The inner and outer selects should not be on the same object type"
    ),
    "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE Id IN (SELECT WhoId FROM Task))": (
        "Nesting of semi join sub-selects is not supported"
    ),
    "SELECT Id FROM Account WHERE Name = 'x' OR Id IN (SELECT AccountId FROM Contact)": (
        "Semi join sub-selects are not allowed with the 'OR' operator"
    ),
    "SELECT Id FROM Account WHERE Name = 'x' AND (Fax = 'y' AND Id IN (SELECT AccountId FROM Contact))": (
        "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE expressions."
    ),
}


@pytest.mark.parametrize("text", SYNTAX)
def test_malformed(world: World, text: str) -> None:
    assert world.problem(text) == ("MALFORMED_QUERY", SYNTAX[text])
    _, message = world.refusal(text)
    lines = message.split("\n")
    assert lines[1] in text
    assert lines[2].strip() == "^"
    assert lines[3].startswith("ERROR at Row:1:Column:")


def test_a_query_without_a_place_in_its_error(world: World) -> None:
    assert world.refusal("  ") == ("MALFORMED_QUERY", "A query string has to be specified")
    assert world.refusal(f"SELECT Id FROM Account WHERE Name = '{'x' * 100_000}'") == (
        "MALFORMED_QUERY",
        "SOQL statements cannot be longer than 100000 characters.",
    )
    assert world.refusal("SELECT FIELDS(ALL) FROM Account") == (
        "MALFORMED_QUERY",
        "The SOQL FIELDS function must have a LIMIT of at most 200",
    )
    assert world.refusal("SELECT FIELDS(CUSTOM) FROM Account LIMIT 201") == (
        "MALFORMED_QUERY",
        "The SOQL FIELDS function must have a LIMIT of at most 200",
    )
    assert world.refusal("SELECT Id FROM Account OFFSET 2001") == (
        "NUMBER_OUTSIDE_VALID_RANGE",
        "Maximum SOQL offset allowed is 2000",
    )
    assert world.refusal("SELECT Id, Name, id FROM Account") == (
        "INVALID_FIELD",
        "duplicate field selected: Id",
    )
    assert world.refusal("SELECT Owner.Name, owner.name FROM Account") == (
        "INVALID_FIELD",
        "duplicate field selected: Owner.Name",
    )


def test_conditions_of_too_many_levels(world: World) -> None:
    def nested(levels: int) -> str:
        opened = "(Name = 'x' AND (Name = 'y' OR " * levels
        return f"SELECT Id FROM Account WHERE {opened}Name = 'z'{'))' * levels}"

    assert world.run(nested(12)).total_size == 0
    problem = "Query is either selecting too many fields or the filter conditions are too complicated."
    assert world.refusal(nested(100)) == ("QUERY_TOO_COMPLICATED", problem)
    assert world.refusal(nested(2_500)) == ("QUERY_TOO_COMPLICATED", problem)
    assert (
        world.run(f"SELECT Id FROM Account WHERE {'NOT (' * 10_001}Name = null{')' * 10_001}").total_size == 0
    )
    text = f"SELECT {'toLabel(' * 9_000}Name{')' * 9_000} FROM Account GROUP BY Name"
    assert world.refusal(text) == ("QUERY_TOO_COMPLICATED", problem)
    assert world.run(f"SELECT Id FROM Account WHERE {'(' * 20_000}Name = 'x'{')' * 20_000}").total_size == 0


def test_children_and_parents_beyond_number(world: World) -> None:
    text = "SELECT Id FROM Thing__c"
    for _ in range(4):
        text = text.replace("FROM Thing__c", "FROM Things__r")
        text = f"SELECT Id, ({text}) FROM Thing__c"
    assert world.run(text).total_size == 0
    text = f"SELECT Id, ({text.replace('FROM Thing__c', 'FROM Things__r')}) FROM Thing__c"
    assert world.problem(text) == ("MALFORMED_QUERY", "Only 4 levels of child subqueries are allowed")


def test_more_parents_than_a_query_may_have() -> None:
    fields = [
        Field(f"Up{n}__c", "reference", reference_to=("Account",), relationship_name=f"Up{n}__r")
        for n in range(56)
    ]
    world = World(sobject("Low__c", "a98", *fields))
    try:
        paths = [f"Up{n}__r.Name" for n in range(56)]
        assert world.run(f"SELECT {', '.join(paths[:55])} FROM Low__c").total_size == 0
        assert world.refusal(f"SELECT {', '.join(paths)} FROM Low__c") == (
            "MALFORMED_QUERY",
            "Only 55 child-to-parent relationships are allowed in a query",
        )
    finally:
        world.close()


def test_unknown_and_forbidden_objects(world: World) -> None:
    assert world.refusal("SELECT Id FROM Nonsense") == (
        "INVALID_TYPE",
        "\nSELECT Id FROM Nonsense\n               ^\nERROR at Row:1:Column:16\nsObject type 'Nonsense' is not supported. "
        "If you are attempting to use a custom object, be sure to append the '__c' after the entity name. "
        + ADVICE,
    )
    assert world.refusal("SELECT Id FROM Name") == (
        "INVALID_TYPE_FOR_OPERATION",
        "entity type Name does not support query",
    )


def test_an_object_that_needs_a_filter_on_ids(world: World) -> None:
    restriction = (
        "Implementation restriction: Link requires a filter by a single Id on ThingId or OtherId using the equals "
        "operator or multiple Id's using the IN operator."
    )
    problem = ("MALFORMED_QUERY", restriction)
    assert world.refusal("SELECT Id FROM Link") == problem
    assert world.refusal("SELECT Id FROM Link WHERE ThingId != null") == problem
    assert world.refusal(f"SELECT Id FROM Link WHERE ThingId = '{OBJECT_ID}' OR Id != null") == problem
    assert world.run("SELECT Id FROM Link WHERE Id = 'b00Hs0000000001IAA'").total_size == 0
    assert world.run(f"SELECT Id FROM Link WHERE OtherId IN ('{OBJECT_ID}')").total_size == 0
    assert world.run(f"SELECT Id FROM Link WHERE Id != null AND ThingId = '{OBJECT_ID}'").total_size == 0


def must_be(field: str, kind: str, *, quoted: bool = False) -> tuple[str, str]:
    should = "should" if quoted else "should not"
    return (
        "INVALID_FIELD",
        f"value of filter criterion for field '{field}' must be of type {kind} and {should} be enclosed in quotes",
    )


FILTERS = {
    "Moment__c > 2020-01-01": must_be("Moment__c", "dateTime"),
    "Moment__c > '2020-01-01T00:00:00Z'": must_be("Moment__c", "dateTime"),
    "Moment__c IN (TODAY, 3)": must_be("Moment__c", "dateTime"),
    "Day__c = 2020-01-01T00:00:00Z": must_be("Day__c", "date"),
    "Day__c = '2020-01-01'": must_be("Day__c", "date"),
    "Name = 3999": must_be("Name", "string", quoted=True),
    "Name = TODAY": must_be("Name", "string", quoted=True),
    "Money__c = '1'": must_be("Money__c", "currency"),
    "Count__c = true": must_be("Count__c", "int"),
    "Flag__c = 'true'": must_be("Flag__c", "boolean"),
    "Id = 1": must_be("Id", "ID", quoted=True),
    "Id = 'nonsense'": ("INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: nonsense"),
    "Parent__c IN ('001')": ("INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: 001"),
    "Id = 'a00Hs0000000001XXX'": ("INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: a00Hs0000000001XXX"),
    "Id LIKE 'a00%'": ("INVALID_FIELD", "invalid operator on id field"),
    "Flag__c > true": ("INVALID_FIELD", "invalid operator on boolean field"),
    "Name INCLUDES ('x')": (
        "INVALID_FIELD",
        "includes or excludes operator only valid on multipicklist field",
    ),
    "Long__c = 'x'": ("INVALID_FIELD", "field 'Long__c' can not be filtered in a query call"),
    "Long__c = null": ("INVALID_FIELD", "field 'Long__c' can not be filtered in a query call"),
    "Hidden__c = 'x'": ("INVALID_FIELD", "field 'Hidden__c' can not be filtered in a query call"),
    "Blob__c = 'x'": ("INVALID_FIELD", "field 'Blob__c' can not be filtered in a query call"),
    "Place__c = 'x'": ("INVALID_FIELD", "field 'Place__c' can not be filtered in a query call"),
}


@pytest.mark.parametrize("where", FILTERS)
def test_filters_that_a_field_does_not_take(world: World, where: str) -> None:
    text = f"SELECT Id FROM Thing__c WHERE {where}"
    assert world.problem(text) == FILTERS[where]
    # The caret points at the field, as in messages seen.
    assert "ERROR at Row:1:Column:31\n" in world.refusal(text)[1]


def test_relationships_that_are_none(world: World) -> None:
    code, problem = world.problem("SELECT Foo.Name FROM Account")
    assert (code, problem.partition(".")[0]) == (
        "INVALID_FIELD",
        "Didn't understand relationship 'Foo' in field path",
    )
    code, problem = world.problem("SELECT Id, (SELECT Id FROM Foos) FROM Account")
    assert (code, problem.partition(".")[0]) == (
        "INVALID_TYPE",
        "Didn't understand relationship 'Foos' in FROM part of query call",
    )
    path = ".".join(["Parent__r"] * 6)
    assert world.problem(f"SELECT {path}.Name FROM Thing__c")[0] == "MALFORMED_QUERY"
    assert world.run(f"SELECT {path[10:]}.Name FROM Thing__c").total_size == 0


def test_what_groups_do_not_have(world: World) -> None:
    assert world.refusal("SELECT Name, COUNT(Id) FROM Account") == (
        "MALFORMED_QUERY",
        "Field must be grouped or aggregated: Name",
    )
    assert world.refusal("SELECT COUNT(Id) FROM Account GROUP BY Name ORDER BY Fax") == (
        "MALFORMED_QUERY",
        "Ordered field must be grouped or aggregated: Fax",
    )
    for name in ("AnnualRevenue", "CreatedDate", "BillingAddress"):
        assert world.problem(f"SELECT COUNT(Id) FROM Account GROUP BY {name}") == (
            "INVALID_FIELD",
            f"field '{name}' can not be grouped in a query call",
        )


def test_fields_that_cannot_be_sorted_by(world: World) -> None:
    for name in ("Hidden__c", "Blob__c", "Place__c", "Multi__c"):
        assert world.problem(f"SELECT Id FROM Thing__c ORDER BY {name}") == (
            "INVALID_FIELD",
            f"field '{name}' can not be sorted in a query call",
        )


BULK = {
    "SELECT BillingAddress FROM Account": (
        "FUNCTIONALITY_NOT_ENABLED",
        "Selecting compound data not supported in Bulk Query",
    ),
    "SELECT Place__c FROM Thing__c": (
        "FUNCTIONALITY_NOT_ENABLED",
        "Selecting compound data not supported in Bulk Query",
    ),
    "SELECT FIELDS(STANDARD) FROM Account": (
        "FUNCTIONALITY_NOT_ENABLED",
        "Selecting compound data not supported in Bulk Query",
    ),
    "SELECT Blob__c FROM Thing__c": (
        "FUNCTIONALITY_NOT_ENABLED",
        "Selecting base64 data not supported in Bulk Query",
    ),
    "SELECT COUNT() FROM Account": ("API_ERROR", "Aggregate queries are not supported in Bulk Query"),
    "SELECT MAX(Name) FROM Account": ("API_ERROR", "Aggregate queries are not supported in Bulk Query"),
    "SELECT Name FROM Account GROUP BY Name": (
        "API_ERROR",
        "Aggregate queries are not supported in Bulk Query",
    ),
    "SELECT Id FROM Account OFFSET 5": ("API_ERROR", "OFFSET is not supported in Bulk Query"),
    "SELECT TYPEOF What WHEN Account THEN Phone END FROM Task": (
        "API_ERROR",
        "TYPEOF not supported in Bulk Query",
    ),
    "SELECT Id, (SELECT Id FROM Contacts) FROM Account": (
        "API_ERROR",
        "Aggregate Relationships not supported in Bulk V2 Query with CSV content type",
    ),
    "SELECT FIELDS(ALL) FROM Account LIMIT 10": (
        "MALFORMED_QUERY",
        "The SOQL FIELDS function is not supported with an unbounded set of fields in this API",
    ),
}


@pytest.mark.parametrize("text", BULK)
def test_what_bulk_refuses_and_rest_does_not(world: World, text: str) -> None:
    assert world.problem(text, api="bulk") == BULK[text]
    world.run(text)


def test_what_a_user_may_not_see_is_unknown(world: World) -> None:
    seen = world.schema.restricted_to(Permissions().without_object("Contact").without_field("Account.Phone"))
    for text, code in (
        ("SELECT Id FROM Contact", "INVALID_TYPE"),
        ("SELECT Phone FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Phone = 'x'", "INVALID_FIELD"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "INVALID_TYPE"),
    ):
        with pytest.raises(soql.SoqlError) as refused:
            soql.execute(text, schema=seen, connection=world.store.reader(), now=NOW)
        assert refused.value.error_code == code
        world.run(text)


def test_check_refuses_without_running(world: World) -> None:
    soql.check("SELECT Id FROM Account", schema=world.schema, now=NOW, api="bulk")
    with pytest.raises(soql.SoqlError):
        soql.check("SELECT BillingAddress FROM Account", schema=world.schema, now=NOW, api="bulk")
