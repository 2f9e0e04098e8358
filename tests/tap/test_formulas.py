"""Formulas: which are read again without a stamp, when, and of how many rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesforce_simulator.custom import custom_field
from tap_sfsource.api.describe import Field, SObject
from tap_sfsource.catalog.formulas import on_own_row
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer


MOVING = ["LastViewedDate", "LastActivityDate", "AgeInDays", "HasOpenActivity"]


def sobject(**formulas: str | None) -> SObject:
    stored = ["Name", "Amount", "Rate__c", "Stage", "LastName", "LastModifiedDate", "Level__pc", *MOVING]
    fields = [
        Field(name=name, type="double", calculated=True, calculated_formula=text)
        for name, text in formulas.items()
    ]
    return SObject(name="Deal__c", fields=(*(Field(name=name, type="string") for name in stored), *fields))


@pytest.mark.parametrize(
    "text",
    [
        "Amount * (1 - Rate__c)",
        "IF(ISPICKVAL(Stage, 'Won; $x TODAY()'), amount, 0.5)",
        'CASE(Name, "a.b", 1, "say \\"NOW()\\"", 2, 3) /* Account.Name, TODAY() */',
        "AND(NOT(ISBLANK(Name)), Amount >= 10 || Rate__c <> 1, TRUE)",
        'LEFT (Name, 3) & " " & TEXT(Stage)',
        "LastName & TEXT(LastModifiedDate)",
        "1",
    ],
)
def test_a_formula_over_fields_of_its_row_is_known_as_such(text: str) -> None:
    assert set(on_own_row(sobject(Out__c=text), ())) == {"Out__c"}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "Account.Name",
        "Account__r.Owner.Name",
        "TEXT(Parent.Industry)",
        "TODAY() - Amount",
        "today( ) - Amount",
        "NOW()",
        "TIMENOW()",
        "IF($User.Id = Name, 1, 2)",
        "$Organization.Name",
        "Owner:User.Name",
        "VLOOKUP(Name, Name, Name)",
        "ISCHANGED(Name)",
        "PRIORVALUE(Name)",
        "NEW_FUNCTION(Name)",
        "DATEVALUE(Name)",
        "CURRENCYRATE(Name)",
        "Hidden__c + 1",
        *MOVING,
        "Level__pc",
        "Rollup__c + 1",
        "Above__c + 1",
        "Self__c + Out__c",
        "Amount {",
        "'not closed",
        '"a" & Account.Name & "b"',
    ],
)
def test_a_formula_that_may_change_otherwise_is_not(text: str | None) -> None:
    found = on_own_row(sobject(Out__c=text, Rollup__c=None, Above__c="Account.Name", Self__c="Out__c"), ())
    assert "Out__c" not in found


def test_a_formula_of_formulas_is_as_they_are_and_changes_with_their_text() -> None:
    before = on_own_row(sobject(Out__c="Net__c * 2", Net__c="Amount * Rate__c"), ())
    after = on_own_row(sobject(Out__c="Net__c * 2", Net__c="Amount - Rate__c"), ())
    assert set(before) == set(after) == {"Out__c", "Net__c"}
    assert before["Out__c"] != after["Out__c"]
    assert on_own_row(sobject(Out__c="Net__c * 2", Net__c="Amount"), ["deal__c.AMOUNT"]) == {}


@given(st.text(max_size=30), st.sampled_from(["Account.Name", "TODAY()", "$User.Id", "Hidden__c"]))
def test_no_text_around_it_hides_what_lies_elsewhere(text: str, elsewhere: str) -> None:
    """But a text in quotes or a remark, of which it is a part."""
    text = text.translate(str.maketrans("", "", "\"'/"))
    assert on_own_row(sobject(Out__c=f"{text} {elsewhere} {text}"), ()) == {}


def reads_of(server: OrgServer, field: str) -> int:
    """How many queries of the last run asked for a field of every row."""
    asked = [part.path for entry in server.ledger.calls for part in entry.parts]
    queries = [*(str(path) for path in asked), *(entry.query or "" for entry in server.ledger.calls)]
    return sum(field in query and "SystemModstamp" not in query for query in queries)


@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
def test_a_formula_over_its_own_row_is_not_read_again_until_its_text_changes(
    org_server: OrgServer, frozen: Clock, partial_rows: str
) -> None:
    double = custom_field(
        "Double__c", "double", formula="{NumberOfEmployees} * 2", formula_text="NumberOfEmployees * 2"
    )
    org_server.org.add_field("Account", double)
    record_id = org_server.org.create("Account", {"Name": "Acme", "NumberOfEmployees": 2})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account", partial_rows=partial_rows)
    syncs.sync()
    assert syncs.row("accounts", record_id)["double_c"] == 4
    frozen.advance(hours=30)
    assert syncs.sync() == {}
    org_server.org.update(record_id, {"NumberOfEmployees": 3})
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("accounts", record_id)["double_c"] == 6
    org_server.org.change_field(
        "Account", "Double__c", formula="{NumberOfEmployees} * 3", formula_text="NumberOfEmployees * 3"
    )
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("accounts", record_id)["double_c"] == 9
    frozen.advance(hours=3)
    assert syncs.sync() == {}
    # 0 reads no formula again, whatever it is.
    org_server.org.change_field(
        "Account", "Double__c", formula="{NumberOfEmployees} * 4", formula_text="NumberOfEmployees * 4"
    )
    frozen.advance(hours=30)
    assert syncs.sync(refresh_formulas_hours=0) == {}
    syncs.sync()
    assert syncs.row("accounts", record_id)["double_c"] == 12


def watched(server: OrgServer, count: int = 2) -> list[str]:
    """Accounts, whose industry somebody changes without a stamp."""
    return accounts(server, count)


def test_hours_by_object(org_server: OrgServer, frozen: Clock) -> None:
    watched(org_server)
    org_server.org.create("Contact", {"LastName": "Doe"})
    frozen.advance(hours=3)
    syncs = Syncs(
        org_server,
        "Account",
        "Contact",
        refresh_fields=["Account.Industry", "Contact.Title"],
        refresh_formulas_hours={"*": 0, "c*": 6},
    )
    syncs.sync()
    frozen.advance(hours=30)
    assert syncs.sync() == {"contacts": 2}  # a whole row leads the partial one
    frozen.advance(hours=3)
    assert syncs.sync() == {}
    frozen.advance(hours=3)
    assert syncs.sync() == {"contacts": 2}
    # Where no pattern names the object, the default holds.
    frozen.advance(hours=25)
    assert set(syncs.sync(refresh_formulas_hours={"contacts": 0})) == {"accounts"}


def test_not_all_objects_are_read_again_in_one_run_and_none_later_than_said(
    org_server: OrgServer, frozen: Clock
) -> None:
    objects = ["Account", "Contact", "Lead", "Campaign", "Task", "Case", "Contract", "Product2", "Solution"]
    org = org_server.org
    org.create("Account", {"Name": "Acme"})
    org.create("Contact", {"LastName": "Doe"})
    org.create("Lead", {"LastName": "Roe", "Company": "Acme"})
    org.create("Campaign", {"Name": "Spring"})
    org.create("Product2", {"Name": "Thing"})
    frozen.advance(hours=3)
    syncs = Syncs(
        org_server,
        *objects,
        refresh_fields=[f"{name}.CreatedById" for name in objects],
        refresh_formulas_hours=24,
    )
    syncs.sync()
    first: dict[str, int] = {}
    for tick in range(1, 25):
        frozen.advance(hours=1)
        for stream in syncs.sync():
            first.setdefault(stream, tick)
    assert set(first) == {"accounts", "contacts", "leads", "campaigns", "products"}
    assert min(first.values()) >= 18
    assert len(set(first.values())) > 2


@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
def test_a_large_object_keeps_its_formulas_and_says_so(
    org_server: OrgServer, frozen: Clock, partial_rows: str, capsys: pytest.CaptureFixture[str]
) -> None:
    watched(org_server, 5)
    frozen.advance(hours=3)
    config = {
        "refresh_fields": ["Account.Industry"],
        "refresh_formulas_max_rows": 4,
        "partial_rows": partial_rows,
    }
    syncs = Syncs(org_server, "Account", "Contact", **config)
    syncs.sync()
    frozen.advance(hours=30)
    assert syncs.sync() == {}
    assert syncs.complete
    assert len(org_server.ledger.matching("/limits/recordCount")) == 1
    assert syncs.sync(refresh_formulas_max_rows=0)["accounts"] >= 5
    frozen.advance(hours=30)
    assert syncs.sync(refresh_formulas_max_rows=5)["accounts"] >= 5
