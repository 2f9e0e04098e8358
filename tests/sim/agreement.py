"""What one org tells by each of its ways, compared: describe, REST, Bulk and replication."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from salesforce_simulator.org import Org
    from tests.sim.api import Api

Row = dict[str, Any]
_NOT_IN_BULK = ("address", "location", "base64")


def text_of(moment: datetime) -> str:
    """A moment as REST writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def cell(kind: str, value: Any) -> str:
    """How Bulk writes what REST says."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value:f}" if kind == "int" else _java(value)
    return str(value).replace("+0000", "Z") if kind == "datetime" else str(value)


def _java(value: Decimal) -> str:
    """A number as Java writes doubles."""
    if not value or Decimal("0.001") <= abs(value) < 10_000_000:
        text = f"{value:f}"
        return text if "." in text else f"{text}.0"
    mantissa, _, exponent = f"{value:.17E}".partition("E")
    whole, _, fraction = mantissa.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}E{int(exponent)}"


def by_id(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows by their id, each there once."""
    rows = list(rows)
    found = {row["Id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def check_describes(api: Api, expected: Mapping[str, Collection[str]], absent: Collection[str]) -> None:
    """Describe shows these objects with these fields, no absent one, and parents list just their children."""
    listed = {line["name"] for line in api.get("sobjects").json()["sobjects"]}
    assert expected.keys() <= listed
    assert not listed & set(absent)
    described = {name: api.get(f"sobjects/{name}/describe").json() for name in expected}
    pointing = set()
    for name, body in described.items():
        assert [f["name"] for f in body["fields"]] == list(expected[name])
        pointing |= {
            (parent, name, f["name"])
            for f in body["fields"]
            for parent in f["referenceTo"]
            if f["name"] != "MasterRecordId"
        }
    for parent, body in described.items():
        children = [
            (parent, child["childSObject"], child["field"])
            for child in body["childRelationships"]
            if child["childSObject"] in expected
        ]
        assert len(children) == len(set(children))
        assert set(children) == {way for way in pointing if way[0] == parent}
    for name in absent:
        assert api.get(f"sobjects/{name}/describe").status_code == 404
        assert api.get(f"sobjects/{name}/updated/", params={"start": "x", "end": "y"}).status_code == 404
        refused = api.query(f"SELECT Id FROM {name}")
        assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_TYPE")


def check_rows(api: Api, org: Org, sobject: str) -> None:
    """Query, queryAll and Bulk give every field that describe shows, as the store has it."""
    fields = {
        f["name"]: f["type"]
        for f in api.get(f"sobjects/{sobject}/describe").json()["fields"]
        if f["type"] not in _NOT_IN_BULK
    }
    soql = f"SELECT {', '.join(fields)} FROM {sobject}"
    truth = by_id({name: row[name] for name in fields} for row in org.rows(sobject))
    shown = {i for i, row in truth.items() if not row.get("IsDeleted") and not row.get("IsArchived", False)}
    assert by_id(_records(api, soql, "query")).keys() == shown
    assert by_id(_records(api, soql, "queryAll")) == truth
    for operation, ids in (("query", shown), ("queryAll", truth.keys())):
        job = api.job(soql, operation)
        assert api.finished(job)["state"] == "JobComplete"
        lines = csv.DictReader(io.StringIO(api.results(job).content.decode(), newline=""))
        assert by_id(lines) == {
            i: {name: cell(fields[name], value) for name, value in truth[i].items()} for i in ids
        }


def check_changes(
    api: Api, org: Org, sobject: str, deletions: Mapping[str, datetime], *, log_is_whole: bool
) -> None:
    """Getting updated and deleted ids of the last day tells what query and queryAll show, and no more."""
    end = org.clock.now() + timedelta(minutes=1)
    window = {"start": text_of(end - timedelta(days=1)), "end": text_of(end)}
    soql = f"SELECT Id, IsDeleted, SystemModstamp FROM {sobject}"
    rows = _records(api, soql, "queryAll")
    told = api.get(f"sobjects/{sobject}/updated/", params=window).json()
    assert sorted(told["ids"]) == sorted(
        row["Id"] for row in rows if not row["IsDeleted"] and row["SystemModstamp"] >= window["start"]
    )
    if not log_is_whole:
        return
    told = api.get(f"sobjects/{sobject}/deleted/", params=window).json()
    gone = {entry["id"]: entry["deletedDate"] for entry in told["deletedRecords"]}
    assert gone == {
        i: text_of(moment) for i, moment in deletions.items() if text_of(moment) >= window["start"]
    }
    assert {row["Id"]: row["IsDeleted"] for row in rows if row["Id"] in gone} == dict.fromkeys(
        (row["Id"] for row in rows if row["Id"] in gone), True
    )


def _records(api: Api, soql: str, resource: str) -> list[Row]:
    page = api.query(soql, resource).json(parse_float=Decimal)
    assert page["done"] is True
    assert page["totalSize"] == len(page["records"])
    for row in page["records"]:
        del row["attributes"]
    found: list[Row] = page["records"]
    return found
