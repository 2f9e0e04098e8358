"""Fields that Salesforce works out itself when a record is saved: names, closed flags, numbers of their own."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from salesforce_simulator.clock import from_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from salesforce_simulator.schema import SObject

Row = dict[str, Any]

# (name, closed, won, probability, forecast category, its name), as a new org has them.
STAGES = (
    ("Prospecting", 0, 0, 10, "Pipeline", "Pipeline"),
    ("Qualification", 0, 0, 10, "Pipeline", "Pipeline"),
    ("Needs Analysis", 0, 0, 20, "Pipeline", "Pipeline"),
    ("Value Proposition", 0, 0, 50, "Pipeline", "Pipeline"),
    ("Id. Decision Makers", 0, 0, 60, "Pipeline", "Pipeline"),
    ("Perception Analysis", 0, 0, 70, "Pipeline", "Pipeline"),
    ("Proposal/Price Quote", 0, 0, 75, "Pipeline", "Pipeline"),
    ("Negotiation/Review", 0, 0, 90, "Pipeline", "Pipeline"),
    ("Closed Won", 1, 1, 100, "Closed", "Closed"),
    ("Closed Lost", 1, 0, 0, "Omitted", "Omitted"),
)
_STAGE = {stage[0]: stage for stage in STAGES}


def derive(sobject: SObject, row: Row, given: Row, stamp: int) -> Row:
    """What saving a record sets besides the values given, of the fields that the object has; all in storage values.

    `row` is the record as it will be: what it was before where nothing was given.
    """
    rule = _RULES.get(sobject.name)
    if rule is None:
        return {}
    return {
        name: value
        for name, value in rule(row, given, stamp).items()
        if name in sobject.fields and name not in given
    }


def auto_number(sobject: SObject, name: str, number: int) -> str:
    """The value of an auto-number field in the number-th record."""
    if sobject.custom:
        letters = "".join(c for c in sobject.label if c.isalpha())[:3].upper()
        return f"{letters}-{number:05d}"
    return f"{number + 999:08d}" if name != "SolutionNumber" else f"{number:08d}"


def _person(row: Row, _given: Row, _stamp: int) -> Row:
    return {"Name": " ".join(part for part in (row.get("FirstName"), row.get("LastName")) if part) or None}


def _case(row: Row, given: Row, stamp: int) -> Row:
    closed = int(row.get("Status") == "Closed")
    if not closed:
        return {"IsClosed": 0, "ClosedDate": None}
    return {"IsClosed": 1, "ClosedDate": row.get("ClosedDate") or stamp}


def _opportunity(row: Row, given: Row, _stamp: int) -> Row:
    changes: Row = {}
    stage = _STAGE.get(row.get("StageName") or "")
    if stage is not None and "StageName" in given:
        changes = {
            "IsClosed": stage[1],
            "IsWon": stage[2],
            "Probability": stage[3],
            "ForecastCategory": stage[4],
            "ForecastCategoryName": stage[5],
        }
    probability = given.get("Probability", changes.get("Probability", row.get("Probability")))
    amount = row.get("Amount")
    # Half up, on cents.
    changes["ExpectedRevenue"] = (
        None if amount is None or probability is None else int((amount * probability * 2 + 100) // 200)
    )
    if row.get("CloseDate"):
        close = date.fromisoformat(row["CloseDate"])
        quarter = (close.month + 2) // 3
        changes |= {"FiscalQuarter": quarter, "FiscalYear": close.year, "Fiscal": f"{close.year} {quarter}"}
    return changes


def _task(row: Row, _given: Row, stamp: int) -> Row:
    closed = int(row.get("Status") == "Completed")
    return {
        "IsClosed": closed,
        "IsHighPriority": int(row.get("Priority") == "High"),
        "CompletedDateTime": (row.get("CompletedDateTime") or stamp) if closed else None,
    }


def _event(row: Row, given: Row, _stamp: int) -> Row:
    start = given.get("StartDateTime") or given.get("ActivityDateTime") or row.get("StartDateTime")
    if start is None:
        return {}
    end = row.get("EndDateTime")
    if row.get("DurationInMinutes") is not None:
        end = start + row["DurationInMinutes"] * 60_000
    return {
        "StartDateTime": start,
        "ActivityDateTime": start,
        "ActivityDate": from_ms(start).date().isoformat(),
        "EndDateTime": end,
        "EndDate": from_ms(end).date().isoformat() if end is not None else None,
    }


def _document(row: Row, _given: Row, _stamp: int) -> Row:
    return {
        "BodyLength": len(row.get("Body") or b""),
        "DeveloperName": row.get("DeveloperName") or re.sub(r"\W+", "_", row.get("Name") or "")[:80],
    }


def _contract(row: Row, _given: Row, _stamp: int) -> Row:
    codes = {"Draft": "Draft", "In Approval Process": "InApproval", "Activated": "Activated"}
    return {"StatusCode": codes.get(row.get("Status") or "", "Draft")}


def _line_item(row: Row, _given: Row, _stamp: int) -> Row:
    quantity, price = row.get("Quantity"), row.get("UnitPrice")
    if quantity is None or price is None:
        return {}
    return {"TotalPrice": int((quantity * price * 2 + 100) // 200)}


def _campaign_member(row: Row, _given: Row, _stamp: int) -> Row:
    return {
        "HasResponded": int(row.get("Status") == "Responded"),
        "LeadOrContactId": row.get("ContactId") or row.get("LeadId"),
        "Type": "Contact" if row.get("ContactId") else "Lead",
    }


_RULES: dict[str, Callable[[Row, Row, int], Row]] = {
    "Contact": _person,
    "Lead": _person,
    "User": _person,
    "Case": _case,
    "Opportunity": _opportunity,
    "Task": _task,
    "Event": _event,
    "Document": _document,
    "Contract": _contract,
    "OpportunityLineItem": _line_item,
    "CampaignMember": _campaign_member,
}
