"""Values that hurt careless readers, written by a client and read through REST and both Bulk APIs: not a byte changes."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from salesforce_simulator.texts import HURTFUL, long_text
from tests.sim.api import Api, error

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

csv.field_size_limit(1 << 20)
LONGEST = 131_072
FIELDS = {
    "Long__c": {"kind": "textarea", "length": LONGEST},
    "Short__c": {"kind": "string"},
    "Money__c": {"kind": "currency", "precision": 18, "scale": 2},
    "Ratio__c": {"kind": "double", "precision": 18, "scale": 17},
    "Big__c": {"kind": "double", "precision": 18, "scale": 0},
    "Day__c": {"kind": "date"},
    "Moment__c": {"kind": "datetime"},
    "At__c": {"kind": "time"},
}


@pytest.fixture
def api(org_server: OrgServer) -> Api:
    for name, attributes in FIELDS.items():
        org_server.org.add_field("Account", custom_field(name, **attributes))  # type: ignore[arg-type]
    org_server.org.change_field("Account", "NumberOfEmployees", decimal_text=True)
    return Api(org_server)


def kept(api: Api, **values: Any) -> str:
    """Write a record as a client does; gives its id."""
    answer = api.post("sobjects/Account", {"Name": "x", **values})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def rest(api: Api, name: str) -> dict[str, Any]:
    """What REST says of a field, by record id."""
    page = api.query(f"SELECT Id, {name} FROM Account").json(parse_float=Decimal)
    return {row["Id"]: row[name] for row in page["records"]}


def bulk2(api: Api, name: str, **settings: str) -> dict[str, str]:
    """What a Bulk 2.0 result says of it."""
    job = api.job(f"SELECT Id, {name} FROM Account", **settings)
    assert api.finished(job)["state"] == "JobComplete"
    return cells(api.results(job).content, name, "\t" if settings else ",")


def bulk1(api: Api, name: str) -> dict[str, str]:
    """What a Bulk 1.0 result says of it."""
    base = "/services/async/62.0/job"
    wish = {"operation": "query", "object": "Account", "contentType": "CSV"}
    job = f"{base}/{api.call('POST', base, json=wish).json()['id']}"
    added = api.call("POST", f"{job}/batch", data=f"SELECT Id, {name} FROM Account").text
    batch = f"{job}/batch/{between(added, '<id>', '</id>')}"
    assert between(api.get(batch).text, "<state>", "</state>") == "Completed"
    result = between(api.get(f"{batch}/result").text, "<result>", "</result>")
    return cells(api.get(f"{batch}/result/{result}").content, name, ",")


def between(text: str, start: str, end: str) -> str:
    return text.partition(start)[2].partition(end)[0]


def cells(content: bytes, name: str, delimiter: str) -> dict[str, str]:
    found = csv.DictReader(io.StringIO(content.decode(), newline=""), delimiter=delimiter)
    return {row["Id"]: row[name] for row in found}


def agree(api: Api, name: str, expected: dict[str, Any], text: dict[str, str] | None = None) -> None:
    """Each way says what is expected; `text` is how CSV writes it."""
    text = expected if text is None else text
    assert rest(api, name) == expected
    assert bulk2(api, name) == text
    assert bulk2(api, name, columnDelimiter="TAB", lineEnding="CRLF") == text
    assert bulk1(api, name) == text


def test_every_hurtful_text(api: Api) -> None:
    agree(api, "Long__c", {kept(api, Long__c=text): text for text in HURTFUL})


def test_nul_in_the_middle_and_at_the_ends(api: Api) -> None:
    texts = ("a\0b", "\0", "\0start", "end\0", 'a\0"b"\r\n\0')
    expected = {kept(api, Long__c=text): text for text in texts}
    assert b"\\u0000" in api.query("SELECT Long__c FROM Account").content
    agree(api, "Long__c", expected)
    found = api.get("query", params={"q": "SELECT Id FROM Account WHERE Name = 'x'"}).json()
    assert found["totalSize"] == len(texts)


def test_the_longest_text_and_one_character_more(api: Api) -> None:
    # As many characters, of which some are four bytes and some two code units.
    texts = (long_text(LONGEST), "👩" * LONGEST, '"' * LONGEST, "\r\n" * (LONGEST // 2))
    agree(api, "Long__c", {kept(api, Long__c=text): text for text in texts})
    more = api.post("sobjects/Account", {"Name": "x", "Long__c": "x" * (LONGEST + 1)})
    assert error(more) == (400, "STRING_TOO_LONG")


def test_an_empty_text_is_null(api: Api) -> None:
    record = kept(api, Short__c="")
    other = kept(api, Short__c="full")
    api.call("PATCH", f"sobjects/Account/{other}", json={"Short__c": ""})
    agree(api, "Short__c", {record: None, other: None}, {record: "", other: ""})


def test_ints_that_leave_as_decimals(api: Api) -> None:
    records = {kept(api, NumberOfEmployees=number): number for number in (47, 0, -1, 2**31 - 1, -(2**31))}
    answer = api.query("SELECT NumberOfEmployees FROM Account WHERE NumberOfEmployees = 47")
    assert b'"NumberOfEmployees":47.0' in answer.content
    agree(api, "NumberOfEmployees", records, {i: f"{number}.0" for i, number in records.items()})


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        (
            "Money__c",
            {"9999999999999999.99": "9.99999999999999999E15", "-0.01": "-0.01", "1234567.8": "1234567.8"}
            # More decimals than the field's two.
            | {"237.631": "237.631", "-0.00012": "-1.2E-4", "98765432.125": "9.8765432125E7"},
        ),
        (
            "Ratio__c",
            {"9.99999999999999999": "9.99999999999999999", "-0.00000000000000001": "-1.0E-17", "0": "0.0"},
        ),
        (
            "Big__c",
            {"-999999999999999999": "-9.99999999999999999E17", "16147805824397": "1.6147805824397E13"},
        ),
    ],
)
def test_decimals_of_18_digits(api: Api, name: str, texts: dict[str, str]) -> None:
    records = {}
    for text in texts:
        body = f'{{"Name": "x", "{name}": {text}}}'
        answer = api.call("POST", "sobjects/Account", data=body, headers={"Content-Type": "application/json"})
        records[answer.json()["id"]] = text
    content = api.query(f"SELECT {name} FROM Account").content
    assert all(f'"{name}":{written}'.encode() in content for written in texts.values())
    agree(
        api,
        name,
        {i: Decimal(text) for i, text in records.items()},
        {i: texts[text] for i, text in records.items()},
    )


def test_decimals_beyond_the_scale_count_in_queries(api: Api) -> None:
    record = kept(api, Money__c=237.631)
    kept(api, Money__c=237.63)
    for condition in ("= 237.631", "> 237.63", ">= 237.6305"):
        page = api.query(f"SELECT Id FROM Account WHERE Money__c {condition}").json()
        assert [row["Id"] for row in page["records"]] == [record]
    assert api.query("SELECT SUM(Money__c) s FROM Account").json()["records"][0]["s"] == 475.261
    too_large = api.post("sobjects/Account", {"Name": "x", "Money__c": 10**16})
    assert error(too_large) == (400, "NUMBER_OUTSIDE_VALID_RANGE")


def test_dates_and_times_at_both_ends(api: Api) -> None:
    days = {kept(api, Day__c=day): day for day in ("1700-01-01", "4000-12-31", "2024-02-29", "1969-12-31")}
    agree(api, "Day__c", days)
    for day in ("1699-12-31", "4001-01-01", "2023-02-29"):
        assert api.post("sobjects/Account", {"Name": "x", "Day__c": day}).status_code == 400


def test_moments_at_both_ends(api: Api) -> None:
    moments = ("1700-01-01T00:00:00", "4000-12-31T23:59:59", "1969-12-31T23:59:59", "2026-03-29T01:59:59")
    records = {kept(api, Moment__c=f"{moment}Z"): moment for moment in moments}
    agree(
        api,
        "Moment__c",
        {i: f"{moment}.000+0000" for i, moment in records.items()},
        {i: f"{moment}.000Z" for i, moment in records.items()},
    )


def test_times_at_both_ends(api: Api) -> None:
    agree(api, "At__c", {kept(api, At__c=text): text for text in ("00:00:00.000Z", "23:59:59.999Z")})
